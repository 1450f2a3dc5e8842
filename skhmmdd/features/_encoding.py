"""What a frozen encoder gives, checked: arrays in, arrays out."""

from functools import partial
from types import BuiltinFunctionType, FunctionType
from typing import NamedTuple

import joblib
import numpy as np

from skhmmdd.features._representation import pool_steps


class Encoded(NamedTuple):
    """A batch that was encoded: rows (n, width), or the steps of each sample."""

    rows: np.ndarray | None
    steps: list[np.ndarray] | None

    def pooled(self, pooling, dtype):
        """One row a sample, shape (n, width)."""
        if self.rows is not None:
            return self.rows.astype(dtype, copy=False)
        return pool_steps(self.steps, pooling, dtype)


def encode(encoder, batch, numbers):
    """Ask the encoder for a batch, and check what it gives.

    `numbers` are the places of the samples in X, to name them by. TypeError or
    ValueError if it gives no numbers, rows of unequal width, another number of rows
    than it was asked for, or NaN.
    """
    given = encoder(batch)
    try:
        n_given = len(given)
    except TypeError:
        raise TypeError(
            "encoder must give an array or a list of arrays, got "
            f"{type(given).__name__}."
        ) from None
    if n_given != len(batch):
        raise ValueError(
            f"encoder gave {n_given} rows for {len(batch)} samples; it must give one "
            "row, or one array of steps, a sample."
        )
    if isinstance(given, (list, tuple)):
        arrays = [np.asarray(array) for array in given]
    else:
        array = np.asarray(given)
        if array.ndim == 2:
            _check_numbers(array, lambda i: numbers[i])
            return Encoded(array, None)
        arrays = list(array)
    if all(array.ndim == 1 for array in arrays):
        _check_widths(arrays, numbers)
        array = np.stack(arrays)
        _check_numbers(array, lambda i: numbers[i])
        return Encoded(array, None)
    for number, array in zip(numbers, arrays, strict=True):
        if array.ndim != 2 or not array.size:
            raise ValueError(
                "encoder must give an array of shape (n_samples, width), or arrays of "
                f"shape (n_steps, width); for X[{number}] it gave one of shape "
                f"{array.shape}."
            )
        _check_numbers(array, lambda _, number=number: number)
    _check_widths(arrays, numbers)
    return Encoded(None, arrays)


def _check_widths(arrays, numbers):
    width = arrays[0].shape[-1]
    for number, array in zip(numbers, arrays, strict=True):
        check_width(array.shape[-1], width, f"X[{number}]", f"X[{numbers[0]}]")


def check_width(width, before, what, where):
    """ValueError unless the encoder gives one width throughout."""
    if width != before:
        raise ValueError(
            f"encoder gave ragged widths: {width} for {what}, {before} for {where}."
        )


def _check_numbers(array, number_of):
    if array.dtype.kind not in "biuf":
        raise TypeError(f"encoder must give real numbers, got dtype {array.dtype}.")
    if not array.shape[-1]:
        raise ValueError(f"encoder gave no column for X[{number_of(0)}].")
    bad = ~np.isfinite(array).all(axis=-1)
    if bad.any():
        raise ValueError(
            f"encoder gave NaN or infinity for X[{number_of(int(bad.argmax()))}]."
        )


def weights_key(encoder):
    """A string that is another one for other weights.

    From a method or string `weights_key` of the encoder, or by pickling it. ValueError
    if nothing tells its weights: of a function pickle holds the name alone.
    """
    key = getattr(encoder, "weights_key", None)
    if callable(key):
        key = key()
    if isinstance(key, str) and key:
        return key
    if key is not None:
        raise ValueError(f"encoder.weights_key must be a string, got {key!r}.")
    reason = "of a function only the name is known"
    if not isinstance(encoder, (FunctionType, BuiltinFunctionType, partial)):
        try:
            return joblib.hash(encoder, hash_name="sha1")
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
    raise ValueError(
        "memory must tell the weights of one encoder from those of another, and "
        f"{encoder!r} does not say them ({reason}). Give it an attribute "
        "`weights_key`, a string that changes with the weights; or set memory=None."
    )
