"""Dithered quantisation: exact, any D, in constant time, for targets of a shape that both sides know.

Uniform targets (universal quantisation; Ziv 1985, Agustsson and Theis 2020, "Universally quantized neural
compression"): for U(mu - w/2, mu + w/2) both sides draw u ~ U(-1/2, 1/2); the sender sends k = round(mu / w - u), and
z = w (k + u) is uniform around mu. Gaussian targets: N(mu, rho^2) is a mixture of uniforms of half-width rho chi_3
(a chi variable of three degrees of freedom; Agustsson and Theis 2020, section on Gaussian noise), so that with a
shared random width the same sends a Gaussian. Both work for every mu.

`target_scale`, rho or w in units of p's scale, is shared and the same for all dims; a target whose scale differs by
more than 0.1% overflows. Every dim pays for itself: exactly table(e) + e bits with |k| in [2^(e-1), 2^e) (e = 0 for
k = 0). The table is that of a z that follows p on average over targets: Student's t with three degrees of freedom
for Gaussians, a Gaussian for uniforms. z of a random code follows no exact p, so a target far from p may cost less than
its KL. Use it where posteriors have one fixed scale.
"""

import functools
import itertools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.coders import draws
from rec_jax.coders.base import Info, ReadSymbols
from rec_jax.coders.one_shot import OneShotCoder
from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import DiagGaussian, kl_nats, log_prob, log_ratio
from rec_jax.entropy.tables import Table, UniformTable, normalise

N_EXPONENTS = 24
_TOLERANCE = 1e-3  # of a target's scale
_DITHER, _WIDTH = range(2)  # children of a call's key


class UniformTarget(NamedTuple):
    """U(loc - width / 2, loc + width / 2)."""

    loc: jax.Array  # [D]
    width: jax.Array  # [D]


class DitheredCode(NamedTuple):
    """One cell per dim."""

    overflow: Any  # int32 []: 1 for a target outside the domain
    cells: Any  # int32 [D]


