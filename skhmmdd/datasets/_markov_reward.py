"""A walk through a random Markov reward process, with random features of its states."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from scipy import linalg
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval

from skhmmdd._base import refuse_bool, validate_params
from skhmmdd._typing import Floats, RandomState
from skhmmdd.theory._lstd_risk import stationary_distribution

# Coordinates of a state, from whose distances the covariance of the features comes.
_N_COORDINATES = 8
# Added to that covariance before its Cholesky factor is taken.
_JITTER = 1e-9


@validate_params(
    {
        "n_states": [Interval(Integral, 2, None, closed="left")],
        "n_transitions": [Interval(Integral, 1, None, closed="left")],
        "discount": [Interval(Real, 0, 1, closed="left")],
        "random_state": ["random_state"],
        "n_features": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def make_markov_reward_process(
    n_states: int = 60,
    n_transitions: int = 120,
    discount: float = 0.95,
    random_state: RandomState = None,
    *,
    n_features: int = 600,
) -> tuple[Floats, Floats, Floats, Bunch]:
    r"""Transitions of a random Markov reward process, by random features of its states.

    A task for a value head: from features of the current and of the next state, and
    the rewards on the way, tell the value of every state.

    State i goes to i + 1 and i + 7 (modulo the number of states) and to two states
    drawn at random, with probabilities in proportion to weights from U(0.2, 1). Each
    state has a reward from N(0, 1), paid when it is left. The walk starts in state 0.

    Parameters
    ----------
    n_states : int, default=60
        Number of states, in [2, inf).
    n_transitions : int, default=120
        Steps of the walk n, in [1, inf).
    discount : float, default=0.95
        :math:`\gamma` of the value, in [0, 1).
    random_state : int, RandomState instance or None, default=None
        Draws all that is random.
    n_features : int, default=600
        Width N of the features, in [1, inf). Widths are nested: for one `random_state`
        the first columns of a wider X are those of a narrower one (up to rounding), and
        nothing else depends on the width.

    Returns
    -------
    X : ndarray of shape (n_transitions, n_features)
        Features of the state that is left at each step.
    rewards : ndarray of shape (n_transitions,)
        Its reward.
    X_next : ndarray of shape (n_transitions, n_features)
        Features of the state that is reached.
    truth : Bunch
        With S states: `transmat` of shape (S, S); `state_rewards`, `value` and
        `stationary` of shape (S,), reward, value and long-run share of each state;
        `states` of shape (n_transitions + 1,), the walk; `visited`, the states that
        occur in it, sorted, of shape (m,); `features` of shape (S, n_features), of
        which `X` and `X_next` are rows; `kernel` of shape (S, S), the covariance of
        the features over states; `kernel_root`, a factor of it of the same shape, to
        draw other features with; `discount`.

    Raises
    ------
    ValueError
        If an argument is out of its range. One that is no number, or a boolean where a
        count is meant, is refused too.

    See Also
    --------
    skhmmdd.LSTDHead : The head for this task.
    skhmmdd.theory.lstd_risk : Its risk, over all features that might have been drawn.
    skhmmdd.datasets.make_hmm_regression : Labels in place of rewards.

    Notes
    -----
    With transition matrix P and rewards :math:`\bar r` the value solves

    .. math:: v = \bar r + \gamma P v.

    The features are Gaussian: every column is an independent draw from N(0, K), with
    :math:`K_{ij} = \exp(-\lVert Y_i - Y_j \rVert^2/8)` and the coordinates Y of a
    state from :math:`N(0, I_8)`. Their inner products over columns, divided by N,
    tend to K.

    The walk is drawn before the coordinates. A shorter walk through the same states
    with the same features is the first rows of a longer one.

    References
    ----------
    Brellmann, Berthier, Filliat and Frehse, "On Double Descent in Reinforcement
    Learning with LSTD and Random Features", ICLR 2024. arXiv:2310.05518.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import make_markov_reward_process
    >>> X, rewards, X_next, truth = make_markov_reward_process(random_state=0)
    >>> X.shape, rewards.shape, len(truth.visited)
    ((120, 600), (120,), 49)
    >>> bool(np.all(X_next == truth.features[truth.states[1:]]))
    True

    Another draw of the features:

    >>> rng = np.random.RandomState(1)
    >>> features = truth.kernel_root @ rng.standard_normal((60, 200))
    """
    counts = {
        "n_states": n_states,
        "n_transitions": n_transitions,
        "n_features": n_features,
    }
    for name, value in counts.items():
        refuse_bool(value, name)
    rng = check_random_state(random_state)
    transmat = np.zeros((n_states, n_states))
    for i in range(n_states):
        ahead = [(i + 1) % n_states, (i + 7) % n_states]
        # Where a state comes up twice, one of its weights counts.
        transmat[i, [*ahead, *rng.randint(n_states, size=2)]] += rng.uniform(0.2, 1, 4)
    transmat /= transmat.sum(axis=1, keepdims=True)
    state_rewards = rng.standard_normal(n_states)
    states = np.zeros(n_transitions + 1, dtype=np.intp)
    for t in range(n_transitions):
        states[t + 1] = rng.choice(n_states, p=transmat[states[t]])

    coordinates = rng.standard_normal((n_states, _N_COORDINATES))
    apart = ((coordinates[:, None] - coordinates) ** 2).sum(axis=-1)
    kernel = np.exp(-apart / _N_COORDINATES)
    root = linalg.cholesky(kernel + _JITTER * np.eye(n_states), lower=True)
    # A row a feature: the next one takes nothing from those before it.
    features = root @ rng.standard_normal((n_features, n_states)).T

    truth = Bunch(
        transmat=transmat,
        state_rewards=state_rewards,
        value=linalg.solve(np.eye(n_states) - discount * transmat, state_rewards),
        stationary=stationary_distribution(transmat),
        states=states,
        visited=np.unique(states),
        features=features,
        kernel=kernel,
        kernel_root=root,
        discount=float(discount),
    )
    left, reached = states[:-1], states[1:]
    return features[left], state_rewards[left], features[reached], truth
