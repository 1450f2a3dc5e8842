"""Leave-one-out and generalised cross-validation, without refitting."""

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import FloatOrFloats, Floats
from skhmmdd.theory._svd import DesignSVD
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
        If shapes disagree or an argument is not finite or below its bound.

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
    :math:`XX'` of the centred rows is singular, and this form (ours) works on the
    n - 1 contrasts. It equals refitting, as long as no refit without a row changes
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
    residual, slack = _residual_and_slack(X, y, alpha, fit_intercept, rcond)
    return unwrap(np.mean((residual / slack[..., None]) ** 2, axis=-2).sum(axis=-1))


def gcv_risk(
    X: ArrayLike,
    y: ArrayLike,
    *,
    alpha: ArrayLike = 0.0,
    fit_intercept: bool = True,
    rcond: float | None = None,
) -> FloatOrFloats:
    r"""Generalised cross-validation of ridge and minimum-norm heads.

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
        If shapes disagree or an argument is not finite or below its bound.

    See Also
    --------
    loo_risk : Exact leave-one-out.

    Notes
    -----
    With the residuals and slacks of :func:`loo_risk`,

    .. math::

        \mathrm{GCV} = \frac{\frac1n\sum_i \mathrm{residual}_i^2}
            {\big(\frac1n\sum_i \mathrm{slack}_i\big)^2};

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
    residual, slack = _residual_and_slack(
        X, y, alpha, fit_intercept, rcond, limit_by_row=False
    )
    errors = np.mean(residual**2, axis=-2).sum(axis=-1)
    return unwrap(errors / np.mean(slack, axis=-1) ** 2)


def _residual_and_slack(
    X: ArrayLike,
    y: ArrayLike,
    alpha: ArrayLike,
    fit_intercept: bool,
    rcond: float | None,
    limit_by_row: bool = True,
) -> tuple[Floats, Floats]:
    """Residuals (..., n, q) and slacks (..., n), one leading axis entry per alpha.

    In the limit alpha -> 0 both are divided by alpha where both vanish: row by row,
    or only where all of them do.
    """
    design = DesignSVD(X, fit_intercept, rcond)
    y, _ = design.check_target(y)
    alpha = check_alpha(alpha)
    u, s = design.u, design.s
    c = u.T @ y
    fitted = design.slack == 0
    unfitted = np.where(fitted[:, None], 0.0, y - u @ c)

    residual = np.empty((*alpha.shape, *y.shape))
    slack = np.empty((*alpha.shape, design.n_samples))
    for index in np.ndindex(alpha.shape):
        weights = alpha[index] / (s**2 + alpha[index])
        residual[index] = unfitted + (u * weights) @ c
        slack[index] = design.slack + u**2 @ weights
        if alpha[index] == 0:
            limit = fitted if limit_by_row else np.full_like(fitted, fitted.all())
            residual[index][limit] = (u[limit] / s**2) @ c
            slack[index][limit] = u[limit] ** 2 @ (1.0 / s**2)
    return residual, slack
