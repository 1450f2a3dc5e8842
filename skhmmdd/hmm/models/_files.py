"""Files of frozen weights: arrays in NumPy's own format, never pickle."""

import os
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from skhmmdd._typing import Array, StrPath

_FORMAT = "skhmmdd weights 1"


def save_weights(path: StrPath, kind: str, arrays: Mapping[str, Any]) -> None:
    """Write named arrays under the name of a kind of model.

    The file takes its place only when it is whole, so a save that is cut short
    leaves an older file as it was.
    """
    part = f"{os.fspath(path)}.part"
    try:
        with open(part, "wb") as file:
            np.savez(file, format=np.array(_FORMAT), kind=np.array(kind), **arrays)
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.unlink(part)


def load_weights(path: StrPath, kind: str, names: Iterable[str]) -> dict[str, Array]:
    """Read the arrays `names` of a model of class name `kind`.

    Raises
    ------
    ValueError
        If the file is damaged or holds anything else.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise
    except (
        ValueError,
        OSError,
        EOFError,
        KeyError,
        AttributeError,
        TypeError,
        zipfile.BadZipFile,
    ) as error:
        raise ValueError(
            f"{str(path)!r} is not a readable file of skhmmdd weights: {error}"
        ) from error
    if str(found.get("format")) != _FORMAT:
        raise ValueError(
            f"{str(path)!r} is not a file of skhmmdd weights: its format is "
            f"{str(found.get('format'))!r}, expected {_FORMAT!r}."
        )
    if str(found["kind"]) != kind:
        raise ValueError(
            f"{str(path)!r} holds a {found['kind']}, not a {kind}: load it with "
            f"{found['kind']}.load."
        )
    if missing := set(names) - set(found):
        raise ValueError(f"{str(path)!r} lacks the arrays {sorted(missing)}.")
    return {name: found[name] for name in names}
