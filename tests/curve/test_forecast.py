"""The forecast from training data against refitting and against what then happens."""

import numpy as np
import pytest
import scipy
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits

from skhmmdd import (
    BaumWelch,
    HeadRegressor,
    HMMFeatureTransformer,
    TokenEncoder,
    forecast_risk,
    load_syllables,
    make_hmm_regression,
    width_path,
)
from skhmmdd.heads.solvers._left_out_path import left_out_at_width

# Widths in units of the number of labels: the threshold, and all that is 0.3 n away.
SHARES = [0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.7, 1.3, 1.4, 1.5]


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_risk_is_that_of_leaving_each_sample_out(alpha, fit_intercept):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((15, 40)), rng.standard_normal((15, 2))
    widths = [1, 5, 12, 13, 14, 15, 16, 17, 40]
    options = {"alpha": alpha, "fit_intercept": fit_intercept}
    forecast = forecast_risk(X, y, widths=widths, **options)
    for width, risk in zip(widths, forecast.risk, strict=True):
        errors = [
            HeadRegressor(**options)
            .fit(np.delete(X[:, :width], i, 0), np.delete(y, i, 0))
            .predict(X[[i], :width])[0]
            - y[i]
            for i in range(15)
        ]
        assert_allclose(risk, np.mean(np.square(errors)), rtol=1e-7)


def test_landmarks_and_labels():
    rng = np.random.RandomState(1)
    X = rng.standard_normal((40, 110))
    X[:, 7], X[:, 3] = 1.0, X[:, 2]
    y = X[:, :5].sum(axis=1) + rng.standard_normal(40)
    forecast = forecast_risk(X, y)
    assert_array_equal(forecast.widths, np.arange(1, 111))
    # 39 independent columns, a constant and a copy among them.
    assert forecast.interpolation_threshold == 41
    assert abs(forecast.peak[0] - 41) <= 2
    assert forecast.best[0] < 15
    low, high = forecast.danger_zone
    assert low < 41 < high
    assert forecast.labels_at_threshold(5) == 5
    assert forecast.labels_at_threshold(60) == 59
    assert forecast_risk(X, y, fit_intercept=False).labels_at_threshold(60) == 59
    assert forecast_risk(X, y, alpha=0.1).interpolation_threshold is None
    narrow = forecast_risk(X[:, :3], y)
    assert narrow.interpolation_threshold is None
    assert narrow.danger_zone is None
    with pytest.raises(ValueError, match="width must be at least 1, got 0"):
        forecast.labels_at_threshold(0)


def test_landmarks_stand_where_the_rank_saturates():
    """Constant columns move the threshold of 50 digits from width 49 to 62."""
    X, y = load_digits(return_X_y=True)
    forecast = forecast_risk(X[:50], y[:50].astype(float))
    assert forecast.interpolation_threshold == 62
    assert_array_equal(forecast.rank[[60, 61, 63]], [48, 49, 49])
    # The least of all, a fluke next to the threshold: the risk there is 252.
    assert forecast.risk.argmin() == 61
    assert forecast.best[0] <= 43 and forecast.best[1] > forecast.risk[61]
    low, high = forecast.danger_zone
    assert low <= 55 and high == 64
    assert forecast.labels_at_threshold(62) == forecast.rank[60] + 2
    assert "Choose a width below 51. Too close" in forecast.summary()


def test_blind_widths_are_counted_in_independent_columns():
    rng = np.random.RandomState(0)
    X = np.repeat(rng.standard_normal((40, 60)), 2, axis=1)  # the threshold is 77
    y = X[:, :6].sum(axis=1) + rng.standard_normal(40)
    forecast = forecast_risk(X, y)
    assert forecast.interpolation_threshold == 77
    assert abs(forecast.peak[0] - 77) <= 2
    # Within 20 % of 39 columns: 31 to 46, of which there are two copies up to the 39th.
    low, high = forecast.danger_zone
    assert low <= 63 and high >= 84
    assert not 62 <= forecast.best[0] <= 84
    # No column is left that could be at the threshold.
    low_rank = rng.standard_normal((40, 5)) @ rng.standard_normal((5, 60))
    y = low_rank[:, 0] + rng.standard_normal(40)
    forecast = forecast_risk(low_rank, y)
    assert forecast.interpolation_threshold is None
    assert_array_equal(forecast.rank[4:], 5)
    assert forecast.best[1] == forecast.risk.min()
    assert forecast.labels_at_threshold(39) == 6


def test_default_widths_and_threads():
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((50, 400)), rng.standard_normal(50)
    forecast = forecast_risk(X, y)
    assert len(forecast.widths) < 80
    assert set(range(48, 53)) < set(forecast.widths.tolist())
    assert_array_equal(forecast.risk, forecast_risk(X, y, n_jobs=2).risk)
    # Constant columns do not count.
    X = np.insert(X, np.arange(0, 400, 4), 3.0, axis=1)
    X[:, :20] = 0.0
    forecast = forecast_risk(X, y)
    near = np.searchsorted(np.cumsum(np.ptp(X, axis=0) > 0), range(48, 53)) + 1
    assert set(near) < set(forecast.widths.tolist())
    assert forecast.interpolation_threshold == near[1] > 80


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": [0]}, "widths must be in"),
        ({"y": np.ones(3)}, "inconsistent"),
        ({"X": np.ones((2, 3)), "y": np.ones(2)}, "minimum of 3 is required"),
        ({"alpha": -1}, "alpha"),
        ({"X": np.full((10, 3), np.nan)}, "X contains NaN. Fill them in, or drop"),
        ({"y": np.full(10, np.nan)}, "y contains NaN. Drop the samples"),
        ({"y": ["a", "b", None] * 3 + ["a"]}, r"y\[2\] is missing \(None\)"),
    ],
)
def test_bad_input(changes, message):
    good = {"X": np.ones((10, 3)), "y": np.ones(10)}
    with pytest.raises(ValueError, match=message):
        forecast_risk(**{**good, **changes})


