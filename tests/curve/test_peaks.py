"""What is a peak and what a negligible bump: on made curves and on ridge curves."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from skhmmdd import DoubleDescentCurve, HeadRegressor, LeadingColumns, forecast_risk
from skhmmdd.curve._landmarks import (
    DANGER,
    PROMINENCE,
    find_danger_zone,
    find_peak,
    median_over_splits,
)


@pytest.mark.parametrize(
    ("risk", "index"),
    [
        ([5.0, 2.0, 2.0 * PROMINENCE + 0.01, 1.0], 2),
        ([5.0, 2.0, 2.0 * PROMINENCE - 0.01, 1.0], None),
        ([1.0, 1.0 + 1e-12, 1.0], None),
        # Above the lowest of all, but not of its own side.
        ([1.0, 9.0, 9.5, 9.0], None),
        # Of risks that may be negative a tenth of the range.
        ([-9.0, -8.5, -9.0, 1.0], None),
        ([-9.0, -7.5, -9.0, 1.0], 1),
        ([0.0, 0.0, 0.0], None),
        ([2.0, np.inf, 1.0], 1),
    ],
)
def test_what_stands_out(risk, index):
    assert find_peak(np.array(risk)) == index


def shares(level, spread, n_splits=10, n_draws=200):
    """How often a curve of these levels is found to peak, and where."""
    rng = np.random.RandomState(0)
    found = []
    for _ in range(n_draws):
        # Splits are harder or easier, and neighbours are alike.
        steps = rng.standard_normal((len(level), n_splits))
        noise = (
            np.cumsum(steps, axis=0) / np.sqrt(np.arange(1, len(level) + 1))[:, None]
        )
        logs = np.log(level)[:, None] + spread * noise + rng.standard_normal(n_splits)
        risk = np.exp(logs)
        found.append(find_peak(median_over_splits(risk), risk))
    return np.array([-1 if one is None else one for one in found])


def test_a_mild_peak_is_found_and_no_other():
    x = np.linspace(0, 1, 41)
    falling = 3 - 2 * x
    assert np.mean(shares(falling, 0.05) >= 0) < 0.05
    mild = falling * (1 + 0.49 * np.exp(-(((x - 0.5) / 0.06) ** 2)))
    top = find_peak(mild)
    low = mild[:top].min(), mild[top:].min()
    assert 1.25 < mild[top] / max(low) < 1.35
    places = shares(mild, 0.05)
    assert np.mean(np.abs(places - top) <= 3) > 0.9


def draw(rng, n, n_columns=80):
    X = rng.standard_normal((n, n_columns))
    return X, X[:, :20].sum(axis=1) + 3 * rng.standard_normal(n)


@pytest.mark.parametrize("measure", ["curve", "forecast"])
def test_ridge_curves_have_no_zone_about_a_bump(measure):
    """The tuned ridge falls on and on, and its small bumps are no danger."""
    peaks, plain = [], []
    for seed in range(6):
        X, y = draw(np.random.RandomState(seed), 60)
        for alpha, found in ((100.0, peaks), (0.0, plain)):
            if measure == "forecast":
                forecast = forecast_risk(X, y, alpha=alpha)
                found.append((forecast.peak, forecast.danger_zone))
                continue
            model = make_pipeline(LeadingColumns(), HeadRegressor(alpha=alpha))
            curve = DoubleDescentCurve(
                model, "leadingcolumns__n_components", range(1, 81, 3), cv=10,
                train_size=40, random_state=0,
            ).fit(X, y)  # fmt: skip
            found.append((curve.peak_, curve.danger_zone_))
    assert all(peak is None and zone is None for peak, zone in peaks)
    assert all(peak is not None and zone is not None for peak, zone in plain)


def test_a_bump_high_on_a_falling_curve_has_no_zone():
    # All of its surroundings have more than twice the lowest risk.
    risk = np.array([9.0, 6.0, 6.2, 5.0, 4.0, 2.0, 1.0])
    assert risk[2] > DANGER * risk.min()
    assert find_danger_zone(risk, find_peak(risk), risk.min()) is None
