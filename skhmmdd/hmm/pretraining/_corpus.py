"""The sequences that pretraining learns from: sums over the parts of a source."""

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from hashlib import sha256

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length

from skhmmdd._tables import is_table, steps_first, told_alphabet
from skhmmdd.hmm.models._families import FAMILIES
from skhmmdd.hmm.pretraining._corpus_moments import Location, SymbolCounts, steps_of
from skhmmdd.hmm.pretraining._sources import (
    InMemory,
    Part,
    Reader,
    Stream,
    counts_of,
    log_likelihood_of,
)
from skhmmdd.hmm.sequences._overflow import check_moments, check_weights
from skhmmdd.hmm.sequences._reading import infer_emission, read_states

# What to do with sequences end to end.
_SPLIT = "np.split(X, np.cumsum(lengths)[:-1])"


class Corpus:
    """Sums over a corpus, as EM needs them.

    `n_symbols` is the size of the alphabet; None is one more than the largest symbol,
    and at least `n_reserved`.
    """

    def __init__(self, source, family, n_symbols=None, n_reserved=0):
        self.source, self.family = source, family
        self.n_sequences, self.n_observed = 0.0, 0.0
        summary = SymbolCounts() if family._is_symbolic else Location()
        for n, n_steps, more in source.each_part(_summary, type(summary)):
            self.n_sequences += n
            self.n_observed += n_steps
            summary = summary + more
        self.symbol_counts, self.n_symbols = None, None
        self.center, self.scale = 0.0, 1.0
        if not self.n_observed:
            return
        if family._is_symbolic:
            self.n_symbols = n_symbols or max(1, n_reserved, len(summary.counts))
            self.symbol_counts = summary.padded(self.n_symbols)
        else:
            self.center, self.scale = summary.center_and_scale()

    def expected_counts(self, hmm, batch_size=None, n_jobs=None):
        """The E-step over all sequences, summed in a fixed order."""
        return self._total(counts_of, hmm, batch_size, n_jobs, self.center)

    def log_likelihood(self, hmm, batch_size=None, n_jobs=None):
        """Weighted log-likelihood, in nats."""
        return self._total(log_likelihood_of, hmm, batch_size, n_jobs)

    def _total(self, function, hmm, batch_size, n_jobs, *shared):
        total, n_observed = self.source.total(
            function, hmm, *shared, batch_size=batch_size, n_jobs=n_jobs
        )
        if n_observed != self.n_observed:
            raise ValueError(
                f"X gave {n_observed:g} steps in a later pass, but {self.n_observed:g} "
                "in the first: its batches must be the same in every pass."
            )
        return total

    def only_sequences(self, reader):
        """The one set of sequences of equal weight that there is, for `reader`."""
        part = None if self.source.is_streamed else self.source.part
        if part is None or (part.weights != 1).any() or part.states is not None:
            raise ValueError(
                f"{reader} takes neither batches nor sample_weight nor states: pass "
                "one array or list of sequences."
            )
        return part.sequences

    def digest(self):
        """A fingerprint of the sequences and their weights."""
        digest = sha256()
        dtype = "<i8" if self.family._is_symbolic else "<f8"
        for one in self.source.each_part(_digest, dtype):
            digest.update(one)
        return digest.hexdigest()

    def split(self, fraction, rng):
        """Two corpora: what to learn from, and a fraction held out at random."""
        corpora = tuple(
            Corpus(source, self.family, self.n_symbols)
            for source in self.source.split(fraction, rng)
        )
        for corpus, lot in zip(corpora, ("to learn from", "to hold out"), strict=True):
            if not corpus.n_observed:
                raise ValueError(
                    f"validation_fraction={fraction} of {self.n_sequences:g} sequences "
                    f"leaves none {lot}."
                )
        return corpora

    def draw_steps(self, n, rng):
        """`n` observed steps at random, a sequence in proportion to its weight.

        A sequence of integer weight w is drawn from as if it stood there w times.
        """
        numbers, weights, tallies = zip(*self.source.each_part(_tally), strict=True)
        shares = np.concatenate([w * t for w, t in zip(weights, tallies, strict=True)])
        ends = np.cumsum(shares)
        if ends[-1] == round(ends[-1]) and ends[-1] < 2**53:
            picked = rng.randint(int(ends[-1]), size=n).astype(float)
        else:
            picked = rng.uniform(0, ends[-1], size=n)
        which = np.minimum(np.searchsorted(ends, picked, "right"), len(ends) - 1)
        offsets = (picked - (ends - shares)[which]) % np.concatenate(tallies)[which]
        offsets = offsets.astype(np.intp)
        wanted, places, first = {}, [], 0
        for number, here in zip(numbers, tallies, strict=True):
            last = first + len(here)
            places.append(np.flatnonzero((first <= which) & (which < last)))
            wanted[number] = which[places[-1]] - first, offsets[places[-1]]
            first = last
        found = [steps for steps in self.source.each_part(_pick, wanted) if len(steps)]
        return np.concatenate(found)[np.argsort(np.concatenate(places))]


