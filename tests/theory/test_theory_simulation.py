"""Theory against simulation, on the linear-Gaussian HMM and on Gaussian features."""

import numpy as np
import pytest

from skhmmdd.theory import (
    effective_parameters,
    gaussian_risk,
    gcv_risk,
    head_norm,
    linear_gaussian_moments,
    loo_risk,
    nested_risk,
    random_projection_risk,
    random_subset_risk,
    ridge_risk,
)

DECAY = 0.9
SHAPES = [(100, 20), (200, 50)]
NOISES = [0.5, 1.0]
RATIOS = [0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 1.2, 1.35, 1.5, 2.0, 4.0, 16.0]


def draw_task(n_states, n_features, seed):
    """A rotation that forgets, and a random readout, as the model is stated."""
    rng = np.random.RandomState(seed)
    rotation = np.linalg.qr(rng.standard_normal((n_states, n_states)))[0]
    readout = rng.standard_normal((n_states, n_features)) / np.sqrt(n_states)
    return DECAY * rotation, readout


def spectral_task(transition, readout, noise_sd):
    """Eigenvalues, coefficients in their basis, and noise, from an SVD of W.

    Independent of the package's moments, and cheap however wide the readout: the
    state covariance is the identity.
    """
    d, p = readout.shape
    left, s, _ = np.linalg.svd(readout, full_matrices=False)
    eigenvalues = np.full(p, noise_sd**2)
    eigenvalues[: len(s)] += s**2
    coef = np.zeros((p, d))
    coef[: len(s)] = (s / (s**2 + noise_sd**2))[:, None] * (left.T @ transition)
    explained = np.sum(
        (s**2 / (s**2 + noise_sd**2)) * np.sum((left.T @ transition) ** 2, axis=1)
    )
    return eigenvalues, coef, d - explained


def conditional_risk(transition, readout, noise_sd, n_samples, n_draws, seed):
    """Excess risk of the minimum-norm head, over drawn designs.

    The label noise is integrated out, which leaves the mean alone and lowers its
    error. The test covariance W'W + sigma_u^2 I is applied in its factors.
    """
    rng = np.random.RandomState(seed)
    d, p = readout.shape
    _, _, noise_var = spectral_task(transition, readout, noise_sd)
    is_wide = p > n_samples
    if is_wide:
        # The features are turned so that the state reaches the first d only. The noise
        # in the rest enters by its Gram matrix, of which the triangular root is drawn
        # (Bartlett's decomposition): n columns at most, however wide the features.
        readout = np.linalg.qr(readout.T)[1].T
        freedom = np.arange(p - d, max(p - d - n_samples, 0), -1)
        inner = readout @ readout.T + noise_sd**2 * np.eye(d)
        best = readout.T @ np.linalg.solve(inner, transition)
    risks = np.empty(n_draws)
    for draw in range(n_draws):
        X = rng.standard_normal((n_samples, d)) @ readout
        X += noise_sd * rng.standard_normal(X.shape)
        if is_wide:
            root = np.tril(rng.standard_normal((n_samples, len(freedom))), -1)
            np.fill_diagonal(root, np.sqrt(rng.chisquare(freedom)))
            gram = np.linalg.inv(X @ X.T + noise_sd**2 * (root @ root.T))
            seen = gram @ (X @ readout.T)
            variance = np.sum(seen**2) + noise_sd**2 * np.trace(gram)
            fitted = X @ best
            missed = best - X.T @ (gram @ fitted)
            missed_sq = np.sum(best**2) - np.sum(fitted * (gram @ fitted))
            bias = np.sum((readout @ missed) ** 2) + noise_sd**2 * missed_sq
        else:
            gram = np.linalg.inv(X.T @ X)
            variance = np.sum((readout @ gram) * readout) + noise_sd**2 * np.trace(gram)
            bias = 0.0
        risks[draw] = bias + noise_var * variance
    return risks


