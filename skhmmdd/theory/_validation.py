"""Checks of arguments shared by the modules of the theory."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import Array, FloatOrFloats, Floats


def check_real(
    value: ArrayLike,
    name: str,
    *,
    low: float = 0.0,
    low_closed: bool = True,
    allow_inf: bool = False,
) -> Floats:
    """Return `value` as a float array, or refuse it by name, value and bound."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numeric; got {value!r}.") from error
    bad = np.isnan(array) | (array < low)
    if not low_closed:
        bad |= array == low
    if not allow_inf:
        bad |= np.isinf(array)
    if bad.any():
        opening = "[" if low_closed and np.isfinite(low) else "("
        closing = "]" if allow_inf else ")"
        raise ValueError(
            f"{name} must be in {opening}{low:g}, inf{closing}; got "
            f"{array[bad].flat[0]}."
        )
    return array


def check_n_samples(n_samples: ArrayLike, low: float = 2.0) -> Floats:
    """Sample sizes: at least `low`, finite; not necessarily integers."""
    return check_real(n_samples, "n_samples", low=low)


def check_alpha(alpha: ArrayLike) -> Floats:
    """Penalties: non-negative and finite."""
    return check_real(alpha, "alpha")


def check_array(value: ArrayLike, name: str, *, ndim: tuple[int, ...]) -> Floats:
    """Return `value` as a finite float array of one of the dimensions `ndim`."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a numeric array; got {value!r}.") from error
    if array.ndim not in ndim:
        allowed = " or ".join(str(k) for k in ndim)
        raise ValueError(
            f"{name} must have {allowed} dimension(s); got shape {array.shape}."
        )
    if array.size == 0:
        raise ValueError(f"{name} must not be empty; got shape {array.shape}.")
    if not np.isfinite(array).all():
        value = array[~np.isfinite(array)].flat[0]
        raise ValueError(f"{name} must be finite; got {value}.")
    return array


def check_symmetric(matrix: Floats, name: str) -> Floats:
    """Refuse a matrix that is not square and symmetric; return its exact mean."""
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name} must be square; got shape {matrix.shape}.")
    gap = np.abs(matrix - matrix.T).max()
    bound = 1e-8 * np.abs(matrix).max()
    if gap > bound:
        raise ValueError(
            f"{name} must be symmetric; {name} and its transpose differ by {gap:.3g}, "
            f"more than {bound:.3g}."
        )
    return 0.5 * (matrix + matrix.T)


def decompose_covariance(cov: ArrayLike) -> tuple[Floats, Any]:
    """Eigenvalues and eigenvectors of a covariance.

    A vector is taken as the eigenvalues themselves, in whose basis the coefficients
    are then given: nothing is rounded to zero. A matrix has its eigenvalues below
    rounding error set to zero, so that its rank is the numerical one.

    Returns
    -------
    eigenvalues : ndarray of shape (p,)
    eigenvectors : ndarray of shape (p, p) or None
        None for a vector: the basis is the canonical one.
    """
    cov = check_array(cov, "cov", ndim=(1, 2))
    if cov.ndim == 1:
        check_real(cov, "cov")
        return cov, None
    eigenvalues, eigenvectors = np.linalg.eigh(check_symmetric(cov, "cov"))
    return clip_eigenvalues(eigenvalues, "cov"), eigenvectors


def clip_eigenvalues(eigenvalues: Array, name: str) -> Floats:
    """Set rounding error to zero; refuse eigenvalues that are truly negative."""
    scale = np.abs(eigenvalues).max()
    if eigenvalues.min() < -1e-8 * scale:
        raise ValueError(
            f"{name} must be positive semi-definite; its smallest eigenvalue is "
            f"{eigenvalues.min():.3g}, below 0."
        )
    floor = np.finfo(np.float64).eps * len(eigenvalues) * scale
    return np.where(eigenvalues > floor, eigenvalues, 0.0)


def check_coef(coef: ArrayLike, n_features: int, name: str = "coef") -> Floats:
    """Return the coefficients as a matrix of shape (p, q)."""
    coef = check_array(coef, name, ndim=(1, 2))
    if coef.shape[0] != n_features:
        raise ValueError(
            f"{name} must have one row for each of the {n_features} features of cov; "
            f"got shape {coef.shape}."
        )
    return coef.reshape(n_features, -1)


def check_noise_var(
    noise_var: ArrayLike, n_outputs: int, name: str = "noise_var"
) -> float:
    """Return the summed noise variance of a scalar or a (q, q) covariance."""
    noise_var = check_array(noise_var, name, ndim=(0, 2))
    if noise_var.ndim == 0:
        return float(check_real(noise_var, name))
    if noise_var.shape != (n_outputs, n_outputs):
        raise ValueError(
            f"{name} must be a scalar or of shape ({n_outputs}, {n_outputs}), one row "
            f"for each output of coef; got shape {noise_var.shape}."
        )
    eigenvalues = np.linalg.eigvalsh(check_symmetric(noise_var, name))
    clip_eigenvalues(eigenvalues, name)
    return float(np.trace(noise_var))


def decompose_task(
    cov: ArrayLike, coef: ArrayLike, noise_var: ArrayLike
) -> tuple[Floats, Floats, float]:
    """Check a task and turn it to the eigenbasis of its covariance.

    Returns
    -------
    eigenvalues : ndarray of shape (rank,)
        The positive ones.
    signal : ndarray of shape (rank,)
        Squared length of the coefficients along each of them.
    noise_var : float
        Noise variance, summed over the outputs.
    """
    eigenvalues, eigenvectors = decompose_covariance(cov)
    coef = check_coef(coef, len(eigenvalues))
    noise_var = check_noise_var(noise_var, coef.shape[1])
    if eigenvectors is not None:
        coef = eigenvectors.T @ coef
    keep = eigenvalues > 0
    return eigenvalues[keep], np.sum(coef[keep] ** 2, axis=1), noise_var


def unwrap(array: ArrayLike) -> FloatOrFloats:
    """Give a plain float for a scalar result, the array otherwise."""
    array = np.asarray(array)
    return array.item() if array.ndim == 0 else array
