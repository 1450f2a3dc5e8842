"""Sequences as users hold them, read once: symbols, observations, known states.

One sample is one sequence, whatever form the collection comes in.
"""

from __future__ import annotations

import warnings
from typing import Any, Literal, TypeAlias

import numpy as np

from skhmmdd._tables import stacked
from skhmmdd._typing import Array, Ints, SequencesLike
from skhmmdd.hmm.sequences._blocks import Sequences
from skhmmdd.hmm.sequences._flat import read_flat, trim
from skhmmdd.hmm.sequences._numbers import sequence_of
from skhmmdd.hmm.sequences._panels import order_hint

MISSING = -1
# See `read_symbols`.
KeepMissing: TypeAlias = bool | Literal["first"]
# Without an alphabet of a known size a larger symbol is a mistake, not an alphabet.
_MAX_SYMBOL = 2**31 - 1
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


def infer_emission(X: SequencesLike) -> Literal["categorical", "gaussian"]:
    """ "categorical" for integers of at least -1, otherwise "gaussian"."""
    values = read_flat(X, "X")[0]
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
    values, starts, lengths, width = read_flat(X, name, keep_missing == "first")
    values = _as_symbols(values, starts, lengths, n_symbols, name)
    if keep_missing is True:
        return Sequences(values, starts, lengths, width)
    seen = values != MISSING
    return trim(values, seen, starts, lengths, width, name, keep_missing)


def read_states(states: SequencesLike, sequences: Sequences, n_states: int) -> Ints:
    """Known states of sequences, beside their values.

    Parameters
    ----------
    states : array of shape (n_sequences, n_steps), or list of 1-D arrays or None
        Integers from -1 on; -1 (NaN, None, a masked number) is not known.
    sequences : Sequences
        As they were read, none left out.
    n_states : int

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
    values, starts, lengths, _ = read_flat(states, "states")
    if len(lengths) != len(sequences):
        raise ValueError(
            f"states must have one entry for each of the {len(sequences)} sequences "
            f"of X, got {len(lengths)}."
        )
    values = _as_symbols(values, starts, lengths, n_states, "states", "state")
    out = np.full(len(sequences.values), MISSING)
    for i, (a, b, n) in enumerate(zip(starts, sequences.starts, n_steps, strict=True)):
        own = values[a : a + lengths[i]]
        # A longer one may end in padding, as the sequence may.
        n_told = len(own) if len(own) < n else n + int((own[n:] != MISSING).sum())
        if n_told != n:
            raise ValueError(
                f"states must have one state for each step, but tells {n_told} of "
                f"sequence {i} of X, which has {n} up to its last that is observed."
            )
        out[b : b + n] = own[:n]
    return out


def _as_symbols(values, starts, lengths, n_symbols, name, noun="symbol"):
    """Integers from -1 on, -1 for missing, of what `read_flat` gives, or an error."""
    of_hmm, remedy = _WORDS[noun]
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(
            f"{name} holds steps of {values.shape[1]} features, but {of_hmm} a step."
            f"{order_hint(lengths, 1)}"
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
            sequence = sequence_of(values == bad, starts)
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
    keep_missing: KeepMissing = False,
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

    Returns
    -------
    Sequences
        With floating values of shape (n, n_features), NaN for missing.
    """
    values, starts, lengths, width = read_flat(X, name, keep_missing == "first")
    if np.ma.isMaskedArray(values):
        masked = np.ma.getmaskarray(values)
        values = np.ma.filled(values, 0).astype(np.float64)
        values[masked] = np.nan
    values = values.astype(np.float64, copy=False)
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
    return trim(values, seen, starts, lengths, width, name, keep_missing)


def observed_sequences(X: Any, symbolic: bool = True) -> Array:
    """Whether a step of each sequence is observed; `symbolic` takes -1 for none."""
    values, starts, lengths, _ = read_flat(X, "X", keep_empty=True)
    missing = np.ma.getmaskarray(values).copy()
    values = np.ma.getdata(values)
    if values.dtype.kind == "f":
        missing |= np.isnan(values)
    elif symbolic:
        missing |= values == MISSING
    observed = ~missing.reshape(len(values), -1).all(axis=1)
    total = np.append(0, np.cumsum(observed))
    return total[starts + lengths] > total[starts]