@pytest.fixture(scope="module")
def agreement():
    """Simulated mean, its error, and theory without and with the correction."""
    rows = []
    for n, d in SHAPES:
        for noise_sd in NOISES:
            transition, readout = draw_task(d, 16 * n, seed=n)
            for ratio in RATIOS:
                p = round(ratio * n)
                # with n the spread of one draw falls, and with the ratio
                n_draws = 200 if ratio >= 2 or n > 100 else 400
                W = readout[:, :p]
                risks = conditional_risk(transition, W, noise_sd, n, n_draws, seed=p)
                task = spectral_task(transition, W, noise_sd)
                rows.append(
                    {
                        "n": n,
                        "noise_sd": noise_sd,
                        "ratio": ratio,
                        "p": p,
                        "simulated": risks.mean(),
                        "error": risks.std(ddof=1) / np.sqrt(n_draws),
                        "noise_var": task[2],
                        "limit": ridge_risk(*task, n_samples=n).excess,
                        "corrected": ridge_risk(
                            *task, n_samples=n, finite_sample=True
                        ).excess,
                    }
                )
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("theory", ["limit", "corrected"])
def test_risk_agrees_with_simulated_hmm(agreement, theory):
    for row in agreement:
        expected = row[theory]
        if theory == "limit" and row["ratio"] < 1:
            expected = gaussian_risk(row["p"], row["noise_var"], n_samples=row["n"])
        tolerance = 0.06 if 1 < row["ratio"] < 1.5 else 0.03
        assert abs(expected / row["simulated"] - 1) < tolerance, row


@pytest.mark.slow
def test_correction_at_least_halves_the_error(agreement):
    checked = 0
    for row in agreement:
        gap = abs(row["limit"] - row["simulated"])
        if gap < 4 * row["error"]:
            continue  # nothing to be told from the noise of the simulation
        checked += 1
        assert abs(row["corrected"] - row["simulated"]) < 0.5 * gap, row
    assert checked >= 24


@pytest.mark.slow
def test_correction_is_within_simulation_error(agreement):
    scores = [(row["corrected"] - row["simulated"]) / row["error"] for row in agreement]
    assert np.max(np.abs(scores)) < 4
    assert np.sqrt(np.mean(np.square(scores))) < 1.5


@pytest.mark.slow
def test_limit_runs_low_next_to_the_threshold(agreement):
    rows = [row for row in agreement if row["ratio"] == 1.2 and row["n"] == 100]
    for row in rows:
        assert -0.07 < row["limit"] / row["simulated"] - 1 < -0.03


@pytest.mark.parametrize("width", [40, 240])
@pytest.mark.slow
def test_plain_simulation_with_drawn_labels(width):
    # whole chains from the start, labels drawn, the head fitted: nothing averaged out
    n, d, noise_sd, n_draws = 100, 20, 0.5, 600
    transition, readout = draw_task(d, width, seed=3)
    state_noise = 1 - DECAY**2
    moments = linear_gaussian_moments(
        transition, readout, state_noise=state_noise, feature_noise=noise_sd**2
    )
    factor = np.linalg.cholesky(moments.cov)
    rng = np.random.RandomState(11)
    excess, total = np.empty(n_draws), np.empty(n_draws)
    for draw in range(n_draws):
        state = rng.standard_normal((2 * n, d))
        for _ in range(3):
            noise = np.sqrt(state_noise) * rng.standard_normal((2 * n, d))
            state, last = state @ transition + noise, state
        X = last @ readout + noise_sd * rng.standard_normal((2 * n, width))
        head = np.linalg.lstsq(X[:n], state[:n], rcond=None)[0]
        excess[draw] = np.sum((factor.T @ (head - moments.coef)) ** 2)
        total[draw] = np.mean(np.sum((state[n:] - X[n:] @ head) ** 2, axis=1))
    risk = ridge_risk(
        moments.cov, moments.coef, moments.noise_cov, n_samples=n, finite_sample=True
    )
    assert abs(risk.excess / excess.mean() - 1) < 0.02
    assert abs(risk.total / total.mean() - 1) < 0.02
    assert abs(risk.excess - excess.mean()) < 3 * excess.std() / np.sqrt(n_draws)


