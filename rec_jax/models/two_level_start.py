"""What a TwoLevelVAE starts from: a transform coder at the best rate and distortion of Gaussians, and noise elsewhere.

g_a begins with principal components of squares of 2x2 features, level by level, g_s puts them together again, and the
first of z2 are means of the first of z1, whose priors they predict. Of a component of variance v, and with theta the
noise that lambda asks for, z begins as N((1 - theta / v) x, theta (1 - theta / v)) under N(0, v - theta): Gaussians'
rate 1/2 log(v / theta) at a mean squared error of theta, and nothing, but for a floor, where v is below theta.
"""

import math
from typing import Any

import numpy as np

from rec_jax.models.gdn import LEAST_DIVISOR
from rec_jax.models.hyperprior_start import components
from rec_jax.models.rd_vae_start import OUTPUT_BITS
from rec_jax.models.shuffle import space_to_depth
from rec_jax.models.starting import affine, as_float32, conv

_GAMMA = 0.2  # of GDN, over the stride: features grow like it
_MOST_CARRIED = 16  # components that z2 has means of
_LEAST_SPREAD = 0.01
_FLOOR = 1.0 / 16.0  # of v - theta, in units of v
_PLAIN = math.sqrt(0.5)  # the gain of convolutions without a ReLU, which keeps their size
_HEADS = 0.05
_IDLE_LOG_SCALE = -0.2  # of the posterior of z2 that carries no mean yet


