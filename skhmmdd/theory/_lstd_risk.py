"""Risk of the value head on random features of a Markov reward process."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from skhmmdd._typing import FloatOrFloats, Floats, Ints
from skhmmdd.theory._kappa import kappa_at
from skhmmdd.theory._validation import (
    check_alpha,
    check_array,
    check_real,
    check_symmetric,
    clip_eigenvalues,
    unwrap,
)

# Eigenvalues up to this share of the largest are rounding.
_ROUNDING = 1e-12


class LSTDRisk(NamedTuple):
    """Expected errors of a value head, over the draws of its features.

    The fields are floats, or arrays of one shape.

    Attributes
    ----------
    empirical : float or ndarray
        Empirical mean squared Bellman error: of the values that were learned, on the
        transitions they were learned from.
    true : float or ndarray
        Mean squared Bellman error over all states, with the true transitions.
    value : float or ndarray
        Mean squared error of the values themselves.
    """

    empirical: FloatOrFloats
    true: FloatOrFloats
    value: FloatOrFloats


def lstd_risk(
    kernel: ArrayLike,
    transmat: ArrayLike,
    rewards: ArrayLike,
    states: ArrayLike,
    next_states: ArrayLike,
    *,
    n_features: ArrayLike,
    discount: float,
    alpha: ArrayLike = 0.0,
    weights: ArrayLike | None = None,
) -> LSTDRisk:
    r"""Bellman errors of the value head on random features, at every width.

    The transitions are given, and the features are random: N independent Gaussian ones,
    of one covariance over the states.

    Parameters
    ----------
    kernel : array-like of shape (n_states, n_states)
        Covariance K of a feature over the states.

    transmat : array-like of shape (n_states, n_states)
        Transition matrix P; rows sum to 1.

    rewards : array-like of shape (n_states,)
        Reward of each state, paid when it is left.

    states, next_states : array-like of int of shape (n_transitions,)
        The transitions learned from: states that were left, and that were reached.

    n_features : float or array-like
        Width N; must be in [1, inf).

    discount : float
        :math:`\gamma`; must be in [0, 1).

    alpha : float or array-like, default=0.0
        Penalty of the head, unnormalised; must be in [0, inf). Broadcast against
        `n_features`.

    weights : array-like of shape (n_states,), default=None
        Weights of the states in `true` and `value`; must be in [0, inf), and are
        divided by their sum. None: the stationary distribution of `transmat`.

    Returns
    -------
    risk : LSTDRisk
        Of the broadcast shape. At `alpha=0`, where N is the number of different states
        that were left, an error is infinite if it depends on any other state.

    Raises
    ------
    ValueError
        If shapes disagree, an argument is not finite or is out of its range, `kernel`
        is not symmetric positive semi-definite or is singular among the states that
        were left, rows of `transmat` do not sum to 1, or an eigenvalue of AK (below)
        has a negative real part, for which there is no such limit.

    See Also
    --------
    skhmmdd.LSTDHead : The head.
    skhmmdd.datasets.make_markov_reward_process : A task, with all these arguments.
    solve_kappa : The same equation, of ridge regression.

    Notes
    -----
    The limits of Brellmann et al. for N and the number of visited states growing
    together, in a form that was derived here. U and V have a row for each state that
    was left or reached, and a column for each transition: one-hot, of the state that it
    leaves (U) and reaches (V). With :math:`M = U - \gamma V`, :math:`A = UM'` and K
    among those states, :math:`\kappa` solves

    .. math:: N = \frac{\alpha}{\kappa} + \operatorname{tr} AK(AK + \kappa)^{-1},

    which is the equation of :func:`solve_kappa` with features in place of samples, and
    a matrix that is not symmetric. With r the rewards on the way, and :math:`K_S` the
    covariances of all states with those that were visited, the values over all draws of
    the features have mean and covariance

    .. math::

        \bar v = K_S h, \quad h = (AK + \kappa)^{-1} U r, \qquad
        \frac{h'Kh}{N d}\, LKL', \quad
        d = 1 - \tfrac1N \operatorname{tr} KWKW', \quad
        W = (AK + \kappa)^{-1} A, \quad L = I - K_S W R,

    where R restricts to the visited states. The errors follow: `true` is the mean
    square of :math:`\bar r + (\gamma P - I)v`, `value` of
    :math:`v - (I - \gamma P)^{-1}\bar r`, `empirical` of :math:`r - M'v` over the
    transitions.

    The threshold is at the number of states that were left: beyond it, at
    :math:`\alpha = 0`, :math:`\kappa = 0` and L vanishes on those states. Their values
    are the same for all features then, and where all states have been left there is no
    peak.

    References
    ----------
    Brellmann, Berthier, Filliat and Frehse, "On Double Descent in Reinforcement
    Learning with LSTD and Random Features", ICLR 2024. arXiv:2310.05518.

    Examples
    --------
    >>> from skhmmdd.datasets import make_markov_reward_process
    >>> from skhmmdd.theory import lstd_risk
    >>> *_, truth = make_markov_reward_process(random_state=0)
    >>> risk = lstd_risk(
    ...     truth.kernel, truth.transmat, truth.state_rewards, truth.states[:-1],
    ...     truth.states[1:], n_features=[10, 49, 600], discount=truth.discount,
    ...     alpha=0.05,
    ... )
    >>> risk.true.round(2)
    array([1.13, 8.17, 0.86])
    """
    task = _check_task(
        kernel, transmat, rewards, states, next_states, discount, weights
    )
    n_features, alpha = np.broadcast_arrays(
        check_real(n_features, "n_features", low=1.0), check_alpha(alpha)
    )
    limits = _Limits(*task)
    errors = np.empty((3, *n_features.shape))
    for index in np.ndindex(n_features.shape):
        errors[:, *index] = limits.at(n_features[index], alpha[index])
    return LSTDRisk(*(unwrap(error) for error in errors))


def stationary_distribution(transmat: Floats) -> Floats:
    """The distribution that a chain keeps; ValueError where there are several."""
    n = len(transmat)
    equations = np.vstack([transmat.T - np.eye(n), np.ones(n)])
    weights, _, rank, _ = linalg.lstsq(equations, np.append(np.zeros(n), 1.0))
    if rank < n:
        raise ValueError(
            "transmat has more than one stationary distribution; give weights."
        )
    return np.maximum(weights, 0.0)


def _check_task(
    kernel: ArrayLike,
    transmat: ArrayLike,
    rewards: ArrayLike,
    states: ArrayLike,
    next_states: ArrayLike,
    discount: float,
    weights: ArrayLike | None,
) -> tuple[Floats, Floats, Floats, Ints, Ints, float, Floats]:
    """What `_Limits` takes, or ValueError."""
    kernel = check_symmetric(check_array(kernel, "kernel", ndim=(2,)), "kernel")
    clip_eigenvalues(np.linalg.eigvalsh(kernel), "kernel")
    n = len(kernel)
    transmat = check_array(transmat, "transmat", ndim=(2,))
    rewards = check_array(rewards, "rewards", ndim=(1,))
    if weights is not None:
        weights = check_real(check_array(weights, "weights", ndim=(1,)), "weights")
    for name, array, shape in (
        ("transmat", transmat, (n, n)),
        ("rewards", rewards, (n,)),
        ("weights", weights, (n,)),
    ):
        if array is not None and array.shape != shape:
            raise ValueError(
                f"{name} must have shape {shape}, as kernel has {n} states; got shape "
                f"{array.shape}."
            )
    check_real(transmat, "transmat")
    sums = transmat.sum(axis=1)
    if np.abs(sums - 1.0).max() > 1e-8:
        worst = int(np.abs(sums - 1.0).argmax())
        raise ValueError(
            f"Rows of transmat must sum to 1; row {worst} sums to {sums[worst]:g}."
        )
    states = _check_states(states, "states", n)
    next_states = _check_states(next_states, "next_states", n)
    if len(states) != len(next_states):
        raise ValueError(
            "states and next_states must have one entry for each transition; got "
            f"{len(states)} and {len(next_states)}."
        )
    rate = check_real(discount, "discount")
    if rate.ndim or rate >= 1:
        raise ValueError(f"discount must be in [0, 1); got {discount!r}.")
    if weights is None:
        weights = stationary_distribution(transmat)
    if not weights.any():
        raise ValueError("weights must be positive for some state; got only zeros.")
    weights = weights / weights.max()
    weights /= weights.sum()
    return kernel, transmat, rewards, states, next_states, float(rate), weights


def _check_states(states, name, n):
    array = np.asarray(states)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be a vector of integers, not empty; got {states!r}."
        )
    if array.min() < 0 or array.max() >= n:
        raise ValueError(
            f"{name} must be in [0, {n - 1}]; got {array.min()} to {array.max()}."
        )
    return array


class _Limits:
    """What all widths and penalties of a task have in common."""

    def __init__(
        self, kernel, transmat, rewards, states, next_states, discount, weights
    ):
        # 1. Only states that were left have a row in A: `left` first, then the others.
        left = np.unique(states)
        visited = np.append(left, np.setdiff1d(next_states, left))
        place = np.zeros(len(kernel), dtype=np.intp)
        place[visited] = np.arange(len(visited))
        here, there = place[states], place[next_states]
        A = np.zeros((len(left), len(visited)))
        np.add.at(A, (here, here), 1.0)
        np.add.at(A, (here, there), -discount)
        self.A = A
        self.AK = A @ kernel[np.ix_(visited, left)]
        self.left_kernel = kernel[np.ix_(left, left)]
        self.kernel, self.visited, self.left = kernel, visited, left
        # 2. Eigenvalues of AK, on which kappa depends alone
        self.eigenvalues = linalg.eigvals(self.AK)
        size = np.abs(self.eigenvalues)
        if self.eigenvalues.real.min() < -_ROUNDING * size.max():
            raise ValueError(
                "states and next_states have a Bellman operator with an eigenvalue of "
                f"negative real part ({self.eigenvalues.real.min():.3g}): there is no "
                "limit. Transitions of a long walk have none."
            )
        if size.min() <= _ROUNDING * size.max():
            raise ValueError(
                "kernel must be positive definite among the states that were left; "
                "with the transitions between them it is singular."
            )
        # 3. What is learned from and held against
        self.seen = np.bincount(here, rewards[states], len(left))
        self.states, self.next_states = states, next_states
        self.rewards, self.discount, self.weights = rewards, discount, weights
        self.bellman = discount * transmat - np.eye(len(kernel))
        self.truth = linalg.solve(-self.bellman, rewards)

    def at(self, n_features, alpha):
        """The three errors at one width and penalty."""
        gamma, rank = self.discount, len(self.eigenvalues)
        kappa = kappa_at(self.eigenvalues, np.ones(rank), n_features, alpha)
        # 1. h and W, from (AK + kappa) X = (U r, A)
        shifted = self.AK + kappa * np.eye(rank)
        solved = linalg.solve(shifted, np.column_stack([self.seen, self.A]))
        h, W = solved[:, 0], solved[:, 1:]
        # 2. Mean of the values, and their covariance by its scale and its shape
        to_left = self.kernel[:, self.left]
        mean = to_left @ h
        inner = self.kernel[np.ix_(self.visited, self.visited)]
        d = 1.0 - np.trace(self.left_kernel @ W @ inner @ W.T) / n_features
        at_threshold = kappa == 0 and n_features == rank
        scale = np.inf if at_threshold else h @ self.left_kernel @ h / (n_features * d)
        L = np.eye(len(self.kernel))
        L[:, self.visited] -= to_left @ W
        if kappa == 0:
            L[self.left] = 0.0  # but for rounding, which the threshold would blow up
        shape = L @ self.kernel @ L.T
        # 3. The errors: of the mean, and of the deviations from it
        here, there, G = self.states, self.next_states, self.bellman
        missed = self.rewards[here] + gamma * mean[there] - mean[here]
        ways = shape[here, here] - 2.0 * gamma * shape[here, there]
        ways += gamma**2 * shape[there, there]
        over_states = np.array(
            [
                [(self.rewards + G @ mean) ** 2, ((G @ shape) * G).sum(axis=1)],
                [(mean - self.truth) ** 2, np.diag(shape)],
            ]
        )
        parts = [(np.mean(missed**2), np.mean(ways)), *(over_states @ self.weights)]
        return [
            of_mean + (scale * deviation if deviation > 0 else 0.0)
            for of_mean, deviation in parts
        ]