def test_published_check_numbers():
    # n = 100, d = 20, sigma_u = 0.5. The numbers come from one random readout; here
    # they must lie within its spread over twenty others, and to 4% in the mean.
    widths = [1, 10, 20, 40, 80, 95, 120, 240, 800, 1600]
    excess_numbers = [0.197, 1.58, 2.55, 4.49, 21.3, 115, 23.8, 3.93, 1.46, 1.15]
    total_numbers = [19.5, 15.6, 12.6, 11.1, 26.3, 119, 28.3, 8.10, 5.36, 5.00]
    simulated_numbers = [0.193, 1.60, 2.62, 4.57, 21.4, 115, 25.4, 4.00, 1.47, 1.19]
    excess, total, corrected = [], [], []
    for seed in range(20):
        transition, readout = draw_task(20, 1600, seed)
        row, row_corrected = [], []
        for p in widths:
            task = spectral_task(transition, readout[:, :p], 0.5)
            limit = ridge_risk(*task, n_samples=100).excess
            exact = ridge_risk(*task, n_samples=100, finite_sample=True).excess
            row.append((exact if p < 100 else limit, task[2]))
            row_corrected.append(exact)
        row = np.array(row)
        excess.append(row[:, 0])
        total.append(row.sum(axis=1))
        corrected.append(row_corrected)
    for curves, numbers in ((excess, excess_numbers), (total, total_numbers)):
        curves, numbers = np.array(curves), np.array(numbers)
        np.testing.assert_allclose(curves.mean(axis=0), numbers, rtol=0.03)
        # half a unit of the last of the three printed digits
        slack = 3 * curves.std(axis=0) + 0.004 * numbers
        assert np.all(np.abs(curves.mean(axis=0) - numbers) < slack)
    np.testing.assert_allclose(np.mean(corrected, axis=0), simulated_numbers, rtol=0.04)


def ridge_draws(eigenvalues, signal, n, alpha, n_draws, seed):
    """Bias and variance (unit noise) of ridge on drawn Gaussian designs."""
    rng = np.random.RandomState(seed)
    p = len(eigenvalues)
    bias, variance = np.empty(n_draws), np.empty(n_draws)
    for draw in range(n_draws):
        X = rng.standard_normal((n, p)) * np.sqrt(eigenvalues)
        if alpha > 0:
            solver = np.linalg.solve(X.T @ X + alpha * np.eye(p), X.T)
        else:
            solver = np.linalg.pinv(X)
        missed = np.eye(p) - solver @ X
        # signal spread over random signs: only the squares count in the mean
        bias[draw] = signal @ (eigenvalues @ missed**2)
        variance[draw] = np.sum(eigenvalues[:, None] * solver**2)
    return bias, variance