def _summary(part, kind):
    summary = kind()
    for steps, weights in steps_of(part):
        summary = summary + kind.of(steps, weights)
    return float(part.weights.sum()), part.n_steps, summary


def _digest(part, dtype):
    digest = sha256()
    digest.update(part.sequences.lengths.astype("<i8").tobytes())
    digest.update(part.weights.astype("<f8").tobytes())
    for steps, _ in steps_of(part):
        digest.update(np.ascontiguousarray(steps, dtype=dtype))
    if part.states is not None:
        known = part.sequences.with_values(part.states).observed()
        digest.update(np.ascontiguousarray(known, dtype="<i8"))
    return digest.digest()


def _tally(part):
    """How many steps of each sequence are not missing throughout."""
    sequences = part.sequences
    missing = np.flatnonzero(_missing(sequences.observed()))
    which = np.searchsorted(np.cumsum(sequences.lengths), missing, "right")
    tally = sequences.lengths - np.bincount(which, minlength=len(sequences))
    return part.number, part.weights, tally


def _pick(part, wanted):
    """Observed steps: the `offset`-th ones of some sequences."""
    values, starts, lengths, _ = part.sequences
    picked = []
    for i, offset in zip(*wanted[part.number], strict=True):
        x = values[starts[i] :][: lengths[i]]
        picked.append(np.array(x[~_missing(x)][offset]))
    return picked


def _missing(x):
    return np.isnan(x).all(axis=1)


def read_corpus(
    X,
    emission="auto",
    n_symbols=None,
    init=None,
    sample_weight=None,
    states=None,
    n_states=None,
    n_jobs=None,
    verbose=0,
    channels_first=False,
):
    """The corpus of what a user calls one.

    Parameters
    ----------
    X : sequences, or re-iterable of batches of sequences
    emission : "auto" or a name in FAMILIES, default="auto"
    n_symbols : int, default=None
    init : frozen weights, default=None
        Weights whose kind and sizes the sequences must have.
    sample_weight : array-like of shape (n_sequences,), default=None
        For batches, a re-iterable of such arrays.
    states : sequences of int, default=None
        Known states, as `read_states` takes them; for batches, a re-iterable.
    n_states : int, default=None
        Of the model; those of `init` come first.
    n_jobs : int, default=None
        Batches that are read at a time.
    verbose : int, default=0
    channels_first : bool, default=False
        Whether the channels stand before the steps in each batch. What is no batch
        has been read so already.

    Returns
    -------
    Corpus
    """
    is_streamed = is_batches(X)
    turns = channels_first and is_streamed
    if init is not None:
        family, size, n_states = type(init), init._size, init.n_states
    else:
        if emission == "auto":
            first = _first(X) if is_streamed else X
            emission = infer_emission(steps_first(first) if turns else first)
        family = FAMILIES[emission]
        size = n_symbols if family._is_symbolic else None
    reader = Reader(family, size, n_states, make_part, turns)
    beside = {"sample_weight": sample_weight, "states": states}
    if is_streamed:
        beside = {name: each for name, each in beside.items() if each is not None}
        for name, each in beside.items():
            if isinstance(each, Iterator) or not hasattr(each, "__iter__"):
                raise ValueError(
                    f"{name} must hold one array for each batch of X and start again "
                    f"in every pass, got a {type(each).__name__}."
                )
        source = Stream(X, beside, reader, n_jobs, verbose)
    else:
        source = InMemory(reader(X, **beside))
        if init is not None:
            init._check_density(source.part.sequences)
    n_reserved = 0 if is_streamed else told_alphabet(X)
    corpus = Corpus(source, family, size if family._is_symbolic else None, n_reserved)
    if not corpus.n_observed:
        raise ValueError("X holds no batch: at least one is needed.")
    return corpus


