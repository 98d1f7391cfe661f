"""BD-rates of Figure 3 between curves of pictures, and against published means."""

import numpy as np
import pytest

from experiments.figure3.comparisons import Published, bd_rates, words
from experiments.figure3.curves import Measured
from experiments.figure3.series import Series

RATES, PSNR = np.array([0.1, 0.3, 0.8, 1.6]), np.array([26.0, 30.0, 34.0, 37.5])


def curve(name: str, factors: list[float], pictures: tuple[int, ...]) -> Measured:
    """Of pictures whose rates are RATES times their factor, all at one quality."""
    series = Series(name, name, False, "quality", (1, 2, 3, 4), ".x", "nobody", name)
    n = len(factors)
    values = {"bpp": np.outer(factors, RATES), "psnr_db": np.tile(PSNR, (n, 1)), "ms_ssim": np.tile(PSNR / 40, (n, 1))}
    return Measured(series, "coded", pictures, values)


def test_pictures_that_only_one_curve_has_do_not_count():
    """Of pictures 1 and 2 the factors are 2 and 4 against 1 and 1: three times the rate, and 2 or 4 without one."""
    tested, anchor = curve("tested", [50.0, 2.0, 4.0], (0, 1, 2)), curve("anchor", [1.0, 1.0, 9.0], (1, 2, 3))
    found = {(r["tested"], r["metric"]): r for r in bd_rates([tested, anchor], [])}
    for metric in ("psnr_db", "ms_ssim_db"):
        entry = found["tested", metric]
        assert entry["n_pictures"] == 2 and entry["pchip"]["percent"] == pytest.approx(200.0)
        assert entry["cubic"]["error"] == pytest.approx(100.0)  # of 100% and 300%
        assert words(entry["pchip"]) == "200.0 ± 100.0 %"
    assert found["anchor", "psnr_db"]["pchip"]["percent"] == pytest.approx(100 * (1 / 3 - 1))
    (only, _, _, _) = bd_rates([tested, curve("other", [1.0], (7,))], [])
    assert words(only["pchip"]) == "no picture in common"


def test_a_number_stays_where_its_error_needs_a_picture():
    """Without picture 0 the tested curve's quality falls."""
    tested, anchor = curve("tested", [1.0, 2.0, 4.0], (0, 1, 2)), curve("anchor", [1.0, 1.0, 1.0], (0, 1, 2))
    for name in ("psnr_db", "ms_ssim"):
        tested.values[name][0] += tested.values[name][0] / 10 * [-1, 0, 1, 1]
        tested.values[name][1:, 2] = tested.values[name][1:, 1] - 0.001
    entry = next(iter(bd_rates([tested, anchor], [])))
    for fit in ("pchip", "cubic"):
        assert entry[fit]["error"] is None and "reason" not in entry[fit]
        assert words(entry[fit]) == f"{entry[fit]['percent']:.1f} %"


def test_a_published_mean_has_no_error_and_meets_no_part_of_its_pictures():
    points = list(zip(RATES, PSNR, strict=True))
    two = Published("published", 2, {"psnr_db": points, "ms_ssim_db": []})
    (entry,) = bd_rates([curve("tested", [1.0, 2.0], (0, 1))], [two])
    assert entry["metric"] == "psnr_db" and words(entry["pchip"]) == words(entry["cubic"]) == "50.0 %"
    (entry,) = bd_rates([curve("tested", [1.0], (0,))], [two])
    assert words(entry["pchip"]) == "of 1 pictures only, and the published curve is of 2"
