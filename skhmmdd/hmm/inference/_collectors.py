"""What is kept of the beliefs of a block, which the recursions give step by step.

A collector is made for one walk, as `collect(counts, n_columns, dtype)`, with `out`
where the result has its place already. It is told every step by `add(t, belief)`, in
any order of t, with `belief` of shape (counts[t], n_columns) valid until the next call;
a long sequence alone comes as slices of t and arrays (n_steps, 1, n_columns). `finish`
gives the result, with the sequences on its first axis, or on the second of three.
Where `collect.ends_only` is true it looks at no belief but the last of each sequence:
the steps before need not be scaled.
"""

import numpy as np


class AllSteps:
    """Keeps all: shape (n_steps, n_sequences, n_columns), 0 where no step is."""

    ends_only = False

    def __init__(self, counts, n_columns, dtype, out=None):
        if out is None:
            out = np.empty((len(counts), counts[0], n_columns), dtype)
        self._out = out

    def add(self, t, belief):
        self._out[t, : len(belief)] = belief
        self._out[t, len(belief) :] = 0

    def finish(self):
        return self._out


class NoSteps:
    """Keeps nothing, where only the log-likelihood is asked for."""

    ends_only = True

    def __init__(self, counts, n_columns, dtype):
        self._shape, self._dtype = (counts[0], 0), dtype

    def add(self, t, belief):
        pass

    def finish(self):
        return np.empty(self._shape, self._dtype)


class LastSteps:
    """Keeps the last step of each sequence: shape (n_sequences, n_columns)."""

    ends_only = True

    def __init__(self, counts, n_columns, dtype):
        self._counts, self._ends = counts, np.append(counts[1:], 0)
        self._out = np.empty((counts[0], n_columns), dtype)

    def add(self, t, belief):
        first, n = self._ends[t], self._counts[t]
        if first < n:
            self._out[first:n] = belief[first:]

    def finish(self):
        return self._out


def begin(collect, counts, n_columns, dtype, out=None):
    """A collector that writes to `out`, unless None."""
    if out is None:
        return collect(counts, n_columns, dtype)
    return collect(counts, n_columns, dtype, out=out)
