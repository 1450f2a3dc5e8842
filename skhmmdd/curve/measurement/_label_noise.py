"""The risk at any level of label noise, from one fit."""

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import Array, Floats


def risk_at_noise(
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
    >>> risk_at_noise(np.array([[2.0]]), np.array([[50.0]]), np.array([100]), 3.0)
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


def penalty_from_labels(estimator, param_range):
    """Whether any parameter says that a penalty is chosen by leave-one-out.

    Parameters
    ----------
    estimator : estimator
    param_range : sequence
        Values that a parameter takes along the curve.

    Returns
    -------
    bool
    """
    values = [*estimator.get_params().values(), *param_range]
    return any(isinstance(value, str) and value == "loo" for value in values)
