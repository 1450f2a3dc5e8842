"""Sequences as users hold them, read once into one flat layout.

One sample is one sequence, whatever form the collection comes in.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Set
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from skhmmdd._tables import as_array, is_missing, with_missing
from skhmmdd._typing import Array, Ints, SequencesLike
from skhmmdd.hmm.sequences._blocks import Sequences

MISSING = -1
# Without an alphabet of a known size a larger symbol is a mistake, not an alphabet.
_MAX_SYMBOL = 2**31 - 1
_NO_NUMBERS = {"M": "dates", "m": "durations"}
# What a categorical model reads, in messages, and what to do with anything else.
_WORDS = {
    "symbol": (
        "a categorical HMM reads one integer symbol",
        " Encode tokens with TokenEncoder; for continuous observations use a "
        "GaussianHMM.",
    ),
    "state": ("there is one state", ""),
}
# Values looked at together.
_SPAN = 2**16
_COMPLEX = "Complex data not supported"


def infer_emission(X: SequencesLike) -> Literal["categorical", "gaussian"]:
    """ "categorical" for integers of at least -1, otherwise "gaussian"."""
    values = _read(X, "X")[0]
    if values.dtype.kind not in "iu":
        _warn_of_symbols(values)
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
        values = _stack(observation)
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


def _warn_of_symbols(values):
    """Warn if floats may be symbols that NaN made floats of, as pandas does."""
    if values.size > len(values) or values.dtype.kind != "f":
        return
    some_missing, some_seen = False, False
    # A part at a time: the values may be a file. The first mostly shows a fraction.
    for first in range(0, len(values), _SPAN):
        part = values[first : first + _SPAN].ravel()
        seen = part[~np.isnan(part)]
        if (np.rint(seen) != seen).any() or seen.min(initial=0.0) < MISSING:
            return
        some_missing |= len(seen) < len(part)
        some_seen |= len(seen) > 0
    if some_missing and some_seen:
        warnings.warn(
            "X holds whole numbers and NaN, which emission='auto' reads as continuous: "
            "it makes a Gaussian model. For symbols, NaN where one is missing, pass "
            "emission='categorical'; for counts emission='poisson'; "
            "emission='gaussian' is what was done, without this warning.",
            UserWarning,
            stacklevel=7,
        )


def read_symbols(
    X: SequencesLike,
    n_symbols: int | None = None,
    name: str = "X",
    keep_missing: bool = False,
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
    keep_missing : bool, default=False
        Whether trailing ones are missing observations, too, and no padding.

    Returns
    -------
    Sequences
        With integer values of shape (n,), -1 for missing.
    """
    values, starts, lengths, width = _read(X, name)
    values = _as_symbols(values, starts, n_symbols, name)
    if keep_missing:
        return Sequences(values, starts, lengths, width)
    return _trim(values, values != MISSING, starts, lengths, width, name)


def read_states(
    states: SequencesLike, sequences: Sequences, n_states: int, name: str = "states"
) -> Ints:
    """Known states of sequences, beside their values.

    Parameters
    ----------
    states : array of shape (n_sequences, n_steps), or list of 1-D arrays or None
        Integers from -1 on; -1 (NaN, None, a masked number) is not known.
    sequences : Sequences
        As they were read, none left out.
    n_states : int
    name : str, default="states"

    Returns
    -------
    ndarray of shape (len(sequences.values),)

    Raises
    ------
    ValueError
        If they are no states of a model of `n_states`, or not one for each step.
    """
    n_steps = sequences.lengths
    if isinstance(states, list | tuple) and len(states) == len(sequences):
        both = zip(states, n_steps, strict=True)
        states = [[MISSING] * n if one is None else one for one, n in both]
    values, starts, lengths, _ = _read(states, name)
    if len(lengths) != len(sequences):
        raise ValueError(
            f"{name} must have one entry for each of the {len(sequences)} sequences "
            f"of X, got {len(lengths)}."
        )
    values = _as_symbols(values, starts, n_states, name, "state")
    out = np.full(len(sequences.values), MISSING)
    for i, (a, b, n) in enumerate(zip(starts, sequences.starts, n_steps, strict=True)):
        own = values[a : a + lengths[i]]
        # A longer one may end in padding, as the sequence may.
        n_told = len(own) if len(own) < n else n + int((own[n:] != MISSING).sum())
        if n_told != n:
            raise ValueError(
                f"{name} must have one state for each step, but tells {n_told} of "
                f"sequence {i} of X, which has {n} up to its last that is observed."
            )
        out[b : b + n] = own[:n]
    return out


