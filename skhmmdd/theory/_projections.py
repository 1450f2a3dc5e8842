"""Risk of a head on random projections of one representation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd.theory._kappa import kappa_at
from skhmmdd.theory._result import RiskResult, make_result
from skhmmdd.theory._validation import check_n_samples, check_real, decompose_task


def random_projection_risk(
    cov: ArrayLike,
    coef: ArrayLike,
    noise_var: ArrayLike,
    *,
    n_projections: ArrayLike,
    n_samples: ArrayLike,
) -> RiskResult:
    r"""Risk of the minimum-norm head on random projections of fixed features.

    The theory of a random linear map of one frozen representation: the task stays
    the same while the width m of the map grows.

    Parameters
    ----------
    cov : array-like of shape (p, p) or (p,)
        Covariance of the features before projection, or its diagonal.

    coef : array-like of shape (p,) or (p, q)
        Coefficients of the best linear head on them.

    noise_var : float or array-like of shape (q, q)
        Variance of what that head leaves, summed over the outputs, or its covariance.

    n_projections : float or array-like
        Width m of the random map; must be in [1, inf].

    n_samples : float or array-like
        Training samples n; must be in [2, inf). Broadcast against `n_projections`.

    Returns
    -------
    risk : RiskResult
        Of the broadcast shape. `excess` is over the best head on all the features,
        whatever the width. Infinite at m = n.

    Raises
    ------
    ValueError
        If shapes disagree, `cov` or `noise_var` is not symmetric positive
        semi-definite, or an argument is not a number or is below its bound.

    Notes
    -----
    The features are :math:`S'x` with S of shape (p, m), independent Gaussian
    entries, drawn once. With :math:`\kappa_k` the solution of
    :math:`\mathrm{tr}\,\Sigma(\Sigma+\kappa_k)^{-1} = k`, for m < n

    .. math::

        \mathrm{bias} = \kappa_m\,\theta'\Sigma(\Sigma+\kappa_m)^{-1}\theta\,
            \frac{n}{n-m}, \qquad \mathrm{variance} = \sigma^2\frac{m}{n-m},

    and for m > n, with :math:`\mathrm{df}_2` at :math:`\kappa_n`,

    .. math::

        \mathrm{bias} = \kappa_n^2\,\theta'\Sigma(\Sigma+\kappa_n)^{-2}\theta\,
            \frac{n}{n-\mathrm{df}_2}
            + \kappa_n\,\theta'\Sigma(\Sigma+\kappa_n)^{-1}\theta\,\frac{n}{m-n},
        \qquad
        \mathrm{variance} = \sigma^2\Big[\frac{\mathrm{df}_2}{n-\mathrm{df}_2}
            + \frac{n}{m-n}\Big].

    A limit, for n, m and the rank of `cov` of comparable size. Where the rank r is
    at most n, more than r projections span the features again: m is then counted as
    r, and there is no peak unless r = n.
    As m grows the risk becomes that of :func:`ridge_risk` at `alpha=0`.

    References
    ----------
    Bach, arXiv:2303.01372.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.theory import random_projection_risk
    >>> risk = random_projection_risk(
    ...     np.ones(400), np.full(400, 0.05), 0.1, n_projections=[10, 90, 100, 400],
    ...     n_samples=100,
    ... )
    >>> risk.total.round(3)
    array([1.194, 8.75 ,   inf, 1.167])
    """
    eigenvalues, signal, noise_var = decompose_task(cov, coef, noise_var)
    n_projections, n_samples = np.broadcast_arrays(
        check_real(n_projections, "n_projections", low=1.0, allow_inf=True),
        check_n_samples(n_samples),
    )
    strength = signal * eigenvalues

    bias, variance = np.empty(n_samples.shape), np.empty(n_samples.shape)
    for index in np.ndindex(n_samples.shape):
        bias[index], ratio = _projection_point(
            eigenvalues, strength, noise_var, n_projections[index], n_samples[index]
        )
        variance[index] = noise_var * ratio if noise_var > 0 else 0.0
    return make_result(bias, variance, noise_var)


def _projection_point(
    eigenvalues,
    strength,
    noise_var,
    width,
    n_samples,
):
    """Bias, and variance per unit of noise, at one width and sample size."""
    rank = len(eigenvalues)
    if rank <= n_samples:
        width = min(width, rank)
    kappa = kappa_at(eigenvalues, np.ones(rank), min(width, n_samples), 0.0)
    lost = kappa / (eigenvalues + kappa)
    unexplained = strength @ lost
    if width == n_samples:
        return np.inf if unexplained > 0 else 0.0, np.inf
    if width < n_samples:
        return (
            unexplained * n_samples / (n_samples - width),
            width / (n_samples - width),
        )
    kept = eigenvalues / (eigenvalues + kappa)
    spare = kept @ lost
    return (
        strength @ lost**2 * n_samples / spare
        + unexplained * n_samples / (width - n_samples),
        kept @ kept / spare + n_samples / (width - n_samples),
    )
