"""Finite-sample corrections: exact results, Gaussian simulation, hostile input."""

import numpy as np
import pytest

from skhmmdd.theory import (
    head_norm,
    isotropic_risk,
    latent_space_risk,
    misspecified_risk,
    random_projection_risk,
    random_subset_risk,
    ridge_risk,
)

SPECTRA = {
    "isotropic": np.ones,
    "power law": lambda p: 1.0 / np.arange(1, p + 1),
    "spiked": lambda p: np.where(np.arange(p) < p // 8, 20.0, 1.0),
    "two scales": lambda p: np.where(np.arange(p) < p // 3, 1.0, 0.05),
}


# ------------------------------------------------------------- exact at finite n


@pytest.mark.parametrize("n", [3, 10, 50])
def test_isotropic_is_exact_and_infinite_where_the_mean_is(n):
    widths = np.r_[1 : n - 1, n + 2 : 3 * n, 20 * n]
    risk = isotropic_risk(widths, 3.0, 0.7, n_samples=n, finite_sample=True)
    exact = random_subset_risk(widths, 3.0, 0.0, 0.7, n_samples=n)
    np.testing.assert_allclose(risk, exact, rtol=1e-10)
    near = isotropic_risk([n - 1, n, n + 1], 3.0, 0.7, n_samples=n, finite_sample=True)
    assert np.all(np.isinf(near.excess))
    quiet = isotropic_risk([n - 1, n + 1], 3.0, 0.0, n_samples=n, finite_sample=True)
    assert np.all(np.isfinite(quiet.excess))
    seen = misspecified_risk(widths, 3.0, 1.0, 0.7, n_samples=n, finite_sample=True)
    exact = random_subset_risk(widths, 2.0, 1.0, 0.7, n_samples=n)
    np.testing.assert_allclose(seen, exact, rtol=1e-10)


def test_isotropic_is_ridge_risk():
    for p, alpha in ((7, 2.0), (20, 2.0), (50, 0.1)):
        risk = isotropic_risk(
            p, 3.0, 0.7, n_samples=20, alpha=alpha, finite_sample=True
        )
        coef = np.full(p, np.sqrt(3 / p))
        other = ridge_risk(
            np.ones(p), coef, 0.7, n_samples=20, alpha=alpha, finite_sample=True
        )
        np.testing.assert_allclose(risk, other, rtol=1e-10)
    # the limits of no and of endless features are not corrected
    ends = {"signal": 3.0, "noise_var": 0.7, "n_samples": 20, "alpha": 1.0}
    np.testing.assert_array_equal(
        isotropic_risk([0, np.inf], **ends, finite_sample=True),
        isotropic_risk([0, np.inf], **ends),
    )
    with pytest.raises(ValueError, match=r"n_samples must be in \[2, inf\); got 1"):
        isotropic_risk(3, 1, 1, n_samples=1, finite_sample=True)


@pytest.mark.parametrize("n", [3, 10, 50])
def test_head_norm_is_exact_where_inverse_wishart_matrices_are(n):
    # below the threshold for any covariance, above it for isotropic features
    for p in range(1, n - 1):
        eigenvalues = np.linspace(0.3, 4, p)
        norm = head_norm(eigenvalues, np.ones(p), 0.7, n_samples=n, finite_sample=True)
        exact = p + 0.7 * np.sum(1 / eigenvalues) / (n - p - 1)
        assert norm == pytest.approx(exact, rel=1e-10)
    for p in (n + 2, n + 5, 20 * n):
        norm = head_norm(np.ones(p), np.ones(p), 0.7, n_samples=n, finite_sample=True)
        assert norm == pytest.approx(n + 0.7 * n / (p - n - 1), rel=1e-10)
    for p in (n - 1, n, n + 1):
        cov = np.ones(p)
        assert head_norm(cov, cov, 0.7, n_samples=n, finite_sample=True) == np.inf
        assert head_norm(cov, cov, 0, n_samples=n, finite_sample=True) < np.inf


@pytest.mark.parametrize("n", [10, 50])
def test_projections_of_isotropic_features_are_exact(n):
    p = 3 * n
    coef = np.full(p, np.sqrt(2 / p))
    below = np.arange(1, n - 1)
    above = np.array([n + 2, 2 * n, 9 * n, np.inf])
    risk = random_projection_risk(
        np.ones(p),
        coef,
        0.7,
        n_projections=np.r_[below, above],
        n_samples=n,
        finite_sample=True,
    )
    # fewer than n: a random subset, turned
    subset = random_subset_risk(
        below, 2 * below / p, 2 - 2 * below / p, 0.7, n_samples=n
    )
    np.testing.assert_allclose(risk.total[: len(below)], subset.total, rtol=1e-10)
    # more: what lies outside the rows has dimension p - n
    limit = random_subset_risk(p, 2.0, 0.0, 0.7, n_samples=n).excess
    norm = 2 * n / p + 0.7 * n / (p - n - 1)
    exact = limit + (p - n) * norm / (above - n - 1)
    np.testing.assert_allclose(risk.excess[len(below) :], exact, rtol=1e-10)
    near = random_projection_risk(
        np.ones(p),
        coef,
        0.0,
        n_projections=[n - 1, n, n + 1],
        n_samples=n,
        finite_sample=True,
    )
    assert np.all(np.isinf(near.excess))


def test_latent_space_is_ridge_risk_on_its_spectrum():
    n, d = 30, 6
    for p in (4, 6, 20, 90):
        risk = latent_space_risk(p, d, 2.0, 0.3, n_samples=n, finite_sample=True)
        k = min(p, d)
        spike = p / k
        eigenvalues = np.r_[np.full(k, 1 + spike), np.ones(p - k)]
        explained = 2.0 * (k / d) * spike / (1 + spike)
        coef = np.r_[np.full(k, np.sqrt(explained / (1 + spike) / k)), np.zeros(p - k)]
        other = ridge_risk(
            eigenvalues, coef, 2.3 - explained, n_samples=n, finite_sample=True
        )
        np.testing.assert_allclose(risk, other, rtol=1e-9)


# --------------------------------------------------------------------- simulation


def assert_agrees(expected, draws, tolerance):
    """Within the tolerance claimed, of a mean known to a third of it or better."""
    mean = draws.mean()
    error = draws.std(ddof=1) / np.sqrt(len(draws))
    assert error < tolerance * mean / 2 + 1e-12
    assert abs(expected - mean) < tolerance * mean + 2 * error


def norm_draws(eigenvalues, signal, n, alpha, n_draws, rng):
    """Squared norm of the head without noise and per unit of it."""
    p = len(eigenvalues)
    fitted, ratio = np.empty(n_draws), np.empty(n_draws)
    for draw in range(n_draws):
        X = rng.standard_normal((n, p)) * np.sqrt(eigenvalues)
        if p <= n:
            solver = np.linalg.solve(X.T @ X + alpha * np.eye(p), X.T)
        else:
            solver = X.T @ np.linalg.inv(X @ X.T + alpha * np.eye(n))
        # signal of random signs: only the squares count in the mean
        fitted[draw] = signal @ np.sum((solver @ X) ** 2, axis=0)
        ratio[draw] = np.sum(solver**2)
    return fitted, ratio


def projection_draws(eigenvalues, signal, n, width, n_draws, rng):
    """Bias and variance (unit noise) of the head on drawn projections."""
    p = len(eigenvalues)
    bias, variance = np.empty(n_draws), np.empty(n_draws)
    for draw in range(n_draws):
        projection = rng.standard_normal((p, width))
        X = rng.standard_normal((n, p)) * np.sqrt(eigenvalues)
        Z = X @ projection
        if width <= n:
            solver = projection @ np.linalg.solve(Z.T @ Z, Z.T)
        else:
            solver = projection @ (Z.T @ np.linalg.inv(Z @ Z.T))
        missed = np.eye(p) - solver @ X
        bias[draw] = signal @ (eigenvalues @ missed**2)
        variance[draw] = np.sum(eigenvalues[:, None] * solver**2)
    return bias, variance


def check_norm(name, n, ratio, alpha, n_draws, tolerance):
    eigenvalues = SPECTRA[name](round(ratio * n))
    p = len(eigenvalues)
    signal = np.linspace(0.5, 2, p) / p
    options = {"n_samples": n, "alpha": alpha, "finite_sample": True}
    expected = head_norm(eigenvalues, np.sqrt(signal), 0.0, **options)
    both = head_norm(eigenvalues, np.sqrt(signal), 1.0, **options)
    rng = np.random.RandomState(p)
    fitted, noise = norm_draws(eigenvalues, signal, n, alpha, n_draws, rng)
    assert_agrees(expected, fitted, tolerance)
    assert_agrees(both - expected, noise, tolerance)


def check_projections(name, n, breadth, ratio, n_draws, tolerance):
    eigenvalues, width = SPECTRA[name](round(breadth * n)), round(ratio * n)
    p = len(eigenvalues)
    signal = np.linspace(0.5, 2, p) / p
    risk = random_projection_risk(
        eigenvalues,
        np.sqrt(signal),
        1.0,
        n_projections=width,
        n_samples=n,
        finite_sample=True,
    )
    rng = np.random.RandomState(p + width)
    bias, variance = projection_draws(eigenvalues, signal, n, width, n_draws, rng)
    assert_agrees(risk.bias, bias, tolerance)
    assert_agrees(risk.variance, variance, tolerance)


@pytest.mark.parametrize(("ratio", "alpha"), [(0.8, 1.0), (2.0, 0.0), (2.0, 4.0)])
def test_head_norm_agrees_with_simulation(ratio, alpha):
    check_norm("power law", 40, ratio, alpha, 600, 0.02)


@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_projections_agree_with_simulation(ratio):
    check_projections("spiked", 40, 2, ratio, 600, 0.02)


# the ratios: up to -20% and from +30% of the threshold; the draws: so that the
# standard error is below half of the tolerance at each of them


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.3, 2.0, 4.0])
@pytest.mark.parametrize("alpha", [0.0, 0.1])
@pytest.mark.parametrize(
    ("n", "n_draws", "tolerance"), [(40, 1500, 0.02), (100, 600, 0.01)]
)
def test_head_norm_on_a_grid(name, ratio, alpha, n, n_draws, tolerance):
    check_norm(name, n, ratio, alpha * n, n_draws, tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("breadth", [1.5, 3])
@pytest.mark.parametrize("ratio", [0.4, 0.8, 1.3, 2.0, 4.0])
@pytest.mark.parametrize(
    ("n", "n_draws", "tolerance"), [(40, 1500, 0.02), (100, 600, 0.01)]
)
def test_projections_on_a_grid(name, breadth, ratio, n, n_draws, tolerance):
    check_projections(name, n, breadth, ratio, n_draws, tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("p", [20, 60, 80, 400])
@pytest.mark.parametrize("alpha", [0.0, 3.0])
@pytest.mark.parametrize(
    ("n", "n_draws", "tolerance"), [(40, 2000, 0.02), (100, 600, 0.01)]
)
def test_latent_space_on_a_grid(p, alpha, n, n_draws, tolerance):
    # the model itself, whole: an even W, latents, features, the target's noise
    p, d = p * n // 40, n // 5
    rng = np.random.RandomState(p + n)
    W = np.linalg.qr(rng.standard_normal((p, d)))[0] * np.sqrt(p / d)
    theta = np.ones(d) / np.sqrt(d)
    best = W @ theta / (1 + p / d)
    cov = W @ W.T + np.eye(p)
    excess = np.empty(n_draws)
    noise = 0.3 + 1 / (1 + p / d)
    for draw in range(n_draws):
        X = rng.standard_normal((n, d)) @ W.T + rng.standard_normal((n, p))
        if p <= n:
            solver = np.linalg.solve(X.T @ X + alpha * np.eye(p), X.T)
        else:
            solver = X.T @ np.linalg.inv(X @ X.T + alpha * np.eye(n))
        # the mean over the noise of the labels, which is independent of X
        missed = best - solver @ (X @ best)
        excess[draw] = missed @ cov @ missed + noise * np.sum(solver * (cov @ solver))
    risk = latent_space_risk(
        p, d, 1.0, 0.3, n_samples=n, alpha=alpha, finite_sample=True
    )
    assert risk.noise == pytest.approx(noise)
    assert_agrees(risk.excess, excess, tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("p", [20, 32, 52, 160])
def test_isotropic_ridge_on_a_grid(p):
    n, n_draws, alpha = 40, 1500, 2.0
    rng = np.random.RandomState(p)
    excess = np.empty(n_draws)
    for draw in range(n_draws):
        values = np.linalg.svd(rng.standard_normal((n, p)), compute_uv=False) ** 2
        lost = alpha / (values + alpha)
        bias = (lost @ lost + max(p - n, 0)) / p
        excess[draw] = 2.0 * bias + np.sum(values / (values + alpha) ** 2)
    risk = isotropic_risk(p, 2.0, 1.0, n_samples=n, alpha=alpha, finite_sample=True)
    assert_agrees(risk.excess, excess, 0.02)


# ------------------------------------------------------------------ hostile input


@pytest.mark.parametrize("alpha", [0.0, 1e-300, 1e-12, 1.0, 1e150])
def test_extreme_spectra_and_penalties(alpha):
    spectra = [
        np.geomspace(1e-200, 1e200, 15),
        np.full(11, 1e-150),
        np.full(4, 1e300),
        np.r_[1.0, np.zeros(9)],
        np.zeros(5),
    ]
    for eigenvalues in spectra:
        coef = np.ones(len(eigenvalues))
        for n in (2, 4, 10, 12, 40):
            norm = head_norm(
                eigenvalues, coef, 1e-5, n_samples=n, alpha=alpha, finite_sample=True
            )
            assert norm >= 0, (eigenvalues, n)
        risk = random_projection_risk(
            eigenvalues,
            coef,
            1.0,
            n_projections=[1, 2, 9, 10, 11, 12, 500, np.inf],
            n_samples=10,
            finite_sample=True,
        )
        assert np.all(risk.total >= 0), eigenvalues


@pytest.mark.parametrize("n", [2, 3, 10])
def test_every_width_has_a_risk(n):
    widths = np.arange(1, 4 * n + 1)
    for alpha in (0.0, 1e-9, 1.0):
        for risk in (
            isotropic_risk(
                widths, 1.0, 0.1, n_samples=n, alpha=alpha, finite_sample=True
            ),
            latent_space_risk(
                widths, 2, 1.0, 0.1, n_samples=n, alpha=alpha, finite_sample=True
            ),
        ):
            assert np.all(risk.bias >= 0) and np.all(risk.variance > 0)
    for rank in (1, n - 1, n, n + 1, 3 * n):
        risk = random_projection_risk(
            np.linspace(1, 2, rank),
            np.ones(rank),
            0.1,
            n_projections=widths,
            n_samples=n,
            finite_sample=True,
        )
        assert np.all(risk.bias >= 0) and np.all(risk.variance > 0)
