"""The threshold of a training set with copies is the number of its distinct rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    DoubleDescentCurve,
    HeadRegressor,
    LeadingColumns,
    forecast_risk,
    repeat_samples,
    width_path,
)
from skhmmdd.heads.solvers._distinct_rows import group_rows

N_SAMPLES, N_DISTINCT, N_COLUMNS = 60, 35, 90
NAME = "leadingcolumns__n_components"


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, N_COLUMNS))
    return X, X[:, :5].sum(axis=1) + rng.standard_normal(300)


def distinct_and_counts(seed):
    """35 of 60 rows, of which 5 take up half of the training set, and their counts."""
    rows, counts = repeat_samples(N_SAMPLES, 5, 0.5, random_state=seed)
    assert len(rows) == N_DISTINCT and counts.sum() == N_SAMPLES
    return rows, counts


@pytest.mark.parametrize("strategy", ["path", "refit"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.slow
def test_curve(data, fit_intercept, strategy):
    splits = [
        (np.repeat(*distinct_and_counts(seed)), np.arange(N_SAMPLES, 300))
        for seed in range(6)
    ]
    head = HeadRegressor(fit_intercept=fit_intercept)
    curve = DoubleDescentCurve(
        make_pipeline(LeadingColumns(), head),
        NAME,
        range(1, N_COLUMNS + 1),
        cv=splits,
        strategy=strategy,
    ).fit(*data)
    assert curve.n_train_ == N_SAMPLES
    assert curve.interpolation_threshold_ == N_DISTINCT - fit_intercept
    assert abs(curve.peak_.complexity - (N_DISTINCT - fit_intercept)) <= 1


def test_path_of_copies_is_that_of_counts(data):
    X, y = data
    rows, counts = distinct_and_counts(0)
    copies = np.repeat(rows, counts)
    test = slice(N_SAMPLES, 300)
    # Copies that differ by rounding, as features of several batches do.
    rng = np.random.RandomState(0)
    jitter = 1 + 2e-16 * rng.standard_normal((N_SAMPLES, N_COLUMNS))
    path = width_path(X[copies] * jitter, y[copies], X[test], y[test])
    for width in (3, 20, 33, 34, 35, 50, N_COLUMNS):
        head = HeadRegressor().fit(X[rows, :width], y[rows], sample_weight=counts)
        errors = head.predict(X[test, :width]) - y[test]
        assert_allclose(path.test_risk[width - 1], np.mean(errors**2), rtol=1e-6)


@pytest.mark.parametrize("jitter", [0.0, 2e-16])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_forecast(data, fit_intercept, jitter):
    X, y = data
    copies = np.repeat(*distinct_and_counts(0))
    noise = np.random.RandomState(1).standard_normal((N_SAMPLES, N_COLUMNS))
    with pytest.warns(UserWarning, match="Of the 60 rows of X only 35 are distinct"):
        forecast = forecast_risk(
            X[copies] * (1 + jitter * noise), y[copies], fit_intercept=fit_intercept
        )
    threshold = N_DISTINCT - fit_intercept
    assert forecast.n_samples == N_SAMPLES and forecast.n_distinct == N_DISTINCT
    assert forecast.interpolation_threshold == threshold
    assert abs(forecast.peak[0] - threshold) <= 1
    low, high = forecast.danger_zone
    assert low < threshold < high
    assert abs(forecast.best[0] - threshold) > 0.2 * threshold
    # Past the threshold all columns are as independent as can be told.
    assert forecast.labels_at_threshold(20) == 20 + fit_intercept
    assert forecast.labels_at_threshold(70) == 70 + fit_intercept
    assert forecast.n_groups == N_DISTINCT and forecast.n_copies_kept == 0
    assert (
        "60 training samples, 35 of them distinct: copies are treated as groups, and "
        "left out together." in " ".join(forecast.summary().split())
    )
    once = forecast_risk(X[:N_DISTINCT], y[:N_DISTINCT])
    assert once.n_distinct == N_DISTINCT and "distinct" not in once.summary()


@pytest.mark.parametrize("alpha", [0.0, 0.5])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_forecast_is_that_of_heads_refitted_without_the_copies(
    data, fit_intercept, alpha
):
    X, y = data
    rows, counts = distinct_and_counts(0)
    copies = np.repeat(rows, counts)
    # Labels of copies may differ.
    y = y[copies] + 0.5 * np.random.RandomState(0).standard_normal(N_SAMPLES)
    X = X[copies]
    options = {"alpha": alpha, "fit_intercept": fit_intercept}
    widths = [1, 5, 20, 33, 34, 35, 36, 60, N_COLUMNS]
    with pytest.warns(UserWarning, match="only 35 are distinct"):
        forecast = forecast_risk(X, y, widths=widths, **options)
    for width, risk, gcv in zip(widths, forecast.risk, forecast.gcv, strict=True):
        errors = np.empty(N_SAMPLES)
        for row in rows:
            out = copies == row
            head = HeadRegressor(**options).fit(X[~out, :width], y[~out])
            errors[out] = head.predict(X[out, :width]) - y[out]
        assert_allclose(risk, np.mean(errors**2), rtol=1e-8)
        assert 0 < gcv < np.inf


def test_copies_left_out_one_at_a_time_say_little(data):
    """What the forecast was before copies were groups: the summary warns of it."""
    X, y = data
    copies = np.tile(np.arange(30), 2)
    with pytest.warns(UserWarning, match="only 30 are distinct"):
        forecast = forecast_risk(X[copies], y[copies])
    single = forecast_risk(X[copies], y[copies], groups=np.arange(60))
    assert single.risk[40] < 1e-20 < 1 < forecast.risk[40]
    assert single.n_copies_kept == 60
    text = " ".join(single.summary().split())
    assert "For 60 samples a copy stays when they are left out" in text
    # Everything twice tells nothing more: landmarks and all.
    once = forecast_risk(X[:30], y[:30])
    assert_allclose(forecast.risk, once.risk, rtol=1e-8)
    assert_allclose(forecast.gcv, once.gcv, rtol=1e-8)
    for name in ("interpolation_threshold", "danger_zone"):
        assert getattr(forecast, name) == getattr(once, name)
    assert forecast.peak[0] == once.peak[0] and forecast.best[0] == once.best[0]
    assert forecast.labels_at_threshold(40) == 41


def test_forecast_looks_closely_about_the_threshold_of_distinct_rows():
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((80, 400)), rng.standard_normal(80)
    with pytest.warns(UserWarning, match="only 80 are distinct"):
        forecast = forecast_risk(np.repeat(X, 3, axis=0), np.repeat(y, 3))
    assert set(range(77, 84)) < set(forecast.widths.tolist())
    assert forecast.interpolation_threshold == 79


def test_two_labels_for_one_row_are_never_interpolated(data):
    """As the measured curve has it: no training risk vanishes."""
    X, y = data
    copies = np.repeat(*distinct_and_counts(0))
    noisy = y[copies] + 0.1 * np.random.RandomState(0).standard_normal(N_SAMPLES)
    with pytest.warns(UserWarning, match="only 35 are distinct"):
        forecast = forecast_risk(X[copies], noisy)
    assert forecast.n_distinct == N_DISTINCT
    assert forecast.interpolation_threshold is None
    assert width_path(X[copies], noisy).train_risk.min() > 1e-4
    # The peak stands there all the same.
    assert abs(forecast.peak[0] - (N_DISTINCT - 1)) <= 1


def test_rows_that_are_all_the_same():
    y = np.array([1.0, 2.0, 4.0])
    forecast = forecast_risk(np.ones((3, 2)), y)
    assert forecast.n_distinct == 1 and forecast.interpolation_threshold is None
    # Each is told by the mean of the others.
    assert_allclose(forecast.risk, np.mean([4.0, 0.25, 6.25]))
    assert forecast_risk(np.zeros((3, 2)), y).n_distinct == 1
    assert forecast_risk(np.ones((3, 2)), np.ones(3)).interpolation_threshold == 1


def test_a_large_constant_makes_no_copies():
    rng = np.random.RandomState(0)
    X = 1e-20 * rng.standard_normal((12, 5))
    y = rng.standard_normal(12)
    plain = forecast_risk(X, y, widths=[5])
    forecast = forecast_risk(np.insert(X, 0, 1.0, axis=1), y, widths=[6])
    assert forecast.n_distinct == 12
    assert_allclose(forecast.risk, plain.risk)


def brute_force(X, tolerance):
    """Groups by every pair."""
    near = np.linalg.norm(X[:, None] - X, axis=2) <= tolerance
    return near.argmax(axis=1)


@pytest.mark.parametrize("scale", [1e-190, 1.0, 1e190])
@pytest.mark.parametrize("kind", ["gaussian", "binary", "far from zero"])
def test_groups(kind, scale):
    rng = np.random.RandomState(3)
    X = rng.standard_normal((40, 7))
    if kind == "binary":
        X = (X > 0).astype(float)
    elif kind == "far from zero":
        X = 1e6 + X
    X = np.vstack([X, X[::2], X[::5] * (1 + 2e-16), X[:3]])[rng.permutation(71)]
    expected = brute_force(X, 1e-9 if kind != "far from zero" else 1e-6)
    groups = group_rows(scale * X)
    assert len(np.unique(groups)) == groups.max() + 1 == len(np.unique(expected))
    assert ((groups[:, None] == groups) == (expected[:, None] == expected)).all()