def _as_symbols(values, starts, n_symbols, name, noun="symbol"):
    """Integers from -1 on, -1 for missing, of what `_read` gives, or an error."""
    of_hmm, remedy = _WORDS[noun]
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(
            f"{name} holds steps of {values.shape[1]} features, but {of_hmm} a step."
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
                f"{name} must hold integer {noun}s (-1 or NaN for missing), got "
                f"{values[wrong][0].item()!r}.{remedy}"
            )
    if values.size:
        low, high = values.min(), values.max()
        top = _MAX_SYMBOL if n_symbols is None else n_symbols - 1
        if low < MISSING or high > top:
            bad = low if low < MISSING else high
            sequence = _sequence_of(values == bad, starts)
            raise ValueError(
                f"{name} holds the {noun} {int(bad)} in sequence {sequence}; {noun}s "
                f"must be at least 0 and at most {top} (-1 means missing)."
            )
    if values.dtype.kind == "f" or values.dtype == np.uint64 or masked is not None:
        values = values.astype(np.intp)
    if masked is not None:
        values[masked] = MISSING
    return values


def read_observations(
    X: SequencesLike,
    n_features: int | None = None,
    name: str = "X",
    keep_missing: bool = False,
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
    keep_missing : bool, default=False
        As in `read_symbols`.
    dtype : dtype, default=np.float64
        The floating type of the values.

    Returns
    -------
    Sequences
        With floating values of shape (n, n_features), NaN for missing.
    """
    values, starts, lengths, width = _read(X, name)
    if np.ma.isMaskedArray(values):
        masked = np.ma.getmaskarray(values)
        values = np.ma.filled(values, 0).astype(dtype)
        values[masked] = np.nan
    values = values.astype(dtype, copy=False)
    if values.ndim == 1:
        values = values[:, None]
    if n_features is not None and values.shape[1] != n_features:
        raise ValueError(
            f"{name} holds steps of {values.shape[1]} features, but the HMM was made "
            f"for {n_features}."
        )
    if keep_missing:
        return Sequences(values, starts, lengths, width)
    return _trim(values, ~np.isnan(values).all(axis=1), starts, lengths, width, name)


def _read(X, name):
    """The flat values with starts, lengths and width, not yet trimmed.

    Values are numbers or booleans; integers may come as a masked array.
    """
    if sparse.issparse(X):
        raise TypeError(
            f"Sparse data was passed as {name}, but sequences must be dense: pass an "
            "array (n_sequences, n_steps) or a list of sequences."
        )
    X = as_array(X)
    if not isinstance(X, np.ndarray) or (X.ndim == 1 and X.dtype.kind in "OUS"):
        return *_read_list(X, name), None
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
    return _as_numbers(values, starts, name), starts, np.full(n, width), width


def _read_list(X, name):
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
    trailing = {piece.shape[1:] for piece in pieces}
    if len(trailing) > 1 or len(next(iter(trailing))) > 1:
        raise ValueError(
            f"The sequences of {name} must all have shape (n_steps,) or all "
            f"(n_steps, n_features); got steps of shapes {sorted(trailing)}."
        )
    if trailing == {(0,)}:
        raise ValueError(f"The sequences of {name} have steps of 0 features.")
    lengths = np.array([len(piece) for piece in pieces])
    return _join(pieces), np.cumsum(lengths) - lengths, lengths


def _read_one(sequence, i, name):
    """Sequence `i` of a list, as an array of numbers."""
    try:
        piece = _stack(sequence)
    except (ValueError, OverflowError):
        raise ValueError(
            f"Sequence {i} of {name} is ragged: its steps must all be numbers, or all "
            "be arrays of one shape (n_features,)."
        ) from None
    if piece.dtype.kind in "US":
        raise _text_error(sequence, i, name)
    if piece.ndim == 0:
        raise ValueError(
            f"Expected 2D array or a list of sequences as {name}, got a list whose "
            f"item {i} is {sequence!r:.80}. Reshape your data: a single sequence is "
            f"passed as [{name}]."
        )
    if len(piece) == 0:
        raise ValueError(f"Sequence {i} of {name} is empty.")
    return _as_numbers(piece, [0], name, first=i)


def _stack(steps):
    """Steps as an array; ValueError or OverflowError if they are ragged."""
    steps = np.asanyarray(as_array(steps))
    if steps.dtype.kind == "O" and steps.ndim == 1:
        # Steps that are arrays themselves, as a column of nested lists has them.
        steps = np.asarray(steps.tolist())
    return steps


def _join(pieces):
    """One array of them all; integers stay integers, whatever their types."""
    if {piece.dtype.kind for piece in pieces} == {"i", "u"}:
        limit = np.iinfo(np.int64).max
        if all(piece.max() <= limit for piece in pieces if piece.dtype.kind == "u"):
            pieces = [piece.astype(np.int64) for piece in pieces]
    is_masked = any(map(np.ma.isMaskedArray, pieces))
    return np.ma.concatenate(pieces) if is_masked else np.concatenate(pieces)


def _as_numbers(values, starts, name, first=0):
    """`values` as booleans, integers or finite and missing floats, or an error.

    Parameters
    ----------
    values : ndarray of shape (n_steps, ...)
    starts : sequence of int
        Where the sequences begin, the first of which has the number `first`.
    name : str
    first : int, default=0
    """
    kind = values.dtype.kind
    if kind in "US":
        raise _text_error(values.flat[0], first, name)
    if kind == "O":
        values = _numbers_of_cells(values, starts, name, first)
    elif kind == "c":
        raise ValueError(f"{_COMPLEX}: {name} has it in sequence {first}.")
    elif kind not in "biuf":
        what = _NO_NUMBERS.get(kind, "values")
        raise ValueError(
            f"{name} must hold numbers, got {what} of type {values.dtype} in sequence "
            f"{first}."
        )
    if values.dtype.kind == "f":
        if values.dtype.itemsize > 8:
            with np.errstate(over="ignore"):  # for the next line to refuse
                values = values.astype(np.float64)
        if (wrong := np.isinf(values)).any():
            wrong = wrong.reshape(len(values), -1).any(axis=1)
            raise ValueError(
                f"Input {name} contains infinity, or a number too large for a double, "
                f"in sequence {first + _sequence_of(wrong, starts)}."
            )
    return values


def _numbers_of_cells(cells, starts, name, first):
    """Python objects as numbers: a masked array if they are integers and some miss."""
    numbers, missing = [], np.zeros(cells.shape, dtype=bool)
    for position, cell in enumerate(cells.ravel().tolist()):
        if is_missing(cell):
            missing.flat[position] = True
            continue
        try:
            if isinstance(cell, (str, bytes)):
                raise ValueError("text")
            numbers.append(_number(cell))
        except (TypeError, ValueError, OverflowError) as error:
            step = position * len(cells) // cells.size
            sequence = first + np.searchsorted(starts, step, side="right") - 1
            if isinstance(cell, (str, bytes)):
                raise _text_error(cell, sequence, name) from None
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(
                f"{name} must hold numbers, got {cell!r:.80} in sequence {sequence}: "
                f"{error}."
            ) from None
    values = np.array(numbers)
    if values.dtype.kind == "O":
        values = values.astype(np.float64)
    return with_missing(values, missing)


def _number(cell):
    if hasattr(cell, "as_py"):
        cell = cell.as_py()
    if isinstance(cell, (np.ndarray, np.datetime64, np.timedelta64)):
        raise TypeError(f"a number was needed, not '{type(cell).__name__}'")
    if isinstance(cell, (complex, np.complexfloating)):
        raise TypeError(_COMPLEX)
    number = float(cell)
    return int(cell) if isinstance(cell, Integral) else number


def _text_error(text, sequence, name):
    return ValueError(
        f"could not convert the text {text!r:.80} in sequence {sequence} of {name} to "
        "a number; turn strings or lists of tokens into symbols first, with "
        "TokenEncoder."
    )


def _sequence_of(wrong, starts):
    """The sequence of the first step that is wrong."""
    return np.searchsorted(starts, np.argmax(wrong), side="right") - 1


def _trim(values, observed, starts, lengths, width, name):
    """Cut what is missing at the end of each sequence."""
    last = starts + lengths - 1
    if not observed[last].all():
        # The last observed step at or before each position, -1 where there is none.
        position = np.where(observed, np.arange(len(observed)), -1)
        lengths = np.maximum.accumulate(position)[last] - starts + 1
        if (lengths <= 0).any():
            raise ValueError(
                f"Sequence {np.flatnonzero(lengths <= 0)[0]} of {name} is empty: every "
                "step is missing."
            )
    return Sequences(values, starts, lengths, width)
