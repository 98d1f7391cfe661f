"""The fields that every model of lossy pictures has."""

from typing import Any

from rec_jax.core.errors import ConfigError
from rec_jax.models.knots import MAX_QUALITY

DISTORTIONS = ("mse", "ms_ssim")


def curve_fields(config: Any) -> tuple[int, tuple[float, float], str]:
    """(knots, lambdas, distortion)."""
    knots, lambdas, distortion = config["knots"], config["lambdas"], config["distortion"]
    if type(knots) is not int or knots < 2 or MAX_QUALITY % (knots - 1):
        raise ConfigError(f"model.knots={knots!r}: a number of 2 or more of which, less 1, divides {MAX_QUALITY}")
    fits = isinstance(lambdas, list | tuple) and len(lambdas) == 2 and all(type(x) in (int, float) for x in lambdas)
    if not fits or not 0 < lambdas[0] < lambdas[1] < 1e6:
        raise ConfigError(f"model.lambdas={lambdas!r}: two numbers above 0, rising: those of qualities 0 and 100")
    if distortion not in DISTORTIONS:
        raise ConfigError(f"model.distortion={distortion!r} is unknown; have {', '.join(DISTORTIONS)}")
    return knots, (float(lambdas[0]), float(lambdas[1])), distortion
