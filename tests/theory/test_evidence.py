"""Log evidence against its density and scikit-learn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct, WhiteKernel
from sklearn.linear_model import BayesianRidge

from skhmmdd.theory import log_evidence


@pytest.fixture
def data():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((50, 20))
    return X, X @ (0.3 * rng.standard_normal(20)) + rng.standard_normal(50)


def highest(X, y, **options):
    """Penalty, noise variance and value of the highest evidence."""
    found = minimize(
        lambda logs: -log_evidence(X, y, *np.exp(logs), **options),
        np.log([5.0, 0.6]),
        method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 2000},
    )
    return *np.exp(found.x), -found.fun


def test_verified_figures(data):
    assert log_evidence(*data, 6.215575871, 0.584167551) == pytest.approx(
        -77.69959818, abs=1e-8
    )
    assert highest(*data) == pytest.approx(
        (6.215575871, 0.584167551, -77.69959818), rel=1e-6
    )
    restricted = highest(*data, fit_intercept=True)
    assert restricted[:2] == pytest.approx((6.212118, 0.592872), rel=2e-6)


def test_scikit_learn_has_the_same(data):
    X, y = data
    priors = dict.fromkeys(["alpha_1", "alpha_2", "lambda_1", "lambda_2"], 0.0)
    peer = BayesianRidge(
        fit_intercept=False, max_iter=10_000, tol=1e-12, compute_score=True, **priors
    ).fit(X, y)
    alpha, noise_var, _ = highest(X, y)
    assert alpha == pytest.approx(peer.lambda_ / peer.alpha_, rel=1e-6)
    assert noise_var == pytest.approx(1 / peer.alpha_, rel=1e-6)
    ours = log_evidence(X, y, peer.lambda_ / peer.alpha_, 1 / peer.alpha_)
    assert ours == pytest.approx(peer.scores_[-1], rel=1e-9)

    kernel = DotProduct(0.0, "fixed") * (noise_var / alpha) + WhiteKernel(noise_var)
    process = GaussianProcessRegressor(kernel, optimizer=None, alpha=0).fit(X, y)
    expected = process.log_marginal_likelihood_value_
    assert log_evidence(X, y, alpha, noise_var) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("p", [3, 29, 30, 80])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_is_the_density_of_the_targets(p, fit_intercept):
    rng = np.random.RandomState(p)
    n = 30
    X, y = 2 + rng.standard_normal((n, p)), 5 + rng.standard_normal((n, 2))
    # Any orthonormal contrasts: those of a QR decomposition.
    basis = np.linalg.qr(np.c_[np.ones(n), rng.standard_normal((n, n - 1))])[0][:, 1:]
    turn = basis.T if fit_intercept else np.eye(n)
    design, response = turn @ X, turn @ y
    alphas, noise_vars = np.array([1e-3, 1.0, 1e4])[:, None], np.array([0.1, 3.0])
    found = log_evidence(X, y, alphas, noise_vars, fit_intercept=fit_intercept)
    assert found.shape == (3, 2)
    for index in np.ndindex(found.shape):
        alpha, noise_var = alphas[index[0], 0], noise_vars[index[1]]
        cov = noise_var * (np.eye(len(design)) + design @ design.T / alpha)
        density = multivariate_normal(np.zeros(len(design)), cov)
        expected = density.logpdf(response.T).sum()
        assert_allclose(found[index], expected, rtol=1e-8)


def test_an_intercept_is_not_seen(data):
    X, y = data
    one = log_evidence(X, y, 2.0, 0.5, fit_intercept=True)
    moved = log_evidence(X + 7.0, y - 100.0, 2.0, 0.5, fit_intercept=True)
    assert moved == pytest.approx(one, rel=1e-10)


def test_extremes_overflow_nowhere(data):
    X, y = data
    values = log_evidence(X, y, [1e-300, 1e300], 1.0)
    assert np.isfinite(values).all()
    pure_noise = -0.5 * (50 * np.log(2 * np.pi) + y @ y)
    assert values[1] == pytest.approx(pure_noise, rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha": 0}, r"alpha must be in \(0, inf\); got 0"),
        ({"alpha": [1, -1]}, r"alpha must be in \(0, inf\); got -1"),
        ({"noise_var": 0.0}, r"noise_var must be in \(0, inf\); got 0"),
        ({"noise_var": [1.0, 1e-308], "y": np.arange(4) * 1e20}, "float at .* 1e-308"),
        ({"noise_var": np.nan}, r"noise_var must be in .*got nan"),
        ({"y": np.ones(3)}, r"y must have the 4 rows of X; got shape \(3,\)"),
        ({"X": np.full((4, 2), np.nan)}, "X must be finite; got nan"),
        ({"y": [1, 2, 3, np.inf]}, "y must be finite; got inf"),
    ],
)
def test_bad_input(changes, message):
    good = {"X": np.eye(4)[:, :2], "y": np.arange(4), "alpha": 1.0, "noise_var": 1.0}
    with pytest.raises(ValueError, match=message):
        log_evidence(**{**good, **changes})
