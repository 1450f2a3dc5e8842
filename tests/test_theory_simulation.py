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
    explained = np.sum((s**2 / (s**2 + noise_sd**2)) * np.sum(
        (left.T @ transition) ** 2, axis=1
    ))
    return eigenvalues, coef, d - explained


def conditional_risk(transition, readout, noise_sd, n_samples, n_draws, seed):
    """Excess risk of the minimum-norm head, over drawn designs.

    The label noise is integrated out, which leaves the mean alone and lowers its
    error. The test covariance W'W + sigma_u^2 I is applied in its factors.
    """
    rng = np.random.RandomState(seed)
    d, p = readout.shape
    _, _, noise_var = spectral_task(transition, readout, noise_sd)
    if p <= d:
        cov = readout.T @ readout + noise_sd**2 * np.eye(p)
        best = np.linalg.solve(cov, readout.T @ transition)
    else:
        inner = readout @ readout.T + noise_sd**2 * np.eye(d)
        best = readout.T @ np.linalg.solve(inner, transition)
    risks = np.empty(n_draws)
    for draw in range(n_draws):
        X = rng.standard_normal((n_samples, d)) @ readout
        X += noise_sd * rng.standard_normal((n_samples, p))
        if p <= n_samples:
            gram = np.linalg.inv(X.T @ X)
            variance = np.sum((readout @ gram) * readout) + noise_sd**2 * np.trace(gram)
            bias = 0.0
        else:
            gram = np.linalg.inv(X @ X.T)
            seen = gram @ (X @ readout.T)
            variance = np.sum(seen**2) + noise_sd**2 * np.trace(gram)
            missed = best - X.T @ (gram @ (X @ best))
            bias = np.sum((readout @ missed) ** 2) + noise_sd**2 * np.sum(missed**2)
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
                n_draws = 200 if ratio > 4 else 400
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
