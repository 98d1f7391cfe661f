"""The lossy codec: a picture's latents by relative entropy coding, and nothing else (docs/FORMAT.md).

The latents of the whole picture are sent layer by layer from the top; there are no tiles, so there are no seams. A
layer is cut into calls of the coder only because a call is bounded. The walk from the indices to the picture's 8 bits
is that of the lossless codec: integers, the same on every machine. Decoding runs on numpy; encoding imports jax.
"""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.base import Encoded
from rec_jax.codec.curve import CurveCodec, check_8_bits, read_quality
from rec_jax.codec.expected_kl import shares_of
from rec_jax.codec.latents import layer_keys, read_code
from rec_jax.codec.lossy_pictures import padded_size, shown, to_pixels
from rec_jax.codec.presets import preset_name, preset_number
from rec_jax.coders import LayerCoder, StepCountModel
from rec_jax.coders.base import Code
from rec_jax.coders.blocks import block_shape
from rec_jax.coders.paths import follow_all
from rec_jax.core.errors import ConfigError, UnsupportedVersion, WrongModel
from rec_jax.core.progress import Progress
from rec_jax.entropy.queue import SymbolReader
from rec_jax.exact.network import ExactNet
from rec_jax.exact.prior import as_latents, prior_integers
from rec_jax.exact.threefry import Key
from rec_jax.models.base import LossyModel

if TYPE_CHECKING:
    from rec_jax.core.kept_programs import KeptPrograms

CALL_DIMS = 1 << 15  # of a layer at most so many in one call
BLOCK_DIMS = 1 << 12  # of a call at most so many in one block
# The low half of a file's method, the way in which its latents are coded. In the oldest files every call's numbers of
# steps were coded for themselves; then by those of the call before it, for about 0.3% of a small file; and then the
# tree coder's sequences became long, for about 0.5% of any.
COUNTS_APART, COUNTS_IN_ORDER, LONG_SEQUENCES = WAYS = range(3)
_STEP_COUNTS = StepCountModel(first_centre=0, first_decay=254, next_decay=240)


class Call(NamedTuple):
    """A part of a layer: dims first .. first + n_dims of its latents [h, w, c], row by row."""

    layer: int
    number: int  # in its layer
    first: int
    n_dims: int

    @property
    def here(self) -> slice:
        return slice(self.first, self.first + self.n_dims)

    @property
    def keys(self) -> Key:
        """The words of its key, [1]."""
        return layer_keys([self.number], self.layer)


class Part(NamedTuple):
    """What a call was coded as."""

    call: Call
    code: Code  # with a leading axis of one
    path: Key  # of its blocks before each of their steps


