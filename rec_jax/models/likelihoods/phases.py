"""p(x) or p(x | z) by phases over levels: every pixel given pixels all around it, a quarter picture at a time.

Level l holds the picture at every 2^l-th row and column. Of each 2x2 square of it, 00 is the next level's; then come
11 (given 00), 01 (given 00, 11) and 10 (given all three), each from a small network over the known phases within a
window of the coarser grid, down to one pixel, or so many levels as are wanted; what is left has a learned law.
(Parallel multiscale PixelCNN, Reed et al. 2017, arXiv:1703.03664, with one phase per pixel of the square.)

A model with latents may put out features of every pixel: they are a summand of every network's first layer and of the
last law.

Of each pixel, channel c in the order R, G, B is a mixture of n logistics (base.py) with

    loc_c = base_c + m_c + sum_{c' < c} slope_{c'c} (x_{c'} - base_{c'})

where `base` is a linear prediction from the window, and logits, m, scales and slopes are the network's.

Phases are cut into blocks, so that memory does not grow with the picture. A network sees no further than a few
squares, so a block's mixtures are those that the whole phase would give.
"""

from dataclasses import dataclass

from rec_jax.models.likelihoods import phases_start
from rec_jax.models.likelihoods.base import Phase, PixelParams
from rec_jax.models.likelihoods.phases_grid import (
    KINDS,
    around,
    blocks,
    known_planes,
    level_of,
    outside,
    parts,
    spans,
    whole_phase,
)

M_BITS = 4  # the network puts m out in units of 1/16


@dataclass(frozen=True)
class Phases:
    """The networks of the levels: set i serves level i, the last set all coarser levels too.

    A network: `first` (window x window), a block with a 3x3 convolution between two pointwise ones (none if spatial
    is 0), n_pointwise blocks of two pointwise layers, `last`. Blocks are residual; ReLU everywhere.

    widths: channels of each set.  spatial: inner channels of each set's 3x3 block.  window: odd.
    n_features: what the model puts out at every pixel; 0 without latents.  n_levels: 0 is down to one pixel.
    border: whether networks are told which squares of a window lie outside the picture, where its border is repeated.
    """

    n_components: int = 4
    widths: tuple[int, ...] = (96, 128, 128)
    spatial: tuple[int, ...] = (32, 48, 48)
    n_pointwise: int = 1
    window: int = 5
    n_features: int = 0
    n_levels: int = 0
    border: bool = False

    @property
    def n_outputs(self) -> int:
        return self.n_features

    def init(self, x, xp):
        return phases_start.start(self, x, xp)

    def change_coordinates(self, tree, to_gradient):
        return phases_start.change_coordinates(tree, to_gradient)

    def phases(self, height: int, width: int) -> list[Phase]:
        """The coarsest pixels, then of each level, coarsest first, the three kinds, each in blocks, row by row."""
        n_levels = max(height - 1, width - 1).bit_length()
        n_levels = min(n_levels, self.n_levels or n_levels)
        whole = [whole_phase(n_levels, 0, height, width)]
        whole += [whole_phase(level, kind, height, width) for level in reversed(range(n_levels)) for kind in (1, 2, 3)]
        return [block for phase in whole for block in blocks(phase)]

    def parts(self, phase: Phase) -> list[Phase]:
        """Halves of halves, so that a part's numbers fit a processor's cache."""
        return parts(phase)

    def reads(self, phase: Phase, earlier: Phase) -> bool:
        """Phases of other steps or kinds, where they are near; blocks of one kind do not see each other."""
        if (earlier.step, earlier.kind) == (phase.step, phase.kind):
            return False
        reach = (self._halo(phase) + 1) * phase.step
        return all(
            first - reach < e_first + e_n * earlier.step and e_first < first + n * phase.step + reach
            for first, n, e_first, e_n in (
                (phase.top, phase.height, earlier.top, earlier.height),
                (phase.left, phase.width, earlier.left, earlier.width),
            )
        )

    def rows(self, net, params, outputs, pixels, phase, depth=8):
        """See base.Likelihood; outputs are the features, if there are any."""
        if phase.kind == 0:
            return self._coarsest(net, params["coarsest"], outputs, phase, len(pixels))
        p = params["sets"][str(self._set(phase))][KINDS[phase.kind]]
        outer, middle, block = (spans(pixels, phase, reach) for reach in (self._halo(phase), int("mix" in p), 0))
        x = net.concat([net.pixels(plane, depth) for plane in known_planes(pixels, phase, outer, net.xp)])
        base = net.output_conv(p["base"], around(x, outer, block, self.window // 2, net.xp), valid=True)
        y = around(x, outer, middle, self.window // 2, net.xp)
        summands = self._summands(net, p, outputs, pixels, phase, middle)
        if summands:
            y = net.conv(p["first"], y, valid=True)
            for summand in summands[:-1]:
                y = net.add(y, summand)
            y = net.add_relu(y, summands[-1])
        else:
            y = net.conv_relu(p["first"], y, valid=True)
        if "mix" in p:
            inner = around(net.conv_relu(p["in"], y), middle, block, 1, net.xp)
            inner = net.conv_relu(p["mix"], inner, valid=True)
            y = net.add_relu(around(y, middle, block, 0, net.xp), net.conv(p["out"], inner))
        for i in range(self.n_pointwise):
            y = net.add_relu(y, net.conv(p[f"down{i}"], net.conv_relu(p[f"up{i}"], y)))
        return self._pixel_params(net, base, net.output_conv(p["last"], y))

    def _summands(self, net, p, outputs, pixels, phase, where):
        """What a first layer takes besides the window, on some squares."""
        summands = []
        if self.n_features:
            features = known_planes(outputs, phase._replace(kind=1), where, net.xp)[0]
            summands.append(net.conv(p["features"], net.as_input(features)))
        if self.border:
            beyond = net.from_reals(outside(pixels, phase, where, self.window // 2))
            summands.append(net.conv(p["border"], beyond, valid=True))
        return summands

    def _coarsest(self, net, p, outputs, phase, batch):
        shape = (batch, phase.height, phase.width, 3, self.n_components)
        rows = [net.xp.broadcast_to(p[name], shape) for name in PixelParams._fields]
        if self.n_features:
            out = net.output_conv(p["features"], net.as_input(phase.of(outputs)))
            out = out.reshape(*out.shape[:-1], 4, 3, self.n_components)
            rows = [row + out[..., i, :, :] for i, row in enumerate(rows)]
        return PixelParams(*rows)

    def _set(self, phase: Phase) -> int:
        return min(level_of(phase), len(self.widths) - 1)

    def _halo(self, phase: Phase) -> int:
        """How many squares away a network looks."""
        return self.window // 2 + (self.spatial[self._set(phase)] > 0)

    def _pixel_params(self, net, base, outputs):
        out = outputs.reshape(*outputs.shape[:-1], 4, 3, self.n_components)
        logits, m, log_scale, slopes = (out[..., i, :, :] for i in range(4))
        m = net.halve(m, M_BITS)
        red, green, blue = (base[..., c, None] for c in range(3))
        locs = [
            m[..., 0, :] + red,
            m[..., 1, :] + green - net.multiply(slopes[..., 0, :], red),
            m[..., 2, :] + blue - net.multiply(slopes[..., 1, :], red) - net.multiply(slopes[..., 2, :], green),
        ]
        return PixelParams(logits, net.xp.stack(locs, axis=-2), log_scale, slopes)
