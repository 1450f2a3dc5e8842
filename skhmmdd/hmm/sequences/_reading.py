"""Sequences as users hold them, read once into one flat layout.

One sample is one sequence, whatever form the collection comes in.
"""

from typing import Literal

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse
from sklearn.utils.validation import check_array

from skhmmdd._typing import SequencesLike
from skhmmdd.hmm.sequences._blocks import Sequences

MISSING = -1


def infer_emission(X: SequencesLike) -> Literal["categorical", "gaussian"]:
    """ "categorical" for integers of at least -1, otherwise "gaussian"."""
    if _is_table(X):
        pieces = [np.asarray(X)]
    elif sparse.issparse(X) or not hasattr(X, "__iter__"):
        return "gaussian"  # for the reader to refuse
    else:
        pieces = list(map(np.asarray, X))
    is_symbol = all(
        piece.dtype.kind in "iu" and (not piece.size or piece.min() >= MISSING)
        for piece in pieces
    )
    return "categorical" if is_symbol else "gaussian"


def read_symbols(
    X: SequencesLike, n_symbols: int | None = None, name: str = "X"
) -> Sequences:
    """Sequences of integer symbols.

    Parameters
    ----------
    X : array of shape (n_sequences, n_steps), or list of 1-D arrays
        Integers from -1 on, or floats that hold integers and NaN. A trailing -1
        (NaN) is padding, an inner one a missing observation.
    n_symbols : int, default=None
        The size of the alphabet; None takes any symbol from 0 on.
    name : str, default="X"
        The argument's name in error messages.

    Returns
    -------
    Sequences
        With integer values of shape (n,), -1 for missing.
    """
    values, starts, lengths, width = _read(X, name)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(
            f"{name} holds steps of {values.shape[1]} features, but a categorical HMM "
            "reads one integer symbol a step."
        )
    if values.dtype.kind == "b":
        values = values.astype(np.int8)
    elif values.dtype == np.uint64:
        values = values.astype(np.intp)
    elif values.dtype.kind == "f":
        missing = np.isnan(values)
        whole = np.where(missing, MISSING, values)
        symbols = whole.astype(np.intp)
        if (wrong := symbols != whole).any():
            raise ValueError(
                f"{name} must hold integer symbols (-1 or NaN for missing), got "
                f"{values[wrong][0].item()!r}. Encode tokens with TokenEncoder; for "
                "continuous observations use a GaussianHMM."
            )
        values = symbols
    if values.size:
        low, high = values.min(), values.max()
        if low < MISSING or (n_symbols is not None and high >= n_symbols):
            bad = low if low < MISSING else high
            bound = "" if n_symbols is None else f" and at most {n_symbols - 1}"
            position = np.flatnonzero(values == bad)[0]
            sequence = np.searchsorted(starts, position, side="right") - 1
            raise ValueError(
                f"{name} holds the symbol {bad} in sequence {sequence}; symbols must "
                f"be at least 0{bound} (-1 means missing)."
            )
    return _trim(values, values != MISSING, starts, lengths, width, name)


def read_observations(
    X: SequencesLike,
    n_features: int | None = None,
    name: str = "X",
    dtype: DTypeLike = np.float64,
) -> Sequences:
    """Sequences of continuous observations.

    Parameters
    ----------
    X : array of shape (n_sequences, n_steps) or (n_sequences, n_steps, n_features), \
or list of arrays of shape (n_steps,) or (n_steps, n_features)
        A 2-D array holds one univariate sequence a row. NaN is missing; steps
        that are missing to the end are padding.
    n_features : int, default=None
        The number of features a step must have; None takes any.
    name : str, default="X"
        The argument's name in error messages.
    dtype : dtype, default=np.float64
        The floating type of the values.

    Returns
    -------
    Sequences
        With floating values of shape (n, n_features), NaN for missing.
    """
    values, starts, lengths, width = _read(X, name)
    values = values.astype(dtype, copy=False)
    if values.ndim == 1:
        values = values[:, None]
    if n_features is not None and values.shape[1] != n_features:
        raise ValueError(
            f"{name} holds steps of {values.shape[1]} features, but the HMM was made "
            f"for {n_features}."
        )
    return _trim(values, ~np.isnan(values).all(axis=1), starts, lengths, width, name)


def _is_table(X):
    if hasattr(X, "iloc") or hasattr(X, "__dataframe__"):
        return getattr(X, "ndim", 2) == 2 or not hasattr(X, "ndim")
    return isinstance(X, np.ndarray) and (X.ndim != 1 or X.dtype.kind in "biufc")


def _read(X, name):
    """The flat values with starts, lengths and width, not yet trimmed."""
    if sparse.issparse(X):
        raise TypeError(
            f"Sparse data was passed as {name}, but sequences must be dense: pass an "
            "array (n_sequences, n_steps) or a list of sequences."
        )
    if _is_table(X):
        X = check_array(
            X,
            dtype=_numeric_dtype(X),
            ensure_all_finite="allow-nan",
            allow_nd=True,
            input_name=name,
        )
        if X.ndim > 3:
            raise ValueError(
                f"{name} has {X.ndim} dimensions; an array of sequences has 2, "
                "(n_sequences, n_steps), or 3, (n_sequences, n_steps, n_features)."
            )
        n, width = X.shape[:2]
        if width == 0:
            raise ValueError(f"{name} has shape {X.shape}: its sequences are empty.")
        values = X.reshape(n * width, *X.shape[2:])
        return values, np.arange(n) * width, np.full(n, width), width
    return *_read_list(X, name), None


def _numeric_dtype(X):
    dtype = getattr(X, "dtype", None)
    return None if dtype is not None and dtype.kind in "biuf" else "numeric"


def _read_list(X, name):
    try:
        sequences = list(X)
    except TypeError:
        raise TypeError(
            f"{name} must be an array or a list of sequences, got {type(X).__name__}."
        ) from None
    if not sequences:
        raise ValueError(f"{name} holds no sequence: at least one is needed.")
    pieces = []
    for i, sequence in enumerate(sequences):
        piece = np.asarray(sequence)
        if piece.dtype.kind in "US":
            raise ValueError(
                f"{name} holds the text {sequence!r} as sequence {i}; turn strings or "
                "lists of tokens into symbols with TokenEncoder first."
            )
        if piece.ndim == 0:
            raise ValueError(
                f"Expected 2D array or a list of sequences as {name}, got a list whose "
                f"item {i} is {sequence!r}. Reshape your data: a single sequence is "
                f"passed as [{name}]."
            )
        if len(piece) == 0:
            raise ValueError(f"Sequence {i} of {name} is empty.")
        pieces.append(piece)
    trailing = {piece.shape[1:] for piece in pieces}
    if len(trailing) > 1 or len(next(iter(trailing))) > 1:
        raise ValueError(
            f"The sequences of {name} must all have shape (n_steps,) or all "
            f"(n_steps, n_features); got steps of shapes {sorted(trailing)}."
        )
    values = np.concatenate(pieces)
    if values.dtype.kind not in "biuf":
        values = check_array(
            values, ensure_2d=False, ensure_all_finite="allow-nan", input_name=name
        )
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise ValueError(f"Input {name} contains infinity.")
    lengths = np.array([len(piece) for piece in pieces])
    return values, np.cumsum(lengths) - lengths, lengths


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
