"""Collections of any form as one flat array of steps, with starts and lengths."""

from __future__ import annotations

from collections.abc import Mapping, Set

import numpy as np
from scipy import sparse

from skhmmdd._tables import as_array, stacked, with_missing
from skhmmdd.hmm.sequences._blocks import Sequences
from skhmmdd.hmm.sequences._numbers import as_numbers, text_error
from skhmmdd.hmm.sequences._panels import holds_sequences, join_channels, order_hint

_N_SHOWN = 5  # shapes named in an error message


def read_flat(X, name, keep_empty=False):
    """The flat values with starts, lengths and width, not yet trimmed.

    Values are numbers or booleans; integers may come as a masked array. `keep_empty`
    makes one missing step of an empty sequence of a list.
    """
    if sparse.issparse(X):
        raise TypeError(
            f"Sparse data was passed as {name}, but sequences must be dense: pass an "
            "array (n_sequences, n_steps) or a list of sequences."
        )
    X = as_array(X)
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind == "O":
        X = join_channels(X, name) if holds_sequences(X) else X
    if not isinstance(X, np.ndarray) or (X.ndim == 1 and X.dtype.kind in "OUS"):
        return *_read_list(X, name, keep_empty), None
    if X.ndim < 2:
        raise ValueError(
            f"Expected 2D array or a list of sequences as {name}, got a {X.ndim}D "
            f"array: {X!r:.80}. Reshape your data: a single sequence is passed as "
            f"[{name}]."
        )
    if X.ndim > 3:
        raise ValueError(
            f"{name} has {X.ndim} dimensions; an array of sequences has 2, "
            "(n_sequences, n_steps), or 3, (n_sequences, n_steps, n_features)."
        )
    n, width = X.shape[:2]
    for axis, what in ((0, "sample"), (-1, "feature")):
        if X.shape[axis] == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 "
                f"is required of {name}."
            )
    if width == 0:
        raise ValueError(f"{name} has shape {X.shape}: its sequences are empty.")
    values, starts = X.reshape(n * width, *X.shape[2:]), np.arange(n) * width
    return as_numbers(values, starts, name), starts, np.full(n, width), width


def _read_list(X, name, keep_empty):
    if isinstance(X, (Mapping, Set)):
        raise TypeError(
            f"{name} must be an array or a list of sequences, got a "
            f"{type(X).__name__}, which has no order of samples."
        )
    try:
        sequences = list(X)
    except TypeError:
        raise TypeError(
            f"{name} must be an array or a list of sequences, got {type(X).__name__}."
        ) from None
    if not sequences:
        raise ValueError(f"{name} holds no sequence: at least one is needed.")
    if (flat := _join_symbols(sequences)) is not None:
        return flat
    pieces = [_read_one(sequence, i, name) for i, sequence in enumerate(sequences)]
    lengths = np.array([len(piece) for piece in pieces])
    if (lengths == 0).any() and not keep_empty:
        raise _empty_error(np.argmin(lengths), name)
    full = [piece for piece in pieces if len(piece)] or pieces
    trailing = {piece.shape[1:] for piece in full}
    if len(trailing) > 1 or len(next(iter(trailing))) > 1:
        raise ValueError(
            f"The sequences of {name} must all have shape (n_steps,) or all "
            f"(n_steps, n_features); got steps of shapes {_some(sorted(trailing))}."
            f"{_hint_of_ragged(full)}"
        )
    if trailing == {(0,)}:
        raise ValueError(f"The sequences of {name} have steps of 0 features.")
    values = _join(full)
    if (lengths == 0).any():
        is_empty, lengths = lengths == 0, np.maximum(lengths, 1)
        values = with_missing(values, np.repeat(is_empty, lengths))
    return values, np.cumsum(lengths) - lengths, lengths


def _join_symbols(sequences):
    """Arrays of symbols, none of them empty, without a look at each; else None.

    Many short ones would take longer to look at than to filter.
    """
    if set(map(type, sequences)) != {np.ndarray}:
        return None
    dtypes = {sequence.dtype for sequence in sequences}
    if {dtype.kind for dtype in dtypes} not in ({"i"}, {"u"}):
        return None
    if {sequence.ndim for sequence in sequences} != {1}:
        return None
    lengths = np.fromiter(map(len, sequences), np.intp, len(sequences))
    if not lengths.all():
        return None
    return np.concatenate(sequences), np.cumsum(lengths) - lengths, lengths


def _read_one(sequence, i, name):
    """Sequence `i` of a list, as an array of numbers."""
    try:
        piece = stacked(sequence)
    except (ValueError, OverflowError):
        raise ValueError(
            f"Sequence {i} of {name} is ragged: its steps must all be numbers, or all "
            "be arrays of one shape (n_features,)."
        ) from None
    if piece.dtype.kind in "US":
        raise text_error(sequence, i, name)
    if piece.ndim == 0:
        raise ValueError(
            f"Expected 2D array or a list of sequences as {name}, got a list whose "
            f"item {i} is {sequence!r:.80}. Reshape your data: a single sequence is "
            f"passed as [{name}]."
        )
    return as_numbers(piece, [0], name, first=i)


def _some(shapes):
    names = ", ".join(map(str, shapes[:_N_SHOWN]))
    more = len(shapes) - _N_SHOWN
    return f"{names} and {more} others" if more > 0 else names


def _hint_of_ragged(pieces):
    are_tables = all(piece.ndim == 2 for piece in pieces)
    return order_hint([len(piece) for piece in pieces]) if are_tables else ""


def _join(pieces):
    """One array of them all; integers stay integers, whatever their types."""
    if {piece.dtype.kind for piece in pieces} == {"i", "u"}:
        limit = np.iinfo(np.int64).max
        if all(piece.max() <= limit for piece in pieces if piece.dtype.kind == "u"):
            pieces = [piece.astype(np.int64) for piece in pieces]
    is_masked = any(map(np.ma.isMaskedArray, pieces))
    if is_masked:
        return np.ma.concatenate(pieces)
    # Sums, to the last bit, do not depend on the order that the pieces have in memory.
    return np.ascontiguousarray(np.concatenate(pieces))


def trim(values, observed, starts, lengths, width, name, keep_missing):
    """Cut what is missing at the end of each sequence."""
    last = starts + lengths - 1
    if not observed[last].all():
        # The last observed step at or before each position, -1 where there is none.
        position = np.where(observed, np.arange(len(observed)), -1)
        lengths = np.maximum.accumulate(position)[last] - starts + 1
        if keep_missing == "first":
            lengths = np.maximum(lengths, 1)
        if (lengths <= 0).any():
            raise _empty_error(np.argmax(lengths <= 0), name, ": every step is missing")
    return Sequences(values, starts, lengths, width)


def _empty_error(i, name, why=""):
    return ValueError(
        f"Sequence {i} of {name} is empty{why}. Drop it, or have its features made of "
        "the start distribution by HMMFeatureTransformer(handle_empty='prior')."
    )
