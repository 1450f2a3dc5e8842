"""Risk of ridge and minimum-norm heads for any covariance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import Floats
from skhmmdd.theory._correction import correct_risk
from skhmmdd.theory._kappa import kappa_point
from skhmmdd.theory._result import RiskResult, make_result
from skhmmdd.theory._validation import check_alpha, check_n_samples, decompose_task


def spectral_risk(
    eigenvalues,
    multiplicities,
    signal,
    noise_var,
    n_samples,
    alpha,
    finite_sample,
):
    """Bias and variance at one point, from the spectrum; nothing is checked.

    `signal[i]` is the squared length of the coefficients in the eigenspace of
    `eigenvalues[i]`, which has dimension `multiplicities[i]`.
    """
    keep = (eigenvalues > 0) & (multiplicities > 0)
    eigenvalues, multiplicities = eigenvalues[keep], multiplicities[keep]
    signal = signal[keep]
    point = kappa_point(eigenvalues, multiplicities, n_samples, alpha)
    if point.spare == 0:
        return 0.0, np.inf if noise_var > 0 else 0.0
    bias = (signal * eigenvalues) @ point.lost**2 * n_samples / point.spare
    variance = multiplicities @ point.kept**2 / point.spare
    if finite_sample:
        bias, variance = correct_risk(
            bias, variance, point, multiplicities, signal, n_samples, alpha
        )
    return bias, noise_var * variance if noise_var > 0 else 0.0


def risk_on_grid(
    eigenvalues: Floats,
    signal: Floats,
    noise_var: float,
    n_samples: Floats,
    alpha: Floats,
    finite_sample: bool,
    fit_intercept: bool,
) -> tuple[Floats, Floats]:
    """Bias and variance, as arrays of the common shape of `n_samples` and `alpha`."""
    n_samples, alpha = np.broadcast_arrays(n_samples, alpha)
    multiplicities = np.ones_like(eigenvalues)
    bias, variance = np.empty(n_samples.shape), np.empty(n_samples.shape)
    for index in np.ndindex(n_samples.shape):
        n = n_samples[index]
        bias[index], variance[index] = spectral_risk(
            eigenvalues,
            multiplicities,
            signal,
            noise_var,
            n - 1 if fit_intercept else n,
            alpha[index],
            finite_sample,
        )
        if fit_intercept:
            bias[index] *= 1 + 1 / n
            variance[index] = variance[index] * (1 + 1 / n) + noise_var / n
    return bias, variance


def ridge_risk(
    cov: ArrayLike,
    coef: ArrayLike,
    noise_var: ArrayLike,
    *,
    n_samples: ArrayLike,
    alpha: ArrayLike = 0.0,
    finite_sample: bool = False,
    fit_intercept: bool = False,
) -> RiskResult:
    r"""Risk of ridge and minimum-norm least squares, for any covariance.

    Parameters
    ----------
    cov : array-like of shape (p, p) or (p,)
        Covariance of the features: symmetric and positive semi-definite. A vector
        is its diagonal (the eigenvalues, in whose basis `coef` is given).

    coef : array-like of shape (p,) or (p, q)
        Coefficients of the best linear head, for one output or for q.

    noise_var : float or array-like of shape (q, q)
        Variance of what the best head leaves, summed over the outputs, in [0, inf);
        or its covariance, of which the trace counts.

    n_samples : float or array-like
        Training samples n; must be in [2, inf).

    alpha : float or array-like, default=0.0
        Ridge penalty, unnormalised: the head minimises
        :math:`\|y - Xb\|^2 + \alpha\|b\|^2`. Must be in [0, inf); 0 is the
        minimum-norm head. Broadcast against `n_samples`.

    finite_sample : bool, default=False
        Correct the limit to the next order in 1/n for Gaussian features (derived here,
        see Notes). Worth having within a factor of two of the threshold.

    fit_intercept : bool, default=False
        Whether the head fits an intercept too, unpenalised. Moves the threshold to
        p = n - 1.

    Returns
    -------
    risk : RiskResult
        `bias`, `variance`, `noise`, `excess` and `total`, each of the broadcast
        shape of `n_samples` and `alpha`; infinite at the threshold.

    Raises
    ------
    ValueError
        If shapes disagree, `cov` or `noise_var` is not symmetric positive
        semi-definite, or an argument is not finite or is below its bound.

    See Also
    --------
    nested_risk : The same along the widths of one fixed task.
    isotropic_risk : Closed form for identity covariance.
    measured_risk : Any features, and noise that depends on them, from a pool.
    gaussian_risk : Exact at finite n, below the threshold.

    Notes
    -----
    The deterministic equivalent. With :math:`\kappa` of :func:`solve_kappa` and
    :math:`\mathrm{df}_2 = \mathrm{tr}\,\Sigma^2(\Sigma+\kappa)^{-2}`,

    .. math::

        \mathrm{bias} = \frac{\kappa^2\,\beta'\Sigma(\Sigma+\kappa)^{-2}\beta}
            {1 - \mathrm{df}_2/n}, \qquad
        \mathrm{variance} = \sigma^2\,\frac{\mathrm{df}_2}{n - \mathrm{df}_2}.

    Assumptions: independent rows :math:`x = \Sigma^{1/2}z` with independent,
    standardised entries of z (or enough like it), noise independent of x, n and the
    rank of comparable size. It is a limit: at finite n it runs below the mean next
    to the threshold (with n = 100, by 5% at p = 1.2 n), and where the mean for
    Gaussian rows is infinite, at p = n - 1, n and n + 1, it is so at p = n alone.

    **Finite-sample correction (derived here).** For Gaussian rows the expected log
    determinant of :math:`XX' + \alpha` exceeds its limit by
    :math:`\tfrac12\log(1 - \mathrm{df}_2/n)` at the next order; bias and variance
    are derivatives of that determinant along :math:`\Sigma`, hence so are their
    corrections. With :math:`x` the relative correction of the variance, the factor
    applied is :math:`1/(1 - x)`, exact where exact results are known: for any
    covariance below the threshold, :math:`p/(n-p-1)`, and for isotropic features
    above, :math:`n/(p-n-1)`. The result is infinite where the mean is. Error of the
    excess risk against simulation (standard error up to 0.15%), minimum-norm head on a
    linear-Gaussian HMM (:func:`linear_gaussian_moments`; n = 100 with 20 states,
    n = 200 with 50, feature noise of standard deviation 0.5; with 1.0 it is the
    same to 0.3%):

    =====  ==============  ==============  ==============  ==============
    p / n  n = 100, limit  n = 100, corr.  n = 200, limit  n = 200, corr.
    =====  ==============  ==============  ==============  ==============
    0.8    -5.1%           -0.1%           -2.5%           0.0%
    1.2    -5.0%           0.0%            -2.6%           -0.1%
    1.5    -2.1%           0.0%            -1.1%           0.0%
    2      -1.2%           0.0%            -0.7%           -0.1%
    4      -0.6%           +0.1%           -0.4%           0.0%
    16     -1.0%           -0.1%           -0.4%           0.0%
    =====  ==============  ==============  ==============  ==============

    On other spectra (isotropic, spiked, power law, geometric, two scales; n = 40,
    `alpha` 0, 1 and 30), more than 20% below or 30% above the threshold, it is within
    2%, and within 0.5% from n = 100 on; the limit is off by up to 14% and 5%. Entries
    that are not Gaussian have corrections of their own: at n = 40 it is off by up to
    7% for uniform ones and for signs, by 8% for Student's t with 5 degrees of
    freedom; at n = 300 by 1.3% and 2.4%. The expansion breaks down
    where a small positive `alpha` meets the threshold, and where a gap in the
    spectrum makes one of its own: each correction is held to a factor between 1/2
    and 2, which none of the exact results exceeds.

    **Intercept.** For Gaussian rows exact, given the risk without one: centring
    leaves n - 1 rows, and the mean of the training set adds 1/n,
    :math:`R = (1 + 1/n) R_{n-1} + \sigma^2/n`.

    References
    ----------
    Hastie, Montanari, Rosset and Tibshirani, arXiv:1903.08560. Cheng and
    Montanari, arXiv:2210.08571. The correction was derived here.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.theory import ridge_risk
    >>> coef = np.full(200, 200**-0.5)
    >>> risk = ridge_risk(np.eye(200), coef, 0.5, n_samples=100)
    >>> round(risk.bias, 6), round(risk.variance, 6), round(risk.total, 6)
    (0.5, 0.5, 1.5)

    The peak, and how a penalty removes it:

    >>> risk = ridge_risk(np.ones(200), coef, 0.5, n_samples=[150, 200], alpha=0)
    >>> risk.total.round(2)
    array([2.25,  inf])
    >>> round(ridge_risk(np.ones(200), coef, 0.5, n_samples=200, alpha=100.0).total, 2)
    1.0
    """
    eigenvalues, signal, noise_var = decompose_task(cov, coef, noise_var)
    bias, variance = risk_on_grid(
        eigenvalues,
        signal,
        noise_var,
        check_n_samples(n_samples),
        check_alpha(alpha),
        finite_sample,
        fit_intercept,
    )
    return make_result(bias, variance, noise_var)
