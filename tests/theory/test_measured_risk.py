"""Risk from a pool of rows: closed forms, the other equivalents, simulation."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skhmmdd import HMMFeatureTransformer, make_hmm_regression
from skhmmdd.theory import isotropic_risk, measured_risk, ridge_risk, weighted_risk


def factorial_pool(p, noise_sd):
    """All rows of signs, each with a residual of either sign: every mean is exact."""
    X = np.array(list(product([-1.0, 1.0], repeat=p)))
    X = np.repeat(X, 2, axis=0)
    return X, X @ np.arange(1.0, p + 1) + noise_sd * np.tile([-1.0, 1.0], len(X) // 2)


@pytest.mark.parametrize("n_samples", [3, 4.5, 9, 40])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 20.0])
def test_rows_of_one_energy_are_the_usual_equivalent(n_samples, alpha):
    p = 6
    X, y = factorial_pool(p, 0.7)
    risk = measured_risk(X, y, n_samples=n_samples, alpha=alpha)
    usual = isotropic_risk(p, 91.0, 0.49, n_samples=n_samples, alpha=alpha)
    assert_allclose(risk, usual, rtol=1e-7, atol=1e-7)


def one_hot_pool(counts, noise_sds):
    """Rows of one category each, residuals of either sign and a size of its own."""
    X = np.repeat(np.eye(len(counts)), counts, axis=0)
    sizes = np.repeat(noise_sds, counts)
    return X, sizes * np.where(np.arange(len(X)) % 2, 1.0, -1.0)


def test_categories_of_unequal_frequency_and_noise():
    # x'Qx of category k solves q = 1/(n pi - 1), and its error V = sigma^2 / (n pi - 1)
    counts, noise_sds = np.array([100, 60, 40]), np.array([0.1, 1.0, 2.0])
    X, y = one_hot_pool(counts, noise_sds)
    risk = measured_risk(X, y, n_samples=30)
    share = counts / counts.sum()
    expected = np.sum(share * noise_sds**2 / (30 * share - 1))
    assert risk.excess == pytest.approx(expected, rel=1e-7)
    assert risk.noise == pytest.approx(share @ noise_sds**2)
    assert risk.bias == pytest.approx(0, abs=1e-7)


def test_next_order_of_categories_is_that_of_the_mean_of_one_over_a_count():
    # E[1/N | N > 0] of a binomial N, of which the equivalent has two orders of 1/(n pi)
    counts, n = np.array([200, 200]), 24
    X, y = one_hot_pool(counts, np.ones(2))
    N = np.arange(1, n + 1)
    logs = np.cumsum(np.log((n - N + 1) / N)) - n * np.log(2)
    exact = np.sum(np.exp(logs) / N) / np.sum(np.exp(logs))
    gaps = [
        measured_risk(X, y, n_samples=n, finite_sample=corrected).excess - exact
        for corrected in (False, True)
    ]
    assert abs(gaps[1]) < 0.25 * abs(gaps[0])
    assert abs(gaps[1]) < 0.005 * exact


def test_weighted_rows():
    # sqrt(w) times a row and its noise: a residual that grows with the energy
    p, weights = 20, np.array([1.0, 10.0])
    rng = np.random.RandomState(0)
    w = np.repeat(weights, 3000)
    X = np.sqrt(w)[:, None] * rng.standard_normal((6000, p))
    risk = measured_risk(X, np.sqrt(w) * rng.standard_normal(6000), n_samples=50)
    closed = weighted_risk(p, 1.0, weights, [25, 25]) * weights.mean()
    assert risk.excess == pytest.approx(closed, rel=0.05)


@pytest.mark.parametrize(
    ("p", "alpha", "fit_intercept"),
    [
        (20, 10.0, False),
        pytest.param(80, 0.0, True, marks=pytest.mark.slow),
    ],
)
def test_gaussian_rows_have_the_correction_of_ridge_risk(p, alpha, fit_intercept):
    n_pool = 6000
    rng = np.random.RandomState(0)
    X = rng.standard_normal((n_pool, p)) * np.linspace(0.5, 2, p)
    y = X @ np.full(p, p**-0.5) + rng.standard_normal(n_pool)
    centred = X - X.mean(axis=0) * fit_intercept
    coef, rss = np.linalg.lstsq(centred, y, rcond=None)[:2]
    options = {"n_samples": 40, "alpha": alpha, "fit_intercept": fit_intercept}
    options["finite_sample"] = True
    usual = ridge_risk(centred.T @ centred / n_pool, coef, rss[0] / n_pool, **options)
    risk = measured_risk(X, y, **options)
    assert risk.excess == pytest.approx(usual.excess, rel=0.02)
    assert risk.bias == pytest.approx(usual.bias, rel=0.02, abs=1e-6)


def mixture_pool(n_pool, rng):
    """Rows in two kinds, one of them large, curved targets, noise that grows."""
    X = rng.standard_normal((n_pool, 12)) * rng.choice([0.4, 1.6], (n_pool, 1))
    X[:, 3] = X[:, 0] ** 2
    noise = np.abs(X[:, 1]) ** 1.5 * rng.standard_normal(n_pool)
    return X + 0.5, X @ np.linspace(-1, 1, 12) + X[:, 2] ** 2 + noise


def simulate(X, y, n, alpha, n_draws, rng):
    """The best coefficients, and the excess risk of heads on drawn training sets."""
    rows = np.column_stack([X, np.ones(len(X))])
    best = np.linalg.lstsq(rows, y, rcond=1e-13)[0]
    cov = rows.T @ rows / len(rows)
    penalty = alpha * np.diag(np.arange(len(cov)) < len(cov) - 1)
    risks = np.empty(n_draws)
    for draw in range(n_draws):
        chosen = rng.randint(len(X), size=n)
        gram = rows[chosen].T @ rows[chosen] + penalty
        error = np.linalg.solve(gram, rows[chosen].T @ y[chosen]) - best
        risks[draw] = error @ cov @ error
    return best[:-1], risks


@pytest.mark.parametrize(("n", "alpha"), [(25, 3.0), (40, 0.5), (8, 2.0)])
def test_simulation_with_a_residual_that_depends_on_the_features(n, alpha):
    rng = np.random.RandomState(0)
    X, y = mixture_pool(3000, rng)
    coef, risks = simulate(X, y, n, alpha, 2000, rng)
    options = {"n_samples": n, "alpha": alpha, "fit_intercept": True}
    # four standard errors of the simulation are 6 to 8%
    for finite_sample in {False, n == 25}:
        risk = measured_risk(X, y, finite_sample=finite_sample, **options)
        assert risk.excess == pytest.approx(np.mean(risks), rel=0.09)
    usual = ridge_risk(np.cov(X.T, bias=True), coef, risk.noise, **options)
    assert abs(usual.excess - np.mean(risks)) > 0.25 * np.mean(risks)


@pytest.mark.slow
@pytest.mark.parametrize("width", [30, 70, 150])
def test_beliefs_of_a_hidden_markov_model(width):
    n, alpha = 100, 0.1
    X, y, truth = make_hmm_regression(6000, random_state=0)
    features = HMMFeatureTransformer(truth.hmm, width, random_state=0)
    Z = features.fit_transform(X)
    coef, risks = simulate(Z, y, n, alpha, 600, np.random.RandomState(0))
    options = {"n_samples": n, "alpha": alpha, "fit_intercept": True}
    risk = measured_risk(Z, y, finite_sample=True, **options)
    assert risk.excess == pytest.approx(np.mean(risks), rel=0.1)
    usual = ridge_risk(np.cov(Z.T, bias=True), coef, risk.noise, **options)
    assert usual.excess < 0.9 * np.mean(risks)


def test_outputs_add_up():
    rng = np.random.RandomState(0)
    X, y = mixture_pool(200, rng)
    Y = np.column_stack([y, X[:, 1] + rng.standard_normal(200)])
    for finite_sample, rtol in [(False, 1e-7), (True, 1e-3)]:  # damping is not linear
        options = {"n_samples": [9, 30], "alpha": 1.0, "finite_sample": finite_sample}
        both = measured_risk(X, Y, **options)
        parts = [measured_risk(X, column, **options) for column in Y.T]
        assert_allclose(both.total, parts[0].total + parts[1].total, rtol=rtol)


@pytest.mark.parametrize("unit", [1e-150, 1e150])
def test_units_do_not_matter(unit):
    X, y = mixture_pool(300, np.random.RandomState(0))
    options = {"n_samples": 20, "fit_intercept": True, "finite_sample": True}
    risk = measured_risk(X, y, alpha=1.0, **options)
    scaled = measured_risk(X * unit, y, alpha=unit**2, **options)
    assert_allclose(scaled, risk, rtol=1e-5)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("finite_sample", [False, True])
def test_degenerate_pools(fit_intercept, finite_sample):
    options = {"fit_intercept": fit_intercept, "finite_sample": finite_sample}
    y = np.array([-1.0, 1.0, 1.0, -1.0, 2.0, -2.0])
    nothing = measured_risk(np.zeros((6, 2)), y, n_samples=4, **options)
    assert nothing.bias == 0
    assert nothing.variance == pytest.approx(0.5 * fit_intercept)
    one = np.arange(6.0)[:, None]
    constant = measured_risk(one, np.zeros(6), n_samples=4, **options)
    assert constant.total == 0
    twice = np.column_stack([one, one, np.zeros(6)])
    for alpha in (0.0, 1e300):
        risk = measured_risk(one, y, n_samples=4, alpha=alpha, **options)
        wide = measured_risk(twice, y, n_samples=4, alpha=2 * alpha, **options)
        assert np.isfinite(risk).all()
        assert_allclose(wide, risk, rtol=1e-5)


def test_infinite_at_the_threshold():
    X, y = mixture_pool(300, np.random.RandomState(0))
    assert measured_risk(X, y, n_samples=12).excess == np.inf
    assert measured_risk(X, y, n_samples=13, fit_intercept=True).excess == np.inf
    # one row of each category: the threshold of the category
    X, y = one_hot_pool(np.array([30, 30, 30]), np.ones(3))
    assert measured_risk(X, y, n_samples=3).excess == np.inf


@pytest.mark.parametrize("kind", range(4))
def test_hostile_pools_give_numbers(kind):
    for seed in range(6):
        rng = np.random.RandomState(seed)
        n_rows, p = rng.randint(20, 60), rng.randint(1, 9)
        X = [
            rng.standard_t(1.5, (n_rows, p)),
            1.0 * (rng.uniform(size=(n_rows, p)) < 0.1),
            np.eye(p)[rng.randint(p, size=n_rows)],
            rng.standard_normal((n_rows, p)) * 10.0 ** rng.uniform(-8, 8, p),
        ][kind]
        risk = measured_risk(
            X,
            rng.standard_t(2, n_rows),
            n_samples=[[2], [p + 2], [500]],
            alpha=[0.0, 1e-8, 1.0],
            finite_sample=True,
            fit_intercept=bool(seed % 2),
        )
        assert not np.isnan(risk).any()
        assert (risk.excess >= 0).all()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"y": np.zeros(9)}, "one row for each of the 10 rows of X; got 9"),
        ({"X": np.zeros((10, 9))}, r"more rows than columns.*\(10, 9\)"),
        ({"X": np.full((10, 2), np.nan)}, "X must be finite"),
        ({"n_samples": 1}, "n_samples must be in"),
        ({"alpha": -1.0}, "alpha must be in"),
    ],
)
def test_bad_input(change, match):
    arguments = {"X": np.zeros((10, 2)), "y": np.zeros(10), "n_samples": 5, **change}
    with pytest.raises(ValueError, match=match):
        measured_risk(**arguments)
