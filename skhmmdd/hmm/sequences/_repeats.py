"""Sequences that stand in a collection more than once, to be walked only once."""

from typing import NamedTuple

import numpy as np

from skhmmdd._typing import Ints

# Below these a walk is over before repeats are found.
_LEAST_SEQUENCES, _LEAST_STATES = 2**13, 64
# Draws for each square root of the number of sequences: of n distinct ones 32 are
# expected to be drawn twice, of n / 2 pairs 64.
_DRAWS = 8
# Rows that are filled at a time.
_FILLED = 2**10
# An odd number is invertible modulo 2**64.
_BASE = np.uint64(0x9E3779B97F4A7C15)


class Repeats(NamedTuple):
    """Row `rows[i]` of a collection is the same as row `of[i]`, the first of its kind.

    `first` are the rows that no earlier one is the same as.
    """

    first: Ints
    rows: Ints
    of: Ints

    def fill(self, out):
        """Give each row of `out` that is a repetition what the first of its kind has.

        Some at a time: `out` may be a file that does not fit in memory.
        """
        for a in range(0, len(self.rows), _FILLED):
            part = slice(a, a + _FILLED)
            out[self.rows[part]] = out[self.of[part]]


def find_repeats(sequences, n_states):
    r"""The sequences of symbols that are repeated, where to know them pays.

    Whether it pays is decided from a sample: with :math:`f_1` sequences drawn once and
    :math:`f_2` twice among d, the number of distinct ones is about
    :math:`d + f_1^2 / 2 f_2` (Chao, 1984), and has to be at most half of all.

    Parameters
    ----------
    sequences : Sequences
    n_states : int
        The price of a step.

    Returns
    -------
    Repeats or None
        None where it does not pay.

    References
    ----------
    A. Chao, "Nonparametric estimation of the number of classes in a population",
    Scandinavian Journal of Statistics 11(4), 1984.
    """
    values, starts, lengths, _ = sequences
    n = len(sequences)
    is_symbolic = values.ndim == 1 and values.dtype.kind in "iu"
    if not is_symbolic or n < _LEAST_SEQUENCES or n_states < _LEAST_STATES:
        return None
    # 1. The decision, from a sample with replacement.
    drawn = np.random.RandomState(0).randint(n, size=int(_DRAWS * np.sqrt(n)))
    hashes = _hashes(values, starts[drawn], lengths[drawn])
    counts = np.unique(hashes, return_counts=True)[1]
    once, twice = (counts == 1).sum(), (counts == 2).sum()
    if len(counts) + once**2 / (2 * max(twice, 1)) > n / 2:
        return None
    # 2. Groups of one hash; each row is held against the first of its group.
    _, first, group = np.unique(
        _hashes(values, starts, lengths), return_index=True, return_inverse=True
    )
    same = first[group]
    rows = np.flatnonzero(same != np.arange(n))
    of = same[rows]
    if (lengths[rows] != lengths[of]).any():
        return None
    shared = _positions(starts[rows], lengths[rows])
    if (values[shared] != values[_positions(starts[of], lengths[of])]).any():
        return None
    return Repeats(np.sort(first), rows, of)


def _positions(starts, lengths):
    """Where the steps of some sequences are, end to end."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum())


def _hashes(values, starts, lengths):
    r"""A number of each sequence, :math:`\sum_t (x_t + 2) r^{T - t} \bmod 2^{64}`."""
    ends = np.cumsum(lengths)
    symbols = values[_positions(starts, lengths)].astype(np.uint64) + np.uint64(2)
    # As the sum over all steps of x r^-s up to each end, times r to that end.
    inverse = np.uint64(pow(int(_BASE), -1, 2**64))
    falling = np.multiply.accumulate(np.full(len(symbols), inverse))
    sums = np.append(np.uint64(0), np.cumsum(symbols * falling))
    rising = np.multiply.accumulate(np.full(len(symbols), _BASE))
    return (sums[ends] - sums[ends - lengths]) * rising[ends - 1]
