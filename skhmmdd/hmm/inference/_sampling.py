"""Categories and hidden paths from uniform numbers: pure functions on arrays."""

from bisect import bisect_right

import numpy as np

# Up to so many paths, one at a time in plain Python beats all at a time in NumPy.
_FEW = 16
_ROWS_AT_ONCE = 2**14


def draw(distributions, rows, u):
    """A category from `distributions[rows]` for each number in `u`.

    Parameters
    ----------
    distributions : ndarray of shape (n_rows, n_categories)
    rows : ndarray of int
    u : ndarray of the shape of `rows`
        In [0, 1).

    Returns
    -------
    ndarray of int of the shape of `rows`
    """
    cumulative = np.cumsum(distributions, axis=1)
    flat_rows, flat_u = rows.ravel(), u.ravel()
    out = np.empty(flat_rows.shape, np.intp)
    for first in range(0, len(out), _ROWS_AT_ONCE):
        part = slice(first, first + _ROWS_AT_ONCE)
        out[part] = _pick(cumulative[flat_rows[part]], flat_u[part])
    return out.reshape(rows.shape)


def sample_paths(startprob, transmat, u):
    """Hidden paths.

    Parameters
    ----------
    startprob : ndarray of shape (n_states,)
    transmat : ndarray of shape (n_states, n_states)
    u : ndarray of shape (n_steps, n_paths)
        Uniform numbers in [0, 1).

    Returns
    -------
    ndarray of int of shape (n_paths, n_steps)
    """
    start, transitions = np.cumsum(startprob)[None], np.cumsum(transmat, axis=1)
    n_steps, n_paths = u.shape
    states = np.empty((n_paths, n_steps), np.intp)
    states[:, 0] = _pick(np.repeat(start, n_paths, axis=0), u[0])
    if n_paths <= _FEW:
        for path, numbers in zip(states, u.T, strict=True):
            path[1:] = _walk(transitions.tolist(), path[0], numbers[1:].tolist())
        return states
    for t in range(1, n_steps):
        states[:, t] = _pick(transitions[states[:, t - 1]], u[t])
    return states


def _pick(cumulative, u):
    """Where u falls in each row of cumulative weights."""
    scaled = u[:, None] * cumulative[:, -1:]
    return (cumulative <= scaled).sum(axis=1).clip(max=cumulative.shape[1] - 1)


def _walk(transitions, state, numbers):
    last = len(transitions) - 1
    path = []
    for number in numbers:
        weights = transitions[state]
        state = min(bisect_right(weights, number * weights[-1]), last)
        path.append(state)
    return path