def start(model: Any, x: np.ndarray) -> dict[str, Any]:
    """Parameters of a two_level_vae.TwoLevelVAE, from scaled pixels x [B, H, W, 3]; float32."""
    rng = np.random.Generator(np.random.Philox(0))
    params, z = _transforms(rng, model, np.asarray(x, np.float64))
    n = min(_MOST_CARRIED, z.shape[-1], model.hyper_channels, model.hyper_width // 2)
    batch, height, width, _ = z.shape
    means = z[..., :n].reshape(batch, height // 4, 4, width // 4, 4, n).mean((2, 4))
    left = np.zeros((batch, height, width, model.channels))
    left[..., : z.shape[-1]] = z
    spread = _spread(left)
    left[..., :n] -= means.repeat(4, axis=1).repeat(4, axis=2)

    theta = 3.0 / (2.0 * math.log(2.0) * 255.0**2) / np.geomspace(*model.lambdas, model.knots)
    gain, prior, posterior = _best(_spread(left), theta)
    gain_above, prior_above, posterior_above = _idle(model.knots, model.hyper_channels)
    gain_above[:, :n], prior_above[:, :n], posterior_above[:, :n] = _best(_spread(means), theta / 16)  # one for 16
    params["hyper_analysis"] = _hyper_analysis(rng, model, n, spread)
    params["hyper_synthesis"] = _hyper_synthesis(rng, model, n, _spread(means)) | {"log_scale": {"knots": prior}}
    params["top"] = {"loc": {"knots": np.zeros_like(prior_above)}, "log_scale": {"knots": prior_above}}
    params["layers"] = [
        _posterior(rng, model.knots, gain_above, posterior_above),
        _posterior(rng, model.knots, gain, posterior),
    ]
    return as_float32(params)


def _transforms(rng, model: Any, x: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    """(their parameters, the components that z1 begins with)."""
    mean = x.mean((0, 1, 2))
    down, up, h, before = [], [], x - mean, 3
    output = conv(rng, 3, model.widths[0], 12, 0.0)
    output["b"] += np.tile(mean, 4) * 2**OUTPUT_BITS
    for i, width in enumerate(model.widths):
        gamma = _GAMMA / 2 ** (i + 1)
        into, out, h = _squares(rng, h, before, width)
        if i == 0:
            into["b"] -= np.einsum("c,sco->o", mean, into["w"][1, 1].reshape(4, 3, width))
            output["w"] += out["w"] * 2**OUTPUT_BITS
        else:
            up[-1]["in"] = out
        at = affine(model.knots, width)
        down.append({"in": into, "gdn": _gdn(width, gamma, 1.0 - LEAST_DIVISOR), "at": at})
        up.append({"igdn": _gdn(width, gamma, 1.0), "at": at})
        h, before = h / (1.0 + gamma * abs(h)), width
    into, up[-1]["in"], z = _squares(rng, h, before, model.channels)
    scales = conv(rng, 3, 4 * before, model.channels, _PLAIN)
    heads = {name: np.concatenate([into[name], scales[name]], axis=-1) for name in ("w", "b")}
    return {"analysis": {"levels": down, "heads": heads}, "synthesis": up, "output": output}, z


def _squares(rng, h: np.ndarray, before: int, width: int) -> tuple[dict, dict, np.ndarray]:
    """(a convolution to components of squares, one back, the components of h): noise is in what h, the first of
    `before` features, and the components, the first of `width`, leave free.
    """
    basis, known = components(space_to_depth(h, 2), width), h.shape[-1]
    n = basis.shape[1]
    squares = basis.reshape(4, known, n)
    into, out = conv(rng, 3, 4 * before, width, _PLAIN), conv(rng, 3, width, 4 * before, _PLAIN)
    into["w"][..., :n] = 0.0
    into["w"][1, 1].reshape(4, before, width)[:, :known, :n] = squares
    out["w"].reshape(3, 3, width, 4, before)[..., :known] = 0.0
    out["w"][1, 1].reshape(width, 4, before)[:n, :, :known] = squares.transpose(2, 0, 1)
    return into, out, space_to_depth(h, 2) @ basis


def _gdn(width: int, gamma: float, beta: float) -> dict[str, np.ndarray]:
    return {"w": gamma * np.eye(width)[None, None], "b": np.full(width, beta)}


def _hyper_analysis(rng, model: Any, n: int, spread: np.ndarray) -> dict[str, Any]:
    w, c, k = model.hyper_width, model.hyper_channels, np.arange(n)
    first, second = conv(rng, 3, model.channels, w), conv(rng, 3, 4 * w, w)
    heads = conv(rng, 3, 4 * w, 2 * c, _HEADS)
    first["w"] /= spread[:, None]
    first["w"][..., : 2 * n], second["w"][..., : 2 * n], heads["w"][..., :n] = 0.0, 0.0, 0.0
    for sign, part in ((1.0, 2 * k), (-1.0, 2 * k + 1)):
        first["w"][1, 1, k, part] = sign
        second["w"][1, 1].reshape(4, w, w)[:, part, part] = 0.25
        heads["w"][1, 1].reshape(4, w, 2 * c)[:, part, k] = 0.25 * sign
    at = {f"{name}_at": affine(model.knots, w) for name in ("first", "second")}
    return {"first": first, "second": second, "heads": heads} | at


def _hyper_synthesis(rng, model: Any, n: int, spread: np.ndarray) -> dict[str, Any]:
    w, c, k = model.hyper_width, model.hyper_channels, np.arange(n)
    first, second = conv(rng, 3, c, 4 * w), conv(rng, 3, w, 4 * w)
    heads = conv(rng, 3, w, 2 * model.channels, _HEADS)
    first["w"][:, :, :n] /= spread[:, None]
    second["w"][:, :, : 2 * n] /= np.repeat(spread, 2)[:, None]
    first["w"].reshape(3, 3, c, 4, w)[..., : 2 * n] = 0.0
    second["w"].reshape(3, 3, w, 4, w)[..., : 2 * n] = 0.0
    heads["w"][..., : model.channels], heads["w"][:, :, : 2 * n] = 0.0, 0.0
    for sign, part in ((1.0, 2 * k), (-1.0, 2 * k + 1)):
        first["w"][1, 1].reshape(c, 4, w)[k, :, part] = sign
        second["w"][1, 1].reshape(w, 4, w)[part, :, part] = 1.0
        heads["w"][1, 1, part, k] = sign
    levels = [{"in": own, "at": affine(model.knots, w)} for own in (first, second)]
    return {"levels": levels, "heads": heads}


def _spread(z: np.ndarray) -> np.ndarray:
    return np.maximum(z.std((0, 1, 2)), _LEAST_SPREAD)


def _best(spread: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(gain, the prior's log scale, the posterior's) [knots, C]."""
    gain = np.maximum(1.0 - theta[:, None] / spread**2, 0.0)
    left = np.maximum(gain, _FLOOR)
    prior = spread**2 * left
    return gain, 0.5 * np.log(prior), 0.5 * np.log(np.minimum(theta[:, None] * left, prior))


def _idle(n_knots: int, n_channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shape = n_knots, n_channels
    return np.ones(shape), np.zeros(shape), np.full(shape, _IDLE_LOG_SCALE)


def _posterior(rng, n_knots: int, gain: np.ndarray, log_scale: np.ndarray) -> dict[str, Any]:
    """Stacked on a first axis, of one layer."""
    n = gain.shape[-1]
    head = conv(rng, 1, 4 * n, 2 * n, 0.0)
    own = {
        "at": {"knots": affine(n_knots, 4 * n)["knots"][None]},
        "head": {name: part[None] for name, part in head.items()},
        "gain": {"knots": gain[None]},
        "log_scale": {"knots": log_scale[None]},
    }
    return {"posterior": own}
