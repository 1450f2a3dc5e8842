"""Where the sequences of a corpus are: in memory, or read a batch at a time.

A source hands each of its pieces to a function, wherever joblib's workers are, and
yields what comes back in the order of the pieces. Results are the same for every kind
and number of workers.
"""

from functools import partial, reduce
from operator import add
from typing import NamedTuple

import numpy as np

from skhmmdd._parallel import map_jobs, on_workers
from skhmmdd._progress import Progress
from skhmmdd.hmm.inference._collectors import NoSteps
from skhmmdd.hmm.inference._forward_backward import filter_block
from skhmmdd.hmm.inference._known_states import condition_on
from skhmmdd.hmm.pretraining._em_step import expected_counts
from skhmmdd.hmm.sequences._blocks import Piece, Sequences

# Seconds between two lines that tell how far a pass over the batches is.
_TELL_EVERY = 10.0
_NONE_LEFT = object()


class Part(NamedTuple):
    """Sequences that are in memory at one time, with their weights.

    `states` stand beside the values of the sequences, -1 where one is not known; None
    is none.
    """

    sequences: object
    weights: np.ndarray
    number: int = 0
    states: np.ndarray | None = None

    def among(self, index):
        """The sequences `index` alone."""
        sequences = self.sequences
        starts, lengths = sequences.starts[index], sequences.lengths[index]
        kept = Sequences(sequences.values, starts, lengths, None)
        return self._replace(sequences=kept, weights=self.weights[index])

    def pieces(self, n_states, batch_size=None):
        """Blocks that keep working arrays in some 32 MB, as Pieces."""
        sequences, weights, _, states = self
        fitting = max(1, 2**20 // (int(sequences.lengths.max()) * n_states))
        is_plain = bool((weights == 1).all())
        return [
            Piece(sequences, index, None if is_plain else weights[index], states=states)
            for index in sequences.blocks(batch_size or min(fitting, 1024))
        ]

    @property
    def n_steps(self):
        return float(self.weights @ self.sequences.lengths)


def counts_of(piece, hmm, center):
    """Expected counts of a piece."""
    return expected_counts(hmm, piece.block, center, piece.weights, piece.states)


def log_likelihood_of(piece, hmm):
    """Weighted log-likelihood of a piece, in nats."""
    chain, block = hmm._chain, piece.block
    if (states := piece.states) is not None:
        chain, block = condition_on(chain, block, states)
    _, values = filter_block(chain, block, NoSteps, strict=False)
    return float(values.sum() if piece.weights is None else piece.weights @ values)


class InMemory:
    """The sequences of one Part."""

    is_streamed = False

    def __init__(self, part):
        self.part, self._kept = part, {}

    def each_part(self, function, *shared):
        """`function(part, *shared)` of each part."""
        yield function(self.part, *shared)

    def total(self, function, hmm, *shared, batch_size=None, n_jobs=None):
        """The sum of `function(piece, hmm, *shared)`, and the steps it is of."""
        # The sequences go to the workers once, not in every iteration.
        key = hmm.n_states, batch_size, n_jobs
        if key not in self._kept:
            pieces = self.part.pieces(hmm.n_states, batch_size)
            self._kept[key] = on_workers(pieces, n_jobs)
        done = map_jobs(function, self._kept[key], hmm, *shared, n_jobs=n_jobs)
        return reduce(add, done), self.part.n_steps

    def split(self, fraction, rng):
        """Two sources: what to learn from, and a fraction held out at random."""
        n = len(self.part.sequences)
        n_held_out = max(1, round(fraction * n))
        if n_held_out >= n:
            raise ValueError(
                f"validation_fraction={fraction} of {n} sequences leaves none to learn "
                "from."
            )
        order = rng.permutation(n)
        halves = np.sort(order[n_held_out:]), np.sort(order[:n_held_out])
        return tuple(InMemory(self.part.among(index)) for index in halves)


class Reader(NamedTuple):
    """Makes a Part of a batch; `size` is the number of symbols or of features."""

    family: type
    size: int | None
    n_states: int
    make_part: object

    def __call__(self, batch, sample_weight=None, states=None):
        sequences = self.family._read_sequences(batch, self.size)
        return self.make_part(sequences, sample_weight, states, self.n_states)


class Draw(NamedTuple):
    """Which sequences of a batch count: drawn anew for each batch, always the same."""

    seed: int
    fraction: float
    held_out: bool

    def __call__(self, part):
        rng = np.random.RandomState([self.seed, part.number])
        is_held_out = rng.uniform(size=len(part.sequences)) < self.fraction
        index = np.flatnonzero(is_held_out == self.held_out)
        return part.among(index) if len(index) else None


class Stream:
    """Batches that are read anew in every pass, by the workers that work on them.

    Parameters
    ----------
    batches : iterable
        Of batches of sequences; starts again in every pass.
    beside : dict of iterable
        What `reader` takes beside a batch, by name: for each batch an item.
    reader : Reader
    n_jobs : int, default=None
        Batches that are in memory at a time.
    verbose : int, default=0
        Above one, passes that take long tell how far they are.
    draw : Draw, default=None
        Which sequences count; None takes all.
    """

    is_streamed = True

    def __init__(self, batches, beside, reader, n_jobs=None, verbose=0, draw=None):
        self.batches, self.beside, self.reader = batches, beside, reader
        self.n_jobs, self.verbose, self.draw = n_jobs, verbose, draw
        self._n_batches = None

    def _items(self):
        """Number, batch and what is beside it; the one before is let go of first."""
        beside = {name: iter(each) for name, each in self.beside.items()}

        def refuse(wrong):
            if wrong:
                raise ValueError(
                    f"{wrong[0]} must hold one array for each batch of X, but one of "
                    f"them ends after {number}."
                )

        number = 0
        for batch in self.batches:
            own = {name: next(each, _NONE_LEFT) for name, each in beside.items()}
            refuse([name for name, item in own.items() if item is _NONE_LEFT])
            yield number, batch, own
            del batch, own
            number += 1
        left = {name: next(each, _NONE_LEFT) for name, each in beside.items()}
        refuse([name for name, item in left.items() if item is not _NONE_LEFT])

    def each_part(self, function, *shared):
        """`function(part, *shared)` of each part that holds a sequence."""
        n_done = 0
        progress = Progress(
            self._n_batches, self.verbose > 1, "batches", "BaumWelch", _TELL_EVERY
        )
        for result in map_jobs(
            partial(_with_part, function),
            self._items(),
            self.reader,
            self.draw,
            *shared,
            n_jobs=self.n_jobs,
            heavy=True,
        ):
            n_done += 1
            if self._n_batches:
                progress.update(n_done)
            if result is not None:
                yield result
        self._n_batches = n_done

    def total(self, function, hmm, *shared, batch_size=None, n_jobs=None):
        """The sum of `function(piece, hmm, *shared)`, and the steps it is of."""
        total, n_steps = None, 0.0
        work = partial(_total, function, batch_size)
        for one, n in self.each_part(work, hmm, *shared):
            total = one if total is None else total + one
            n_steps += n
        return total, n_steps

    def split(self, fraction, rng):
        """Two sources: what to learn from, and a fraction held out at random."""
        seed = int(rng.randint(np.iinfo(np.int32).max))
        return tuple(
            Stream(
                self.batches,
                self.beside,
                self.reader,
                self.n_jobs,
                self.verbose,
                Draw(seed, fraction, held_out),
            )
            for held_out in (False, True)
        )


def _with_part(function, item, reader, draw, *shared):
    number, batch, beside = item
    weights = beside.get("sample_weight")
    if weights is not None and not np.any(weights):
        return None
    part = reader(batch, **beside)._replace(number=number)
    if draw is not None:
        part = draw(part)
    return None if part is None else function(part, *shared)


def _total(function, batch_size, part, hmm, *shared):
    pieces = part.pieces(hmm.n_states, batch_size)
    total = reduce(add, (function(piece, hmm, *shared) for piece in pieces))
    return total, part.n_steps
