"""Moments of the linear-Gaussian hidden Markov model, for the risk formulas."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_discrete_lyapunov

from skhmmdd._typing import Floats
from skhmmdd.theory._validation import (
    check_array,
    check_real,
    check_symmetric,
    clip_eigenvalues,
    decompose_covariance,
)


class LinearGaussianMoments(NamedTuple):
    """What the risk formulas need to know of a head-tuning task.

    Attributes
    ----------
    cov : ndarray of shape (p, p)
        Covariance of the features.
    cross_cov : ndarray of shape (p, d)
        Covariance of the features with the target.
    target_cov : ndarray of shape (d, d)
        Covariance of the target.
    coef : ndarray of shape (p, d)
        Best linear head.
    noise_cov : ndarray of shape (d, d)
        Covariance of what the best head leaves.
    """

    cov: Floats
    cross_cov: Floats
    target_cov: Floats
    coef: Floats
    noise_cov: Floats


def linear_gaussian_moments(
    transition: ArrayLike,
    readout: ArrayLike,
    *,
    state_noise: ArrayLike,
    feature_noise: ArrayLike,
    state_cov: ArrayLike | None = None,
) -> LinearGaussianMoments:
    r"""Moments of next-step prediction in a linear-Gaussian hidden Markov model.

    Parameters
    ----------
    transition : array-like of shape (d, d)
        A, which moves the state: :math:`z_{i+1} = z_i A + \varepsilon_i`.

    readout : array-like of shape (d, p)
        W of the frozen representation :math:`x_i = z_i W + u_i`.

    state_noise : float, or array-like of shape (d, d)
        Covariance of :math:`\varepsilon`; a scalar s stands for s times the identity.

    feature_noise : float, or array-like of shape (p, p)
        Covariance of u; a scalar stands for a multiple of the identity.

    state_cov : array-like of shape (d, d), default=None
        Covariance of the state whose successor is predicted. None: the stationary
        one, for which every eigenvalue of A must lie inside the unit circle.

    Returns
    -------
    moments : LinearGaussianMoments
        `cov`, `coef` and `noise_cov` go into :func:`ridge_risk` as they are; `cov`,
        `cross_cov` and `target_cov` into :func:`nested_risk`.

    Raises
    ------
    ValueError
        If shapes disagree, a covariance is not symmetric positive semi-definite, an
        argument is not finite, or there is no stationary covariance.

    Notes
    -----
    The model is that of the reference (a frozen linear readout of a Gaussian chain,
    one linear head that predicts the next vector); this parametrisation of it, and
    the moments, were derived here. With rows as samples and the target
    :math:`y = z_{\mathrm{next}} = zA + \varepsilon`,

    .. math::

        \Sigma_x &= W'\Sigma_z W + \Sigma_u, \qquad
        B^* = \Sigma_x^{-1}W'\Sigma_z A, \\
        \Sigma_E &= \Sigma_\varepsilon
            + A'(\Sigma_z - \Sigma_z W\Sigma_x^{-1}W'\Sigma_z)A,

    the pseudo-inverse standing in where :math:`\Sigma_x` is singular. The columns of
    the readout are nested: the moments at width k are the leading blocks.

    References
    ----------
    Luo, Wang and Huang, arXiv:2410.00699.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.theory import linear_gaussian_moments, ridge_risk
    >>> rng = np.random.RandomState(0)
    >>> A = 0.9 * np.linalg.qr(rng.randn(20, 20))[0]
    >>> W = rng.randn(20, 200) / np.sqrt(20)
    >>> moments = linear_gaussian_moments(A, W, state_noise=0.19, feature_noise=0.25)
    >>> risk = ridge_risk(
    ...     moments.cov, moments.coef, moments.noise_cov, n_samples=[50, 100, 400]
    ... )
    >>> risk.total.round(1)
    array([7.9, 9.5, 8.5])
    """
    transition = check_array(transition, "transition", ndim=(2,))
    readout = check_array(readout, "readout", ndim=(2,))
    n_states, n_features = readout.shape
    if transition.shape != (n_states, n_states):
        raise ValueError(
            f"transition must be of shape ({n_states}, {n_states}), one row for each "
            f"row of readout; got shape {transition.shape}."
        )
    state_noise = _as_covariance(state_noise, n_states, "state_noise")
    feature_noise = _as_covariance(feature_noise, n_features, "feature_noise")
    if state_cov is None:
        radius = np.abs(np.linalg.eigvals(transition)).max()
        if radius >= 1:
            raise ValueError(
                "transition must have a spectral radius in [0, 1) where state_cov is "
                f"None; got {radius:.6g}."
            )
        state_cov = solve_discrete_lyapunov(transition.T, state_noise)
        state_cov = 0.5 * (state_cov + state_cov.T)
    else:
        state_cov = _as_covariance(state_cov, n_states, "state_cov")

    cov = readout.T @ state_cov @ readout + feature_noise
    cov = 0.5 * (cov + cov.T)
    cross_cov = readout.T @ state_cov @ transition
    target_cov = state_noise + transition.T @ state_cov @ transition
    coef = _solve(cov, cross_cov)
    noise_cov = target_cov - cross_cov.T @ coef
    noise_cov = 0.5 * (noise_cov + noise_cov.T)
    return LinearGaussianMoments(cov, cross_cov, target_cov, coef, noise_cov)


def _as_covariance(value: ArrayLike, size: int, name: str) -> Floats:
    """A scalar times the identity, or a checked covariance."""
    value = check_array(value, name, ndim=(0, 2))
    if value.ndim == 0:
        return float(check_real(value, name)) * np.eye(size)
    if value.shape != (size, size):
        raise ValueError(
            f"{name} must be a scalar or of shape ({size}, {size}); got shape "
            f"{value.shape}."
        )
    value = check_symmetric(value, name)
    clip_eigenvalues(np.linalg.eigvalsh(value), name)
    return value


def _solve(cov, cross_cov):
    """cov^+ cross_cov, by Cholesky where that is safe."""
    try:
        factor = np.linalg.cholesky(cov)
    except np.linalg.LinAlgError:
        factor = None
    # the squared ratio of the pivots bounds the condition number from below
    if factor is not None and np.ptp(np.log(np.diag(factor))) < np.log(1e5):
        return np.linalg.solve(cov, cross_cov)
    eigenvalues, eigenvectors = decompose_covariance(cov)
    inverse = np.zeros_like(eigenvalues)
    np.divide(1.0, eigenvalues, out=inverse, where=eigenvalues > 0)
    return eigenvectors @ (inverse[:, None] * (eigenvectors.T @ cross_cov))
