"""The risk at any level of label noise, from one fit."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from skhmmdd._typing import Array, Floats
from skhmmdd.curve.measurement._base_curve import BaseDoubleDescentCurve
from skhmmdd.curve.measurement._risks import is_mean_squared_error, resolve_risks


def risk_at_noise(curve: BaseDoubleDescentCurve, noise_var: ArrayLike) -> Floats:
    """`add_noise` to the labels of a fitted curve.

    ValueError where its heads are not linear in the labels, or were not measured so
    that it can be told.
    """
    risks = resolve_risks(curve.risk, is_classifier(curve.estimator))
    if not is_mean_squared_error(next(iter(risks.values()))):
        raise ValueError(
            "risk_at_noise needs the squared error of a regressor for its primary "
            f"risk; got risk={curve.risk!r}."
        )
    effective = curve.effective_parameters_
    if effective is None:
        raise ValueError(
            "risk_at_noise needs effective_parameters_: fit with diagnostics=True, "
            "without sample weights, and with a HeadRegressor for the last step."
        )
    params = curve.estimator.get_params()
    values = [*params.items(), *((curve.param_name, one) for one in curve.param_range_)]
    for name, value in values:
        is_penalty = name.rpartition("__")[2] == "alpha"
        if is_penalty and isinstance(value, str) and value in ("loo", "evidence"):
            raise ValueError(
                "risk_at_noise needs a penalty that does not depend on the labels; got "
                f"alpha={value!r}."
            )
    return add_noise(curve.test_risk_, effective.test, curve._n_train, noise_var)


def add_noise(
    risk: Floats, effective: Floats, n_train: Array, noise_var: ArrayLike
) -> Floats:
    r"""Expected risk of a linear head after label noise is added to its training set.

    A head predicts :math:`\hat y = Sy`. With noise e added to the labels its squared
    error, averaged over e and -e, is that without noise plus :math:`\|Se\|^2/n_{test}`,
    exactly: what is linear in e drops out. Over independent noise of variance
    :math:`\sigma^2` the mean of that is :math:`\sigma^2 p_e/n`, for :math:`p_e` the
    effective parameters on the test rows. Derived here.

    Parameters
    ----------
    risk : ndarray of shape (n_complexities, n_splits)
        Mean squared error on the test rows.
    effective : ndarray of shape (n_complexities, n_splits)
        Effective parameters on the test rows.
    n_train : ndarray of shape (n_splits,)
        Training samples.
    noise_var : float or array-like of shape (n_levels,)
        Variance of the noise of each output, in [0, inf).

    Returns
    -------
    ndarray of shape (n_complexities, n_splits) or (n_levels, n_complexities, n_splits)

    Raises
    ------
    ValueError
        If `noise_var` is out of its range.

    Examples
    --------
    Effective parameters of 50 on 100 samples: half the noise comes through.

    >>> import numpy as np
    >>> add_noise(np.array([[2.0]]), np.array([[50.0]]), np.array([100]), 3.0)
    array([[3.5]])
    """
    noise_var = np.asarray(noise_var, dtype=np.float64)
    bad = ~((noise_var >= 0) & np.isfinite(noise_var))
    if noise_var.ndim > 1 or bad.any():
        raise ValueError(
            "noise_var must be in [0, inf), a number or a vector of them; got "
            f"{noise_var!r}."
        )
    return risk + noise_var[..., None, None] * (effective / n_train)
