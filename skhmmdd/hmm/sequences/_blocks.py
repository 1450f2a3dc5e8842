"""Sequences in one flat layout, and blocks of them side by side.

A collection of sequences is held as one array of steps with a start and a length for
each sequence; the kernels see it in blocks, time along the first axis and the longest
sequence first.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from skhmmdd._parallel import map_threads
from skhmmdd._typing import Array
from skhmmdd.hmm.sequences._repeats import Repeats

# From this length on a sequence in a block of its own is cut into pieces, for about
# the price of a walk over so many steps of a batch.
LONG = 1024
_LONG_PRICE = 512


class Block(NamedTuple):
    """A few sequences side by side, sorted by falling length.

    `values` has shape (n_steps, n_sequences[, n_features]); `counts[t]` sequences
    are longer than t steps, so the live rows at step t are the first `counts[t]`.
    `index` tells which sequences these are.
    """

    values: np.ndarray
    counts: np.ndarray
    index: np.ndarray  # type: ignore[assignment]  # in place of the method

    @property
    def lengths(self):
        steps = np.arange(len(self.index))
        return np.searchsorted(-self.counts, -steps, side="left")

    def take(self, rows):
        """The sequences `rows` of the block, rising numbers, as a block."""
        n_steps = int(np.searchsorted(-self.counts, -rows[0], side="left"))
        counts = np.searchsorted(rows, self.counts[:n_steps], side="left")
        values = np.ascontiguousarray(self.values[:n_steps, rows])
        return Block(values, counts, self.index[rows])

    def cut(self, length):
        """The one sequence of the block as pieces of `length` steps, side by side.

        The last piece is what remains.
        """
        values, n_steps = self.values[:, 0], len(self.values)
        n_pieces = -(-n_steps // length)
        surplus = n_pieces * length - n_steps
        values = np.concatenate([values, np.repeat(values[-1:], surplus, axis=0)])
        values = values.reshape(n_pieces, length, *values.shape[1:]).swapaxes(0, 1)
        counts = np.full(length, n_pieces)
        counts[length - surplus :] -= 1
        return Block(
            np.ascontiguousarray(values), counts, np.repeat(self.index, n_pieces)
        )


class Sequences(NamedTuple):
    """Sequence i is `values[starts[i] : starts[i] + lengths[i]]`.

    `width` is the number of steps of the array they came from, or None when they
    came as a list: results are then given as a list too.
    """

    values: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    width: int | None

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def n_steps(self) -> int:
        return int(self.lengths.sum())

    def with_values(self, values: Array) -> "Sequences":
        """What stands beside the values, such as states, as sequences of its own."""
        # `_replace` takes the number of sequences for that of the fields.
        return Sequences(values, self.starts, self.lengths, self.width)

    def observed(self) -> Array:
        """The steps that exist, end to end, missing ones included."""
        if len(self.values) == self.n_steps:
            return self.values
        ends = self.starts + self.lengths
        return np.concatenate(
            [self.values[a:b] for a, b in zip(self.starts, ends, strict=True)]
        )

    def blocks(self, batch_size: int, repeats: Repeats | None = None) -> list[Array]:
        """Index arrays of at most `batch_size` sequences of like length.

        A few sequences that are much longer than the rest get blocks of their own.
        Those that are `repeats` of others are in none.
        """
        lengths = self.lengths
        order = np.arange(len(self)) if repeats is None else repeats.first
        if (lengths != lengths[0]).any():
            order = order[np.argsort(-lengths[order], kind="stable")]
        blocks, a = [], 0
        while a < len(order):
            n_alone = _worth_alone(lengths[order[a : a + batch_size]])
            blocks += [order[i : i + 1] for i in range(a, a + n_alone)]
            a += n_alone
            if not n_alone:
                blocks.append(order[a : a + batch_size])
                a += batch_size
        return blocks

    def block(self, index):
        """The sequences `index`, of falling length, side by side."""
        lengths = self.lengths[index]
        n_steps = lengths[0]
        if self._is_slab(index):
            table = self.values.reshape(-1, self.width, *self.values.shape[1:])
            values = table[index[0] : index[-1] + 1, :n_steps].swapaxes(0, 1)
            counts = np.full(n_steps, len(index))
            return Block(np.ascontiguousarray(values), counts, index)
        steps = np.arange(n_steps)[:, None]
        counts = np.searchsorted(-lengths, -np.arange(n_steps), side="left")
        # Positions past the end repeat the last step: read, never used.
        values = self.values[self.starts[index] + np.minimum(steps, lengths - 1)]
        return Block(values, counts, index)

    def _is_slab(self, index: Array) -> bool:
        """Whether `index` are neighbouring rows of a table, of one length."""
        lengths = self.lengths
        return (
            self.width is not None
            and index[-1] - index[0] == len(index) - 1
            and lengths[index[0]] == lengths[index[-1]]
        )

    def every_step(
        self,
        fill_block: Callable[[Block, Array], None],
        blocks: Iterable[Array],
        n_columns: int,
        dtype: DTypeLike,
        fill: float = 0,
        n_jobs: int | None = None,
        repeats: Repeats | None = None,
    ) -> Any:
        """Step-wise results, in the layout the sequences came in.

        Parameters
        ----------
        fill_block : callable
            `fill_block(block, out)` writes the results of a block to `out`, an array
            of shape (n_steps, n_sequences, n_columns), padding included.
        blocks : list of index arrays
        n_columns : int
        dtype : dtype
        fill : number, default=0
            What stands at padding in an array.
        n_jobs : int, default=None
            Threads over blocks.
        repeats : Repeats, default=None
            What is in no block.

        Returns
        -------
        ndarray of shape (n_sequences, width, n_columns), or list of ndarrays
        """
        parts, result = [None] * len(self), None
        if self.width is not None:
            result = np.empty((len(self), self.width, n_columns), dtype)

        def run(index):
            n_steps = self.lengths[index[0]]
            if result is not None and self._is_slab(index):
                rows = result[index[0] : index[-1] + 1]
                rows[:, n_steps:] = fill
                fill_block(self.block(index), rows[:, :n_steps].swapaxes(0, 1))
                return
            steps = np.empty((n_steps, len(index), n_columns), dtype)
            fill_block(self.block(index), steps)
            if result is not None:
                result[index, :n_steps] = steps.swapaxes(0, 1)
                result[index, n_steps:] = fill
                return
            for row, i in enumerate(index):
                parts[i] = steps[: self.lengths[i], row].copy()

        for _ in map_threads(run, blocks, n_jobs):
            pass
        if result is not None:
            if repeats is not None:
                repeats.fill(result)
            return result
        if repeats is not None:
            for i, same in zip(repeats.rows, repeats.of, strict=True):
                parts[i] = parts[same].copy()
        return parts


class Piece:
    """A block of sequences and their weights; None is one each.

    It refers to the whole collection, but takes only its own block along to another
    process. `states` stand beside the values of the collection, if some are known.
    """

    def __init__(self, sequences, index, weights=None, block=None, states=None):
        self.sequences, self.index, self.weights = sequences, index, weights
        self._block, self._states = block, states

    @property
    def block(self):
        if self._block is not None:
            return self._block
        return self.sequences.block(self.index)

    @property
    def states(self):
        """Known states of the block, (n_steps, n_sequences), -1 for others; or None."""
        if self._block is not None or self._states is None:
            return self._states
        return self.sequences.with_values(self._states).block(self.index).values

    def __reduce__(self):
        return Piece, (None, None, self.weights, self.block, self.states)


def _worth_alone(lengths):
    """How many sequences are so long that cut one by one they are walked faster.

    The rest of the falling `lengths` are walked side by side.
    """
    if lengths[0] < LONG:
        return 0
    n_long = np.searchsorted(-lengths, -LONG, side="right")
    rest = np.append(lengths, 0)[: n_long + 1]
    return int((rest + _LONG_PRICE * np.arange(n_long + 1)).argmin())