@dataclasses.dataclass(frozen=True, eq=False)
class LossyCodec(CurveCodec):
    """The codec of a package with a lossy model.

    coder: of a preset; its blocks are cut to BLOCK_DIMS (coders/base.py: for_pictures).
    programs: what keeps encoding's compiled programs on disk, if anything does.
    way: one of WAYS.
    """

    coder: LayerCoder
    programs: "KeptPrograms | None" = None
    way: int = LONG_SEQUENCES

    searches = True
    progress_of = "layers"

    def __post_init__(self):
        super().__post_init__()
        if self.way not in WAYS:
            raise ConfigError(f"way={self.way} is unknown; have {', '.join(map(str, WAYS))}")

    @property
    def model(self) -> LossyModel:
        """The package's."""
        assert isinstance(self.package.model, LossyModel)
        return self.package.model

    @property
    def layer_coder(self) -> LayerCoder:
        """The coder of every layer."""
        former = {} if self.way == LONG_SEQUENCES else {"long_sequences": False}  # a user's coder need not know it
        coder = self.coder.for_pictures(BLOCK_DIMS, **former)
        return coder.with_counts(_STEP_COUNTS, BLOCK_DIMS, BLOCK_DIMS)

    def keeping_programs(self, folder: str | os.PathLike) -> Self | None:
        from rec_jax.core.kept_programs import KeptPrograms, can_be_kept

        return dataclasses.replace(self, programs=KeptPrograms(folder)) if can_be_kept(()) else None

    def _encode(self, images: list[np.ndarray], progress: Progress | None, measure: bool) -> list[Encoded | None]:
        from rec_jax.codec.lossy_encoder import encode_picture

        del measure
        check_8_bits(images)
        return [encode_picture(self, image, progress) for image in images]

    def estimate(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        from rec_jax.codec.lossy_ideal import ideal

        found = ideal(self, image)
        return found.kl_bits, found.image

    def _decode(self, header: container.Header, payload: bytes, progress: Progress | None) -> np.ndarray:
        quality = self._checked_quality(header, payload)
        theirs = dataclasses.replace(self, way=header.method & 15)
        reader, size = SymbolReader(payload[1:]), padded_size(header.height, header.width, self.model.stride)
        calls = self.calls(*size)
        codes: list[Code] = []
        for call, coder in theirs.symbol_coders(calls, codes):
            codes.append(read_code(reader, coder, call.n_dims))
        return shown(theirs.walk(quality, size, calls, codes, progress), header.shape)

    def walk(self, quality: int, size: tuple[int, int], calls, codes: list[Code], progress=None) -> np.ndarray:
        """The picture uint8 [H, W, 3] that codes, one per call, stand for; size: multiples of the model's stride."""
        n_layers, parts = calls[-1].layer + 1, self.parts(calls, codes)

        def draw(layer, prior, hidden):
            del hidden
            number = int(layer.number)
            loc, scale = (x.reshape(1, -1) for x in prior_integers(*prior, np))
            own = [part for part in parts if part.call.layer == number]
            z = self.samples(own, loc, scale, self.shares(number, quality, scale[0]))
            progress and progress(number + 1, n_layers)
            return as_latents(z, prior[0], np), None

        outputs, _ = self.model.top_down(ExactNet(), self.decoder_params(quality), draw, 1, size)
        return to_pixels(outputs[0])

    def _checked_quality(self, header: container.Header, payload: bytes) -> int:
        """A file's quality, once it is clear that this coder wrote the file."""
        preset, way = header.method >> 4, header.method & 15
        if preset != preset_number(self.coder):
            have = preset_name(preset_number(self.coder))
            raise WrongModel(f"the file was written with preset {preset_name(preset)}; this codec has {have}")
        if way not in WAYS:
            raise UnsupportedVersion(
                f"the file codes its latents in way {way}; this program knows 0 to {WAYS[-1]}: update rec_jax"
            )
        return read_quality(header, payload)

    def calls(self, height: int, width: int) -> list[Call]:
        """The coder's calls for a padded picture, in the order of the stream."""
        made: list[Call] = []
        layer = 0
        for group in self.model.groups:
            n_dims = (height // group.stride) * (width // group.stride) * group.channels
            n_calls, each = block_shape(n_dims, CALL_DIMS)
            for _ in range(group.n_layers):
                parts = ((i, i * each, min(each, n_dims - i * each)) for i in range(n_calls))
                made += (Call(layer, *part) for part in parts)
                layer += 1
        return made

    def symbol_coders(self, calls: list[Call], codes: Sequence[Code]) -> Iterator[tuple[Call, LayerCoder]]:
        """Each call with the coder of its symbols, which looks at the codes of the calls before it; a reader appends to
        them meanwhile.
        """
        coder = self.layer_coder
        for i, call in enumerate(calls):
            before = (codes[i - 1], calls[i - 1].layer == call.layer) if i else (None, False)
            yield call, coder if self.way == COUNTS_APART else coder.after(*before)

    def parts(self, calls: list[Call], codes: list[Code]) -> list[Part]:
        """What calls were coded as; their paths are followed all at once."""
        coder, batched = self.layer_coder, [with_axis(code) for code in codes]
        paths = follow_all([coder.paths_of(c.keys, code, c.n_dims, np) for c, code in zip(calls, batched, strict=True)])
        return [Part(*part) for part in zip(calls, batched, paths, strict=True)]

    def samples(self, parts: list[Part], loc: np.ndarray, scale: np.ndarray, shares: np.ndarray | None) -> np.ndarray:
        """z of a layer, int64 [1, D] in units of 2^-12, from all its parts; loc, scale [1, D]: of its prior."""
        coder, z = self.layer_coder, np.empty_like(loc)
        for call, code, path in parts:
            own = None if shares is None else shares[call.here]
            units = coder.units(call.keys, code, call.n_dims, own, np, path)
            z[:, call.here] = coder.place(code, loc[:, call.here], scale[:, call.here], units, np)
        return z

    def shares(self, layer: int, quality: int, scale: np.ndarray) -> np.ndarray | None:
        """What each dim of a layer is expected to carry, by its prior's scale; None: nothing was learned."""
        tables = self.package.learned.by_scale
        return shares_of(tables[layer], quality, scale) if tables else None


def with_axis(code: Any) -> Any:
    """A code with a leading axis of one call."""
    if code is None or not isinstance(code, tuple):
        return None if code is None else np.asarray(code)[None]
    return type(code)(*(with_axis(part) for part in code))
