"""Files that take their place only when they are whole."""

import os
import platform
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from typing import BinaryIO

from skhmmdd._typing import StrPath

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_DAY = 86_400
_HOST = sha256(platform.node().encode()).hexdigest()[:8]
_PART = re.compile(r"\.skhmmdd-([0-9a-f]{8})-[0-9a-f]{16}\.part")


@contextmanager
def replacing(path: StrPath) -> Iterator[BinaryIO]:
    """A new binary file that replaces `path` when the block ends without an error.

    It is written under a temporary name of its own in the same folder, so any number
    of writers leave the whole file of one of them; a reader or a crash, at any moment,
    finds the old file or the new. Symbolic links stay: the file behind them is
    replaced. It keeps its mode, and a new file gets what the umask leaves. What killed
    writers left in the folder is removed.

    Raises
    ------
    OSError
        If the file cannot be written; an older one is as it was.
    ValueError
        If `path` is a device, a pipe or a socket.
    """
    try:
        target, mode = _behind(path)
        folder = os.path.dirname(target)
        clear_parts(folder)
        file = _new_part(folder, 0o666 if mode is None else mode)
        try:
            with file:
                if mode is not None and hasattr(os, "fchmod"):
                    # What the umask took off, on disks that have modes.
                    with suppress(OSError):
                        os.fchmod(file.fileno(), mode)
                yield file
                file.flush()
                os.fsync(file.fileno())
                if fcntl is None:
                    file.close()  # Windows renames no open file
                # Still locked, or another writer would take it for a dead one's.
                os.replace(file.name, target)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(file.name)
        _sync_folder(folder)
    except OSError as error:
        if error.errno is not None:
            # The name that the caller knows.
            error.filename = os.fspath(path)
        raise


def _behind(path):
    """The file behind symbolic links, and its mode: None where there is none yet."""
    try:
        # Opened, not just looked at: the kernel may forbid to follow a link that
        # somebody else put into a shared folder, and a file without the right to
        # write stays as it is.
        descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return os.path.realpath(path), None
    try:
        mode = os.fstat(descriptor).st_mode
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(mode):
        raise ValueError(f"path must name a file, new or plain, got {str(path)!r}.")
    return os.path.realpath(path), stat.S_IMODE(mode)


def _new_part(folder, mode):
    """A file that nobody else has, locked for as long as its writer lives."""
    while True:
        name = f".skhmmdd-{_HOST}-{secrets.token_hex(8)}.part"
        # Exclusive, so nothing planted is followed. Not even for a moment may more
        # users read it than the file that it will be.
        opener = partial(os.open, mode=mode)
        file = open(os.path.join(folder, name), "xb", opener=opener)
        if fcntl is not None:
            with suppress(OSError):  # not every file system has locks
                fcntl.flock(file, fcntl.LOCK_EX)
        if os.path.lexists(file.name):
            return file
        # Before the lock another writer took it for a dead one's.
        file.close()


def clear_parts(folder: str) -> None:
    """Remove temporary files of writers that were killed.

    One made on this machine is removed unless its writer still holds the lock. Of
    another machine, or where there are no locks, it must be a day old as well.
    """
    # What cannot be seen or removed stays.
    with suppress(OSError):
        for name in os.listdir(folder):
            if match := _PART.fullmatch(name):
                with suppress(OSError):
                    _remove_orphan(os.path.join(folder, name), match[1] == _HOST)


def _remove_orphan(part, locks_tell):
    is_old = time.time() - os.lstat(part).st_mtime > _DAY
    if fcntl is None:
        if is_old:
            os.unlink(part)
        return
    descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        except OSError:
            locks_tell = False
        # Under the lock, or a writer could come to hold it meanwhile.
        if is_old or locks_tell:
            os.unlink(part)
    finally:
        os.close(descriptor)


def _sync_folder(folder):
    """Have the disk know the new name too, so that it outlives a loss of power."""
    # Not every system lets a folder be opened, and not every disk knows how.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
