"""What a corpus is like: symbol counts, means and variances, a chunk at a time."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skhmmdd.hmm.sequences._blocks import Sequences

_CHUNK = 2**16


def steps_of(part):
    """The steps of a part with a weight each, some 65,000 of them at a time."""
    sequences, weights = part.sequences, part.weights
    starts, lengths = sequences.starts, sequences.lengths
    is_whole = len(sequences.values) == sequences.n_steps
    chunk = (np.cumsum(lengths) - lengths) // _CHUNK
    edges = [0, *(np.flatnonzero(np.diff(chunk)) + 1), len(lengths)]
    for a, b in pairwise(edges):
        if is_whole:
            steps = sequences.values[starts[a] : starts[b - 1] + lengths[b - 1]]
        else:
            few = Sequences(sequences.values, starts[a:b], lengths[a:b], None)
            steps = few.observed()
        yield steps, np.repeat(weights[a:b], lengths[a:b])


class SymbolCounts(NamedTuple):
    """How often each symbol was seen."""

    counts: np.ndarray = np.zeros(0)

    @classmethod
    def of(cls, steps, weights):
        seen = steps >= 0
        return cls(np.bincount(steps[seen].astype(np.intp), weights[seen]))

    def __add__(self, other):
        size = max(len(self.counts), len(other.counts))
        return SymbolCounts(self.padded(size) + other.padded(size))

    def padded(self, n_symbols):
        return np.pad(self.counts, (0, n_symbols - len(self.counts)))


class Location(NamedTuple):
    """Weight, mean and summed squares about it of each feature; chunks combine.

    T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample
    variance", The American Statistician 37(3), 1983.
    """

    weight: float | np.ndarray = 0.0
    mean: float | np.ndarray = 0.0
    scatter: float | np.ndarray = 0.0

    @classmethod
    def of(cls, steps, weights):
        seen = ~np.isnan(steps)
        n_here = weights @ seen
        share = weights[:, None] * seen / np.where(n_here > 0, n_here, 1.0)
        x = np.where(seen, steps, 0.0)
        mean = (share * x).sum(axis=0)
        # A second look takes off what the first one rounded.
        mean = mean + (share * (x - mean)).sum(axis=0)
        return cls(n_here, mean, (share * (x - mean) ** 2).sum(axis=0) * n_here)

    def __add__(self, other):
        n = self.weight + other.weight
        part = np.divide(other.weight, n, out=np.zeros_like(n), where=n > 0)
        gap = other.mean - self.mean
        return Location(
            n,
            self.mean + gap * part,
            self.scatter + other.scatter + gap**2 * self.weight * part,
        )

    def center_and_scale(self):
        """Mean and variance of each feature, whatever its unit."""
        if (unseen := self.weight == 0).any():
            raise ValueError(
                f"Feature {unseen.argmax()} of X is never observed: it is NaN "
                "throughout."
            )
        center, variance = self.mean, self.scatter / self.weight
        # A feature that never moves still gets a width, next to nothing.
        still = np.sqrt(variance) <= 1e-13 * np.abs(center)
        size = np.where(center == 0, 1.0, np.abs(center))
        scale = np.where(still, 1e-9 * size**2, variance)
        if (tiny := scale < np.finfo(float).tiny).any():
            raise ValueError(
                f"Feature {tiny.argmax()} of X varies so little about "
                f"{center[tiny][0]:g} that its variance is zero as a double: rescale X."
            )
        return center, scale
