"""A repr for named results that hold long arrays."""

from typing import Any

import numpy as np

_SHOWN_IN_FULL = 6


def short_repr(result: Any) -> str:
    """What a named tuple holds, on one line, without dumping its arrays.

    Parameters
    ----------
    result : named tuple
        A class takes this function as its ``__repr__``.

    Returns
    -------
    str

    Examples
    --------
    >>> from collections import namedtuple
    >>> Result = namedtuple("Result", "widths risk best")
    >>> short_repr(Result(np.arange(1, 601), np.array([0.25, 1 / 3]), (37, 2 / 7)))
    'Result(widths=<600 values, 1 to 600>, risk=[0.25, 0.3333], best=(37, 0.2857))'
    """
    fields = result._asdict().items()
    shown = ", ".join(f"{name}={_short(value)}" for name, value in fields)
    return f"{type(result).__name__}({shown})"


def _short(value):
    if isinstance(value, np.ndarray):
        return _short_array(value)
    if hasattr(value, "_fields"):
        return short_repr(value)
    if isinstance(value, tuple):
        inner = ", ".join(map(_short, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, dict):
        inner = ", ".join(f"{key}: {_short(entry)}" for key, entry in value.items())
        return f"{{{inner}}}"
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    if isinstance(value, np.integer):
        return str(value)
    return repr(value)


def _short_array(array):
    if array.size <= _SHOWN_IN_FULL and array.ndim == 1:
        return f"[{', '.join(map(_short, array))}]"
    size = f"{array.size} values" if array.ndim == 1 else f"shape {array.shape}"
    if array.dtype.kind not in "iuf" or not array.size or np.isnan(array).all():
        return f"<{size}>"
    return f"<{size}, {_short(np.nanmin(array))} to {_short(np.nanmax(array))}>"
