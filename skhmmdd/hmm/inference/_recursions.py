r"""Batched recursions over hidden states: pure functions on arrays.

All of them walk a block of sequences side by side, time step by time step:
`likelihood(t, n)` gives :math:`b_k(x_t)` for the first n sequences, those that are
longer than t steps, up to a positive factor of each row's own. Beliefs are scaled to
sum to one at every step (Rabiner, 1989, section V.A), so no length of sequence under-
or overflows. Each step works in buffers that are made once, for blocks that fit the
processor's cache (`block_rows`).

A scaled recursion can still lose a state that was all but ruled out before: its belief
underflows to zero, though later steps may speak for it alone. Which rows are concerned
is seen by `_underflow.py`; they are run again in log space (`_log_space.py`).
"""

import numpy as np

# Numbers in one buffer of a step: 256 kB of doubles, several of which fit the cache.
_BUFFER_SIZE = 2**15
_LEAST_ROWS, _MOST_ROWS = 256, 4096
_SHORT_ROW = 16


# Beliefs whose sum alone matters are scaled once in so many steps.
_UNSCALED_STEPS = {np.dtype(np.float64): 8, np.dtype(np.float32): 4}


def scaled_for_ends(counts, dtype):
    """The least steps to scale at if only last beliefs and log-likelihoods matter."""
    scaled = np.append(counts[1:], 0) < counts
    scaled[:: _UNSCALED_STEPS[np.dtype(dtype)]] = True
    return scaled


def block_rows(n_states):
    """The number of sequences to walk side by side."""
    return min(max(_BUFFER_SIZE // n_states, _LEAST_ROWS), _MOST_ROWS)


def filter_steps(first, transmat, likelihood, counts, norms, scaled=None, watch=None):
    r"""Filtered beliefs, step by step.

    .. math:: \alpha_t \propto (\alpha_{t-1} A) \circ b(x_t), \qquad
              \textstyle\sum_k \alpha_t(k) = 1

    Parameters
    ----------
    first : ndarray of shape (n_states,) or (n_sequences, n_states)
        The distribution of the first step's state before its observation is seen.
    transmat : ndarray of shape (n_states, n_states)
    likelihood : callable
        `likelihood(t, n)` returns an array of shape (n, n_states).
    counts : ndarray of shape (n_steps,)
        The number of sequences longer than t steps; never rising.
    norms : ndarray of shape (n_steps, n_sequences)
        Is filled with P(x_t | x_1..x_{t-1}), up to the likelihood's own factor, where
        there is a step. Its dtype is that of the recursion.
    scaled : ndarray of bool of shape (n_steps,), default=None
        The steps at which beliefs are scaled; None is all. At the others they
        are left as they come out, and the norm is one: the next that is scaled has all.
    watch : Watch, default=None
        Is shown every step, where underflows have to be watched.

    Yields
    ------
    belief : ndarray of shape (counts[t], n_states)
        P(z_t | x_1..x_t). A buffer: valid until the step after next.
    """
    n_states, dtype = len(transmat), norms.dtype
    current, following = np.empty((2, counts[0], n_states), dtype)
    following[:] = first
    # Sums by matrix products, the fastest there are for short rows. The shortest are
    # best summed into every column, so that the division needs no broadcasting.
    n_sums = n_states if n_states <= _SHORT_ROW else 1
    ones = np.ones((n_states, n_sums), dtype)
    sums = np.empty((counts[0], n_sums), dtype)
    for t, n in enumerate(counts):
        belief, norm, total = following[:n], norms[t, :n], sums[:n]
        # 1. Predict: P(z_t | x_1..x_{t-1}) = alpha_{t-1} A; at first it is `first`.
        if t:
            np.matmul(current[:n], transmat, out=belief)
        # 2. Update by Bayes' rule: times b(x_t), not yet summing to one.
        belief *= likelihood(t, n)
        if watch is not None:
            watch.see(current, belief, likelihood, t)
        current, following = following, current
        if scaled is not None and not scaled[t]:
            norm[:] = 1.0
            yield belief
            continue
        # 3. Scale: the sum is c_t = P(x_t | x_1..x_{t-1}).
        np.matmul(belief, ones, out=total)
        norm[:] = total[:, 0]
        if n_sums > 1:
            belief /= total
        else:
            # Rows are multiplied twice as fast as they are divided.
            belief *= np.divide(1.0, total, out=total)
        yield belief


def backward_steps(transmat, likelihood, norms, counts, beta):
    r"""The backward recursion, from the last step to the first.

    .. math:: \beta_{t-1} = A\, u_t, \qquad u_t = b(x_t) \circ \beta_t / c_t

    with :math:`c_t` the norms of `filter_steps`: :math:`\alpha_t \circ \beta_t` is
    then the smoothed belief, scale included.

    Parameters
    ----------
    transmat : ndarray of shape (n_states, n_states)
    likelihood : callable
        As in `filter_steps`.
    norms : ndarray of shape (n_steps, n_sequences)
    counts : ndarray of shape (n_steps,)
    beta : ndarray of shape (n_sequences, n_states)
        :math:`\beta` at each sequence's own last step. Overwritten: in the end it
        holds that of the first step.

    Yields
    ------
    t : int
        Falls from n_steps - 1 to 0.
    ahead : ndarray of shape (counts[t + 1], n_states), or None at the last step
        u_{t+1}; the expected transitions from t to t + 1 are
        `transmat * (filtered[t].T @ ahead)`. A buffer, as `beta[: counts[t]]` is.
    """
    inverse = 1.0 / norms[:, :, None]
    buffer = np.empty_like(beta)
    ahead = None
    yield len(counts) - 1, ahead
    for t in range(len(counts) - 2, -1, -1):
        m = counts[t + 1]
        # 1. What is ahead of step t: u_{t+1} = b(x_{t+1}) beta_{t+1} / c_{t+1}.
        ahead = np.multiply(beta[:m], likelihood(t + 1, m), out=buffer[:m])
        ahead *= inverse[t + 1, :m]
        # 2. One step back: beta_t = A u_{t+1}; of sequences that end at t it is one.
        np.matmul(ahead, transmat.T, out=beta[:m])
        yield t, ahead


def viterbi(log_startprob, log_transmat, log_likelihood, counts):
    """The most likely hidden path of each sequence of a block.

    Parameters
    ----------
    log_startprob : ndarray of shape (n_states,)
    log_transmat : ndarray of shape (n_states, n_states)
    log_likelihood : callable
        `log_likelihood(t, n)` returns an array of shape (n, n_states).
    counts : ndarray of shape (n_steps,)

    Returns
    -------
    paths : ndarray of shape (n_steps, n_sequences)
        -1 past the end of a sequence.
    log_joint : ndarray of shape (n_sequences,)
        log P(path, x), -inf for an impossible sequence.
    """
    n_states = len(log_startprob)
    n_steps, n_sequences = len(counts), counts[0]
    back = np.zeros((n_steps, n_sequences, n_states), np.min_scalar_type(n_states))
    best = log_startprob + log_likelihood(0, n_sequences)
    into = np.ascontiguousarray(log_transmat.T)
    for t in range(1, n_steps):
        n = counts[t]
        through = best[:n, None, :] + into
        back[t, :n] = through.argmax(axis=2)
        best[:n] = through.max(axis=2) + log_likelihood(t, n)
    paths = np.full((n_steps, n_sequences), -1)
    state = best.argmax(axis=1)
    for t in range(n_steps - 1, -1, -1):
        n = counts[t]
        paths[t, :n] = state[:n]
        state[:n] = back[t, np.arange(n), state[:n]]
    return paths, best.max(axis=1)
