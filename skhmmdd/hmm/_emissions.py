"""Logarithms of emission densities: pure functions on arrays.

A missing observation (NaN) is marginalised out: it adds nothing to any state.
"""

import numpy as np
from scipy.linalg import solve_triangular

LOG_2PI = np.log(2 * np.pi)


def log_gaussian_diag(values, means, variances):
    """log N(x; mean, diag(variance)) for every row and state.

    Parameters
    ----------
    values : ndarray of shape (n, n_features)
        NaN is missing; each feature that is there counts.
    means, variances : ndarray of shape (n_states, n_features)

    Returns
    -------
    ndarray of shape (n, n_states)
    """
    out = np.zeros((len(values), len(means)), values.dtype)
    for x, mean, variance in zip(values.T, means.T, variances.T, strict=True):
        # Differences before squares: expanding the square would cancel.
        z = (x[:, None] - mean) ** 2
        z /= variance
        z += LOG_2PI + np.log(variance)
        z[np.isnan(x)] = 0.0
        out -= z
    out *= 0.5
    return out


def log_gaussian_full(values, means, covars):
    """log N(x; mean, covariance) for every row and state.

    Parameters
    ----------
    values : ndarray of shape (n, n_features)
        NaN is missing; the observed features' marginal law counts.
    means : ndarray of shape (n_states, n_features)
    covars : ndarray of shape (n_states, n_features, n_features)

    Returns
    -------
    ndarray of shape (n, n_states)
    """
    out = np.zeros((len(values), len(means)), values.dtype)
    patterns, which = np.unique(np.isnan(values), axis=0, return_inverse=True)
    which = which.reshape(-1)
    for i, missing in enumerate(patterns):
        seen = ~missing
        if not seen.any():
            continue
        rows = np.flatnonzero(which == i)
        x = values[np.ix_(rows, seen)]
        for k, (mean, covar) in enumerate(zip(means, covars, strict=True)):
            factor = np.linalg.cholesky(covar[np.ix_(seen, seen)])
            z = solve_triangular(factor, (x - mean[seen]).T, lower=True)
            log_det = 2 * np.log(np.diag(factor)).sum()
            out[rows, k] = -0.5 * ((z**2).sum(axis=0) + log_det + seen.sum() * LOG_2PI)
    return out
