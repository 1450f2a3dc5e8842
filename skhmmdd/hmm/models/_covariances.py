"""Covariances: roots, checks, and the stationary one of a linear-Gaussian model."""

import numpy as np

# A power of the transition whose square no longer counts.
_NEGLIGIBLE = 1e-12
# How far below zero an eigenvalue of correlations may lie.
_ROUNDING = 1e-8
# Products of three weights are finite.
MAX_WEIGHT = 1e100


def covariance_root(cov):
    """U with U'U = cov, of shape (d, d), or None if cov is not positive semi-definite.

    `cov` is symmetric and may be singular.
    """
    variance = np.diag(cov)
    if (variance < -_ROUNDING * np.abs(cov).max()).any():
        return None
    # The roots of the correlations are as exact for features in different units.
    spread = np.sqrt(np.maximum(variance, 0))
    unit = np.where(spread > 0, spread, 1.0)
    eigenvalues, vectors = np.linalg.eigh(cov / unit / unit[:, None])
    if eigenvalues[0] < -_ROUNDING:
        return None
    return (vectors * np.sqrt(np.maximum(eigenvalues, 0))).T * unit


def stationary_cov(transition, transition_cov):
    """The P = A'PA + Q that the model's states keep, or None if there is none.

    There is none where an eigenvalue of A is not inside the unit circle.
    """
    if radius(transition) >= 1:
        return None
    # With P = U'U over k steps, U over 2k steps stacks U and U A^k: factors keep
    # what varies little, or not at all, as exact as the rest.
    root, power = covariance_root(transition_cov), transition
    while np.abs(power).max() > _NEGLIGIBLE:
        root = np.linalg.qr(np.vstack([root, root @ power]), mode="r")
        power = power @ power
    return root.T @ root


def radius(transition):
    """The largest modulus of an eigenvalue."""
    return np.abs(np.linalg.eigvals(transition)).max()


def as_matrix(cov, shape):
    """A number as a multiple of the identity."""
    cov = np.asarray(cov)
    return cov * np.eye(*shape) if cov.ndim == 0 else cov


def check_finite(hmm, name):
    """Raise if an array of the weights holds NaN, infinity or what comes near it."""
    array = getattr(hmm, name)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity.")
    if (top := np.abs(array).max()) > MAX_WEIGHT:
        raise ValueError(f"{name} must be at most {MAX_WEIGHT:g}, got {top:g}.")


def _check_symmetric(name, cov):
    unit = np.sqrt(np.abs(np.diag(cov)))
    if (np.abs(cov - cov.T) > 1e-8 * (unit * unit[:, None] + np.abs(cov))).any():
        raise ValueError(f"{name} must be symmetric.")


def check_semi_definite(hmm, name):
    """Raise if an array of the weights is no covariance; it may be singular."""
    semi_definite_root(name, getattr(hmm, name))


def semi_definite_root(name, cov):
    """The root of a matrix, or an error if it is no covariance."""
    _check_symmetric(name, cov)
    root = covariance_root(cov)
    if root is None:
        raise ValueError(
            f"{name} must be positive semi-definite; its least eigenvalue is "
            f"{np.linalg.eigvalsh(cov).min()}."
        )
    return root


def check_noise(hmm):
    """Raise if `emission_cov` is not positive (definite)."""
    cov = hmm.emission_cov
    if cov.ndim == 1:
        if cov.min() <= 0:
            raise ValueError(f"emission_cov must be positive, got {cov.min()}.")
        return
    _check_symmetric("emission_cov", cov)
    check_definite("emission_cov", cov)


def check_definite(name, cov):
    """Raise if a symmetric matrix is not positive definite."""
    # Unlike eigenvalues, the factor is as exact for features in different units.
    try:
        np.linalg.cholesky(cov)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"{name} must be positive definite; its least eigenvalue is "
            f"{np.linalg.eigvalsh(cov).min()}."
        ) from None
