"""Sequences as users hold them, read once into one flat layout.

One sample is one sequence, whatever form the collection comes in.
"""

from collections.abc import Mapping, Set
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from skhmmdd._tables import as_array, stacked, with_missing
from skhmmdd._typing import Array, SequencesLike
from skhmmdd.hmm.sequences._blocks import Sequences
from skhmmdd.hmm.sequences._numbers import as_numbers, sequence_of, text_error
from skhmmdd.hmm.sequences._panels import holds_sequences, join_channels, order_hint

MISSING = -1
# See `read_symbols`.
KeepMissing: TypeAlias = bool | Literal["first"]
# Without an alphabet of a known size a larger symbol is a mistake, not an alphabet.
_MAX_SYMBOL = 2**31 - 1


def infer_emission(X: SequencesLike) -> Literal["categorical", "gaussian"]:
    """ "categorical" for integers of at least -1, otherwise "gaussian"."""
    values = _read(X, "X")[0]
    if values.dtype.kind not in "iu":
        return "gaussian"
    seen = values.compressed() if np.ma.isMaskedArray(values) else values
    return "gaussian" if seen.size and seen.min() < MISSING else "categorical"


def as_steps(observation: Any, name: str) -> Array:
    """One step of every sequence, as an array of sequences.

    Parameters
    ----------
    observation : array-like of shape (n_sequences,) or (n_sequences, n_features)
        Or a column, or a table with a step in each row.
    name : str
        The argument's name in error messages.

    Returns
    -------
    ndarray of shape (n_sequences, 1) or (n_sequences, 1, n_features)
    """
    try:
        values = stacked(observation)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{name} is ragged: its steps must all be numbers, or all be arrays of one "
            "shape (n_features,)."
        ) from None
    if values.ndim not in (1, 2):
        raise ValueError(
            f"{name} must have shape (n_sequences,) or (n_sequences, n_features), one "
            f"step of each sequence, got shape {values.shape}."
        )
    return values[:, None]


def read_symbols(
    X: SequencesLike,
    n_symbols: int | None = None,
    name: str = "X",
    keep_missing: KeepMissing = False,
) -> Sequences:
    """Sequences of integer symbols.

    Parameters
    ----------
    X : array of shape (n_sequences, n_steps), or list of 1-D arrays
        Integers from -1 on, or floats that hold integers and NaN. A trailing -1
        (NaN, None, a masked number, an empty cell) is padding, an inner one a missing
        observation.
    n_symbols : int, default=None
        The size of the alphabet; None takes any symbol from 0 on.
    name : str, default="X"
        The argument's name in error messages.
    keep_missing : bool or "first", default=False
        Whether trailing ones are missing observations, too, and no padding. "first"
        keeps one, where a sequence has no other step.

    Returns
    -------
    Sequences
        With integer values of shape (n,), -1 for missing.
    """
    values, starts, lengths, width = _read(X, name, keep_missing == "first")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(
            f"{name} holds steps of {values.shape[1]} features, but a categorical HMM "
            f"reads one integer symbol a step.{order_hint(lengths, 1)}"
        )
    masked = None
    if np.ma.isMaskedArray(values):
        masked, values = np.ma.getmaskarray(values), np.ma.filled(values, 0)
    if values.dtype.kind == "b":
        values = values.astype(np.int8)
    elif values.dtype.kind == "f":
        values = np.where(np.isnan(values), MISSING, values.astype(np.float64))
        if (wrong := np.trunc(values) != values).any():
            raise ValueError(
                f"{name} must hold integer symbols (-1 or NaN for missing), got "
                f"{values[wrong][0].item()!r}. Encode tokens with TokenEncoder; for "
                "continuous observations use a GaussianHMM."
            )
    if values.size:
        low, high = values.min(), values.max()
        top = _MAX_SYMBOL if n_symbols is None else n_symbols - 1
        if low < MISSING or high > top:
            bad = low if low < MISSING else high
            sequence = sequence_of(values == bad, starts)
            raise ValueError(
                f"{name} holds the symbol {int(bad)} in sequence {sequence}; symbols "
                f"must be at least 0 and at most {top} (-1 means missing)."
            )
    if values.dtype.kind == "f" or values.dtype == np.uint64 or masked is not None:
        values = values.astype(np.intp)
    if masked is not None:
        values[masked] = MISSING
    if keep_missing is True:
        return Sequences(values, starts, lengths, width)
    seen = values != MISSING
    return _trim(values, seen, starts, lengths, width, name, keep_missing)


