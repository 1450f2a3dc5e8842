r"""Batched recursions over hidden states: pure functions on arrays.

All of them walk a block of sequences side by side, time step by time step:
`likelihood(t, n)` gives :math:`b_k(x_t)` for the first n sequences, those that are
longer than t steps, up to a positive factor of each row's own. Beliefs are scaled to
sum to one (Rabiner, 1989, section V.A) once in a run of a few steps, so no length of
sequence under- or overflows. Each run works in buffers that are made once, for blocks
that fit the processor's cache (`block_rows`).

A scaled recursion can still lose a state that was all but ruled out before: its belief
underflows to zero, though later steps may speak for it alone. Which rows are concerned
is seen by `_underflow.py`; they are run again in log space (`_log_space.py`).
"""

from typing import NamedTuple

import numpy as np

# Numbers in one buffer of a step: 128 kB of doubles, a run of which fits the cache.
_BUFFER_SIZE = 2**14
_LEAST_ROWS, _MOST_ROWS = 512, 4096
# Numbers of a run whose steps are all scaled.
_RUN_SIZE = 2**18
_SHORT_ROW = 16


def block_rows(n_states):
    """The number of sequences to walk side by side."""
    return min(max(_BUFFER_SIZE // n_states, _LEAST_ROWS), _MOST_ROWS)


def run_that_fits(length, n_numbers):
    """The length of a run of which all steps are worked on, `n_numbers` each."""
    return max(1, min(length, _RUN_SIZE // n_numbers))


class Run(NamedTuple):
    """Steps `start` to `stop` - 1, of the first n sequences."""

    start: int
    stop: int
    n: int


def split_runs(counts, length):
    """Runs of at most `length` steps that take the same sequences.

    Parameters
    ----------
    counts : ndarray of shape (n_steps,)
        The number of sequences longer than t steps; never rising.
    length : int
        No run goes across a multiple of it.

    Returns
    -------
    list of Run
    """
    is_last = np.append(counts[1:], 0) < counts
    is_last[length - 1 :: length] = True
    last = np.flatnonzero(is_last)
    starts = [0, *(last[:-1] + 1).tolist()]
    return list(map(Run, starts, (last + 1).tolist(), counts[last].tolist()))


def longest(runs):
    """The number of steps of the longest run."""
    return max(run.stop - run.start for run in runs)


def clear_past(steps, runs):
    """Put 0 past the end of sequences in an array (n_steps, n_sequences, n_states)."""
    for start, stop, n in runs:
        if n < steps.shape[1]:
            steps[start:stop, n:] = 0.0


class RowScaler:
    """Divides rows by their sums.

    Sums are matrix products, the fastest there are for short rows. The shortest are
    best summed into every column, so that the division needs no broadcasting.

    Parameters
    ----------
    shape : tuple of int
        Of the largest array to scale, (n_steps, n_rows, n_columns).
    dtype : dtype
    """

    def __init__(self, shape, dtype):
        *rows, n_columns = shape
        n_sums = n_columns if n_columns <= _SHORT_ROW else 1
        self._ones = np.ones((n_columns, n_sums), dtype)
        self._sums = np.empty((*rows, n_sums), dtype)

    def __call__(self, rows):
        """Scale (n_steps, n_rows, n_columns) in place; their sums, (n_steps, n_rows).

        A buffer, valid until the next call.
        """
        total = self._sums[: rows.shape[0], : rows.shape[1]]
        np.matmul(rows, self._ones, out=total)
        if total.shape[2] > 1:
            rows /= total
        else:
            # Rows are multiplied twice as fast as they are divided.
            rows *= 1.0 / total
        return total[:, :, 0]


def filter_steps(
    first,
    transmat,
    likelihood,
    runs,
    norms,
    slots,
    every_step=True,
    watch=None,
):
    r"""Filtered beliefs, run by run.

    .. math:: \alpha_t \propto (\alpha_{t-1} A) \circ b(x_t), \qquad
              \textstyle\sum_k \alpha_t(k) = 1

    Within a run of steps the products are left as they come out. Its last step is
    scaled to sum to one, and with `every_step` so are the others.

    Parameters
    ----------
    first : ndarray of shape (n_states,) or (n_sequences, n_states)
        The distribution of the first step's state before its observation is seen.
    transmat : ndarray of shape (n_states, n_states)
    likelihood : callable
        `likelihood(t, n)` returns an array of shape (n, n_states).
    runs : list of Run
    norms : ndarray of shape (n_runs, n_sequences)
        Is filled with the probability of each run's observations given those before,
        up to the likelihood's own factors. Its dtype is that of the recursion.
    slots : ndarray of shape (n_slots, n_sequences, n_states)
        Where beliefs are written, step t to slot t modulo `n_slots`: those of all
        steps; with `every_step`, of as many as `split_runs` was told, but at least two;
        else two.
    every_step : bool, default=True
    watch : Watch, default=None
        Is shown every step, where underflows have to be watched.

    Yields
    ------
    steps : slice
        Of a run; of its last step alone without `every_step`.
    beliefs : ndarray of shape (len(steps), n, n_states)
        P(z_t | x_1..x_t), a view of `slots`: valid until the next run.
    """
    n_states, dtype, n_slots = len(transmat), norms.dtype, len(slots)
    belief = predicted = np.empty((runs[0].n, n_states), dtype)
    predicted[:] = first
    n_scaled = longest(runs) if every_step else 1
    scale = RowScaler((n_scaled, runs[0].n, n_states), dtype)
    for norm, (start, stop, n) in zip(norms, runs, strict=True):
        for t in range(start, stop):
            # 1. Predict: P(z_t | x_1..x_{t-1}) = alpha_{t-1} A; at first it is `first`.
            before = belief
            if t:
                np.matmul(before[:n], transmat, out=predicted[:n])
            # 2. Update by Bayes' rule: times b(x_t), not yet summing to one.
            belief = slots[t % n_slots, :n]
            np.multiply(predicted[:n], likelihood(t, n), out=belief)
            if watch is not None:
                watch.see(before, belief, likelihood, t)
        # 3. Scale: the last sum is the product of all c_t = P(x_t | x_1..x_{t-1}).
        steps = slice(start if every_step else stop - 1, stop)
        slot = steps.start % n_slots
        beliefs = slots[slot : slot + stop - steps.start, :n]
        norm[:n] = scale(beliefs)[-1]
        yield steps, beliefs


def backward_steps(transmat, likelihood, norms, runs, slots, last=1.0, ahead=None):
    r"""The backward recursion, run by run, from the last step to the first.

    .. math:: \beta_{t-1} = A\, u_t, \qquad u_t = b(x_t) \circ \beta_t / c_t

    with :math:`c_t` the norm of `filter_steps` at the last step of a run, and one at
    the others. For the :math:`\alpha_t` that it leaves without `every_step`,
    :math:`\alpha_t \circ \beta_t` is then the smoothed belief, scale included.

    Parameters
    ----------
    transmat : ndarray of shape (n_states, n_states)
    likelihood : callable
        As in `filter_steps`.
    norms : ndarray of shape (n_runs, n_sequences)
    runs : list of Run
    slots : ndarray of shape (n_slots, n_sequences, n_states)
        Where :math:`\beta` is written, of all steps or of each run from slot 0 on.
    last : ndarray of shape (n_sequences, n_states), default=1.0
        :math:`\beta` at each sequence's own last step.
    ahead : ndarray of shape (n_steps, n_sequences, n_states), default=None
        Is filled with u_t, but for t = 0 and what is past the end of a sequence:
        `transmat * (filtered[t - 1].T @ ahead[t])` are the expected transitions.

    Yields
    ------
    steps : slice
        Of a run.
    beta : ndarray of shape (len(steps), n, n_states)
        A view of `slots`: valid until the next run, and free to be overwritten.
    """
    shape, all_steps = slots.shape[1:], len(slots) == runs[-1].stop
    last = np.broadcast_to(np.asarray(last, slots.dtype), shape)
    buffer = np.empty(shape, slots.dtype)
    # BLAS takes a transposed view of few columns at half the speed.
    backwards = np.ascontiguousarray(transmat.T)
    u = buffer[:0]
    for norm, (start, stop, n) in zip(norms[::-1], runs[::-1], strict=True):
        first = 0 if all_steps else start
        for t in range(stop - 1, start - 1, -1):
            # 1. One step back: beta_t = A u_{t+1}; of sequences that end here, `last`.
            beta, m = slots[t - first, :n], len(u)
            if m:
                np.matmul(u, backwards, out=beta[:m])
            if m < n:
                beta[m:] = last[m:n]
            # 2. What is ahead of the step before: u_t = b(x_t) beta_t / c_t.
            if t:
                u = (buffer if ahead is None else ahead[t])[:n]
                np.multiply(beta, likelihood(t, n), out=u)
                if t == stop - 1:
                    u /= norm[:n, None]
        yield slice(start, stop), slots[start - first : stop - first, :n]


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
