"""Tables and columns of pandas, polars and pyarrow, read as NumPy arrays.

Every door of the package reads them here, by what they can do and not by their type:
none of the libraries is imported. A cell without a value becomes NaN among floats,
NaT among dates and None among objects; integers and booleans keep their type, as a
masked array.
"""

from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np
from sklearn.utils._set_output import _get_output_config

from skhmmdd._typing import Array

_N_NAMED = 5


def is_table(X: Any) -> bool:
    """Whether `X` is a dataframe of any library, or an Arrow table."""
    # In this order: a lazy frame of polars has no shape, and warns of its columns.
    return (
        not isinstance(X, np.ndarray)
        and isinstance(shape := getattr(X, "shape", None), tuple)
        and len(shape) == 2
        and hasattr(X, "columns")
    )


def as_array(X: Any) -> Any:
    """A table, a column or whatever else knows how to be an array, as an array.

    A masked array only of integers or booleans, and only if one is masked. What is no
    array, as a list, comes back as it is.
    """
    if type(X) is np.ndarray or isinstance(X, (list, tuple, str, bytes)):
        return X
    if isinstance(X, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(X)
        if mask.dtype.names is not None:
            return X.data  # a structured array, for the caller to refuse
        return with_missing(X.data[~mask], mask)
    if is_table(X):
        return _table(X)
    if hasattr(X, "to_numpy") and hasattr(X, "__len__"):
        return _column(X)
    if hasattr(X, "as_py"):  # a single cell of Arrow, often itself a sequence
        return X.as_py()
    known = hasattr(X, "__array__") or isinstance(X, memoryview)
    return np.asarray(X) if known else X


def text_columns(table: Any) -> list[Any]:
    """The names of the columns of a table that hold a text."""
    names = getattr(table, "column_names", table.columns)  # those of Arrow are data
    cells = as_array(table)
    if cells.dtype.kind != "O":
        return list(names) if cells.dtype.kind in "UST" else []
    holds = [any(isinstance(cell, str) for cell in column) for column in cells.T]
    return [name for name, is_text in zip(names, holds, strict=True) if is_text]


def named_few(names: list[Any]) -> str:
    """The first few of some names, for a message."""
    more = len(names) - _N_NAMED
    few = ", ".join(map(repr, names[:_N_NAMED]))
    return f"{few} and {more} more" if more > 0 else few


def stacked(item: Any) -> Any:
    """A sequence as one array, also if its steps are arrays or lists themselves.

    Raises
    ------
    ValueError
        If the steps are of unequal size.
    """
    array = np.asanyarray(as_array(item))
    if array.dtype.kind == "O" and array.ndim == 1:
        # As a column of nested lists has them.
        array = np.asarray(array.tolist())
    return array


def steps_first(X: Any) -> Any:
    """An array (n, channels, steps), or sequences (channels, steps), steps first.

    What has no channels, or names them as a table does, comes back as it is; so does
    what is ragged, for the reader to refuse.
    """
    X = as_array(X)
    if isinstance(X, np.ndarray):
        if X.ndim == 3:
            return X.swapaxes(1, 2)
        is_list = X.ndim == 1 and X.dtype.kind == "O"
    else:
        no_list = isinstance(X, (str, bytes, Mapping, Set))
        is_list = isinstance(X, Iterable) and not no_list
    return [_transposed(item) for item in X] if is_list else X


def _transposed(item):
    try:
        array = stacked(item)
    except (ValueError, OverflowError):
        return item
    return array.T if array.ndim == 2 else item


def with_alphabet(dtype: Any, n_symbols: int) -> Any:
    """An integer type that tells how large an alphabet its symbols are from.

    It is equal to `dtype`; NumPy passes what it tells on to parts and copies, and
    drops it where an array is computed with.
    """
    return np.dtype(dtype, metadata={"n_symbols": n_symbols})


def told_alphabet(X: Any) -> int:
    """The size of the alphabet that an array, or the first of a list, tells; or 0."""
    if not hasattr(X, "dtype") or X.dtype.kind == "O":
        X = next(iter(X), None)
    return (getattr(getattr(X, "dtype", None), "metadata", None) or {}).get(
        "n_symbols", 0
    )


def is_missing(cell: Any) -> bool:
    """Whether `cell` is None, NaN, NaT, pandas.NA or numpy.ma.masked."""
    if cell is None or cell is np.ma.masked:
        return True
    try:
        return bool(cell != cell)
    except (TypeError, ValueError):  # pandas.NA has no truth value, nor has an array
        return type(cell).__name__ == "NAType"


def filled(array: Array, value: Any) -> Array:
    """`array`, if need be as objects, with `value` where it is masked."""
    if not np.ma.isMaskedArray(array):
        return array
    cells = array.data.astype(object)
    cells[array.mask] = value
    return cells


def object_array(items: Any) -> Array:
    """A 1-D object array, even of items of equal length."""
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def keep_index(rows: Array, X: Any, transformer: Any) -> Any:
    """What a transformer made of `X`, with the index of `X` if that is a pandas Series.

    Only where the transformer is set to pandas output. scikit-learn sees to frames, in
    its newer versions to Series, and lets no 1-D array of objects be a Series.
    """
    is_series = hasattr(X, "iloc") and len(X.shape) == 1
    config = _get_output_config("transform", transformer)
    if not is_series or config["dense"] != "pandas":
        return rows
    container = type(X) if rows.ndim == 1 else type(X.to_frame())
    return container(rows, index=X.index)


def _table(table):
    if len(set(dtypes := getattr(table, "dtypes", ()))) == 1:
        dtype = next(iter(dtypes))
        if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
            return table.to_numpy()  # pandas: often without a copy
    if hasattr(table, "iloc"):  # pandas, where two columns may share a name
        columns = [table.iloc[:, j] for j in range(table.shape[1])]
    elif hasattr(table, "iter_columns"):  # polars
        columns = table.iter_columns()
    else:  # pyarrow
        columns = table.columns
    arrays = [_column(column) for column in columns]
    if not arrays:
        return np.empty(table.shape)
    kinds = {array.dtype.kind if array.ndim == 1 else "O" for array in arrays}
    if not (kinds <= set("biufc") or kinds == {"M"} or kinds == {"m"}):
        cells = np.empty(table.shape, dtype=object)
        for j, array in enumerate(arrays):
            cells[:, j] = object_array(list(filled(array, None)))
        return cells
    values = np.empty(table.shape, np.result_type(*arrays))
    missing = np.zeros(table.shape, dtype=bool)
    for j, array in enumerate(arrays):
        values[:, j] = np.ma.getdata(array)
        missing[:, j] = np.ma.getmaskarray(array)
    return with_missing(values[~missing], missing) if missing.any() else values


def _column(column):
    dtype = getattr(column, "dtype", None)
    if isinstance(dtype, np.dtype):  # of pandas
        return column.to_numpy()
    if hasattr(dtype, "pyarrow_dtype"):  # of pandas, held by Arrow
        column = column.array.__arrow_array__()
    if hasattr(column, "isna"):
        missing, seen = column.isna(), column.dropna()
        present = seen.to_numpy(getattr(dtype, "numpy_dtype", None))
    elif hasattr(column, "drop_nulls"):  # of polars
        missing, seen = column.is_null(), column.drop_nulls()
        present = _cells(seen, dtype, seen.to_list)
    elif hasattr(column, "drop_null"):  # of Arrow
        missing, seen = column.is_null(), column.drop_null()
        present = _cells(seen, column.type, seen.to_pylist)
    else:
        return np.asarray(column)
    return with_missing(present, np.asarray(missing))


def _cells(seen, dtype, to_list):
    """A column of polars or Arrow without empty cells."""
    name = str(dtype).lower()
    # NumPy turns the integers of a list with an empty place into floats, and the
    # fields of a structure into columns.
    is_nested = "list" in name or "array" in name
    if "struct" in name or (is_nested and "int" in name):
        return object_array(to_list())
    return np.asarray(seen)


def with_missing(present, missing):
    """An array of the shape of `missing`, with `present` where nothing is missing."""
    if not missing.any():
        return present.reshape(missing.shape + present.shape[1:])
    kind, shape = present.dtype.kind, missing.shape + present.shape[1:]
    empty = {"f": np.nan, "c": np.nan, "m": "NaT", "M": "NaT"}
    if is_whole := kind in "biu":
        values = np.zeros(shape, present.dtype)
    elif kind in empty:
        values = np.full(shape, empty[kind], present.dtype)
    else:
        values = np.full(shape, None, dtype=object)
    values[~missing] = present
    if not is_whole:
        return values
    return np.ma.array(values, mask=np.broadcast_to(missing.T, shape[::-1]).T)