def forecast_and_outcome(X, y, n, n_sets):
    """Median over training sets of the forecast and of the test risk at `SHARES`."""
    wide = np.unique(np.round(n * np.array(SHARES)).astype(int))
    near = [*range(n - 20, n - 4, 4), *range(n - 4, n + 5), *range(n + 8, n + 21, 4)]
    widths = np.union1d(wide, near)
    predicted, happened = [], []
    for seed in range(n_sets):
        order = np.random.RandomState(seed).permutation(len(X))
        train, test = order[:n], order[n:]
        forecast = forecast_risk(X[train], y[train], widths=widths, n_jobs=2)
        predicted.append(forecast.risk)
        path = width_path(X[train], y[train], X[test], y[test], widths=widths)
        happened.append(path.test_risk)
    predicted, happened = np.median(predicted, axis=0), np.median(happened, axis=0)
    far = np.isin(widths, wide)
    peaks = [widths[curve.argmax()] for curve in (predicted, happened)]
    return predicted[far] / happened[far], peaks


def spelling_features():
    words, counts = load_syllables(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(words))
    spellings = TokenEncoder().fit_transform(words[order][:8000])
    features = [
        HMMFeatureTransformer(
            BaumWelch(32, max_iter=15, tol=0, random_state=seed)
            .fit(spellings[:4000])
            .hmm_,
            31,
            readout="identity",
            pooling="sum",
        ).fit_transform(spellings[4000:])
        for seed in range(10)
    ]
    return np.hstack(features), counts[order][4000:8000].astype(float)


def generated_features():
    X, y, truth = make_hmm_regression(3000, random_state=0)
    features = HMMFeatureTransformer(truth.hmm, 300, random_state=0)
    return features.fit_transform(X), y


@pytest.mark.slow
@pytest.mark.parametrize("make", [spelling_features, generated_features])
def test_forecast_comes_true(make):
    X, y = make()
    ratio, (predicted, happened) = forecast_and_outcome(X, y, 200, n_sets=40)
    assert_allclose(ratio, 1, atol=0.15)
    assert abs(predicted - happened) <= 0.05 * happened


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_the_forecast_follows_the_scale_of_its_data(alpha):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((20, 30)), rng.standard_normal(20)
    plain = forecast_risk(X, y, alpha=alpha)
    for x_exponent, y_exponent in [(-500, 0), (500, 0), (0, 300), (0, -300)]:
        x_scale, y_scale = 2.0**x_exponent, 2.0**y_exponent
        scaled = forecast_risk(X * x_scale, y * y_scale, alpha=alpha * x_scale**2)
        assert_allclose(scaled.risk, plain.risk * y_scale**2, rtol=1e-9)
        assert_allclose(scaled.gcv, plain.gcv * y_scale**2, rtol=1e-9)
    with pytest.raises(ValueError, match="in X must be 0 or"):
        forecast_risk(X * 1e-310, y)
    with pytest.raises(ValueError, match="in y must be 0 or"):
        forecast_risk(X, y * 1e200)


def hostile_designs():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((24, 60))
    yield "plain", X
    yield "decaying", X * np.geomspace(1, 1e-3, 60)
    yield "tiny", X * 1e-150
    repeated = X.copy()
    repeated[:, 7], repeated[:, 3], repeated[:, 30:] = X[:, 2], 0.0, X[:, :30]
    yield "repeated columns", repeated
    yield "repeated rows", X[np.r_[:20, 3, 4, 4, 4]]
    alone = X.copy()
    alone[:, 4] = np.eye(24)[3]
    yield "a column of one sample alone", alone
    yield "counts", rng.poisson(0.3, X.shape).astype(float)
    yield "low rank", rng.standard_normal((24, 5)) @ rng.standard_normal((5, 60))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 1e-6, 0.5, 1e5])
@pytest.mark.parametrize("name", dict(hostile_designs()))
def test_shared_factorizations_equal_singular_values(name, alpha, fit_intercept):
    X = dict(hostile_designs())[name]
    largest = np.abs(X).max()
    y = X[:, :5].sum(axis=1, keepdims=True) / largest * [1.0, -2.0]
    y += np.random.RandomState(1).standard_normal(y.shape)
    alpha *= largest**2
    one_at_a_time = np.arange(24)
    forecast = forecast_risk(
        X, y, groups=one_at_a_time, alpha=alpha, fit_intercept=fit_intercept
    )

    def mean_square(residuals):
        return np.mean(residuals**2, axis=(1, 2))[None]

    of_rows = np.ones(24), [], mean_square
    for i, width in enumerate(forecast.widths):
        (risk,), gcv, rank = left_out_at_width(
            width, X, y, *of_rows, alpha, fit_intercept, None
        )
        assert forecast.rank[i] == rank
        assert_allclose(forecast.risk[i], risk, rtol=1e-8)
        assert_allclose(forecast.gcv[i], gcv, rtol=1e-8)


def test_few_widths_need_a_decomposition_of_their_own(monkeypatch):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((20, 30)), rng.standard_normal(20)
    calls = []
    for module in (scipy.linalg, np.linalg):
        real = module.svd
        monkeypatch.setattr(
            module, "svd", lambda *a, f=real, **k: calls.append(1) or f(*a, **k)
        )
    forecast_risk(X, y)
    assert len(calls) <= 3
