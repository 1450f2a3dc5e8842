"""What is kept of the beliefs of a block, which the recursions give step by step.

A collector is made for one walk, as `collect(counts, n_columns, dtype)`, with `out`
where the result has its place already. It is told the steps by `add(steps, beliefs)`:
a slice of steps that take the same n sequences, and an array of shape (n_steps, n,
n_columns), valid until the next call. Slices come in any order. `finish` gives the
result, with the sequences on its first axis, or on the second of three.
Where `collect.ends_only` is true it is told no step but the last of each sequence, and
a few more.
"""

import numpy as np


class AllSteps:
    """Keeps all: shape (n_steps, n_sequences, n_columns), 0 where no step is."""

    ends_only = False

    def __init__(self, counts, n_columns, dtype, out=None):
        if out is None:
            out = np.empty((len(counts), counts[0], n_columns), dtype)
        self._out = out

    def add(self, steps, beliefs):
        n = beliefs.shape[1]
        copy_rows(beliefs, self._out[steps, :n])
        self._out[steps, n:] = 0

    def finish(self):
        return self._out


class NoSteps:
    """Keeps nothing, where only the log-likelihood is asked for."""

    ends_only = True

    def __init__(self, counts, n_columns, dtype):
        self._shape, self._dtype = (counts[0], 0), dtype

    def add(self, steps, beliefs):
        pass

    def finish(self):
        return np.empty(self._shape, self._dtype)


class LastSteps:
    """Keeps the last step of each sequence: shape (n_sequences, n_columns)."""

    ends_only = True

    def __init__(self, counts, n_columns, dtype):
        self._counts, self._ends = counts, np.append(counts[1:], 0)
        self._out = np.empty((counts[0], n_columns), dtype)

    def add(self, steps, beliefs):
        # No sequence ends before the last of the steps.
        t = steps.stop - 1
        first, n = self._ends[t], self._counts[t]
        if first < n:
            self._out[first:n] = beliefs[-1, first:]

    def finish(self):
        return self._out


def begin(collect, counts, n_columns, dtype, out=None):
    """A collector that writes to `out`, unless None."""
    if out is None:
        return collect(counts, n_columns, dtype)
    return collect(counts, n_columns, dtype, out=out)


def add_step(collector, t, belief):
    """Tell a collector one step."""
    collector.add(slice(t, t + 1), belief[None])


def copy_rows(rows, out):
    """Copy (n_steps, n, n_columns), rows whole: faster than number by number."""
    row = np.dtype((np.void, rows.itemsize * rows.shape[2]))
    whole = rows.strides[2] == out.strides[2] == rows.itemsize
    if whole and rows.dtype == out.dtype:
        rows, out = rows.view(row), out.view(row)
    out[...] = rows