SPECTRA = {
    "isotropic": np.ones(60),
    "power law": 1.0 / np.arange(1, 81),
    "spiked": np.r_[np.full(10, 20.0), np.ones(50)],
    "geometric": 0.8 ** np.arange(60),
    "two scales": np.r_[np.ones(25), np.full(35, 1e-3)],
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("alpha", [0.0, 1.0, 30.0])
def test_correction_on_other_spectra(name, alpha):
    eigenvalues, n, n_draws = SPECTRA[name], 40, 400
    signal = np.linspace(0.5, 2, len(eigenvalues)) / len(eigenvalues)
    bias, variance = ridge_draws(eigenvalues, signal, n, alpha, n_draws, seed=5)
    risk = ridge_risk(
        eigenvalues, np.sqrt(signal), 1.0, n_samples=n, alpha=alpha, finite_sample=True
    )
    for expected, drawn in ((risk.bias, bias), (risk.variance, variance)):
        error = drawn.std() / np.sqrt(n_draws)
        # what is left is of second order in 1/n
        assert abs(expected - drawn.mean()) < 4 * error + 0.01 * drawn.mean()


@pytest.mark.parametrize(
    ("n_seen", "n_all"), [(15, 80), (33, 80), (60, 80), (80, 80), (43, 43)]
)
def test_random_subset_is_exact(n_seen, n_all):
    n, noise_sd, n_draws = 40, 0.6, 3000
    rng = np.random.RandomState(n_seen)
    coef = rng.standard_normal(n_all) / np.sqrt(n_all)
    seen, hidden = coef[:n_seen], coef[n_seen:]
    totals = np.empty(n_draws)
    for draw in range(n_draws):
        X = rng.standard_normal((n, n_all))
        y = X @ coef + noise_sd * rng.standard_normal(n)
        # the normal equations: the threshold itself is not drawn
        S = X[:, :n_seen]
        if n_seen <= n:
            head = np.linalg.solve(S.T @ S, S.T @ y)
        else:
            head = S.T @ np.linalg.solve(S @ S.T, y)
        totals[draw] = np.sum((head - seen) ** 2) + hidden @ hidden + noise_sd**2
    risk = random_subset_risk(
        n_seen, seen @ seen, hidden @ hidden, noise_sd**2, n_samples=n
    )
    assert abs(risk.total - totals.mean()) < 3 * totals.std() / np.sqrt(n_draws)


@pytest.mark.parametrize("width", [5, 20, 30])
def test_gaussian_risk_is_exact_for_any_covariance(width):
    n, n_draws = 40, 3000
    rng = np.random.RandomState(width)
    root = rng.standard_normal((width, width))
    cov = root @ root.T
    risks = np.empty(n_draws)
    for draw in range(n_draws):
        X = rng.standard_normal((n, width)) @ root.T
        noise = rng.standard_normal((n, 2)) * [1.0, 0.5]
        error = np.linalg.solve(X.T @ X, X.T @ noise)
        risks[draw] = np.sum(error * (cov @ error))
    expected = gaussian_risk(width, 1.25, n_samples=n)
    assert abs(expected - risks.mean()) < 3 * risks.std() / np.sqrt(n_draws)


@pytest.mark.parametrize("width", [20, 100])
def test_intercept(width):
    n, n_draws = 50, 1500
    rng = np.random.RandomState(width)
    eigenvalues = np.linspace(0.5, 3, width)
    coef = rng.standard_normal(width) / np.sqrt(width)
    risks = np.empty(n_draws)
    for draw in range(n_draws):
        X = 2.0 + rng.standard_normal((n, width)) * np.sqrt(eigenvalues)
        y = X @ coef + rng.standard_normal(n)
        head = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=None)[0]
        offset = y.mean() - X.mean(axis=0) @ head + 2.0 * np.sum(head - coef)
        risks[draw] = eigenvalues @ (head - coef) ** 2 + offset**2
    risk = ridge_risk(
        eigenvalues, coef, 1.0, n_samples=n, finite_sample=True, fit_intercept=True
    )
    error = risks.std() / np.sqrt(n_draws)
    assert abs(risk.excess - risks.mean()) < 3 * error


@pytest.mark.parametrize("width", [10, 30, 90, 150, 600])
@pytest.mark.slow
def test_random_projections(width):
    n, p, n_draws = 60, 150, 150
    eigenvalues = 1.0 / np.arange(1, p + 1)
    rng = np.random.RandomState(width)
    coef = rng.standard_normal(p)
    bias, variance = np.empty(n_draws), np.empty(n_draws)
    for draw in range(n_draws):
        projection = rng.standard_normal((p, width))
        Z = rng.standard_normal((n, p)) * np.sqrt(eigenvalues)
        solver = projection @ np.linalg.pinv(Z @ projection)
        bias[draw] = eigenvalues @ (coef - solver @ (Z @ coef)) ** 2
        variance[draw] = np.sum(eigenvalues[:, None] * solver**2)
    risk = random_projection_risk(
        eigenvalues, coef, 0.3, n_projections=width, n_samples=n
    )
    for expected, drawn in ((risk.bias, bias), (risk.variance, 0.3 * variance)):
        tolerance = 3 * drawn.std() / np.sqrt(n_draws) + 0.05 * drawn.mean()
        assert abs(expected - drawn.mean()) < tolerance


