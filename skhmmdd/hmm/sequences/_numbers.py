"""What users write into the cells of sequences, as numbers; errors name them."""

from numbers import Integral

import numpy as np

from skhmmdd._tables import is_missing, with_missing

_NO_NUMBERS = {"M": "dates", "m": "durations"}
_COMPLEX = "Complex data not supported"


def as_numbers(values, starts, name, first=0):
    """`values` as booleans, integers or finite and missing floats, or an error.

    `starts` tell where the sequences begin, the first of which has the number `first`.
    """
    kind = values.dtype.kind
    if kind in "US":
        raise text_error(values.flat[0], first, name)
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
                f"in sequence {first + sequence_of(wrong, starts)}."
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
                raise text_error(cell, sequence, name) from None
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


def text_error(text, sequence, name):
    return ValueError(
        f"could not convert the text {text!r:.80} in sequence {sequence} of {name} to "
        "a number; turn strings or lists of tokens into symbols first, with "
        "TokenEncoder."
    )


def sequence_of(wrong, starts):
    """The sequence of the first step that is wrong."""
    return np.searchsorted(starts, np.argmax(wrong), side="right") - 1
