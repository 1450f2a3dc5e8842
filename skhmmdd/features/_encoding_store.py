"""Encodings kept on disk: one row for each sample, in a file of SQLite.

Nothing of such a file is ever executed, two processes may write to it at a time, and
what is written stays when a long job is stopped.
"""

import sqlite3
from contextlib import closing, contextmanager
from hashlib import blake2b
from os import PathLike
from pathlib import Path

import numpy as np

_FILE = Path("skhmmdd", "encodings.sqlite")
_TABLE = "CREATE TABLE IF NOT EXISTS encodings (key BLOB PRIMARY KEY, row BLOB)"
_GROUP = 500  # keys asked for at a time; SQLite takes no more than 999
_PATIENCE = 60.0  # seconds to wait while another process writes


def store_of(memory):
    """The file that belongs to a `joblib.Memory` or to a path; None for neither."""
    if memory is None:
        return None
    if isinstance(memory, (str, PathLike)):
        return Path(memory) / _FILE
    backend = getattr(memory, "store_backend", None)
    # In a folder of its own: Memory.clear() takes it away.
    return None if backend is None else Path(backend.location) / _FILE


class EncodingStore:
    """Rows of one `dtype` by keys, in a file that is made if it is not there.

    `prefix` goes with every sample: the weights, the pooling.
    """

    def __init__(self, path, prefix, dtype):
        self._path, self._dtype = path, np.dtype(dtype)
        self._prefix = blake2b(f"{prefix}:{self._dtype.str}".encode(), digest_size=32)

    def key(self, sample):
        """The key of a sample, given as bytes."""
        digest = self._prefix.copy()
        digest.update(sample)
        return digest.digest()

    def get(self, keys):
        """The rows that are there, by key."""
        if not self._path.exists():
            return {}
        found = {}
        with self._open() as connection:
            for a in range(0, len(keys), _GROUP):
                group = keys[a : a + _GROUP]
                marks = ",".join("?" * len(group))
                query = f"SELECT key, row FROM encodings WHERE key IN ({marks})"
                found.update(connection.execute(query, group).fetchall())
        return {key: self._row(row) for key, row in found.items()}

    def put(self, keys, rows):
        """Keep rows."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        pairs = [
            (key, np.ascontiguousarray(row).tobytes())
            for key, row in zip(keys, rows, strict=True)
        ]
        query = "INSERT OR REPLACE INTO encodings VALUES (?, ?)"
        with self._open() as connection, connection:
            connection.executemany(query, pairs)

    @contextmanager
    def _open(self):
        """A connection, and what SQLite says of the file in words."""
        try:
            with closing(sqlite3.connect(self._path, timeout=_PATIENCE)) as connection:
                connection.execute(_TABLE)
                yield connection
        except sqlite3.OperationalError as error:  # locked, read-only, disk full
            raise OSError(f"memory cannot use {self._path}: {error}.") from error
        except sqlite3.DatabaseError as error:
            raise self._refusal(error) from error

    def _row(self, row):
        if isinstance(row, bytes) and row and not len(row) % self._dtype.itemsize:
            numbers = np.frombuffer(row, self._dtype)
            if np.isfinite(numbers).all():
                return numbers
        raise self._refusal("a row is damaged")

    def _refusal(self, reason):
        return ValueError(
            f"memory holds a damaged or foreign file, {self._path}: {reason}. "
            "Delete it."
        )