@pytest.mark.parametrize(
    ("width", "alpha"), [(20, 0.0), (20, 3.0), (80, 0.0), (80, 3.0)]
)
def test_head_norm(width, alpha):
    n, n_draws = 40, 600
    rng = np.random.RandomState(width)
    eigenvalues = np.linspace(0.5, 3, width)
    coef = rng.standard_normal(width) / np.sqrt(width)
    norms = np.empty(n_draws)
    for draw in range(n_draws):
        X = rng.standard_normal((n, width)) * np.sqrt(eigenvalues)
        y = X @ coef + rng.standard_normal(n)
        if alpha > 0:
            head = np.linalg.solve(X.T @ X + alpha * np.eye(width), X.T @ y)
        else:
            head = np.linalg.lstsq(X, y, rcond=None)[0]
        norms[draw] = head @ head
    expected = head_norm(eigenvalues, coef, 1.0, n_samples=n, alpha=alpha)
    tolerance = 3 * norms.std() / np.sqrt(n_draws) + 0.01 * expected
    assert abs(expected - norms.mean()) < tolerance


def test_effective_parameters_are_the_variance():
    n, n_draws = 100, 60
    rng = np.random.RandomState(0)
    transition, readout = draw_task(20, 200, seed=0)
    for width in (40, 200):
        eigenvalues, coef, _ = spectral_task(transition, readout[:, :width], 0.5)
        counts = []
        for _ in range(n_draws):
            X = rng.standard_normal((n, width)) * np.sqrt(eigenvalues)
            new = rng.standard_normal((1000, width)) * np.sqrt(eigenvalues)
            counts.append(effective_parameters(X, new, fit_intercept=False))
        train, test = np.mean(counts, axis=0)
        risk = ridge_risk(eigenvalues, coef, 1.0, n_samples=n, finite_sample=True)
        assert train == pytest.approx(min(width, n), rel=1e-10)
        error = np.std(counts, axis=0)[1] / np.sqrt(n_draws)
        assert abs(test - n * risk.variance) < 3 * error
        if width == 40:
            assert n * risk.variance == pytest.approx(67.8, abs=0.05)


def test_loo_and_gcv_estimate_the_total_risk():
    # p = 200, n = 100: true total risk 1.5
    n, p, n_draws = 100, 200, 150
    rng = np.random.RandomState(1)
    loo, gcv, true = np.empty(n_draws), np.empty(n_draws), np.empty(n_draws)
    for draw in range(n_draws):
        coef = rng.standard_normal(p)
        coef /= np.linalg.norm(coef)
        X = rng.standard_normal((n, p))
        y = X @ coef + np.sqrt(0.5) * rng.standard_normal(n)
        loo[draw] = loo_risk(X, y, fit_intercept=False)
        gcv[draw] = gcv_risk(X, y, fit_intercept=False)
        true[draw] = np.sum((np.linalg.pinv(X) @ y - coef) ** 2) + 0.5
    assert true.mean() == pytest.approx(1.5, rel=0.02)
    assert loo.mean() == pytest.approx(1.5, rel=0.04)
    assert gcv.mean() == pytest.approx(1.5, rel=0.04)
    assert abs(np.median(loo) - 1.474) < 3 * loo.std()


def test_first_descent_depends_on_what_risk_means():
    transition, readout = draw_task(20, 400, seed=2)
    moments = linear_gaussian_moments(
        transition, readout, state_noise=1 - DECAY**2, feature_noise=0.25
    )
    below = np.arange(1, 100)
    for finite_sample in (False, True):
        risk = nested_risk(
            moments.cov,
            moments.cross_cov,
            moments.target_cov,
            widths=np.r_[below, 400],
            n_samples=100,
            finite_sample=finite_sample,
        )
        assert below[np.argmin(risk.excess[:-1])] == 1
        assert 20 < below[np.argmin(risk.total[:-1])] < 60
        # and the second descent goes below the first
        assert risk.total[-1] < risk.total[:-1].min()
