"""One fit serves every level of label noise."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BayesianHead,
    DoubleDescentCurve,
    HeadClassifier,
    HeadRegressor,
    HMMFeatureTransformer,
    LeadingColumns,
    make_hmm_regression,
    width_path,
)

NAME = "leadingcolumns__n_components"
WIDTHS = [3, 14, 19, 20, 40]


def measure(X, y, head=None, **options):
    model = make_pipeline(LeadingColumns(), head or HeadRegressor())
    options = {"cv": KFold(3), "diagnostics": True, **options}
    return DoubleDescentCurve(model, NAME, WIDTHS, **options).fit(X, y)


@pytest.fixture
def data():
    rng = np.random.RandomState(0)
    return rng.standard_normal((31, 40)), rng.standard_normal(31)


@pytest.mark.parametrize("strategy", ["path", "refit"])
@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("n_outputs", [pytest.param(1, marks=pytest.mark.slow), 3])
@pytest.mark.slow
def test_refits_with_noise_average_to_it(data, alpha, strategy, n_outputs):
    """Noise of plus and minus each axis, scaled, has the moments of white noise."""
    X, y = data
    if n_outputs > 1:
        y = np.column_stack([y, y**2, -y])
    curve = measure(X, y, HeadRegressor(alpha=alpha), strategy=strategy)
    noise_var = 1.7
    expected = np.zeros(curve.test_risk_.shape)
    splits = list(KFold(3).split(X))
    assert {len(train) for train, _ in splits} == {20, 21}
    for j, (train, test) in enumerate(splits):
        n = len(train)
        for i, width in enumerate(WIDTHS):
            for row in range(n):
                for sign in (-1, 1):
                    noisy = y[train].copy()
                    noisy[row] += sign * np.sqrt(n * noise_var)
                    head = HeadRegressor(alpha=alpha).fit(X[train, :width], noisy)
                    errors = head.predict(X[test, :width]) - y[test]
                    expected[i, j] += np.mean(errors**2) / (2 * n)
    assert_allclose(curve.risk_at_noise(noise_var), expected, rtol=1e-6)
    both = curve.risk_at_noise([0, noise_var])
    assert_allclose(both[0], curve.test_risk_, rtol=1e-12)
    assert_allclose(both[1], expected, rtol=1e-6)


def test_verified_antithetic_slopes():
    """What noise e and -e add, over the square of their size, at three sizes."""
    X, y, truth = make_hmm_regression(2000, noise=0, random_state=0)
    features = HMMFeatureTransformer(truth.hmm, 400, random_state=0).fit_transform(X)
    train, test = slice(0, 100), slice(100, 1600)
    e = np.random.RandomState(0).standard_normal(100)

    def risk(targets):
        return width_path(
            features[train], targets, features[test], y[test], widths=[20, 99, 400]
        ).test_risk

    slopes = []
    for sigma in (0.1, 0.2, 0.8):
        both = risk(y[train] + sigma * e) + risk(y[train] - sigma * e)
        slopes.append((both / 2 - risk(y[train])) / sigma**2)
    expected = [0.3258337, 341.65672, 1.69444805]
    # As many digits as were published.
    for slope in slopes:
        assert_allclose(slope, expected, rtol=2e-7)
        assert_allclose(slope, slopes[0], rtol=1e-8)
    # Linear in the labels: the slope is the risk of noise alone.
    alone = width_path(
        features[train], e, features[test], np.zeros(1500), widths=[20, 99, 400]
    )
    assert_allclose(slopes[0], alone.test_risk, rtol=1e-8)


@pytest.mark.parametrize("noise_var", [-1, np.nan, np.inf, [[1.0]], [0, -2]])
def test_bad_noise(data, noise_var):
    with pytest.raises(ValueError, match=r"noise_var must be in \[0, inf\)"):
        measure(*data).risk_at_noise(noise_var)


def test_where_it_does_not_hold(data):
    X, y = data
    with pytest.raises(ValueError, match="needs effective_parameters_"):
        measure(X, y, diagnostics=False).risk_at_noise(1.0)
    with pytest.raises(ValueError, match="needs effective_parameters_"):
        measure(X, y, Ridge()).risk_at_noise(1.0)
    with pytest.raises(ValueError, match="risk='absolute_error'"):
        measure(X, y, risk="absolute_error").risk_at_noise(1.0)
    with pytest.raises(ValueError, match="squared error of a regressor"):
        measure(X, y > 0, HeadClassifier()).risk_at_noise(1.0)
    with pytest.raises(ValueError, match="got alpha='loo'"):
        measure(X, y, HeadRegressor(alpha="loo")).risk_at_noise(1.0)
    with pytest.raises(ValueError, match=r"does not depend .* got alpha='evidence'"):
        measure(X, y, BayesianHead()).risk_at_noise(1.0)
    # The noise that the head supposes moves no prediction.
    measure(X, y, BayesianHead(alpha=1.0)).risk_at_noise(1.0)
    along = DoubleDescentCurve(
        HeadRegressor(),
        "alpha",
        [1.0, "loo"],
        complexity=lambda alpha: float(alpha == "loo"),
        cv=3,
        train_size=20,
        diagnostics=True,
    )
    with pytest.raises(ValueError, match="got alpha='loo'"):
        along.fit(X, y).risk_at_noise(1.0)