@dataclass(frozen=True)
class DitheredCoder(OneShotCoder):
    """See the module's docstring. target: "gaussian" (q is a DiagGaussian) or "uniform" (q is a UniformTarget)."""

    code_type = DitheredCode

    target: str = "gaussian"
    target_scale: float = 0.1

    def __post_init__(self):
        if self.target not in ("gaussian", "uniform") or not 1e-4 <= self.target_scale <= 100.0:
            raise ConfigError(
                f"coder.target={self.target!r}, target_scale={self.target_scale}: need gaussian or uniform, and a "
                "scale of 1e-4 to 100"
            )

    def target_type(self) -> type:
        return UniformTarget if self.target == "uniform" else DiagGaussian

    def overflowed(self, code):
        return np.asarray(code.overflow) > 0

    @property
    def domain(self) -> str:
        """What `encode` says of a target that it cannot hold."""
        return f"another scale than target_scale={self.target_scale:g} of p's, or too far from p"

    @functools.partial(jax.jit, static_argnums=0)
    def _encode(self, key, q, p):
        width, dither = self._shared(key, p)
        cells = jnp.round((q.loc - p.loc) / p.scale / width - dither)
        scale = (q.width if self.target == "uniform" else q.scale) / p.scale
        fits = (jnp.abs(cells) < 1 << N_EXPONENTS - 2) & (jnp.abs(scale / self.target_scale - 1.0) < _TOLERANCE)
        overflow = ~jnp.all(fits)
        code = DitheredCode(overflow.astype(jnp.int32), jnp.where(overflow, 0, cells).astype(jnp.int32))
        return code, _info(q, p, self.decode_call(key, p, code), overflow)

    @functools.partial(jax.jit, static_argnums=0)
    def decode_call(self, key, p, code):
        width, dither = self._shared(key, p)
        return p.loc + p.scale * (width * code.cells + width * dither)

    def _shared(self, key, p):
        """(widths in p's units, dithers), [D] each."""
        dither = draws.uniform(draws.child(key, _DITHER), p.loc.shape) - 0.5
        if self.target == "uniform":
            return jnp.full(p.loc.shape, self.target_scale), dither
        chi = jnp.linalg.norm(draws.normal(draws.child(key, _WIDTH), (*p.loc.shape, 3)), axis=-1)
        return 2.0 * self.target_scale * chi, dither

    def symbols(self, code, p):
        self.check_code(code)
        self.refuse(code.overflow)
        cells = np.asarray(code.cells, np.int64)
        n = 2 * np.abs(cells) - (cells > 0) + 1  # 1, 2, 3, ... for 0, 1, -1, 2, -2, ...
        exponents = np.frexp(n.astype(np.float64))[1] - 1
        rests = [n[exponents == e] - (1 << e) for e in range(1, N_EXPONENTS)]
        return [exponents, *rests], [self.exponent_table(), *_rest_tables()]

    def read_symbols(self, read: ReadSymbols, p):
        exponents = read(self.exponent_table(), p.loc.size)
        return [exponents, *(read(t, int(np.sum(exponents == e))) for e, t in enumerate(_rest_tables(), start=1))]

    def from_symbols(self, values, p):
        n = np.ones(len(values[0]), np.int64)
        for e, rests in enumerate(values[1:], start=1):
            n[values[0] == e] = (1 << e) + rests
        cells = np.where(n % 2 == 0, n // 2, -(n // 2))
        return DitheredCode(np.int32(0), cells.astype(np.int32))

    def exponent_table(self) -> Table:
        """P(e) = P(2^(e-1) <= |k| < 2^e) for z ~ p."""
        return _exponent_table(self.target, self.target_scale)


def _rest_tables() -> list[Table]:
    return [UniformTable(1 << e) for e in range(1, N_EXPONENTS)]


@functools.lru_cache(maxsize=64)
def _exponent_table(target: str, scale: float) -> Table:
    """Weights out of 2^30, from +, *, / and sqrt of IEEE doubles alone: the same integers on every machine."""
    within = _gaussian_within if target == "uniform" else _student_within
    below = [0.0] + [within(scale * ((1 << e) - 0.5)) for e in range(N_EXPONENTS)]
    return normalise([max(0, int((b - a) * (1 << 30))) for a, b in itertools.pairwise(below)])


def _gaussian_within(x: float) -> float:
    """P(|z| <= x) for z ~ N(0, 1): the Taylor series of erf, up to 4.5."""
    if x > 4.5:
        return 1.0
    term, total = x, x
    for n in range(1, 80):
        term *= -x * x / (2 * n)
        total += term / (2 * n + 1)
    return total * 0.7978845608028654  # sqrt(2 / pi)


def _student_within(x: float) -> float:
    """P(|z| <= 2 x chi_3) for z ~ N(0, 1), chi_3 independent: (2 / pi) (t / (1 + t^2) + atan t) with t = 2 x."""
    t = 2.0 * x
    angle, factor = t, 1.0
    while angle > 0.1:
        angle, factor = angle / (1.0 + math.sqrt(1.0 + angle * angle)), 2.0 * factor
    atan = sum((-1) ** n * angle ** (2 * n + 1) / (2 * n + 1) for n in range(8)) * factor
    return 0.6366197723675814 * (t / (1.0 + t * t) + atan)


def _info(q, p: DiagGaussian, z: jax.Array, overflow: jax.Array) -> Info:
    """KL(q || p) and log q(z) / p(z), in closed form for both kinds of targets."""
    if isinstance(q, DiagGaussian):
        return Info(jnp.sum(kl_nats(q, p)), jnp.sum(log_ratio(z, q, p)), overflow)
    ratio = -jnp.log(q.width) - log_prob(z, p)
    mean = -jnp.log(q.width) - log_prob(q.loc, p) + q.width**2 / (24.0 * p.scale**2)
    return Info(jnp.sum(mean), jnp.sum(ratio), overflow)
