"""Weighted and repeated rows: closed forms against each other and simulation."""

import time

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq

from skhmmdd.theory import (
    isotropic_risk,
    repeated_data_risk,
    ridge_risk,
    solve_kappa,
    weighted_risk,
)

P = 200


def test_verified_figures_of_an_endless_stream():
    risk = repeated_data_risk(P, 1.0, n_distinct=[2, 22, 200, 5000], fraction=0.1)
    assert_allclose(risk, [0.00848, 0.02698, 0.00848, 0.00040], atol=5e-6)
    pools = np.arange(1, 1000)
    for fraction, at, height in [
        (0.1, 20, 0.027046),
        (0.3, 60, 0.097614),
        (0.5, 100, 0.207107),
    ]:
        risk = repeated_data_risk(P, 1.0, n_distinct=pools, fraction=fraction)
        assert pools[risk.argmax()] == at
        assert risk.max() == pytest.approx(height, abs=5e-7)


@pytest.mark.parametrize("fraction", [1e-6, 0.05, 0.37, 0.5, 0.9, 1 - 1e-9])
def test_the_worst_pool(fraction):
    p, sigma2 = 1e7, 0.7
    worst = p * fraction
    root = np.sqrt(1 - fraction)
    height = sigma2 * fraction / (2 * root * (1 + root))  # 1 - root, which cancels
    at = repeated_data_risk(p, sigma2, n_distinct=worst, fraction=fraction)
    assert at == pytest.approx(height, rel=1e-9)
    for factor in (0.9, 1.1):
        near = repeated_data_risk(
            p, sigma2, n_distinct=factor * worst, fraction=fraction
        )
        assert near < at


def test_endless_stream_is_ridge_on_the_pool_for_any_covariance():
    m, fraction = 60, 0.3
    alpha = m * (1 - fraction) / fraction
    risk = repeated_data_risk(P, 2.0, n_distinct=m, fraction=fraction)
    solved = ridge_risk(np.ones(P), np.zeros(P), 2.0, n_samples=m, alpha=alpha)
    assert risk == pytest.approx(solved.variance, rel=1e-9)
    closed = isotropic_risk(P, 0.0, 2.0, n_samples=m, alpha=alpha)
    assert risk == pytest.approx(closed.variance, rel=1e-12)


def test_a_budget_tends_to_the_endless_stream():
    args = {"n_distinct": np.array([1, 20, 100]), "fraction": 0.1}
    limit = repeated_data_risk(P, 1.0, **args)
    gaps = []
    for n in (1e4, 1e6, 1e8):
        # The unique rows bring a risk of their own, p/N.
        finite = repeated_data_risk(P, 1.0, n_samples=n, **args) - P / n
        gaps.append(np.abs(finite - limit).max())
    assert gaps[2] < 1e-6 and gaps[0] > 50 * gaps[1] > 2500 * gaps[2]


def bracketed_ratio(p, weights, counts):
    """The formula of the docstring, letter by letter."""
    w, c = np.array(weights, dtype=float), np.array(counts, dtype=float)
    q = brentq(lambda q: c @ (w * q / (1 + w * q)) - p, 0, 1e6, xtol=1e-15, rtol=1e-14)
    return q * (c @ (w**2 / (1 + w * q) ** 2)) / (c @ (w / (1 + w * q) ** 2))


def test_verified_figures_of_a_budget():
    args = {"fraction": 0.5, "n_samples": 2000}
    risk = repeated_data_risk(P, 1.0, n_distinct=[50, 200, 1000], **args)
    assert_allclose(risk, [0.3998, 0.3056, 0.1111], atol=5e-5)
    pools = np.arange(1, 1001)
    risk = repeated_data_risk(P, 1.0, n_distinct=pools, **args)
    # A grid had the worst pool at 71, which is within 1e-4 of the top: that is at 72.
    assert pools[risk.argmax()] == 72
    assert risk[70] == pytest.approx(risk.max(), rel=1e-4)
    by_bracketing = [bracketed_ratio(P, [1, 1000 / m], [1000, m]) for m in (71, 72, 73)]
    assert_allclose(risk[70:73], by_bracketing, rtol=1e-10)
    assert risk[-1] == pytest.approx(P / (2000 - P), rel=1e-12)


def test_equal_weights_are_plain_least_squares():
    p = np.array([0, 1, 50, 199, 200])
    for weight in (1e-200, 1, 7, 1e200):
        with np.errstate(divide="ignore"):
            expected = 0.3 * p / (200 - p)
        assert_allclose(weighted_risk(p, 0.3, weight, 200), expected, rtol=1e-12)


