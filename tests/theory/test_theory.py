"""Closed forms against each other, against their definitions, and bad input."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest

import skhmmdd.theory as theory
from skhmmdd.theory import (
    effective_dof,
    effective_parameters,
    gaussian_risk,
    gcv_risk,
    gradient_descent_coef,
    gradient_descent_filter,
    head_norm,
    isotropic_risk,
    latent_space_risk,
    linear_gaussian_moments,
    loo_risk,
    misspecified_risk,
    nested_risk,
    optimal_alpha,
    random_projection_risk,
    random_subset_risk,
    ridge_risk,
    smoother_effective_parameters,
    solve_kappa,
)

WIDTHS = np.array([1, 10, 40, 80, 95, 99, 101, 105, 120, 200, 400, 1600])


def assert_same_risk(risk, other, rtol=1e-9):
    for field in risk._fields:
        np.testing.assert_allclose(
            getattr(risk, field), getattr(other, field), rtol=rtol, err_msg=field
        )


def unit(p, length=1.0):
    return np.full(p, np.sqrt(length / p))


# ---------------------------------------------------------------- kappa

SPECTRA = {
    "isotropic": np.ones(300),
    "twenty decades": np.geomspace(1e-10, 1e10, 500),
    "tiny": np.geomspace(1e-30, 1e-10, 500),
    "zeros": np.r_[np.zeros(100), np.linspace(0.1, 2, 150)],
    "power law": 1.0 / np.arange(1, 1001) ** 2,
    "wide": np.geomspace(1e-8, 1, 100_000),
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("alpha", [0.0, 1e-12, 1e-3, 1.0, 1e6])
def test_kappa_solves_its_equation(name, alpha):
    eigenvalues = SPECTRA[name]
    wide = eigenvalues.astype(np.longdouble)
    rank = np.count_nonzero(eigenvalues)
    for n in (2, 50, rank - 1, rank, rank + 1, 3 * rank):
        kappa = solve_kappa(eigenvalues, n_samples=n, alpha=alpha)
        if alpha == 0 and rank <= n:
            assert kappa == 0
            continue
        assert 0 < kappa < np.inf
        # the equation must change sign within 1e-10 of the root
        signs = []
        for factor in (1 - 1e-10, 1 + 1e-10):
            k = np.longdouble(kappa) * np.longdouble(factor)
            signs.append(np.sign(np.sum(wide / (wide + k)) + alpha / k - n))
        assert signs == [1, -1]


def test_kappa_closed_form_and_broadcasting():
    n = np.array([50, 100, 200])[:, None]
    alpha = np.array([0.0, 0.5, 40.0])
    kappa = solve_kappa(np.full(120, 2.0), n_samples=n, alpha=alpha)
    assert kappa.shape == (3, 3)
    # t/(t + k) p + alpha/k = n is a quadratic
    b = n * 2.0 - 120 * 2.0 - alpha
    expected = (-b + np.sqrt(b**2 + 8.0 * n * alpha)) / (2 * n)
    np.testing.assert_allclose(kappa, expected, rtol=1e-11, atol=1e-14)
    assert isinstance(solve_kappa([1.0], n_samples=2), float)
    assert solve_kappa([0.0, 0.0], n_samples=4, alpha=2.0) == 0.5


def test_kappa_scales_with_the_spectrum():
    eigenvalues = np.geomspace(1e-3, 1, 80)
    for scale in (1e-200, 1e-6, 1e150):
        np.testing.assert_allclose(
            solve_kappa(scale * eigenvalues, n_samples=30, alpha=scale),
            scale * solve_kappa(eigenvalues, n_samples=30, alpha=1.0),
            rtol=1e-11,
        )


def test_multiplicities_are_repetitions():
    eigenvalues, counts = np.array([3.0, 1.0, 0.1]), np.array([5, 40, 200])
    repeated = np.repeat(eigenvalues, counts)
    kappa = solve_kappa(eigenvalues, n_samples=60, multiplicities=counts)
    assert kappa == pytest.approx(solve_kappa(repeated, n_samples=60), rel=1e-12)
    np.testing.assert_allclose(
        effective_dof(eigenvalues, kappa, multiplicities=counts),
        effective_dof(repeated, kappa),
        rtol=1e-12,
    )
    assert effective_dof(repeated, kappa).df1 == pytest.approx(60, rel=1e-12)


def test_effective_dof_at_zero_is_the_rank():
    dof = effective_dof([0.0, 1.0, 1e-20], [0.0, 1.0])
    np.testing.assert_allclose(dof.df1, [2, 0.5])
    np.testing.assert_allclose(dof.df2, [2, 0.25])


# ------------------------------------------------- closed forms and the solver


@pytest.mark.parametrize("alpha", [0.0, 1e-6, 0.3, 20.0, 1e5])
def test_isotropic_is_the_solver(alpha):
    for p in WIDTHS:
        coef = np.random.RandomState(p).standard_normal(p)
        closed = isotropic_risk(p, coef @ coef, 0.7, n_samples=100, alpha=alpha)
        for cov in (np.ones(p), np.eye(p)) if p <= 200 else (np.ones(p),):
            solved = ridge_risk(cov, coef, 0.7, n_samples=100, alpha=alpha)
            assert_same_risk(solved, closed, rtol=1e-8)


def test_isotropic_formulas_as_printed():
    gamma = WIDTHS / 100
    r2, noise = 3.0, 0.5
    with np.errstate(divide="ignore"):
        excess = np.where(
            gamma < 1,
            noise * gamma / (1 - gamma),
            r2 * (1 - 1 / gamma) + noise / (gamma - 1),
        )
    risk = isotropic_risk(WIDTHS, r2, noise, n_samples=100)
    np.testing.assert_allclose(risk.excess, excess, rtol=1e-12)
    np.testing.assert_allclose(risk.total, excess + noise, rtol=1e-12)


def test_isotropic_depends_on_the_ratio_alone():
    ratios = np.array([0.0, 0.3, 1.0, 1.7, np.inf])
    for alpha in (0.0, 0.4):
        one = isotropic_risk(ratios, 4.0, 0.5, n_samples=1, alpha=alpha)
        many = isotropic_risk(
            1000 * ratios, 4.0, 0.5, n_samples=1000, alpha=1e3 * alpha
        )
        assert_same_risk(one, many)
    with pytest.raises(ValueError, match=r"n_samples must be in \[1, inf\); got 0.5"):
        isotropic_risk(3, 1, 1, n_samples=0.5)


def test_isotropic_limits():
    # gamma -> 0, gamma -> infinity, no signal, no noise, infinite penalty
    assert isotropic_risk(0, 2.0, 1.0, n_samples=50).excess == 0
    assert isotropic_risk(np.inf, 2.0, 1.0, n_samples=50).excess == 2.0
    assert isotropic_risk(1e12, 2.0, 1.0, n_samples=50).excess == pytest.approx(2.0)
    assert isotropic_risk(200, 0.0, 1.0, n_samples=100).excess == pytest.approx(1.0)
    assert isotropic_risk(50, 2.0, 0.0, n_samples=100).excess == 0
    assert isotropic_risk(100, 2.0, 0.0, n_samples=100).excess == 0
    assert isotropic_risk(100, 2.0, 1.0, n_samples=100).excess == np.inf
    shrunk = isotropic_risk(200, 2.0, 1.0, n_samples=100, alpha=1e12)
    assert shrunk.excess == pytest.approx(2.0)
    # continuity in the penalty
    for p in (30, 300):
        near = isotropic_risk(p, 2.0, 1.0, n_samples=100, alpha=1e-9).excess
        plain = isotropic_risk(p, 2.0, 1.0, n_samples=100).excess
        assert near == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize("snr", [0.0, 0.25, 1.0, 1.5, 4.0, 25.0])
def test_signal_to_noise_decides_the_second_descent(snr):
    gamma = np.geomspace(1.001, 1e4, 4001)
    excess = isotropic_risk(1000 * gamma, snr, 1.0, n_samples=1000).excess
    if snr <= 1:
        assert np.all(excess > snr)
    else:
        best = np.sqrt(snr) / (np.sqrt(snr) - 1)
        assert gamma[excess.argmin()] == pytest.approx(best, rel=0.005)
        lowest = isotropic_risk(1000 * best, snr, 1.0, n_samples=1000).excess
        assert lowest <= excess.min() < snr


def test_misspecified_formulas_and_special_cases():
    gamma, r2, noise = WIDTHS / 100, 5.0, 0.2
    hidden = r2 / (1 + gamma)
    below = hidden + (noise + hidden) * gamma / (1 - gamma)
    above = hidden + (r2 - hidden) * (1 - 1 / gamma) + (noise + hidden) / (gamma - 1)
    risk = misspecified_risk(WIDTHS, r2, hidden, noise, n_samples=100)
    np.testing.assert_allclose(risk.excess, np.where(gamma < 1, below, above))
    assert_same_risk(
        misspecified_risk(WIDTHS, r2, 0.0, noise, n_samples=100),
        isotropic_risk(WIDTHS, r2, noise, n_samples=100),
    )
    # the general solver, told that the hidden part is noise
    for p, m2 in zip(WIDTHS, hidden, strict=True):
        solved = ridge_risk(
            np.ones(p), unit(p, r2 - m2), noise + m2, n_samples=100, alpha=2.0
        )
        closed = misspecified_risk(p, r2, m2, noise, n_samples=100, alpha=2.0)
        assert closed.total == pytest.approx(solved.total, rel=1e-8)


@pytest.mark.parametrize("alpha", [0.0, 3.0])
@pytest.mark.parametrize("p", [20, 25, 60, 90, 130, 400])
def test_latent_space_is_the_solver(p, alpha):
    d, strength, own = 20, 1.7, 0.6
    rng = np.random.RandomState(p)
    W = np.linalg.qr(rng.standard_normal((p, d)))[0] * np.sqrt(strength * p / d)
    theta = rng.standard_normal((d, 2))
    inner = np.linalg.inv(own * np.eye(d) + W.T @ W)
    solved = ridge_risk(
        own * np.eye(p) + W @ W.T,
        W @ inner @ theta,
        0.3 + own * np.trace(theta.T @ inner @ theta),
        n_samples=100,
        alpha=alpha,
    )
    closed = latent_space_risk(
        p,
        d,
        np.sum(theta**2),
        0.3,
        n_samples=100,
        strength=strength,
        feature_noise_var=own,
        alpha=alpha,
    )
    assert_same_risk(closed, solved, rtol=1e-8)


def test_latent_space_below_the_number_of_latents():
    # rows of W orthogonal; mean over the directions of theta, here a whole basis
    d, p, strength = 12, 5, 1.3
    rng = np.random.RandomState(0)
    W = np.linalg.qr(rng.standard_normal((d, d)))[0][:p] * np.sqrt(strength)
    cov = np.eye(p) + W @ W.T
    coef = np.linalg.solve(cov, W)
    noise = np.trace(np.eye(d) - W.T @ coef)
    solved = ridge_risk(cov, coef, 0.5 + noise, n_samples=30)
    closed = latent_space_risk(p, d, d, 0.5, n_samples=30, strength=strength)
    assert_same_risk(closed, solved, rtol=1e-8)


def test_latent_space_limits():
    # as the width grows: ridge on the latents, with penalty d tau^2/mu
    d, n = 20, 100
    for strength, own in ((1.0, 0.25), (2.0, 1.0)):
        wide = latent_space_risk(
            1e9, d, 16.2, 3.8, n_samples=n, strength=strength, feature_noise_var=own
        )
        ridge = isotropic_risk(d, 16.2, 3.8, n_samples=n, alpha=d * own / strength)
        assert wide.total == pytest.approx(ridge.total, rel=1e-6)
    empty = latent_space_risk(0, d, 2.0, 1.0, n_samples=n)
    assert (empty.excess, empty.total) == (0.0, 3.0)
    # no strength: pure noise features
    blind = latent_space_risk(300, d, 2.0, 1.0, n_samples=n, strength=0.0)
    assert blind.total == pytest.approx(3.0 + 3.0 * 100 / 200)
    curve = latent_space_risk(WIDTHS, d, 2.0, 1.0, n_samples=n)
    assert curve.total.shape == WIDTHS.shape
    assert np.all(np.diff(curve.noise) < 0)


def test_random_subset_tends_to_the_limit():
    n = 1_000_000
    p = np.array([0.1, 0.5, 0.9, 1.1, 2.0, 10.0]) * n
    exact = random_subset_risk(p, 2.0, 1.0, 0.5, n_samples=n)
    limit = misspecified_risk(p, 3.0, 1.0, 0.5, n_samples=n)
    assert_same_risk(exact, limit, rtol=2e-5)


def test_exact_results_agree_with_each_other():
    n, widths = 40, np.array([1, 10, 38, 39, 40])
    np.testing.assert_array_equal(
        gaussian_risk(widths, 0.7, n_samples=n),
        random_subset_risk(widths, 2.0, 0.0, 0.7, n_samples=n).excess,
    )
    risk = random_subset_risk([38, 39, 40, 41, 42], 2.0, 0.0, 0.7, n_samples=n)
    np.testing.assert_array_equal(np.isinf(risk.total), [0, 1, 1, 1, 0])
    quiet = random_subset_risk([39, 40, 41, 80], 2.0, 0.0, 0.0, n_samples=n)
    np.testing.assert_allclose(quiet.total, [0, 0, 2.0 / 41, 1.0])
    assert gaussian_risk(40, 0.0, n_samples=n) == 0
    assert gaussian_risk(0, 1.0, n_samples=n) == 0


# ---------------------------------------------------------------- ridge_risk


def test_rotation_changes_nothing():
    rng = np.random.RandomState(0)
    eigenvalues = np.geomspace(0.01, 3, 60)
    coef = rng.standard_normal((60, 3))
    basis = np.linalg.qr(rng.standard_normal((60, 60)))[0]
    grid = {"n_samples": np.array([[20], [45], [90]]), "alpha": [0.0, 0.1, 5.0]}
    for finite_sample in (False, True):
        turned = ridge_risk(
            (basis * eigenvalues) @ basis.T,
            basis @ coef,
            0.4,
            finite_sample=finite_sample,
            **grid,
        )
        plain = ridge_risk(eigenvalues, coef, 0.4, finite_sample=finite_sample, **grid)
        assert plain.total.shape == (3, 3)
        assert_same_risk(turned, plain, rtol=1e-8)
        for i, j in np.ndindex(3, 3):
            single = ridge_risk(
                eigenvalues,
                coef,
                0.4,
                n_samples=grid["n_samples"][i, 0],
                alpha=grid["alpha"][j],
                finite_sample=finite_sample,
            )
            assert isinstance(single.total, float)
            assert single.total == plain.total[i, j]


def test_outputs_add_up():
    rng = np.random.RandomState(1)
    eigenvalues = np.linspace(0.1, 2, 50)
    coef = rng.standard_normal((50, 2))
    noise = np.array([[0.5, 0.2], [0.2, 0.3]])
    both = ridge_risk(eigenvalues, coef, noise, n_samples=30)
    assert_same_risk(both, ridge_risk(eigenvalues, coef, 0.8, n_samples=30))
    one = ridge_risk(eigenvalues, coef[:, 0], 0.5, n_samples=30)
    two = ridge_risk(eigenvalues, coef[:, 1], 0.3, n_samples=30)
    np.testing.assert_allclose(both, np.add(one, two), rtol=1e-12)


def test_result_is_consistent_and_inputs_untouched():
    cov, coef = np.eye(5), np.ones((5, 2))
    cov.flags.writeable = coef.flags.writeable = False
    risk = ridge_risk(cov, coef, 0.5, n_samples=np.arange(2, 20))
    np.testing.assert_array_equal(risk.excess, risk.bias + risk.variance)
    np.testing.assert_array_equal(risk.total, risk.excess + risk.noise)
    assert risk._fields == ("bias", "variance", "noise", "excess", "total")
    assert all(part.flags.writeable for part in risk)


def test_threshold_and_rank():
    coef = np.ones(10)
    n = np.array([8, 9, 10, 11, 12])
    limit = ridge_risk(np.ones(10), coef, 1.0, n_samples=n)
    np.testing.assert_array_equal(np.isinf(limit.total), [0, 0, 1, 0, 0])
    exact = ridge_risk(np.ones(10), coef, 1.0, n_samples=n, finite_sample=True)
    np.testing.assert_array_equal(np.isinf(exact.total), [0, 1, 1, 1, 0])
    centred = ridge_risk(
        np.ones(10), coef, 1.0, n_samples=n, finite_sample=True, fit_intercept=True
    )
    np.testing.assert_array_equal(np.isinf(centred.total), [0, 0, 1, 1, 1])
    assert np.all(np.isfinite(limit.bias)) and np.all(np.isfinite(exact.bias))
    # empty directions count for nothing, whatever their coefficients
    padded = ridge_risk(
        np.diag(np.r_[np.ones(10), np.zeros(30)]), np.ones(40), 1.0, n_samples=n
    )
    assert_same_risk(padded, limit)
    # without noise the threshold is harmless, and below it nothing is lost
    quiet = ridge_risk(np.ones(10), coef, 0.0, n_samples=[10, 11], finite_sample=True)
    np.testing.assert_array_equal(quiet.total, [0, 0])
    silent = ridge_risk(np.zeros(10), coef, 1.0, n_samples=5)
    assert (silent.excess, silent.total) == (0.0, 1.0)
    # a penalty tames it
    assert ridge_risk(np.ones(10), coef, 1.0, n_samples=10, alpha=1e-6).total < np.inf


def test_general_limits():
    eigenvalues = 1.0 / np.arange(1, 201)
    coef = np.random.RandomState(0).standard_normal(200)
    null = eigenvalues @ coef**2
    many = ridge_risk(eigenvalues, coef, 1.0, n_samples=1e9)
    assert many.excess == pytest.approx(200 / 1e9, rel=1e-6)
    shrunk = ridge_risk(eigenvalues, coef, 1.0, n_samples=100, alpha=1e13)
    assert shrunk.excess == pytest.approx(null, rel=1e-9)
    no_signal = ridge_risk(eigenvalues, 0 * coef, 1.0, n_samples=100)
    assert no_signal.bias == 0 and no_signal.variance > 0
    # p -> infinity at fixed total variance: the head fades to zero
    spread = ridge_risk(np.full(10_000, 1e-4), unit(10_000), 1.0, n_samples=2)
    assert spread.bias == pytest.approx(1e-4, rel=1e-3)


def test_penalty_tends_to_ridgeless():
    eigenvalues = np.geomspace(0.01, 1, 60)
    coef = np.ones(60)
    for n in (30, 90):
        for finite_sample in (False, True):
            near = ridge_risk(
                eigenvalues,
                coef,
                1.0,
                n_samples=n,
                alpha=1e-11,
                finite_sample=finite_sample,
            )
            limit = ridge_risk(
                eigenvalues, coef, 1.0, n_samples=n, finite_sample=finite_sample
            )
            assert near.total == pytest.approx(limit.total, rel=1e-7)


def test_eigenvalues_over_twenty_decades():
    eigenvalues = np.geomspace(1e-12, 1e8, 400)
    risk = ridge_risk(
        eigenvalues, np.ones(400), 1.0, n_samples=[50, 399, 401, 800], alpha=0.0
    )
    assert np.all(np.isfinite(risk.total)) and np.all(risk.excess > 0)


@pytest.mark.parametrize("alpha", [0.0, 1e-310, 1e-200, 1e-100, 1e-10, 1e100])
def test_extreme_penalties_and_spectra(alpha):
    # no warning, no NaN, and infinite only at the threshold without a penalty
    for eigenvalues in (np.ones(10), np.geomspace(1e-10, 1e10, 10)):
        for n in (5, 9, 10, 11, 20):
            for finite_sample in (False, True):
                risk = ridge_risk(
                    eigenvalues,
                    np.ones(10),
                    1.0,
                    n_samples=n,
                    alpha=alpha,
                    finite_sample=finite_sample,
                )
                norm = head_norm(
                    eigenvalues, np.ones(10), 1.0, n_samples=n, alpha=alpha
                )
                near = n == 10 or (finite_sample and 9 <= n <= 11)
                assert np.isfinite(risk.total) or (alpha < 1e-290 and near)
                assert np.isfinite(norm) or (alpha < 1e-290 and n == 10)
                assert risk.bias >= 0 and risk.variance >= 0


# ------------------------------------------------- the finite-sample correction


@pytest.mark.parametrize("n", [3, 10, 50])
def test_correction_is_exact_where_exact_results_are_known(n):
    rng = np.random.RandomState(n)
    for p in range(1, n - 1):
        eigenvalues = rng.uniform(0.01, 5, p)
        risk = ridge_risk(eigenvalues, np.ones(p), 0.7, n_samples=n, finite_sample=True)
        exact = gaussian_risk(p, 0.7, n_samples=n)
        assert risk.excess == pytest.approx(exact, rel=1e-10)
    for p in (n + 2, n + 3, n + 5, 2 * n, 20 * n):
        risk = ridge_risk(
            np.full(p, 2.0), unit(p, 3.0), 0.7, n_samples=n, finite_sample=True
        )
        # features of variance 2 carry twice the signal
        exact = random_subset_risk(p, 6.0, 0.0, 0.7, n_samples=n)
        assert_same_risk(risk, exact, rtol=1e-10)


def test_correction_vanishes_with_n():
    gaps = []
    for n in (50, 500):
        eigenvalues = np.repeat([5.0, 1.0, 0.1], n)
        coef = unit(3 * n)
        limit = ridge_risk(eigenvalues, coef, 1.0, n_samples=n, alpha=0.1 * n)
        corrected = ridge_risk(
            eigenvalues, coef, 1.0, n_samples=n, alpha=0.1 * n, finite_sample=True
        )
        gaps.append(np.subtract(corrected, limit)[:2] / np.array(limit)[:2])
    np.testing.assert_allclose(gaps[0], 10 * gaps[1], rtol=0.05)


@pytest.mark.parametrize("alpha", [0.0, 2.0])
def test_correction_is_the_derivative_of_the_log_determinant(alpha):
    # The derivation, by finite differences: F = F0 + log(1 - df2/n)/2, with F0 the
    # stationary value over kappa, variance = -D dF/dalpha, and
    # bias = sum w (t g + D g), g = 1 - t dF/dt, for D along t -> t + eps t^2.
    n = 30
    t = np.linspace(0.2, 3, 50)
    signal = np.linspace(2, 0.1, 50) / 50

    def log_det(t, a):
        kappa = solve_kappa(t, n_samples=n, alpha=a)
        leading = np.sum(np.log1p(t / kappa)) + n * np.log(kappa) + a / kappa
        return leading, 0.5 * np.log(1 - effective_dof(t, kappa).df2 / n)

    h = 1e-3
    expected = np.zeros((2, 2))  # part, order
    # alpha may not be negative: shift the difference quotient, and extrapolate
    base = alpha if alpha > 0 else 2e-3

    def variance_at(a):
        corners = np.zeros(2)
        for sign_t in (1, -1):
            for sign_a in (1, -1):
                corners -= (
                    sign_t
                    * sign_a
                    * np.array(log_det(t + sign_t * h * t**2, a + sign_a * h))
                )
        return corners / (4 * h**2)

    def bias_at(a):
        total = np.zeros(2)
        for i in range(0, 50, 7):

            def g(t, i=i):
                up, down = t.copy(), t.copy()
                up[i] *= np.exp(h)
                down[i] *= np.exp(-h)
                slope = np.subtract(log_det(up, a), log_det(down, a)) / (2 * h)
                return np.array([1.0, 0.0]) - slope

            d_g = (g(t + h * t**2) - g(t - h * t**2)) / (2 * h)
            total += signal[i] * (t[i] * g(t) + d_g)
        return total

    expected[0], expected[1] = bias_at(base), variance_at(base)
    coef = np.zeros(50)
    coef[::7] = np.sqrt(signal[::7])
    limit = ridge_risk(t, coef, 1.0, n_samples=n, alpha=base)
    corrected = ridge_risk(t, coef, 1.0, n_samples=n, alpha=base, finite_sample=True)
    np.testing.assert_allclose([limit.bias, limit.variance], expected[:, 0], rtol=1e-4)
    d_bias = corrected.bias - limit.bias
    d_variance = limit.variance - limit.variance**2 / corrected.variance
    np.testing.assert_allclose([d_bias, d_variance], expected[:, 1], rtol=2e-3)


# ---------------------------------------------------------------- norm and tuning


def test_head_norm_formulas():
    r2, noise = 3.0, 0.5
    for p in WIDTHS:
        gamma = p / 100
        if gamma < 1:
            expected = r2 + noise * gamma / (1 - gamma)
        else:
            expected = r2 / gamma + noise / (gamma - 1)
        norm = head_norm(np.ones(p), unit(p, r2), noise, n_samples=100)
        assert norm == pytest.approx(expected, rel=1e-9)
    assert head_norm(np.ones(100), unit(100), 1.0, n_samples=100) == np.inf
    assert head_norm(np.ones(100), unit(100), 0.0, n_samples=100) == pytest.approx(1)
    # least squares below the threshold: the trace of the inverse covariance
    eigenvalues = np.linspace(0.1, 2, 40)
    norm = head_norm(eigenvalues, unit(40), 0.5, n_samples=100)
    assert norm == pytest.approx(1 + 0.5 * np.sum(1 / eigenvalues) / 60)
    norms = head_norm(
        eigenvalues,
        unit(40),
        0.5,
        n_samples=[[20], [90]],
        alpha=np.geomspace(1e-9, 1e9),
    )
    assert np.all(np.diff(norms) < 0) and np.all(norms[:, -1] < 1e-6)


def test_optimal_alpha_isotropic():
    for p in (10, 100, 101, 700):
        for noise in (1e-6, 0.5, 1e4):
            best = optimal_alpha(np.ones(p), unit(p, 2.0), noise, n_samples=[50, 100])
            np.testing.assert_allclose(best, p * noise / 2.0, rtol=1e-8)
    assert optimal_alpha(np.ones(9), np.zeros(9), 1.0, n_samples=5) == np.inf
    assert optimal_alpha(np.ones(9), np.ones(9), 0.0, n_samples=20) == 0
    # Here the slope of the risk is zero at no penalty, up to rounding.
    none = optimal_alpha(np.ones(9), np.ones(9), 0.0, n_samples=5)
    assert none == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("n", [20, 60, 61, 200])
def test_optimal_alpha_is_the_minimum(n):
    rng = np.random.RandomState(n)
    eigenvalues = np.geomspace(1e-4, 10, 60)
    coef = rng.standard_normal((60, 2))
    best = optimal_alpha(eigenvalues, coef, 0.3, n_samples=n)
    alphas = np.r_[0, np.geomspace(1e-9, 1e9, 400), best * np.array([0.99, 1.01])]
    grid = ridge_risk(eigenvalues, coef, 0.3, n_samples=n, alpha=alphas).excess
    lowest = ridge_risk(eigenvalues, coef, 0.3, n_samples=n, alpha=best).excess
    assert lowest <= grid.min() * (1 + 1e-12)


def test_optimally_tuned_curve_has_no_peak():
    # in the samples, at fixed width
    n = np.arange(10, 400, 5)
    for eigenvalues in (np.ones(100), 1.0 / np.arange(1, 101)):
        best = optimal_alpha(eigenvalues, unit(100), 0.2, n_samples=n)
        tuned = ridge_risk(eigenvalues, unit(100), 0.2, n_samples=n, alpha=best)
        assert np.all(np.diff(tuned.excess) < 0)
        plain = ridge_risk(eigenvalues, unit(100), 0.2, n_samples=n)
        assert not np.all(np.diff(plain.excess) < 0)
    # in the width: isotropic at fixed signal, and a fixed task with more of it seen
    p = np.arange(1, 600)
    tuned = isotropic_risk(p, 1.0, 0.2, n_samples=100, alpha=p * 0.2)
    assert np.all(np.diff(tuned.excess) > 0)
    hidden = np.exp(-p / 50)
    alpha = p * (0.2 + hidden) / (1 - hidden)
    tuned = misspecified_risk(p, 1.0, hidden, 0.2, n_samples=100, alpha=alpha).total
    # one descent to one minimum, with no peak at the threshold
    assert np.sum(np.diff(np.sign(np.diff(tuned))) != 0) <= 1
    d, widths = 20, np.arange(20, 600, 10)
    total = []
    for width in widths:
        spike = width / d
        eigenvalues = np.r_[np.full(d, 1 + spike), np.ones(width - d)]
        coef = np.r_[unit(d, spike / (1 + spike) ** 2), np.zeros(width - d)]
        noise = 0.1 + 1 / (1 + spike)
        best = optimal_alpha(eigenvalues, coef, noise, n_samples=100)
        total.append(
            ridge_risk(eigenvalues, coef, noise, n_samples=100, alpha=best).total
        )
    assert np.all(np.diff(total) < 0)


# ---------------------------------------------------------------- projections


def test_projections_special_cases():
    rng = np.random.RandomState(0)
    eigenvalues = 1.0 / np.arange(1, 201)
    coef = rng.standard_normal((200, 2))
    for n in (50, 150, 300):
        wide = random_projection_risk(
            eigenvalues, coef, 0.3, n_projections=np.inf, n_samples=n
        )
        full = ridge_risk(eigenvalues, coef, 0.3, n_samples=n)
        assert_same_risk(wide, full, rtol=1e-8)
    # as many projections as features, below the threshold: nothing is lost
    square = random_projection_risk(
        eigenvalues, coef, 0.3, n_projections=[200, 250, 999], n_samples=300
    )
    np.testing.assert_allclose(square.excess, 0.3 * 200 / 100, rtol=1e-12)
    risk = random_projection_risk(
        eigenvalues, coef, 0.3, n_projections=[99, 100, 101], n_samples=100
    )
    np.testing.assert_array_equal(np.isinf(risk.total), [0, 1, 0])
    # one isotropic projection of many keeps 1/p of the signal
    one = random_projection_risk(
        np.ones(400), unit(400), 0.0, n_projections=1, n_samples=1e9
    )
    assert one.bias == pytest.approx(1 - 1 / 400, rel=1e-6)


# ------------------------------------------------- moments and the fixed task


def test_moments_against_a_long_simulation():
    rng = np.random.RandomState(0)
    d, p, n = 3, 4, 100_000
    A = 0.8 * np.linalg.qr(rng.standard_normal((d, d)))[0] + 0.1 * np.eye(d)
    W = rng.standard_normal((d, p))
    state_root, feature_root = rng.standard_normal((d, d)), rng.standard_normal((p, p))
    moments = linear_gaussian_moments(
        A,
        W,
        state_noise=state_root.T @ state_root,
        feature_noise=feature_root.T @ feature_root,
    )
    z = np.zeros((n, d))
    for _ in range(50):  # many short chains, run into stationarity
        z, last = z @ A + rng.standard_normal((n, d)) @ state_root, z
    x = last @ W + rng.standard_normal((n, p)) @ feature_root
    scale = np.abs(moments.cov).max()
    np.testing.assert_allclose(moments.cov, x.T @ x / n, atol=0.015 * scale)
    head, *_ = np.linalg.lstsq(x, z, rcond=None)
    np.testing.assert_allclose(moments.coef, head, atol=0.015 * np.abs(head).max())
    left = z - x @ head
    np.testing.assert_allclose(
        moments.noise_cov, left.T @ left / n, atol=0.015 * np.trace(moments.noise_cov)
    )


def test_moments_formulas_and_singular_readout():
    rng = np.random.RandomState(1)
    d, p = 6, 15
    A = 0.9 * np.linalg.qr(rng.standard_normal((d, d)))[0]
    W = rng.standard_normal((d, p)) / np.sqrt(d)
    moments = linear_gaussian_moments(A, W, state_noise=0.19, feature_noise=0.25)
    np.testing.assert_allclose(moments.cov, W.T @ W + 0.25 * np.eye(p), atol=1e-12)
    inverse = np.linalg.inv(moments.cov)
    np.testing.assert_allclose(moments.coef, inverse @ W.T @ A, atol=1e-11)
    np.testing.assert_allclose(moments.target_cov, np.eye(d), atol=1e-12)
    np.testing.assert_allclose(
        moments.noise_cov,
        0.19 * np.eye(d) + A.T @ (np.eye(d) - W @ inverse @ W.T) @ A,
        atol=1e-11,
    )
    given = linear_gaussian_moments(
        A, W, state_noise=0.19, feature_noise=0.25, state_cov=np.eye(d)
    )
    np.testing.assert_allclose(given.coef, moments.coef, atol=1e-11)
    # without feature noise the state is seen exactly, through a singular covariance
    clear = linear_gaussian_moments(A, W, state_noise=0.19, feature_noise=0.0)
    np.testing.assert_allclose(clear.noise_cov, 0.19 * np.eye(d), atol=1e-10)
    np.testing.assert_allclose(clear.coef, np.linalg.pinv(W) @ A, atol=1e-9)
    assert ridge_risk(
        clear.cov, clear.coef, clear.noise_cov, n_samples=30
    ).excess == pytest.approx(0.19 * d * d / (30 - d))


@pytest.mark.parametrize("finite_sample", [False, True])
def test_nested_risk_is_ridge_risk_at_every_width(finite_sample):
    rng = np.random.RandomState(2)
    A = 0.9 * np.linalg.qr(rng.standard_normal((8, 8)))[0]
    W = rng.standard_normal((8, 50)) / np.sqrt(8)
    full = linear_gaussian_moments(A, W, state_noise=0.19, feature_noise=0.25)
    grid = {"n_samples": np.array([[20], [30]]), "alpha": np.array([0.0, 1.0, 9.0])}
    nested = nested_risk(
        full.cov,
        full.cross_cov,
        full.target_cov,
        finite_sample=finite_sample,
        **grid,
    )
    assert nested.total.shape == (50, 2, 3)
    assert np.all(np.diff(nested.noise, axis=0) < 0)
    for width in (1, 7, 20, 33, 50):
        part = linear_gaussian_moments(
            A, W[:, :width], state_noise=0.19, feature_noise=0.25
        )
        single = ridge_risk(
            part.cov, part.coef, part.noise_cov, finite_sample=finite_sample, **grid
        )
        for field in single._fields:
            np.testing.assert_allclose(
                getattr(nested, field)[width - 1], getattr(single, field), rtol=1e-8
            )
    some = nested_risk(
        full.cov, full.cross_cov, np.trace(full.target_cov), widths=[3], n_samples=20
    )
    assert some.total.shape == (1,)


def test_seed_papers_claim_and_its_counterpart():
    # isotropic features, exact: the excess rises from zero; the total has an
    # interior minimum below the threshold
    n, p = 100, np.arange(0, 99)
    hidden = np.exp(-p / 20)
    noise = 0.2 + hidden
    excess = gaussian_risk(p, noise, n_samples=n)
    assert p[1:][excess[1:].argmin()] == 1 and excess[0] == 0
    total = random_subset_risk(p, 1 - hidden, hidden, 0.2, n_samples=n).total
    np.testing.assert_allclose(total, excess + noise, rtol=1e-12)
    assert 10 < p[total.argmin()] < 90


@pytest.mark.parametrize(
    ("decay", "noise_sd", "documented"),
    [(0.999, 0.02, (0.194, 1.13, 0.026)), (0.99, 0.05, (0.194, 1.15, 0.21))],
)
def test_excess_is_not_always_lowest_at_the_smallest_width(decay, noise_sd, documented):
    # slow decay, little feature noise: what the head misses falls faster than
    # p/(n - p - 1) rises
    excess = []
    for seed in range(8):
        rng = np.random.RandomState(seed)
        rotation = np.linalg.qr(rng.standard_normal((20, 20)))[0]
        moments = linear_gaussian_moments(
            decay * rotation,
            rng.standard_normal((20, 25)) / np.sqrt(20),
            state_noise=1 - decay**2,
            feature_noise=noise_sd**2,
        )
        risk = nested_risk(*moments[:3], n_samples=100, widths=[1, 10, 25])
        exact = gaussian_risk([1, 10, 25], risk.noise, n_samples=100)
        excess.append(exact)
    mean, spread = np.mean(excess, axis=0), np.std(excess, axis=0)
    assert mean[2] < 0.25 * mean[1]
    if decay == 0.999:
        assert np.max(excess, axis=0)[2] < 0.25 * np.min(excess, axis=0)[0]
    # of one random map the last number varies
    np.testing.assert_array_less(np.abs(mean - documented), spread + 0.005 * mean)


# ------------------------------------------------- effective parameters, LOO, GCV


def refit(X, y, alpha, fit_intercept):
    """Predictor of a ridge or minimum-norm head, by another route than the SVD."""
    x_mean = X.mean(axis=0) * fit_intercept
    y_mean = y.mean(axis=0) * fit_intercept
    X, y = X - x_mean, y - y_mean
    if alpha == 0:
        coef = np.linalg.lstsq(X, y, rcond=1e-10)[0]
    else:
        coef = np.linalg.solve(X.T @ X + alpha * np.eye(X.shape[1]), X.T @ y)
    return lambda new: y_mean + (new - x_mean) @ coef


def design(n, p, q=2, seed=0):
    rng = np.random.RandomState(seed + p)
    X = 1.0 + rng.standard_normal((n, p))
    return X, 2.0 + X[:, :1] + rng.standard_normal((n, q)), rng.standard_normal((9, p))


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("p", [1, 8, 23, 24, 25, 26, 60])
def test_loo_is_refitting(p, fit_intercept):
    n = 25
    X, y, _ = design(n, p)
    alphas = [0.0, 1e-3, 1.0, 50.0]
    for alpha, fast in zip(
        alphas, loo_risk(X, y, alpha=alphas, fit_intercept=fit_intercept), strict=True
    ):
        slow = 0.0
        for i in range(n):
            rest = np.arange(n) != i
            predict = refit(X[rest], y[rest], alpha, fit_intercept)
            slow += np.sum((y[i] - predict(X[i])) ** 2) / n
        assert fast == pytest.approx(slow, rel=1e-7)


def test_loo_with_a_row_alone_in_its_direction():
    # that row is fitted whatever its target, the others are not
    rng = np.random.RandomState(0)
    X = np.zeros((12, 3))
    X[:, :2] = rng.standard_normal((12, 2))
    X[4, 2] = 1.5
    y = rng.standard_normal(12)
    for fit_intercept in (False, True):
        slow = 0.0
        for i in range(12):
            rest = np.arange(12) != i
            predict = refit(X[rest], y[rest], 0.0, fit_intercept)
            slow += (y[i] - predict(X[i])) ** 2 / 12
        assert loo_risk(X, y, fit_intercept=fit_intercept) == pytest.approx(slow)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("p", [5, 23, 60])
def test_gcv_against_its_definition(p, fit_intercept):
    n = 25
    X, y, _ = design(n, p)
    for alpha in (0.0, 1e-2, 3.0):
        # the limit, where the head interpolates: a tiny penalty in its place
        used = 1e-7 if alpha == 0 and p > n else alpha
        S = refit(X, np.eye(n), used, fit_intercept)(X)
        rest = np.eye(n) - S
        slow = np.mean(np.sum((rest @ y) ** 2, axis=1)) / np.mean(np.diag(rest)) ** 2
        fast = gcv_risk(X, y, alpha=alpha, fit_intercept=fit_intercept)
        assert fast == pytest.approx(slow, rel=1e-5 if used != alpha else 1e-9)


def test_ridgeless_forms_as_printed():
    n, p = 30, 75
    X, y, _ = design(n, p, q=1)
    G = np.linalg.inv(X @ X.T)
    a = (G @ y)[:, 0]
    loo = loo_risk(X, y, fit_intercept=False)
    gcv = gcv_risk(X, y[:, 0], fit_intercept=False)
    assert loo == pytest.approx(np.mean((a / np.diag(G)) ** 2), rel=1e-9)
    assert gcv == pytest.approx(np.mean(a**2) / np.mean(np.diag(G)) ** 2, rel=1e-9)


def test_intercept_moves_the_peak():
    n, widths = 40, np.arange(30, 50)
    rng = np.random.RandomState(0)
    loo = np.empty((60, len(widths)))
    for draw in range(60):
        X, y = rng.standard_normal((n, 50)), rng.standard_normal(n)
        # drop one more: the refits have n - 1 rows
        loo[draw] = [loo_risk(X[:, :p], y) for p in widths]
    assert widths[np.median(loo, axis=0).argmax()] in (n - 2, n - 1)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("p", [5, 60])
def test_effective_parameters_are_those_of_the_smoother(p, fit_intercept):
    n = 25
    X, _, new = design(n, p)
    alphas = np.array([0.0, 0.5, 20.0])
    counts = effective_parameters(X, new, alpha=alphas, fit_intercept=fit_intercept)
    for k, alpha in enumerate(alphas):
        predict = refit(X, np.eye(n), alpha, fit_intercept)
        train = smoother_effective_parameters(predict(X))
        assert train == pytest.approx(np.trace(predict(X) @ predict(X).T))
        assert counts.train[k] == pytest.approx(train, rel=1e-8)
        test = smoother_effective_parameters(predict(new))
        assert counts.test[k] == pytest.approx(test, rel=1e-8)
    assert counts.train[0] == pytest.approx(min(n, p + fit_intercept))


def test_second_descent_folds_back():
    # test-time effective parameters, n V / sigma^2 in the limit: up, then down
    n, p = 100, np.array([20, 60, 90, 110, 200, 800])
    counts = n * isotropic_risk(p, 1.0, 1.0, n_samples=n).variance
    assert np.all(np.diff(counts[:3]) > 0) and np.all(np.diff(counts[3:]) < 0)


# ---------------------------------------------------------------- descent


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("p", [10, 24, 60])
def test_filter_is_gradient_descent(p, fit_intercept):
    n = 25
    X, y, new = design(n, p)
    top = np.linalg.svd(X, compute_uv=False)[0]
    for rate in (0.9 / top**2, 0.01 / top**2):
        times = [0, 1, 7, 300]
        coefs, intercepts = gradient_descent_coef(
            X, y, times, learning_rate=rate, fit_intercept=fit_intercept
        )
        Xc = X - X.mean(axis=0) * fit_intercept
        yc = y - y.mean(axis=0) * fit_intercept
        coef = np.zeros((p, 2))
        for t in range(301):
            if t in times:
                k = times.index(t)
                np.testing.assert_allclose(coefs[k], coef, atol=1e-11)
                fitted = (
                    y.mean(axis=0) * fit_intercept
                    + (new - X.mean(axis=0) * fit_intercept) @ coef
                )
                np.testing.assert_allclose(new @ coefs[k] + intercepts[k], fitted)
            coef = coef + rate * Xc.T @ (yc - Xc @ coef)


def test_filter_ends_at_the_minimum_norm():
    X, y, _ = design(25, 60, q=1)
    coef, intercept = gradient_descent_coef(X, y[:, 0], np.inf, fit_intercept=False)
    np.testing.assert_allclose(coef, np.linalg.pinv(X) @ y[:, 0], atol=1e-10)
    assert coef.shape == (60,) and intercept == 0
    late, _ = gradient_descent_coef(X, y[:, 0], 1e9, fit_intercept=False)
    np.testing.assert_allclose(late, coef, rtol=1e-9)
    done = gradient_descent_filter([2.0, 1e-9, 0.0], [0, 1, 10, np.inf])
    np.testing.assert_allclose(done[0], 0)
    np.testing.assert_allclose(done[2], [0.5, 10 * 1e-9 / 4, 0], rtol=1e-12)
    np.testing.assert_allclose(done[3], [0.5, 1e9, 0])
    # beyond 1/s^2 the filter overshoots, and still converges
    over = gradient_descent_filter([1.0], [1, 2, 1000], learning_rate=1.5)
    np.testing.assert_allclose(over[:, 0], [1.5, 0.75, 1.0])


def test_peak_grows_with_the_epochs():
    n, p, n_draws = 100, 99, 60
    rng = np.random.RandomState(0)
    times = [10, 100, 1e3, 1e4, 1e6, 1e9]
    risks = np.empty((n_draws, len(times)))
    for draw in range(n_draws):
        coef = unit(p)
        X = rng.standard_normal((n, p))
        y = X @ coef + np.sqrt(0.25) * rng.standard_normal(n)
        heads, _ = gradient_descent_coef(X, y, times, fit_intercept=False)
        risks[draw] = np.sum((heads - coef) ** 2, axis=1)
    median, mean = np.median(risks, axis=0), risks.mean(axis=0)
    assert np.all(np.diff(median) >= 0) and np.all(np.diff(mean) > 0)
    assert median[0] < 0.5 and median[3] > 4 and mean[-1] > 20 * mean[1]


# ---------------------------------------------------------------- the peak's causes


def test_each_ablation_removes_the_peak():
    # small singular values; test points along them; residual error
    n, p, n_draws = 100, 99, 100
    rng = np.random.RandomState(0)
    coef = unit(p)
    risks = {name: [] for name in ("plain", "truncate", "project", "noiseless")}
    for _ in range(n_draws):
        X = rng.standard_normal((n, p))
        noise = 0.5 * rng.standard_normal(n)
        new = rng.standard_normal((500, p))
        u, s, vt = np.linalg.svd(X, full_matrices=False)
        keep = s > 0.25 * s[0]
        head = vt.T @ ((u.T @ (X @ coef + noise)) / s)
        cut = vt[keep].T @ ((u[:, keep].T @ (X @ coef + noise)) / s[keep])
        leading = new @ vt[keep].T @ vt[keep]
        quiet = vt.T @ ((u.T @ (X @ coef)) / s)
        risks["plain"].append(np.mean((new @ (head - coef)) ** 2))
        risks["truncate"].append(np.mean((new @ (cut - coef)) ** 2))
        risks["project"].append(np.mean((leading @ (head - coef)) ** 2))
        risks["noiseless"].append(np.mean((new @ (quiet - coef)) ** 2))
    median = {name: np.median(values) for name, values in risks.items()}
    for name in ("truncate", "project", "noiseless"):
        assert median[name] < 0.1 * median["plain"], (name, median)


# ---------------------------------------------------------------- bad input

COV, COEF = np.eye(3), np.ones(3)
BAD_CALLS = {
    "asymmetric": (
        lambda: ridge_risk([[1, 2], [0, 1]], [1, 1], 1, n_samples=9),
        r"cov must be symmetric; .* differ by 2",
    ),
    "indefinite": (
        lambda: ridge_risk([[1, 2], [2, 1]], [1, 1], 1, n_samples=9),
        r"cov must be positive semi-definite; its smallest eigenvalue is -1",
    ),
    "not square": (
        lambda: ridge_risk(np.ones((2, 3)), [1, 1], 1, n_samples=9),
        r"cov must be square; got shape \(2, 3\)",
    ),
    "negative eigenvalue": (
        lambda: ridge_risk([1, -2.0], [1, 1], 1, n_samples=9),
        r"cov must be in \[0, inf\); got -2",
    ),
    "cov not finite": (
        lambda: ridge_risk([1, np.inf], [1, 1], 1, n_samples=9),
        r"cov must be finite; got inf",
    ),
    "cov of three dimensions": (
        lambda: ridge_risk(np.ones((2, 2, 2)), [1, 1], 1, n_samples=9),
        r"cov must have 1 or 2 dimension\(s\); got shape \(2, 2, 2\)",
    ),
    "empty": (
        lambda: ridge_risk([], [], 1, n_samples=9),
        r"cov must not be empty",
    ),
    "coef of another width": (
        lambda: ridge_risk(COV, np.ones(4), 1, n_samples=9),
        r"coef must have one row for each of the 3 features .* shape \(4,\)",
    ),
    "coef not finite": (
        lambda: ridge_risk(COV, [1, np.nan, 1], 1, n_samples=9),
        r"coef must be finite; got nan",
    ),
    "negative noise": (
        lambda: ridge_risk(COV, COEF, -0.5, n_samples=9),
        r"noise_var must be in \[0, inf\); got -0.5",
    ),
    "noise of another size": (
        lambda: ridge_risk(COV, COEF, np.eye(2), n_samples=9),
        r"noise_var must be a scalar or of shape \(1, 1\)",
    ),
    "noise indefinite": (
        lambda: ridge_risk(COV, np.ones((3, 2)), [[1, 2], [2, 1]], n_samples=9),
        r"noise_var must be positive semi-definite",
    ),
    "noise text": (
        lambda: ridge_risk(COV, COEF, "loud", n_samples=9),
        r"noise_var must be a numeric array; got 'loud'",
    ),
    "one sample": (
        lambda: ridge_risk(COV, COEF, 1, n_samples=1),
        r"n_samples must be in \[2, inf\); got 1",
    ),
    "one of the sample sizes": (
        lambda: ridge_risk(COV, COEF, 1, n_samples=[5, 0]),
        r"n_samples must be in \[2, inf\); got 0",
    ),
    "infinite samples": (
        lambda: ridge_risk(COV, COEF, 1, n_samples=np.inf),
        r"n_samples must be in \[2, inf\); got inf",
    ),
    "samples None": (
        lambda: ridge_risk(COV, COEF, 1, n_samples=None),
        r"n_samples must be in \[2, inf\); got nan",
    ),
    "negative alpha": (
        lambda: ridge_risk(COV, COEF, 1, n_samples=9, alpha=-1e-3),
        r"alpha must be in \[0, inf\); got -0.001",
    ),
    "alpha nan": (
        lambda: head_norm(COV, COEF, 1, n_samples=9, alpha=np.nan),
        r"alpha must be in \[0, inf\); got nan",
    ),
    "kappa eigenvalues": (
        lambda: solve_kappa([1, -1], n_samples=9),
        r"eigenvalues must be in \[0, inf\); got -1",
    ),
    "multiplicities": (
        lambda: solve_kappa([1, 1], n_samples=9, multiplicities=[1]),
        r"multiplicities must have one entry for each of the 2 eigenvalues; got 1",
    ),
    "negative kappa": (
        lambda: effective_dof([1, 1], -1),
        r"kappa must be in \[0, inf\); got -1",
    ),
    "isotropic width": (
        lambda: isotropic_risk(-1, 1, 1, n_samples=9),
        r"n_features must be in \[0, inf\]; got -1",
    ),
    "isotropic signal": (
        lambda: isotropic_risk(3, -1, 1, n_samples=9),
        r"signal must be in \[0, inf\); got -1",
    ),
    "hidden above signal": (
        lambda: misspecified_risk(3, 1, 2, 1, n_samples=9),
        r"hidden_signal must be in \[0, signal = 1\]; got 2",
    ),
    "no latents": (
        lambda: latent_space_risk(3, 0, 1, 1, n_samples=9),
        r"n_latents must be in \(0, inf\); got 0",
    ),
    "exact above the threshold": (
        lambda: gaussian_risk([5, 12], 1, n_samples=9),
        r"n_features must be in \[0, n_samples = 9\]; got 12",
    ),
    "no projections": (
        lambda: random_projection_risk(COV, COEF, 1, n_projections=0, n_samples=9),
        r"n_projections must be in \[1, inf\]; got 0",
    ),
    "widths": (
        lambda: nested_risk(COV, COEF, 9, widths=[1, 4], n_samples=9),
        r"widths must be integers in \[1, 3\]; got 4",
    ),
    "explains too much": (
        lambda: nested_risk(COV, COEF, 2.5, n_samples=9),
        r"target_cov must be at least what the features explain; got 2.5, of which 3",
    ),
    "transition": (
        lambda: linear_gaussian_moments(
            np.eye(3), np.ones((2, 4)), state_noise=1, feature_noise=1
        ),
        r"transition must be of shape \(2, 2\).* got shape \(3, 3\)",
    ),
    "not stationary": (
        lambda: linear_gaussian_moments(
            np.eye(2), np.ones((2, 4)), state_noise=1, feature_noise=1
        ),
        r"transition must have a spectral radius in \[0, 1\).*got 1",
    ),
    "feature noise": (
        lambda: linear_gaussian_moments(
            0.5 * np.eye(2), np.ones((2, 4)), state_noise=1, feature_noise=np.eye(3)
        ),
        r"feature_noise must be a scalar or of shape \(4, 4\); got shape \(3, 3\)",
    ),
    "one row": (
        lambda: loo_risk([[1.0, 2.0]], [1.0]),
        r"X must have at least 2 rows; got 1",
    ),
    "one training row": (
        lambda: effective_parameters([[1.0, 2.0]], [[1.0, 2.0]]),
        r"X_train must have at least 2 rows; got 1",
    ),
    "rows disagree": (
        lambda: gcv_risk(np.ones((4, 2)), np.ones(3)),
        r"y must have the 4 rows of X; got shape \(3,\)",
    ),
    "y not finite": (
        lambda: loo_risk(np.ones((2, 2)), [1, np.nan]),
        r"y must be finite; got nan",
    ),
    "columns disagree": (
        lambda: effective_parameters(np.ones((4, 2)), np.ones((4, 3))),
        r"X_test must have the 2 columns of X_train; got shape \(4, 3\)",
    ),
    "learning rate": (
        lambda: gradient_descent_filter([2.0, 1.0], 5, learning_rate=0.5),
        r"learning_rate must be in \(0, 2/max\(singular_values\)\*\*2 = 0.5\); got 0.5",
    ),
    "steps": (
        lambda: gradient_descent_filter([1.0], [1, 2.5]),
        r"n_steps must be whole numbers",
    ),
    "negative steps": (
        lambda: gradient_descent_filter([1.0], -1),
        r"n_steps must be in \[0, inf\]; got -1",
    ),
    "no singular value": (
        lambda: gradient_descent_filter([0.0, 0.0], 1),
        r"singular_values must not all be 0",
    ),
    "smoother": (
        lambda: smoother_effective_parameters([1.0, 2.0]),
        r"smoother must have 2 dimension\(s\); got shape \(2,\)",
    ),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_input_is_named(name):
    call, message = BAD_CALLS[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_constant_design_has_nothing_to_fit():
    X, y = np.ones((6, 3)), np.arange(6.0)
    mean_of_others = np.array([(15.0 - v) / 5 for v in y])
    assert loo_risk(X, y) == pytest.approx(np.mean((y - mean_of_others) ** 2))
    coef, intercept = gradient_descent_coef(X, y, 5)
    np.testing.assert_array_equal(coef, 0)
    assert intercept == 2.5
    counts = effective_parameters(X, X)
    assert counts == (1.0, pytest.approx(1.0))


def test_theory_imports_nothing_of_the_package_but_the_solvers():
    for path in Path(theory.__file__).parent.glob("*.py"):
        if path.name == "__init__.py":  # its names are in the stub
            path = path.with_suffix(".pyi")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module]
            for name in names:
                assert name.split(".")[0] in {
                    "numpy",
                    "scipy",
                    "typing",
                    "__future__",
                } or (
                    name.startswith(
                        ("skhmmdd.theory", "skhmmdd.heads.solvers", "skhmmdd._typing")
                    )
                ), (path.name, name)


def test_every_public_name_is_documented():
    assert theory.__all__ == sorted(theory.__all__)
    for name in theory.__all__:
        doc = inspect.getdoc(getattr(theory, name))
        if name[0].islower():
            for section in ("Parameters", "Returns", "Raises", "Examples"):
                assert f"{section}\n---" in doc, (name, section)