def make_part(sequences, sample_weight=None, states=None, n_states=None):
    """Sequences with their weights, and the states of them that are known.

    Those of weight zero are left out.
    """
    if sequences.values.dtype.kind == "f":
        check_moments(sequences)
    if states is not None:
        states = read_states(states, sequences, n_states)
    if sample_weight is None:
        return Part(sequences, np.ones(len(sequences)), states=states)
    weights = check_array(
        sample_weight,
        ensure_2d=False,
        dtype=np.float64,
        input_name="sample_weight",
    )
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array, got {weights.ndim}D array.")
    check_consistent_length(sequences.lengths, weights)
    if (weights < 0).any():
        raise ValueError(f"sample_weight must be in [0, inf), got {weights.min()}.")
    if not weights.any():
        raise ValueError("sample_weight is zero for every sequence.")
    check_weights(weights, sequences.lengths)
    part = Part(sequences, weights, states=states)
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
    is_array = hasattr(X, "__array__") or is_table(X)
    known = isinstance(X, Sequence | Set | Mapping | memoryview | type)
    plain = isinstance(X, Collection) and type(X).__module__ == "builtins"
    return hasattr(X, "__iter__") and not (
        is_array or known or plain or hasattr(X, "tocsr")
    )


def refuse_lengths(X, y):
    """Raise ValueError where `y` is what hmmlearn calls `lengths`.

    Labels have as many entries as `X`; lengths of sequences that lie end to end in `X`
    have fewer, and sum to that.
    """
    if y is None or is_batches(X):
        return
    try:
        n, lengths = len(X), np.asarray(y)
    except (TypeError, ValueError):  # sparse, for others to refuse, or ragged
        return
    is_tally = lengths.ndim == 1 and lengths.dtype.kind in "iu" and len(lengths) != n
    if is_tally and int(lengths.sum()) == n:
        raise ValueError(
            f"y looks like the lengths of sequences: its {len(lengths)} integers sum "
            f"to the {n} rows of X. One sample is one sequence here, and y is ignored: "
            f"pass {_SPLIT} as X."
        )


def warn_of_single_steps(corpus):
    """Warn if no sequence of a corpus has a transition to learn from."""
    # The sums of weights are rounded.
    if corpus.n_observed <= (1 + 1e-9) * corpus.n_sequences:
        warnings.warn(
            "Every sequence of X has one step, so there are no transitions to learn "
            "from: each row of a table is a sequence. If sequences lie end to end in "
            f"X, as hmmlearn has them, pass {_SPLIT}, or [X] if all of it is one "
            "sequence.",
            UserWarning,
            stacklevel=4,
        )


def warn_of_components(n_components, family):
    """Warn if a number of components was set, as hmmlearn calls the states."""
    # Two is the default, and fewer is what scikit-learn's checks set.
    if n_components > 2 and "n_components" not in family._options:
        warnings.warn(
            f"n_components={n_components} has no effect on a {family.__name__}: it is "
            'the number of Gaussians in a state with emission="gaussian_mixture". The '
            "number of states, which hmmlearn calls n_components, is n_states.",
            UserWarning,
            stacklevel=5,
        )


def _first(X):
    for batch in X:
        return batch
    raise ValueError("X holds no batch: at least one is needed.")
