"""What a head keeps of each singular direction: its filter.

A head is the sum over r of ``gain(s_r) * (u_r'y) * v_r``; the functions here give the
gains of one setting a row.
"""

from typing import NamedTuple, Protocol

import numpy as np

from skhmmdd._typing import Floats


class Filter(Protocol):
    """What every filter tells, of n_settings settings and r singular directions."""

    @property
    def gains(self) -> Floats:
        """From U'y to the coefficients along V, shape (n_settings, r)."""
        ...

    @property
    def kept(self) -> Floats:
        """gains * s, shape (n_settings, r): the share of the targets that is fitted."""
        ...

    @property
    def lost(self) -> Floats:
        """1 - kept, shape (n_settings, r), without cancellation."""
        ...


class RidgeFilter(NamedTuple):
    """Pieces of the ridge filter, free of overflow and of division by zero."""

    scale: np.ndarray
    """What singular values are divided by, shape (n_alphas, 1)."""
    scaled: np.ndarray
    """Singular values over `scale`, shape (n_alphas, r)."""
    penalty: np.ndarray
    """Penalties over the squares of `scale`, shape (n_alphas, 1)."""
    inverse: np.ndarray
    """1 / (scaled^2 + penalty), shape (n_alphas, r)."""

    @property
    def gains(self) -> Floats:
        """s / (s^2 + alpha), shape (n_alphas, r)."""
        return self.scaled * self.inverse / self.scale

    @property
    def kept(self) -> Floats:
        """s^2 / (s^2 + alpha), shape (n_alphas, r)."""
        return self.scaled**2 * self.inverse

    @property
    def lost(self) -> Floats:
        """alpha / (s^2 + alpha), shape (n_alphas, r)."""
        return self.penalty * self.inverse


def ridge_filter(values: Floats, alpha: Floats) -> RidgeFilter:
    """The filter of ridge, and of the minimum norm at a penalty of zero.

    Parameters
    ----------
    values : ndarray of shape (r,)
        Positive singular values.
    alpha : ndarray of shape (n_alphas,)
        Penalties, in [0, inf]. An infinite one leaves nothing.
    """
    root = np.sqrt(alpha)[:, None]
    scale = np.maximum(root, values.max(initial=0.0))
    scale[scale == 0.0] = 1.0
    with np.errstate(invalid="ignore"):  # infinity over itself
        scaled, penalty = values / scale, (root / scale) ** 2
    penalty[np.isinf(root)] = 1.0
    return RidgeFilter(scale, scaled, penalty, 1.0 / (scaled**2 + penalty))


class DescentFilter(NamedTuple):
    """The filter of gradient descent from zero, at several numbers of steps."""

    values: np.ndarray
    """Singular values, shape (r,)."""
    kept: np.ndarray
    """1 - rho_t, shape (..., r), rho_t being the residual polynomial."""
    lost: np.ndarray
    """rho_t, shape (..., r); with momentum to the rounding of 1."""

    @property
    def gains(self) -> Floats:
        """(1 - rho_t) / s, shape (..., r)."""
        return self.kept / self.values


def descent_filter(
    values: Floats,
    n_steps: Floats,
    learning_rate: float,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> DescentFilter:
    """The filter of gradient descent on half the squared error, after t steps.

    Without momentum the residual polynomial rho_t is (1 - rate s^2)^t.

    Parameters
    ----------
    values : ndarray of shape (r,)
        Positive singular values.
    n_steps : ndarray of shape (...,)
        Whole numbers, or infinity.
    learning_rate : float
        Below the bound of stability.
    momentum : float, default=0.0
        Of the heavy ball, in [0, 1).
    nesterov : bool, default=False
        Whether the momentum is Nesterov's.
    """
    step = learning_rate * values**2
    ended = np.isinf(n_steps)[..., None]
    times = np.where(np.isinf(n_steps), 0.0, n_steps)
    if momentum:
        kept = _done_with_momentum(step, times, momentum, nesterov)
        lost = 1.0 - kept
    else:
        times = times[..., None]
        # by log1p, because 1 - step rounds to 1 for small singular values
        small = step < 0.5
        exponent = times * np.log1p(-np.where(small, step, 0.0))
        power = (1.0 - step) ** times
        lost = np.where(small, np.exp(exponent), power)
        kept = np.where(small, -np.expm1(exponent), 1.0 - power)
    return DescentFilter(values, np.where(ended, 1.0, kept), np.where(ended, 0.0, lost))


def stable_learning_rate(
    learning_rate: float | None,
    largest: float,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> float:
    """A step size of gradient descent that converges.

    With step = rate s^2, the companion matrix of the residual recursion has its roots
    inside the unit circle where 0 < step < 2 (1 + mu) for the heavy ball, and where
    0 < step < 2 (1 + mu) / (1 + 2 mu) for Nesterov's momentum.

    Parameters
    ----------
    learning_rate : float or None
        Positive. None: 1 / largest^2, which converges with every momentum.
    largest : float
        The largest singular value, positive.
    momentum : float, default=0.0
        In [0, 1).
    nesterov : bool, default=False

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If descent would diverge; names the bound.
    """
    if learning_rate is None:
        return 1.0 / largest**2
    limit, formula = 2.0, "2"
    if momentum and nesterov:
        limit = 2.0 * (1.0 + momentum) / (1.0 + 2.0 * momentum)
        formula = "2*(1 + momentum)/(1 + 2*momentum)"
    elif momentum:
        limit, formula = 2.0 * (1.0 + momentum), "2*(1 + momentum)"
    if learning_rate >= limit / largest**2:
        raise ValueError(
            f"learning_rate must be in (0, {formula}/max(singular_values)**2 = "
            f"{limit / largest**2:.6g}); got {learning_rate}."
        )
    return learning_rate


def _done_with_momentum(
    step: Floats, n_steps: Floats, momentum: float, nesterov: bool
) -> Floats:
    """1 less the residual polynomial after finite steps, (*n_steps.shape, r).

    With what is left and its last change, (rho, delta), for the state, one step is the
    matrix I + A, A = [[-step, pull], [-step, pull - 1]]. Powers are carried without
    their identity, (I + A)(I + B) - I = A + B + AB: small steps are not rounded away.
    """
    pull = momentum * (1.0 - step) if nesterov else np.full_like(step, momentum)
    a, b, c, d = -step, pull, -step, pull - 1.0
    left = n_steps
    # the first row of the power that is put together, for every number of steps
    first = np.zeros((*n_steps.shape, step.size))
    second = np.zeros_like(first)
    while left.any():
        odd = left % 2 == 1
        one, two = first[odd], second[odd]
        first[odd] = one + (a + one * a + two * c)
        second[odd] = two + (b + one * b + two * d)
        a, b, c, d = (
            2 * a + a * a + b * c,
            2 * b + a * b + b * d,
            2 * c + c * a + d * c,
            2 * d + c * b + d * d,
        )
        left = left // 2
    return -first
