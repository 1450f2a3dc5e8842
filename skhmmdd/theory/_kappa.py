"""The implicit regularisation kappa, on which all of the theory rests."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from skhmmdd._typing import FloatOrFloats, Floats
from skhmmdd.theory._validation import (
    check_alpha,
    check_array,
    check_n_samples,
    check_real,
    unwrap,
)


class EffectiveDof(NamedTuple):
    """First and second effective degrees of freedom.

    Attributes
    ----------
    df1 : float or ndarray
        :math:`\\mathrm{tr}\\,\\Sigma(\\Sigma+\\kappa)^{-1}`.
    df2 : float or ndarray
        :math:`\\mathrm{tr}\\,\\Sigma^2(\\Sigma+\\kappa)^{-2}`; never above `df1`.
    """

    df1: FloatOrFloats
    df2: FloatOrFloats


class KappaPoint(NamedTuple):
    """The solution at one sample size and penalty, and what follows from it.

    Attributes
    ----------
    kappa : float
    kept, lost : ndarray
        t/(t + kappa) and kappa/(t + kappa) of each eigenvalue t.
    inverse : ndarray
        1/(t + kappa).
    spare : float
        n - df2; zero at the threshold.
    """

    kappa: float
    kept: Floats
    lost: Floats
    inverse: Floats
    spare: float


def kappa_point(eigenvalues, multiplicities, n_samples, alpha):
    """Solve at positive eigenvalues; nothing is checked."""
    kappa = kappa_at(eigenvalues, multiplicities, n_samples, alpha)
    kept = eigenvalues / (eigenvalues + kappa)
    lost = kappa / (eigenvalues + kappa)
    # n - df2, as sums of positive terms so that nothing cancels near the threshold
    spare = multiplicities @ (kept * lost)
    spare += alpha / kappa if kappa > 0 else n_samples - multiplicities.sum()
    return KappaPoint(kappa, kept, lost, 1.0 / (eigenvalues + kappa), spare)


def kappa_at(eigenvalues, multiplicities, n_samples, alpha):
    """Solve for kappa at one sample size and one penalty; nothing is checked.

    `eigenvalues` are positive, or come in conjugate pairs that are not zero and have no
    negative real part. Both forms of the equation below compare sums of
    positive terms, so nothing cancels: neither next to the threshold, nor for
    penalties near the smallest float.
    """
    rank = multiplicities.sum()
    if rank == 0:
        return alpha / n_samples
    # kappa scales with the spectrum: in units of its largest eigenvalue no term
    # below can overflow, or vanish in full. What is left below 1e-290 is nothing.
    size = np.abs(eigenvalues)
    scale = size.max()
    size = np.maximum(size / scale, 1e-290)
    eigenvalues = eigenvalues / scale if np.iscomplexobj(eigenvalues) else size
    alpha = alpha / scale if alpha > 1e-290 * scale else 0.0
    if alpha == 0 and rank <= n_samples:
        return 0.0
    excess_rank = max(rank - n_samples, 0.0)
    spare_samples = max(n_samples - rank, 0.0)

    if excess_rank < n_samples:

        def equation(log_kappa):
            kappa = np.exp(log_kappa)
            left = np.sum(multiplicities * (kappa / (eigenvalues + kappa))).real
            return np.log(left + spare_samples) - np.log(excess_rank + alpha / kappa)

    else:

        def equation(log_kappa):
            kappa = np.exp(log_kappa)
            df1 = np.sum(multiplicities * (eigenvalues / (eigenvalues + kappa))).real
            return np.log(n_samples) - np.log(df1 + alpha / kappa)

    # From n kappa = alpha + sum t kappa/(t + kappa), whose last sum lies between
    # (p - n) min t (where p > n) and sum t. The margin of e absorbs rounding. Of
    # complex ones the left of the first equation is at most kappa sum 1/|t|.
    share = n_samples if eigenvalues is size else rank
    low = max(alpha / n_samples, size.min() * excess_rank / share)
    high = (alpha + np.sum(multiplicities * size)) / n_samples
    return scale * np.exp(
        brentq(
            equation,
            np.log(low) - 1.0,
            max(np.log(high), np.log(low)) + 1.0,
            xtol=1e-14,
            rtol=1e-15,
            maxiter=1000,
        )
    )


def check_spectrum(
    eigenvalues: ArrayLike, multiplicities: ArrayLike | None
) -> tuple[Floats, Floats]:
    """Return checked eigenvalues and multiplicities, as two vectors."""
    eigenvalues = check_array(eigenvalues, "eigenvalues", ndim=(1,))
    check_real(eigenvalues, "eigenvalues")
    if multiplicities is None:
        return eigenvalues, np.ones_like(eigenvalues)
    multiplicities = check_array(multiplicities, "multiplicities", ndim=(1,))
    check_real(multiplicities, "multiplicities")
    if multiplicities.shape != eigenvalues.shape:
        raise ValueError(
            "multiplicities must have one entry for each of the "
            f"{len(eigenvalues)} eigenvalues; got {len(multiplicities)}."
        )
    return eigenvalues, multiplicities


def solve_kappa(
    eigenvalues: ArrayLike,
    *,
    n_samples: ArrayLike,
    alpha: ArrayLike = 0.0,
    multiplicities: ArrayLike | None = None,
) -> FloatOrFloats:
    r"""Implicit regularisation of a ridge(less) fit.

    To a new point, least squares on `n_samples` random rows looks like a ridge fit
    on infinitely many of them, with this penalty.

    Parameters
    ----------
    eigenvalues : array-like of shape (p,)
        Eigenvalues of the features' covariance; must be in [0, inf). Zeros are
        allowed and count for nothing.

    n_samples : float or array-like
        Training samples n; must be in [2, inf).

    alpha : float or array-like, default=0.0
        Ridge penalty, unnormalised; must be in [0, inf). 0 is the minimum-norm fit.
        Broadcast against `n_samples`.

    multiplicities : array-like of shape (p,), default=None
        How often each eigenvalue occurs; must be in [0, inf). None: once. Lets a
        huge but simple spectrum be written in a few numbers.

    Returns
    -------
    kappa : float or ndarray
        The solution, 0 where `alpha` is 0 and no more than `n_samples`
        eigenvalues are positive. Of the broadcast shape of `n_samples`, `alpha`.

    Raises
    ------
    ValueError
        If an argument is not finite or is below its bound, or if the lengths of
        `eigenvalues` and `multiplicities` disagree.

    Notes
    -----
    The unique :math:`\kappa \geq 0` with

    .. math:: n - \alpha/\kappa = \mathrm{tr}\,\Sigma(\Sigma + \kappa)^{-1},

    found in :math:`\log\kappa` by bracketing: the equation is monotone and the
    bracket certain, whatever the spectrum. Relative accuracy about 1e-12.

    References
    ----------
    Hastie, Montanari, Rosset and Tibshirani, arXiv:1903.08560. Cheng and
    Montanari, arXiv:2210.08571.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.theory import solve_kappa
    >>> kappa = solve_kappa(np.ones(300), n_samples=[100, 200, 300])
    >>> kappa.round(6)
    array([2. , 0.5, 0. ])
    """
    eigenvalues, multiplicities = check_spectrum(eigenvalues, multiplicities)
    n_samples, alpha = np.broadcast_arrays(
        check_n_samples(n_samples), check_alpha(alpha)
    )
    keep = (eigenvalues > 0) & (multiplicities > 0)
    eigenvalues, multiplicities = eigenvalues[keep], multiplicities[keep]
    kappa = np.empty(n_samples.shape)
    for index in np.ndindex(kappa.shape):
        kappa[index] = kappa_at(
            eigenvalues, multiplicities, n_samples[index], alpha[index]
        )
    return unwrap(kappa)


def effective_dof(
    eigenvalues: ArrayLike, kappa: ArrayLike, *, multiplicities: ArrayLike | None = None
) -> EffectiveDof:
    r"""Effective degrees of freedom of a spectrum at a given regularisation.

    Parameters
    ----------
    eigenvalues : array-like of shape (p,)
        Eigenvalues of the covariance; must be in [0, inf).

    kappa : float or array-like
        Regularisation, as :func:`solve_kappa` gives it; must be in [0, inf).

    multiplicities : array-like of shape (p,), default=None
        How often each eigenvalue occurs; must be in [0, inf). None: once.

    Returns
    -------
    dof : EffectiveDof
        `df1` and `df2`, each of the shape of `kappa`. At `kappa=0` both are the
        rank.

    Raises
    ------
    ValueError
        If an argument is not finite or is below its bound, or if the lengths of
        `eigenvalues` and `multiplicities` disagree.

    Notes
    -----
    :math:`\mathrm{df}_k = \sum_i (t_i/(t_i+\kappa))^k` over the eigenvalues
    :math:`t_i`.

    Examples
    --------
    >>> from skhmmdd.theory import effective_dof
    >>> effective_dof([1.0, 1.0, 0.0], 1.0)
    EffectiveDof(df1=1.0, df2=0.5)
    """
    eigenvalues, multiplicities = check_spectrum(eigenvalues, multiplicities)
    kappa = check_real(kappa, "kappa")
    keep = eigenvalues > 0
    eigenvalues, multiplicities = eigenvalues[keep], multiplicities[keep]
    df1, df2 = np.empty(kappa.shape), np.empty(kappa.shape)
    for index in np.ndindex(kappa.shape):
        shrinkage = eigenvalues / (eigenvalues + kappa[index])
        df1[index] = multiplicities @ shrinkage
        df2[index] = multiplicities @ shrinkage**2
    return EffectiveDof(unwrap(df1), unwrap(df2))
