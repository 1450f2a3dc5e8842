"""Samples for a frozen encoder: texts, sequences or rows, of whatever container."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from sklearn.utils.validation import check_array

from skhmmdd._base import COLUMNS, check_columns, forget
from skhmmdd._tables import (
    as_array,
    filled,
    is_missing,
    is_table,
    named_few,
    text_columns,
)

_NUMBERS = "biuf"


class Samples(NamedTuple):
    """What an encoder is handed, and of what kind.

    `items` is a list of str, a list of sequences, or an array with one sample a row.
    """

    kind: Literal["texts", "sequences", "rows"]
    items: Any

    def __len__(self):
        return len(self.items)

    def batch(self, index):
        """The samples at `index`, in the form that the encoder takes."""
        if self.kind == "rows":
            return self.items[index]
        return [self.items[i] for i in index]

    def as_bytes(self, i):
        """What tells sample `i` from any other."""
        item = self.items[i]
        if isinstance(item, str):
            return b"text:" + item.encode("utf-8", "surrogatepass")
        if isinstance(item, np.ndarray):
            head = f"{item.dtype.str}{item.shape}:".encode()
            return head + np.ascontiguousarray(item).tobytes()
        return b"tokens:" + repr(item).encode("utf-8", "surrogatepass")


def read_samples(estimator, X, *, reset):
    """Read X, and hold a table to the columns that `fit` saw.

    Parameters
    ----------
    estimator : estimator
        Whose `n_features_in_` and `feature_names_in_` are set, or checked.
    X : list of str, list of sequences, column, or array with one sample a row
    reset : bool

    Returns
    -------
    Samples

    Raises
    ------
    ValueError
        If X is empty, has missing texts or numbers, or mixes texts and others.
    """
    if reset:
        forget(estimator, *COLUMNS)
    if isinstance(X, (str, bytes)):
        raise ValueError(f"X must hold one text a sample, got the single text {X!r}.")
    array = as_array(X)
    is_frame = is_table(X)
    if isinstance(array, np.ndarray) and array.dtype.kind in "OUST":
        array = filled(array, None)
        # A frame of one column is that column; numbers among objects are a table yet.
        if is_frame and array.shape[1] == 1 and not _all_numbers(array):
            return _read_list(list(array[:, 0]))
        if array.ndim == 1:
            return _read_list(list(array))
    elif isinstance(array, Sequence):
        return _read_list(list(array))
    if is_frame and (texts := text_columns(X)):
        raise ValueError(
            f"X is a table with texts in {named_few(texts)}: give one column of texts "
            f"alone, as X[{texts[0]!r}], or columns of numbers alone."
        )
    if is_frame:  # its names before its numbers
        check_columns(estimator, X, reset=reset)
    rows = _check_rows(estimator, filled(array, np.nan))
    if rows.ndim == 2:
        check_columns(estimator, X if is_frame else rows, reset=reset)
    elif reset:
        estimator.n_features_in_ = rows.shape[-1]
    elif rows.shape[-1] != getattr(estimator, "n_features_in_", rows.shape[-1]):
        raise ValueError(
            f"X has {rows.shape[-1]} features a step, after "
            f"{estimator.n_features_in_} in fit."
        )
    return Samples("rows", rows)


def _all_numbers(array):
    return all(isinstance(cell, (int, float, np.number)) for cell in array.flat)


def _check_rows(estimator, array):
    if isinstance(array, np.ndarray) and array.dtype.kind in "UST":
        raise ValueError(
            f"X holds texts in an array of shape {array.shape}: give one text a "
            "sample, as a list or as one column."
        )
    return check_array(
        array, dtype="numeric", allow_nd=True, estimator=estimator, input_name="X"
    )


def _read_list(items):
    if not items:
        raise ValueError("Found array with 0 sample(s) in X, at least 1 is required.")
    for i, item in enumerate(items):
        if is_missing(item):
            raise ValueError(f"X[{i}] is missing ({item!r}): drop it, or fill it in.")
    are_texts = [isinstance(item, str) for item in items]
    if all(are_texts):
        return Samples("texts", [str(item) for item in items])
    if any(are_texts):
        i = are_texts.index(not are_texts[0])
        raise ValueError(
            f"X mixes texts and others: X[0] is a {type(items[0]).__name__}, X[{i}] a "
            f"{type(items[i]).__name__}."
        )
    return Samples("sequences", [_read_sequence(i, x) for i, x in enumerate(items)])


def _read_sequence(i, item):
    array = as_array(item)
    if isinstance(array, (list, tuple)):
        try:
            array = np.asarray(array)
        except ValueError as error:  # ragged
            raise ValueError(f"X[{i}] is no sequence: {error}") from error
    if not isinstance(array, np.ndarray) or array.ndim not in (1, 2):
        raise ValueError(
            f"X must hold texts, or sequences of one or two dimensions; X[{i}] is "
            f"{item!r}."
        )
    if not array.size:
        raise ValueError(f"X[{i}] is empty: a sequence has at least one step.")
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: X[{i}] is of {array.dtype}.")
    if array.dtype.kind not in _NUMBERS:  # tokens, such as words
        tokens = list(filled(array, None))
        if array.ndim == 1 and all(isinstance(token, str) for token in tokens):
            return [str(token) for token in tokens]
        raise ValueError(
            f"X[{i}] must hold numbers, or tokens that are all strings; got {item!r}."
        )
    array = filled(array, np.nan)
    if array.dtype.kind not in "biu" and not np.isfinite(array.astype(float)).all():
        raise ValueError(f"X[{i}] contains NaN or infinity.")
    return array
