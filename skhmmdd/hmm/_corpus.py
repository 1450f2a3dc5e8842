"""The sequences that pretraining learns from: in memory, or a batch at a time."""

from collections.abc import Collection, Iterator, Sequence
from functools import reduce
from hashlib import sha256
from operator import add
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length

from skhmmdd._parallel import map_threads
from skhmmdd.hmm._blocks import Sequences
from skhmmdd.hmm._em import expected_counts
from skhmmdd.hmm._models import CategoricalHMM
from skhmmdd.hmm._moments import Location, SymbolCounts, steps_of
from skhmmdd.hmm._sequences import infer_emission, read_observations, read_symbols


class Part(NamedTuple):
    """Sequences that are in memory at one time, with their weights."""

    sequences: object
    weights: np.ndarray

    def among(self, index):
        """The sequences `index` alone."""
        sequences, weights = self
        starts, lengths = sequences.starts[index], sequences.lengths[index]
        kept = Sequences(sequences.values, starts, lengths, None)
        return Part(kept, weights[index])

    def blocks(self, n_states, batch_size=None):
        """Indices of the blocks that keep working arrays in some 32 MB."""
        fitting = max(1, 2**20 // (int(self.sequences.lengths.max()) * n_states))
        return self.sequences.blocks(batch_size or min(fitting, 1024))

    @property
    def n_steps(self):
        return float(self.weights @ self.sequences.lengths)


class Corpus:
    """What EM asks of a corpus: sums over its parts, each in memory in its turn.

    Parameters
    ----------
    parts : callable
        `parts()` yields every Part, the same ones in the same order each time.
    is_symbolic : bool
    n_symbols : int or None
        Size of the alphabet; None is one more than the largest symbol.
    is_streamed : bool, default=False
        Whether the parts are read anew in every pass.
    """

    def __init__(self, parts, is_symbolic, n_symbols=None, is_streamed=False):
        self.parts, self.is_symbolic = parts, is_symbolic
        self.is_streamed = is_streamed
        self.n_sequences, self.n_observed = 0, 0.0
        summary = SymbolCounts() if is_symbolic else Location()
        for part in parts():
            self.n_sequences += float(part.weights.sum())
            self.n_observed += part.n_steps
            for steps, weights in steps_of(part):
                summary = summary.with_steps(steps, weights)
        if not self.n_observed:
            raise ValueError("X holds no batch: at least one is needed.")
        self.symbol_counts, self.n_symbols = None, None
        self.center, self.scale = 0.0, 1.0
        if is_symbolic:
            self.n_symbols = n_symbols or max(1, len(summary.counts))
            self.symbol_counts = summary.padded(self.n_symbols)
        else:
            self.center, self.scale = summary.center_and_scale()

    def expected_counts(self, hmm, batch_size=None, n_jobs=None):
        """The E-step over all sequences, summed in a fixed order."""
        total, n_observed = None, 0.0
        for part in self.parts():
            counts = counts_of(part, hmm, self.center, batch_size, n_jobs)
            total = counts if total is None else total + counts
            n_observed += part.n_steps
        if n_observed != self.n_observed:
            raise ValueError(
                f"X gave {n_observed:g} steps in a later pass, but {self.n_observed:g} "
                "in the first: its batches must be the same in every pass."
            )
        return total

    def only_sequences(self, reader):
        """The one set of sequences of equal weight that there is, for `reader`."""
        parts = [] if self.is_streamed else list(self.parts())
        if len(parts) != 1 or (parts[0].weights != 1).any():
            raise ValueError(
                f"{reader} takes neither batches nor sample_weight: pass one array or "
                "list of sequences."
            )
        return parts[0].sequences

    def digest(self):
        """A fingerprint of the sequences and their weights."""
        digest = sha256()
        for part in self.parts():
            digest.update(part.sequences.lengths.astype("<i8").tobytes())
            digest.update(part.weights.astype("<f8").tobytes())
            for steps, _ in steps_of(part):
                digest.update(
                    np.ascontiguousarray(
                        steps, dtype="<i8" if self.is_symbolic else "<f8"
                    )
                )
        return digest.hexdigest()

    def split(self, fraction, rng):
        """Two corpora: what to learn from, and a fraction held out at random."""
        if self.is_streamed:
            raise ValueError(
                "validation_fraction needs the sequences in memory, but X is an "
                "iterable of batches."
            )
        (part,) = self.parts()
        n = len(part.sequences)
        n_held_out = max(1, round(fraction * n))
        if n_held_out >= n:
            raise ValueError(
                f"validation_fraction={fraction} of {n} sequences leaves none to learn "
                "from."
            )
        order = rng.permutation(n)
        halves = np.sort(order[n_held_out:]), np.sort(order[:n_held_out])
        return tuple(
            Corpus(self._only(part.among(index)), self.is_symbolic, self.n_symbols)
            for index in halves
        )

    @staticmethod
    def _only(part):
        return lambda: iter([part])

    def log_likelihood(self, hmm):
        """Weighted log-likelihood, in nats."""
        return sum(
            float(part.weights @ sequence_log_likelihoods(hmm, part))
            for part in self.parts()
        )

    def draw_steps(self, n, rng):
        """`n` observed steps at random, a sequence in proportion to its weight.

        A sequence of integer weight w is drawn from as if it stood there w times.
        """
        tallies = [_observed_steps(part.sequences) for part in self.parts()]
        weights = [part.weights for part in self.parts()]
        shares = np.concatenate([w * t for w, t in zip(weights, tallies, strict=True)])
        ends = np.cumsum(shares)
        if ends[-1] == round(ends[-1]):
            picked = rng.randint(int(ends[-1]), size=n).astype(float)
        else:
            picked = rng.uniform(0, ends[-1], size=n)
        which = np.minimum(np.searchsorted(ends, picked, "right"), len(ends) - 1)
        offset = (picked - (ends - shares)[which]).astype(np.intp)
        offset %= np.concatenate(tallies)[which]
        drawn, first = [None] * n, 0
        for part in self.parts():
            n_here = len(part.sequences)
            for i in np.flatnonzero((which >= first) & (which < first + n_here)):
                x = _one(part.sequences, which[i] - first)
                drawn[i] = np.array(x[~_missing(x)][offset[i]])
            first += n_here
        return np.array(drawn)


def counts_of(part, hmm, center=0.0, batch_size=None, n_jobs=None):
    """Expected counts of one part."""
    sequences, weights = part
    is_plain = bool((weights == 1).all())
    statistics = map_threads(
        lambda index: expected_counts(
            hmm, sequences.block(index), center, None if is_plain else weights[index]
        ),
        part.blocks(hmm.n_states, batch_size),
        n_jobs,
    )
    return reduce(add, statistics)


def sequence_log_likelihoods(hmm, part):
    """Log-likelihood of each sequence of a part."""
    return hmm.log_likelihood(list(_each(part.sequences)))


def _one(sequences, i):
    return sequences.values[sequences.starts[i] :][: sequences.lengths[i]]


def _each(sequences):
    return (_one(sequences, i) for i in range(len(sequences)))


def _missing(x):
    return np.isnan(x).all(axis=1)


def _observed_steps(sequences):
    """How many steps of each sequence are not missing throughout."""
    missing = np.flatnonzero(_missing(sequences.observed()))
    which = np.searchsorted(np.cumsum(sequences.lengths), missing, "right")
    return sequences.lengths - np.bincount(which, minlength=len(sequences))


def read_corpus(X, emission="auto", n_symbols=None, init=None, sample_weight=None):
    """The corpus of what a user calls one.

    Parameters
    ----------
    X : sequences, or re-iterable of batches of sequences
    emission : {"auto", "categorical", "gaussian"}, default="auto"
    n_symbols : int, default=None
    init : frozen weights, default=None
        Weights whose kind and sizes the sequences must have.
    sample_weight : array-like of shape (n_sequences,), default=None

    Returns
    -------
    Corpus
    """
    is_streamed = is_batches(X)
    if init is None and emission == "auto":
        emission = infer_emission(_first(X) if is_streamed else X)
    if init is not None:
        is_symbolic = isinstance(init, CategoricalHMM)
        n_symbols = init.n_symbols if is_symbolic else None
        read = init._read
    else:
        is_symbolic = emission == "categorical"

        def read(batch):
            return (
                read_symbols(batch, n_symbols)
                if is_symbolic
                else read_observations(batch)
            )

    if not is_streamed:
        part = weighted_part(read(X), sample_weight)
        return Corpus(lambda: iter([part]), is_symbolic, n_symbols)
    if sample_weight is not None:
        raise ValueError(
            "sample_weight needs the sequences in memory, but X is an iterable of "
            "batches."
        )

    def parts():
        return (weighted_part(read(batch)) for batch in X)

    return Corpus(parts, is_symbolic, n_symbols, is_streamed=True)


def weighted_part(sequences, sample_weight=None):
    """Sequences with their weights; those of weight zero are left out."""
    if sample_weight is None:
        return Part(sequences, np.ones(len(sequences)))
    weights = check_array(
        sample_weight,
        ensure_2d=False,
        dtype=np.float64,
        input_name="sample_weight",
    )
    if weights.ndim == 0:
        weights = np.full(len(sequences), float(weights))
    if weights.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar, got {weights.ndim}D array."
        )
    check_consistent_length(sequences.lengths, weights)
    if (weights < 0).any():
        raise ValueError(f"sample_weight must be in [0, inf), got {weights.min()}.")
    if not weights.any():
        raise ValueError("sample_weight is zero for every sequence.")
    part = Part(sequences, weights)
    return part if weights.all() else part.among(np.flatnonzero(weights))


def is_batches(X):
    """Whether X is an iterable of batches rather than an array or list of sequences.

    Raises
    ------
    TypeError
        If it can be read only once.
    """
    if isinstance(X, Iterator):
        raise TypeError(
            f"X is a {type(X).__name__}, which can be read only once, but EM reads its "
            "corpus in every iteration: pass a list of sequences, or an object whose "
            "__iter__ starts again and yields batches."
        )
    is_array = any(hasattr(X, a) for a in ("__array__", "iloc", "__dataframe__"))
    known = isinstance(X, Sequence | set | frozenset | dict | memoryview)
    plain = isinstance(X, Collection) and type(X).__module__ == "builtins"
    return hasattr(X, "__iter__") and not (
        is_array or known or plain or hasattr(X, "tocsr")
    )


def _first(X):
    for batch in X:
        return batch
    raise ValueError("X holds no batch: at least one is needed.")
