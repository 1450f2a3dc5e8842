"""Files of frozen weights: arrays in NumPy's own format, never pickle.

A file is like those of `numpy.savez`, a zip archive of plain arrays, not compressed: no
array can be longer than its file, and the checksums of the archive tell damage.
"""

import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from skhmmdd._typing import Array, Floats, StrPath
from skhmmdd.hmm.models._atomic import replacing

_FORMAT = "skhmmdd weights 1"
# What stands before the numbers of a plain array: its type, order and shape.
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '([<>|][a-zA-Z]\d{1,9})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,15}, ?){0,7}(?:\d{1,15})?)\), \} *\n"
)


def save_weights(path: StrPath, kind: str, arrays: Mapping[str, Any]) -> None:
    """Write named arrays under the name of a kind of model, whole or not at all."""
    labels = {"format": np.array(_FORMAT), "kind": np.array(kind)}
    # As `numpy.savez` does, of which older versions leave it open after an error.
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in (labels | dict(arrays)).items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


class StoredArrays:
    """The arrays of an open file, each read and checked when it is asked for.

    Parameters
    ----------
    archive : zipfile.ZipFile
    n_bytes : int
        Size of the file: all that is read of it, together, is no longer.
    """

    def __init__(self, archive: zipfile.ZipFile, n_bytes: int) -> None:
        self._archive, self._n_left = archive, n_bytes

    def floats(self, name: str) -> Floats:
        """Double-precision numbers, of either byte order."""
        return self.array(name, "f8").astype(np.float64, copy=False)

    def numbers(self, name: str) -> list[float]:
        """A row of double-precision numbers."""
        found = self.floats(name)
        if found.ndim != 1:
            raise ValueError(f"{name!r} has shape {found.shape}, not (n,)")
        return found.tolist()

    def text(self, name: str) -> str:
        """One string."""
        return str(self._single(name, "U"))

    def integer(self, name: str) -> int:
        """One whole number."""
        return int(self._single(name, "i4", "i8"))

    def flag(self, name: str) -> bool:
        """True or False."""
        return bool(self._single(name, "b1"))

    def array(self, name: str, *types: str) -> Array:
        """A read-only array of one of some types, such as "f8", "u4" or "U".

        Raises
        ------
        ValueError
            If there is none of that name, or it is of another type, or damaged.
        """
        try:
            member = self._archive.getinfo(f"{name}.npy")
        except KeyError:
            raise ValueError(f"it lacks the array {name!r}") from None
        n_bytes = member.file_size
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"the array {name!r} is compressed")
        self._n_left -= n_bytes
        if n_bytes != member.compress_size or self._n_left < 0:
            raise ValueError(f"the array {name!r} is longer than the file")
        with self._archive.open(member) as stored:
            # 1. The header, before a number is read.
            start = stored.read(10)
            header = stored.read(int.from_bytes(start[8:], "little"))
            match = _HEADER.fullmatch(header)
            if start[:8] != _MAGIC or match is None:
                raise ValueError(f"the array {name!r} is not one of plain numbers")
            descr, is_fortran, sizes = (part.decode() for part in match.groups())
            if descr[1:] not in types and descr[1] not in types:
                raise ValueError(f"the array {name!r} holds {descr!r}, not {types}")
            dtype = np.dtype(descr)
            shape = tuple(int(size) for size in re.findall(r"\d+", sizes))
            # 2. It must account for every byte.
            n_bytes -= len(start) + len(header)
            if math.prod(shape) * dtype.itemsize != n_bytes:
                raise ValueError(f"the array {name!r} is not of its shape {shape}")
            # 3. The numbers; the end of the member checks the checksum.
            found = np.frombuffer(stored.read(n_bytes), dtype)
        return found.reshape(shape, order="F" if is_fortran == "True" else "C")

    def _single(self, name, *types):
        found = self.array(name, *types)
        if found.ndim:
            raise ValueError(f"{name!r} has shape {found.shape}, not ()")
        return found.item()


@contextmanager
def stored_arrays(path: StrPath, kind: str) -> Iterator[StoredArrays]:
    """Open a file of a kind of model, to read in the block what it holds.

    Raises
    ------
    ValueError
        If the file is damaged or holds anything else, or if the block finds that an
        array in it is not what it should be.
    OSError
        If the file cannot be opened.
    """
    with open(path, "rb") as file:
        try:
            n_bytes = file.seek(0, 2)
            with zipfile.ZipFile(file) as archive:
                found = StoredArrays(archive, n_bytes)
                _check_kind(found, kind)
                yield found
        except MemoryError:
            raise
        except Exception as error:
            # A damaged archive makes zipfile raise nearly anything.
            raise ValueError(
                f"{str(path)!r} is not a readable file of skhmmdd weights: {error}"
            ) from error


def _check_kind(found, kind):
    if (written := found.text("format")) != _FORMAT:
        raise ValueError(f"its format is {written!r}, expected {_FORMAT!r}")
    if (held := found.text("kind")) != kind:
        hint = f": load it with {held}.load" if held.isidentifier() else ""
        raise ValueError(f"it holds a {held}, not a {kind}{hint}")