def read_observations(
    X: SequencesLike,
    n_features: int | None = None,
    name: str = "X",
    keep_missing: KeepMissing = False,
    dtype: DTypeLike = np.float64,
) -> Sequences:
    """Sequences of continuous observations.

    Parameters
    ----------
    X : array of shape (n_sequences, n_steps) or (n_sequences, n_steps, n_features), \
or list of arrays of shape (n_steps,) or (n_steps, n_features)
        A 2-D array holds one univariate sequence a row. NaN, None, a masked number
        or an empty cell is missing; steps that are missing to the end are padding.
    n_features : int, default=None
        The number of features a step must have; None takes any.
    name : str, default="X"
        The argument's name in error messages.
    keep_missing : bool or "first", default=False
        As in `read_symbols`.
    dtype : dtype, default=np.float64
        The floating type of the values.

    Returns
    -------
    Sequences
        With floating values of shape (n, n_features), NaN for missing.
    """
    values, starts, lengths, width = _read(X, name, keep_missing == "first")
    if np.ma.isMaskedArray(values):
        masked = np.ma.getmaskarray(values)
        values = np.ma.filled(values, 0).astype(dtype)
        values[masked] = np.nan
    values = values.astype(dtype, copy=False)
    if values.ndim == 1:
        values = values[:, None]
        if keep_missing == "first" and np.isnan(values).all():
            # An empty list has no features that could be too few.
            values = np.repeat(values, n_features or 1, axis=1)
    if n_features is not None and values.shape[1] != n_features:
        hint = order_hint(lengths, n_features) if values.shape[1] > 1 else ""
        raise ValueError(
            f"{name} holds steps of {values.shape[1]} features, but the HMM was made "
            f"for {n_features}.{hint}"
        )
    if keep_missing is True:
        return Sequences(values, starts, lengths, width)
    seen = ~np.isnan(values).all(axis=1)
    return _trim(values, seen, starts, lengths, width, name, keep_missing)


def _read(X, name, keep_empty=False):
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
    pieces = [_read_one(sequence, i, name) for i, sequence in enumerate(sequences)]
    lengths = np.array([len(piece) for piece in pieces])
    if (lengths == 0).any() and not keep_empty:
        raise _empty_error(np.argmin(lengths), name)
    full = [piece for piece in pieces if len(piece)] or pieces
    trailing = {piece.shape[1:] for piece in full}
    if len(trailing) > 1 or len(next(iter(trailing))) > 1:
        raise ValueError(
            f"The sequences of {name} must all have shape (n_steps,) or all "
            f"(n_steps, n_features); got steps of shapes {sorted(trailing)}."
            f"{_hint_of_ragged(full)}"
        )
    if trailing == {(0,)}:
        raise ValueError(f"The sequences of {name} have steps of 0 features.")
    values = _join(full)
    if (lengths == 0).any():
        is_empty, lengths = lengths == 0, np.maximum(lengths, 1)
        values = with_missing(values, np.repeat(is_empty, lengths))
    return values, np.cumsum(lengths) - lengths, lengths


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


def _trim(values, observed, starts, lengths, width, name, keep_missing):
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


def drop_empty(X: Any, symbolic: bool = True, name: str = "X") -> Any:
    """The sequences of X in which a step is observed; `symbolic` takes -1 for none."""
    values, starts, lengths, _ = _read(X, name, keep_empty=True)
    missing = np.ma.getmaskarray(values).copy()
    values = np.ma.getdata(values)
    if values.dtype.kind == "f":
        missing |= np.isnan(values)
    elif symbolic:
        missing |= values == MISSING
    observed = ~missing.reshape(len(values), -1).all(axis=1)
    total = np.append(0, np.cumsum(observed))
    kept = total[starts + lengths] > total[starts]
    if kept.all():
        return X
    if isinstance(X, np.ndarray):
        return X[kept]
    return [one for one, is_kept in zip(X, kept, strict=True) if is_kept]