@pytest.mark.parametrize("spread", [0, 1, 8, 150])
def test_weights_are_the_spectrum_of_a_minimum_norm_head(spread):
    """Rows to features is what features are to rows."""
    rng = np.random.RandomState(spread)
    weights = 10.0 ** rng.uniform(-spread, spread, 40)
    counts = rng.randint(1, 9, 40).astype(float)
    n_rows = counts.sum()
    for p in (2, 30, n_rows - 1, n_rows - 1e-6):
        kappa = solve_kappa(weights, n_samples=p, multiplicities=counts)
        share = weights / (weights + kappa)
        expected = counts @ share**2 / (counts @ (share * (kappa / (weights + kappa))))
        assert_allclose(weighted_risk(p, 1.0, weights, counts), expected, rtol=1e-8)


def test_copies_are_counts_and_zero_weights_are_no_rows():
    plain = weighted_risk(30, 1.0, [1, 1, 4, 4, 4], [10, 20, 5, 6, 7])
    assert plain == pytest.approx(weighted_risk(30, 1.0, [1, 4], [30, 18]), rel=1e-12)
    with_zeros = weighted_risk(30, 1.0, [0, 1, 4], [99, 30, 18])
    assert with_zeros == pytest.approx(plain, rel=1e-12)
    assert weighted_risk(48, 1.0, [1, 4, 0], [30, 18, 5]) == np.inf
    assert weighted_risk(48, 0.0, [1, 4, 0], [30, 18, 5]) == 0
    assert weighted_risk(0, 1.0, [0.0], [3]) == 0


def test_shapes():
    assert isinstance(repeated_data_risk(5, 1.0, n_distinct=1, fraction=0.2), float)
    assert isinstance(weighted_risk(5, 1.0, [1, 2], [4, 4]), float)
    p, weights = np.array([2, 3, 4])[:, None], np.ones((2, 5)) * [[1], [3]]
    risk = weighted_risk(p, 1.0, weights, [1, 2, 3, 4, 5])
    assert risk.shape == (3, 2)
    assert risk[1, 1] == pytest.approx(weighted_risk(3, 1.0, weights[1], 3.0))
    grid = repeated_data_risk(
        p, [1.0, 2.0], n_distinct=10, fraction=0.5, n_samples=[30, 60]
    )
    assert grid.shape == (3, 2)


def test_one_repeated_row_and_none():
    one = repeated_data_risk(P, 1.0, n_distinct=1, fraction=0.1)
    # Sherman and Morrison: with weight w = fraction/(1 - fraction) on one direction.
    w = 0.1 / 0.9
    assert one == pytest.approx(w**2 * P / (1 + w * P) ** 2, rel=0.01)
    assert repeated_data_risk(P, 1.0, n_distinct=1, fraction=0) == 0
    assert 0 <= repeated_data_risk(P, 1.0, n_distinct=1, fraction=1e-300) < 1e-100
    assert repeated_data_risk(0, 1.0, n_distinct=1, fraction=0.5) == 0


def excess_of_a_pool(p, m, fraction, n_draws):
    """Endless unique rows are their covariance; mean and its standard error."""
    cov = np.linspace(0.3, 3, p) ** 2
    rng = np.random.RandomState(0)
    excess = np.empty(n_draws)
    for draw in range(n_draws):
        X = rng.standard_normal((m, p)) * np.sqrt(cov)
        noise = rng.standard_normal(m)
        share = fraction / m
        gram = (1 - fraction) * np.diag(cov) + share * X.T @ X
        error = np.linalg.solve(gram, share * X.T @ noise)
        excess[draw] = cov @ error**2
    return excess.mean(), excess.std() / np.sqrt(n_draws)


@pytest.mark.parametrize(("m", "n_draws"), [(22, 60), (100, 60), (1000, 40)])
def test_endless_stream_in_simulation(m, n_draws):
    mean, error = excess_of_a_pool(P, m, 0.1, n_draws)
    expected = repeated_data_risk(P, 1.0, n_distinct=m, fraction=0.1)
    assert abs(mean - expected) < 3.5 * error
    assert error < 0.05 * expected
    published = {22: 0.0263, 100: 0.01446, 1000: 0.00193}[m]
    assert mean == pytest.approx(published, abs=0.0009 + 3.5 * error)


