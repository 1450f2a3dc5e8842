"""The penalty that minimises the risk."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from skhmmdd._typing import FloatOrFloats
from skhmmdd.theory._kappa import kappa_at
from skhmmdd.theory._validation import check_n_samples, decompose_task, unwrap


def optimal_alpha(
    cov: ArrayLike, coef: ArrayLike, noise_var: ArrayLike, *, n_samples: ArrayLike
) -> FloatOrFloats:
    r"""Ridge penalty that minimises the risk.

    Parameters
    ----------
    cov : array-like of shape (p, p) or (p,)
        Covariance of the features, or its diagonal.

    coef : array-like of shape (p,) or (p, q)
        Coefficients of the best linear head.

    noise_var : float or array-like of shape (q, q)
        Variance of what that head leaves, summed over the outputs, or its covariance.

    n_samples : float or array-like
        Training samples n; must be in [2, inf).

    Returns
    -------
    alpha : float or ndarray
        The best penalty in [0, inf], of the shape of `n_samples`: 0 where no penalty
        helps, infinity where there is no signal.

    Raises
    ------
    ValueError
        As in :func:`ridge_risk`.

    Notes
    -----
    On isotropic features the optimum is :math:`p\sigma^2/r^2`, whatever n; with it
    the risk falls monotonically in n and has no peak in p (the first reference). For
    other covariances the minimum is found numerically (derived here): each
    :math:`\kappa` belongs to one penalty :math:`\kappa(n - \mathrm{df}_1)`, so the
    risk of :func:`ridge_risk` is scanned over :math:`\kappa` without solving for it,
    and the best stationary point refined. Penalties below zero, which can be better
    still on anisotropic features, are not considered.

    References
    ----------
    Nakkiran, Venkat, Kakade and Ma, arXiv:2003.01897. Hastie, Montanari, Rosset and
    Tibshirani, arXiv:1903.08560.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.theory import optimal_alpha
    >>> coef = np.full(200, 200**-0.5)
    >>> optimal_alpha(np.eye(200), coef, 0.5, n_samples=[50, 200]).round(6)
    array([100., 100.])
    """
    eigenvalues, signal, noise_var = decompose_task(cov, coef, noise_var)
    n_samples = check_n_samples(n_samples)
    best = np.empty(n_samples.shape)
    for index in np.ndindex(best.shape):
        best[index] = _best_penalty(eigenvalues, signal, noise_var, n_samples[index])
    return unwrap(best)


def _best_penalty(eigenvalues, signal, noise_var, n_samples):
    """Minimise the risk over kappa; return the penalty that belongs to it."""
    strength = signal * eigenvalues
    if not strength.sum() > 0:
        return np.inf
    ones = np.ones_like(eigenvalues)
    kappa_min = kappa_at(eigenvalues, ones, n_samples, 0.0)

    def shrink(kappa):
        return eigenvalues / (eigenvalues + kappa), kappa / (eigenvalues + kappa)

    def excess(kappa):
        kept, lost = shrink(kappa)
        numerator = n_samples * (strength @ lost**2) + noise_var * (kept @ kept)
        spare = n_samples - kept @ kept
        return numerator / spare if spare > 0 else np.inf

    def slope(kappa):
        # of the sign of the derivative in kappa
        kept, lost = shrink(kappa)
        bias = strength @ lost**2
        gain = (strength @ (kept * lost**2)) * (n_samples - kept @ kept)
        return gain - (bias + noise_var) * (kept**2 @ lost)

    noise_ratio = noise_var / strength.sum()
    low = kappa_min
    if low == 0:
        low = eigenvalues.min() * min(noise_ratio, 1.0) * 1e-6
        if low == 0:
            return 0.0  # no noise, and no more features than samples
    high = 1e3 * (eigenvalues.max() + eigenvalues.sum() * max(noise_ratio, 1.0))
    # forty points a decade, and at least a thousand
    n_points = max(1000, int(40 * np.log10(high / low)))
    grid = np.geomspace(low, high, n_points)
    risks = np.array([excess(kappa) for kappa in grid])
    if kappa_min > 0 and slope(low) >= 0 and risks.argmin() == 0:
        return 0.0
    centre = risks.argmin()
    left, right = grid[max(centre - 1, 0)], grid[min(centre + 1, n_points - 1)]
    if slope(left) < 0 < slope(right):
        kappa = brentq(slope, left, right, rtol=1e-14, xtol=1e-300)
    else:
        kappa = grid[centre]
    kept, _ = shrink(kappa)
    return max(kappa * (n_samples - kept.sum()), 0.0)
