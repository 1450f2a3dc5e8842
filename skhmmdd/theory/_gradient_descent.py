"""Gradient descent on the head, at every epoch from one SVD."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import FloatOrFloats, Floats
from skhmmdd.heads.solvers._filters import descent_filter, stable_learning_rate
from skhmmdd.heads.solvers._magnitude import check_magnitude
from skhmmdd.theory._drawn_data import decompose_drawn
from skhmmdd.theory._validation import check_array, check_real, unwrap


def gradient_descent_filter(
    singular_values: ArrayLike,
    n_steps: ArrayLike,
    *,
    learning_rate: float | None = None,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> Floats:
    r"""Filter that gradient descent applies to each singular direction.

    Parameters
    ----------
    singular_values : array-like of shape (r,)
        Singular values of the design; must be in [0, inf).

    n_steps : int, float or array-like of shape (n_times,)
        Numbers of steps t; must be whole numbers in [0, inf], infinity included.

    learning_rate : float, default=None
        Step size :math:`\eta`; must be positive and below :math:`2/s_{\max}^2` (with
        momentum: the bounds of the Notes), beyond which descent diverges. None:
        :math:`1/s_{\max}^2`.

    momentum : float, default=0.0
        Share :math:`\mu` of the last step that is repeated; must be in [0, 1).

    nesterov : bool, default=False
        Whether the gradient is taken where the momentum leads (Nesterov), and not where
        descent stands (heavy ball).

    Returns
    -------
    filter : ndarray of shape (r,) or (n_times, r)
        Factor by which direction r maps :math:`u_r'y` to the coefficient along
        :math:`v_r`.

    Raises
    ------
    ValueError
        If an argument is out of bounds, or all singular values are 0.

    Notes
    -----
    Descent on :math:`\tfrac12\|y - Xb\|^2` from b = 0,
    :math:`b_{t+1} = b_t + \eta X'(y - Xb_t)`, has after t steps exactly (derived here)

    .. math:: \frac{1 - (1 - \eta s_r^2)^t}{s_r}

    on direction r. It grows to :math:`1/s_r`, the minimum-norm head, small singular
    values last: early stopping lowers the peak, and the peak grows with the number
    of epochs.

    With momentum, what is left of direction r, :math:`\rho_t` for
    :math:`(1 - \eta s_r^2)^t`, obeys from :math:`\rho_0 = \rho_{-1} = 1`

    .. math::

        \rho_{t+1} &= (1 + \mu - \eta s_r^2)\rho_t - \mu\rho_{t-1}
            && \text{(heavy ball, } \eta s_{\max}^2 < 2 + 2\mu), \\
        \rho_{t+1} &= (1 - \eta s_r^2)\big((1 + \mu)\rho_t - \mu\rho_{t-1}\big)
            && \text{(Nesterov, } \eta s_{\max}^2 < (2 + 2\mu)/(1 + 2\mu)),

    evaluated by binary powers of the 2 x 2 companion matrix: the price of t steps is of
    the order of log t, for all directions and step counts at once.

    References
    ----------
    Liu and Flanigan, arXiv:2312.03951, for the role of the optimizer.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.theory import gradient_descent_filter
    >>> gradient_descent_filter([1.0, 0.1], [1, 10, np.inf], learning_rate=0.5).round(4)
    array([[ 0.5   ,  0.05  ],
           [ 0.999 ,  0.4889],
           [ 1.    , 10.    ]])
    """
    s = check_array(singular_values, "singular_values", ndim=(1,))
    check_real(s, "singular_values")
    check_magnitude(s, "singular_values", (1e-150, 1e150))
    n_steps = check_real(n_steps, "n_steps", allow_inf=True)
    if n_steps.ndim > 1:
        raise ValueError(
            f"n_steps must be a scalar or a vector; got shape {n_steps.shape}."
        )
    if np.any(n_steps[np.isfinite(n_steps)] % 1):
        raise ValueError(f"n_steps must be whole numbers; got {n_steps}.")
    if s.max() == 0:
        raise ValueError("singular_values must not all be 0.")
    momentum = float(check_real(momentum, "momentum"))
    if momentum >= 1:
        raise ValueError(f"momentum must be in [0, 1); got {momentum}.")
    if learning_rate is not None:
        learning_rate = float(
            check_real(learning_rate, "learning_rate", low_closed=False)
        )
    learning_rate = stable_learning_rate(
        learning_rate, float(s.max()), momentum, nesterov
    )
    positive = s > 0
    result = np.zeros((*n_steps.shape, s.size))
    result[..., positive] = descent_filter(
        s[positive], n_steps, learning_rate, momentum, nesterov
    ).gains
    return result


def gradient_descent_coef(
    X: ArrayLike,
    y: ArrayLike,
    n_steps: ArrayLike,
    *,
    learning_rate: float | None = None,
    fit_intercept: bool = True,
    rcond: float | None = None,
) -> tuple[Floats, FloatOrFloats]:
    """Coefficients of the head after given numbers of gradient steps.

    Parameters
    ----------
    X : array-like of shape (n, p)
        Features.

    y : array-like of shape (n,) or (n, q)
        Targets.

    n_steps : int, float or array-like of shape (n_times,)
        Numbers of steps; must be in [0, inf]. Infinity is the minimum-norm head.

    learning_rate : float, default=None
        As in :func:`gradient_descent_filter`.

    fit_intercept : bool, default=True
        Whether an intercept is fitted, in closed form, at every step: descent then
        runs on centred data.

    rcond : float, default=None
        Singular values up to this share of the largest count as zero. None: machine
        precision times the larger of n and p.

    Returns
    -------
    coef : ndarray of shape (p,) or (p, q)
        With one leading axis of n_times if `n_steps` is a vector.

    intercept : float or ndarray
        One for each output and time; 0 without an intercept.

    Raises
    ------
    ValueError
        If shapes disagree or an argument is out of bounds.

    See Also
    --------
    gradient_descent_filter : The formula.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.theory import gradient_descent_coef
    >>> X = np.array([[1.0, 0.0, 0.0], [0.0, 0.1, 0.0]])
    >>> coef, _ = gradient_descent_coef(
    ...     X, [1.0, 1.0], [1, 100, np.inf], fit_intercept=False
    ... )
    >>> coef.round(2)
    array([[ 1.  ,  0.1 ,  0.  ],
           [ 1.  ,  6.34,  0.  ],
           [ 1.  , 10.  ,  0.  ]])
    """
    spectrum = decompose_drawn(X, y, fit_intercept, rcond)
    n_steps = np.asarray(n_steps, dtype=np.float64)
    gains = np.zeros((*n_steps.shape, 0))
    if spectrum.values.size:
        gains = gradient_descent_filter(
            spectrum.values, n_steps, learning_rate=learning_rate
        )
    coef = spectrum.coef_of(gains[..., None] * spectrum.projections)
    intercept = spectrum.y_mean - spectrum.x_mean @ coef
    if np.ndim(y) == 1:
        return coef[..., 0], unwrap(intercept[..., 0])
    return coef, intercept
