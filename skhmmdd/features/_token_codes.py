"""Reading tokens: inputs of every form as codes of distinct tokens. Pure functions."""

import warnings
from collections.abc import Sequence
from itertools import chain, pairwise
from numbers import Real
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse

from skhmmdd._tables import as_array, filled, object_array


class Tokens(NamedTuple):
    """All the tokens of an input: token number i is ``distinct[codes[i]]``."""

    distinct: list
    codes: np.ndarray  # (n_tokens,), one sequence after the other
    lengths: np.ndarray  # (n_sequences,)
    kind: str  # "strings", "lists" or "table"
    is_rectangular: bool  # whether the symbols belong in a 2-D array


def read_tokens(X, check_table):
    """Flatten `X`; `check_table` validates whatever is no list of sequences."""
    sequences = _list_sequences(X)
    if sequences is None:
        table = check_table(X)
        lengths = np.full(table.shape[0], table.shape[1])
        return Tokens(*_factorize(table.ravel()), lengths, "table", True)

    if not all(isinstance(s, (str, list, tuple)) for s in sequences):
        sequences = [filled(as_array(sequence), None) for sequence in sequences]
    lengths = measure(sequences)
    if all(isinstance(sequence, str) for sequence in sequences):
        characters = _factorize_characters("".join(sequences))
        return Tokens(*characters, lengths, "strings", False)

    if all(isinstance(s, np.ndarray) and s.dtype.kind in "biuf" for s in sequences):
        flat = np.concatenate(sequences)
    else:
        flat = list(chain.from_iterable(sequences))
    distinct, codes = _factorize(flat)
    # Nested lists of numbers are a matrix everywhere in scikit-learn, and here too.
    is_rectangular = (
        isinstance(X, (list, tuple))
        and bool(np.all(lengths == lengths[0]) and lengths[0])
        and all(isinstance(row, (list, tuple, np.ndarray)) for row in sequences)
        and all(isinstance(token, Real) for token in distinct)
    )
    return Tokens(distinct, codes, lengths, "lists", is_rectangular)


def warn_of_single_tokens(read):
    """Warn of a table with one column of strings: it was most likely meant whole."""
    if read.kind != "table" or read.lengths.max(initial=0) != 1:
        return
    long = [t for t in read.distinct if isinstance(t, str) and len(t) > 1]
    if long:
        warnings.warn(
            "X is a table of one column, so that each sequence is a single token such "
            f"as {long[0]!r}. If the strings are the sequences, pass the column "
            "itself: X['name'] or X[:, 0].",
            stacklevel=4,
        )


def _list_sequences(X):
    """The members of a list, 1-D object array or Series; None for anything else."""
    if isinstance(X, (str, bytes)):
        raise ValueError(
            f"X must be a list of sequences, got the single {type(X).__name__} {X!r}. "
            "Put it in a list: [X]."
        )
    if isinstance(X, Sequence) and not isinstance(X, memoryview):
        return X if isinstance(X, (list, tuple)) else list(X)
    X = X if issparse(X) else as_array(X)
    if isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind in "OUT":
        return X.tolist()
    return None


def measure(sequences):
    """The length of each sequence; refuse what is no sequence."""
    if not len(sequences):
        raise ValueError("X must hold at least one sequence, got an empty list.")
    lengths = np.empty(len(sequences), dtype=np.intp)
    for i, sequence in enumerate(sequences):
        if not (
            isinstance(sequence, Sequence) or len(getattr(sequence, "shape", ())) == 1
        ):
            # What pandas reads from a blank cell is NaN, the value unequal to itself.
            is_nan = isinstance(sequence, Real) and sequence != sequence
            if sequence is None or is_nan:
                advice = "Drop the samples without a sequence, and their targets."
            else:
                advice = "If X is one sequence, put it in a list: [X]."
            raise ValueError(
                "Each member of X must be a string, or a list or 1-D array of tokens; "
                f"X[{i}] is {sequence!r} of type {type(sequence).__name__}. {advice}"
            )
        lengths[i] = len(sequence)
    return lengths


def _factorize_characters(text):
    """Distinct characters of `text`, and the index of each of its characters."""
    if not text:
        return [], np.empty(0, dtype=np.intp)
    # "surrogatepass": a lone surrogate is a legal character of a Python string.
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    # The code points are small enough to count: several times faster than sorting.
    distinct = np.flatnonzero(np.bincount(points))
    index = np.empty(distinct[-1] + 1, dtype=np.intp)
    index[distinct] = np.arange(distinct.size)
    return [chr(point) for point in distinct], index[points]


def _factorize(flat):
    """Distinct tokens of a 1-D array or list, and the index of each token."""
    if isinstance(flat, np.ndarray):
        if flat.dtype.kind in "biuf":
            distinct, codes = np.unique(flat, return_inverse=True)
            return distinct.tolist(), codes
        # tolist would turn dates into integers.
        flat = list(flat) if flat.dtype.kind in "mM" else flat.tolist()
    index = {}
    try:
        codes = [index.setdefault(token, len(index)) for token in flat]
    except TypeError as error:
        raise TypeError(
            "Every token of X must be hashable (a string, a number, a tuple of those), "
            f"got an {error}."
        ) from error
    builtin = (np.bool_, np.integer, np.floating, np.str_, np.bytes_)
    distinct = [t.item() if isinstance(t, builtin) else t for t in index]
    return distinct, np.array(codes, dtype=np.intp)


def sort_tokens(tokens):
    """Sort by value where that is a total order, else by type name and repr."""
    try:
        ordered = sorted(tokens)
        # Sets can be compared, but not all of them: only a chain is an order.
        if all(a < b for a, b in pairwise(ordered)):
            return ordered
    except TypeError:
        pass
    return sorted(tokens, key=lambda token: (type(token).__name__, repr(token)))


def as_vocabulary(tokens):
    """A 1-D array of `tokens`, of a numeric type where that is exact."""
    if {type(token) for token in tokens} in ({int}, {float}, {bool}):
        array = np.array(tokens)
        if array.tolist() == tokens:  # int64 and uint64 meet in float64
            return array
    return object_array(tokens)


def sequence_of(position, lengths):
    """The index of the sequence that holds the flattened token at `position`."""
    return np.searchsorted(np.cumsum(lengths), position, side="right")


def spans(lengths):
    """The (start, stop) of each sequence, in the flattened tokens."""
    return pairwise([0, *np.cumsum(lengths).tolist()])
