"""Leave-one-out and generalized cross-validation, without refitting."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import FloatOrFloats
from skhmmdd.heads.solvers._leave_one_out import (
    generalized_cross_validation,
    leave_one_out_risk,
)
from skhmmdd.theory._drawn_data import decompose_drawn
from skhmmdd.theory._validation import check_alpha, unwrap


def loo_risk(
    X: ArrayLike,
    y: ArrayLike,
    *,
    alpha: ArrayLike = 0.0,
    fit_intercept: bool = True,
    rcond: float | None = None,
) -> FloatOrFloats:
    r"""Exact leave-one-out risk of ridge and minimum-norm heads.

    Parameters
    ----------
    X : array-like of shape (n, p)
        Features; n must be at least 2.

    y : array-like of shape (n,) or (n, q)
        Targets.

    alpha : float or array-like, default=0.0
        Ridge penalty, unnormalised; must be in [0, inf). 0 is the minimum-norm head.

    fit_intercept : bool, default=True
        Whether the head fits an unpenalised intercept.

    rcond : float, default=None
        Singular values up to this share of the largest count as zero. None: machine
        precision times the larger of n and p.

    Returns
    -------
    risk : float or ndarray
        Mean over the samples of the squared error (summed over the outputs) of the
        head fitted to all the others; of the shape of `alpha`. An estimate of the
        total risk.

    Raises
    ------
    ValueError
        If shapes disagree or an argument is not finite or out of bounds: the largest
        absolute value must be 0 or in [1e-200, 1e200] for `X`, in [1e-100, 1e100] for
        `y`.

    See Also
    --------
    gcv_risk : Its rotation-invariant relative.

    Notes
    -----
    With U, s the singular vectors and values of the design (centred if there is an
    intercept), c = U'y, and :math:`e^\perp_i`, :math:`d^\perp_i` what the span of the
    design (and of the constant) leaves of :math:`y_i` and of the i-th unit vector,

    .. math::

        \mathrm{LOO} = \frac1n\sum_i \left(\frac
            {e^\perp_i + \sum_r \frac{\alpha}{s_r^2+\alpha} u_{ir}c_r}
            {d^\perp_i + \sum_r \frac{\alpha}{s_r^2+\alpha} u_{ir}^2}\right)^2 .

    Where :math:`\alpha = 0` and :math:`d^\perp_i = 0` the limit is taken: the two
    weights become :math:`1/s_r^2`. Without an intercept and with p > n that is
    :math:`a_i/G_{ii}`, for :math:`G = (XX')^{-1}` and a = Gy; with an intercept
    :math:`XX'` of the centred rows is singular, and this form (derived here) works on
    the n - 1 contrasts. It equals refitting, as long as no refit without a row changes
    the numerical rank in a way that `rcond` cannot tell.

    References
    ----------
    Hastie, Montanari, Rosset and Tibshirani, arXiv:1903.08560.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.theory import loo_risk
    >>> X = np.array([[0.0], [1.0], [2.0], [4.0]])
    >>> round(loo_risk(X, [0.0, 1.0, 2.0, 4.5], fit_intercept=False), 4)
    0.0788
    """
    return _sum_over_outputs(leave_one_out_risk, X, y, alpha, fit_intercept, rcond)


def gcv_risk(
    X: ArrayLike,
    y: ArrayLike,
    *,
    alpha: ArrayLike = 0.0,
    fit_intercept: bool = True,
    rcond: float | None = None,
) -> FloatOrFloats:
    r"""Generalized cross-validation of ridge and minimum-norm heads.

    Parameters
    ----------
    X : array-like of shape (n, p)
        Features; n must be at least 2.

    y : array-like of shape (n,) or (n, q)
        Targets.

    alpha : float or array-like, default=0.0
        Ridge penalty, unnormalised; must be in [0, inf). 0 is the minimum-norm head.

    fit_intercept : bool, default=True
        Whether the head fits an unpenalised intercept.

    rcond : float, default=None
        Singular values up to this share of the largest count as zero. None: machine
        precision times the larger of n and p.

    Returns
    -------
    risk : float or ndarray
        Estimate of the total risk, summed over the outputs, of the shape of `alpha`.

    Raises
    ------
    ValueError
        If shapes disagree or an argument is not finite or out of bounds: the largest
        absolute value must be 0 or in [1e-200, 1e200] for `X`, in [1e-100, 1e100] for
        `y`.

    See Also
    --------
    loo_risk : Exact leave-one-out.

    Notes
    -----
    With the numerators and denominators of :func:`loo_risk`,

    .. math::

        \mathrm{GCV} = \frac{\frac1n\sum_i \mathrm{numerator}_i^2}
            {\big(\frac1n\sum_i \mathrm{denominator}_i\big)^2};

    where the head interpolates, its limit as :math:`\alpha \to 0`: without an
    intercept :math:`\overline{a^2}/\overline{G_{ii}}^2`.

    References
    ----------
    Hastie, Montanari, Rosset and Tibshirani, arXiv:1903.08560.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.theory import gcv_risk
    >>> rng = np.random.RandomState(0)
    >>> X, y = rng.randn(40, 10), rng.randn(40)
    >>> gcv_risk(X, y, alpha=[0.0, 10.0, 1e9]).round(3)
    array([1.337, 1.15 , 1.014])
    """
    return _sum_over_outputs(
        generalized_cross_validation, X, y, alpha, fit_intercept, rcond
    )


def _sum_over_outputs(risk, X, y, alpha, fit_intercept, rcond):
    """A mean over outputs at every penalty, times their number."""
    spectrum, alpha = decompose_drawn(X, y, fit_intercept, rcond), check_alpha(alpha)
    risks = np.array([risk(spectrum, one) for one in alpha.ravel()])
    return unwrap(risks.reshape(alpha.shape) * spectrum.projections.shape[1])