@pytest.mark.parametrize(
    ("m", "published", "error_published"),
    [(50, 0.413, 0.010), (200, 0.310, 0.006), (1000, 0.110, 0.002)],
)
def test_budget_in_simulation(m, published, error_published):
    n, n_draws = 2000, 24
    rng = np.random.RandomState(1)
    weights = np.r_[np.ones(n // 2), np.full(m, n / 2 / m)]
    excess = np.empty(n_draws)
    for draw in range(n_draws):
        X = rng.standard_normal((len(weights), P))
        noise = rng.standard_normal(len(weights))
        weighted = X.T * weights
        excess[draw] = np.sum(np.linalg.solve(weighted @ X, weighted @ noise) ** 2)
    mean, error = excess.mean(), excess.std() / np.sqrt(n_draws)
    expected = repeated_data_risk(P, 1.0, n_distinct=m, fraction=0.5, n_samples=n)
    # Next to the limit there is a term of the order of 1/m.
    assert abs(mean - expected) < 3.5 * error + expected / m
    assert mean == pytest.approx(published, abs=3 * np.hypot(error, error_published))


def test_many_points_are_cheap():
    pools = np.linspace(1, 1000, 10_000)
    for n_samples in (None, 2000):
        start = time.perf_counter()
        repeated_data_risk(P, 1.0, n_distinct=pools, fraction=0.5, n_samples=n_samples)
        # Some 10 ms; refused where every point were solved for by itself.
        assert time.perf_counter() - start < 1.0


ENDLESS = {"n_features": 10, "noise_var": 1.0, "n_distinct": 4, "fraction": 0.5}
WEIGHTED = {"n_features": 3, "noise_var": 1.0, "weights": [1, 2], "counts": [2, 2]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fraction": 1.0}, r"fraction must be in \[0, 1\); got 1"),
        ({"fraction": -0.1}, r"fraction must be in \[0, inf\); got -0.1"),
        ({"fraction": np.nan}, r"fraction must be in .*got nan"),
        ({"n_distinct": 0}, r"n_distinct must be in \[1, inf\); got 0"),
        ({"n_distinct": True}, "n_distinct must be numbers; got booleans"),
        ({"n_distinct": np.inf}, r"n_distinct must be in \[1, inf\); got inf"),
        ({"n_features": -1}, r"n_features must be in \[0, inf\); got -1"),
        ({"noise_var": -1}, r"noise_var must be in \[0, inf\); got -1"),
        ({"n_samples": 0}, r"n_samples must be in \[1, inf\); got 0"),
        (
            {"n_samples": 7},
            r"n_distinct must be in \[1, fraction \* n_samples = 3.5\]; got 4",
        ),
        ({"n_samples": 12, "fraction": 0}, r"fraction \* n_samples = 0\]; got 4"),
        (
            {"n_samples": 10},
            r"n_features must be in \[0, number of distinct rows = 9\]; got 10",
        ),
    ],
)
def test_bad_pools(changes, message):
    with pytest.raises(ValueError, match=message):
        repeated_data_risk(**{**ENDLESS, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": [1, -1]}, r"weights must be in \[0, inf\); got -1"),
        ({"weights": [1, np.inf]}, r"weights must be in \[0, inf\); got inf"),
        ({"weights": [True, False]}, "weights must be numbers; got booleans"),
        ({"weights": "much"}, "weights must be numeric; got 'much'"),
        ({"counts": [1, np.nan]}, r"counts must be in \[0, inf\); got nan"),
        ({"counts": [1, 2, 3]}, r"counts must have one entry .* \(3,\) of counts"),
        ({"n_features": 5}, r"n_features must be in \[0, .* rows = 4\]; got 5"),
        ({"noise_var": -0.5}, r"noise_var must be in \[0, inf\); got -0.5"),
    ],
)
def test_bad_weights(changes, message):
    with pytest.raises(ValueError, match=message):
        weighted_risk(**{**WEIGHTED, **changes})


def test_rounding_of_a_share_refuses_nothing():
    # 0.29 * 100 falls short of 29, and 71 + 29 of 100.
    risk = repeated_data_risk(50, 1.0, n_distinct=29, fraction=0.29, n_samples=100)
    assert risk == pytest.approx(1.0, rel=1e-9)
    assert (
        repeated_data_risk(100, 1.0, n_distinct=29, fraction=0.29, n_samples=100)
        == np.inf
    )
