"""Work on many items at a time, here or elsewhere, with one BLAS thread each."""

import os
import sys
from contextlib import contextmanager
from functools import cache, partial
from itertools import islice
from threading import RLock, Thread, get_ident
from time import sleep

from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import ThreadpoolController

# Items for each worker at a time, where a backend gives no result before the last.
_GROUP = 8

# Seconds between two looks of a worker process at whether its parent is still there.
_WATCH_INTERVAL = 1.0


class _Limit:
    """One BLAS thread from the first entry to the last exit, from whatever thread."""

    def __init__(self):
        # Reentrant: a signal handler or the garbage collector may enter or exit within.
        self._lock, self._inside, self._limit = RLock(), {}, None

    def enter(self, entry):
        with self._lock:
            self._inside[entry] = get_ident()
            if self._limit is None:
                self._limit = _controller().limit(limits=1, user_api="blas")

    def exit(self, entry):
        with self._lock:
            # Unknown where a process was forked inside: see `after_fork`.
            self._inside.pop(entry, None)
            self._lift()

    def _lift(self):
        if not self._inside and self._limit is not None:
            limit, self._limit = self._limit, None
            limit.restore_original_limits()

    def before_fork(self):
        """Let no other thread be half-way through `enter` or `exit` at a fork."""
        self._lock.acquire()

    def after_fork_in_parent(self):
        self._lock.release()

    def after_fork_in_child(self):
        """Forget the threads that do not exist in the child, and what they hold."""
        self._lock = RLock()
        here = get_ident()
        self._inside = {k: who for k, who in self._inside.items() if who == here}
        self._lift()


_limit = _Limit()
if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(
        before=_limit.before_fork,
        after_in_parent=_limit.after_fork_in_parent,
        after_in_child=_limit.after_fork_in_child,
    )


@cache
def _controller():
    # Finding the loaded libraries costs milliseconds, limiting them microseconds.
    return ThreadpoolController()


@contextmanager
def single_blas_thread():
    """Context in which BLAS runs on one thread.

    Products of the sizes met here are slower on two threads than on one, and a
    fixed number of threads makes results bit-equal for every `n_jobs`. The limit
    belongs to the process, and holds until the last thread has left the context. A
    forked child is limited only while the thread that forked is inside.
    """
    entry = object()
    try:
        _limit.enter(entry)
        yield
    finally:
        _limit.exit(entry)


def is_alone(n_jobs=None):
    """Whether the caller works through its items itself, one after another.

    So does a task of Dask: it would wait for room on a worker that it takes up itself.
    """
    utils = sys.modules.get("distributed.utils")
    if n_jobs == 1 or hasattr(getattr(utils, "thread_state", None), "execution_state"):
        return True
    return _client() is None and effective_n_jobs(n_jobs) == 1


def shares_memory():
    """Whether the workers of the joblib backend in force see the caller's memory."""
    return getattr(_backend(), "supports_sharedmem", False)


def _backend(prefer="threads"):
    return get_active_backend(prefer=prefer)[0]


def _client():
    """The client of the Dask cluster in force; None where there is none."""
    return getattr(_backend(), "client", None)


def on_workers(items, n_jobs=None):
    """Handles of items that stay on the workers from one `map_jobs` to the next.

    Dask keeps them, each with one worker; elsewhere the items are their own handles.

    Parameters
    ----------
    items : list
    n_jobs : int, default=None
        Of those `map_jobs`.

    Returns
    -------
    list
    """
    if is_alone(n_jobs) or _client() is None:
        return items
    return _scatter(items)


def _scatter(items, **options):
    # Hashing, to find equal contents, may cancel what a task still uses.
    return _client().scatter(items, hash=False, **options)


def map_jobs(function, items, *shared, n_jobs=None, prefer="threads", heavy=False):
    """`function(item, *shared)` of each item, in order, by the workers of joblib.

    Parameters
    ----------
    function : callable
        Of a module, or a partial of one: it goes to other processes by its name.
    items : iterable
        Or handles that `on_workers` gave.
    *shared : object
        Sent to each worker of Dask once a call, not with every item.
    n_jobs : int, default=None
        As in joblib; None is 1 unless a `joblib.parallel_config` says otherwise.
    prefer : {"threads", None}, default="threads"
        The kind of workers where no `joblib.parallel_config` says it; None takes
        processes.
    heavy : bool, default=False
        Whether items are so large that no more of them may be about than there are
        workers.

    Yields
    ------
    The results, in the order of the items.
    """
    with single_blas_thread():
        if is_alone(n_jobs):
            for item in items:
                yield function(item, *shared)
            return
        has_dask = _client() is not None
        if has_dask:
            (shared,) = _scatter([shared], broadcast=True)
        call = delayed(partial(_call_elsewhere, os.getpid()))
        calls = (call(function, shared, item) for item in items)
        options = {"n_jobs": n_jobs, "prefer": prefer}
        if heavy or has_dask:
            # Two items in one task of Dask would have to be on one worker.
            options["batch_size"] = 1
        if heavy:
            options["pre_dispatch"] = "n_jobs"
        if getattr(_backend(prefer), "supports_return_generator", False):
            yield from Parallel(return_as="generator", **options)(calls)
            return
        size = effective_n_jobs(n_jobs) * (1 if heavy else _GROUP)
        while group := list(islice(calls, size)):
            yield from Parallel(**options)(group)


def _call_elsewhere(caller, function, shared, item):
    if os.getppid() == caller:
        _end_with(caller)
    with single_blas_thread():
        return function(item, *shared)


@cache
def _end_with(parent):
    """Let this worker process end when its parent does, in whatever way.

    The workers of joblib are shut down when the interpreter exits. Where a signal ends
    it they would wait for work, and hold their memory, for minutes.
    """
    Thread(target=_await_end, args=(parent,), daemon=True).start()


def _await_end(parent):
    while os.getppid() == parent:  # orphans get another one
        sleep(_WATCH_INTERVAL)
    os._exit(1)


def map_threads(function, items, n_jobs=None):
    """`function` of each item, in order, by threads, whatever the joblib backend.

    For functions that write to arrays of the caller.

    Parameters
    ----------
    function : callable
    items : iterable
    n_jobs : int, default=None
        As in joblib; None is 1 unless a `joblib.parallel_config` says otherwise.

    Yields
    ------
    The results, in the order of the items.
    """
    with single_blas_thread():
        if is_alone(n_jobs):
            yield from map(function, items)
        else:
            run = Parallel(n_jobs=n_jobs, require="sharedmem", return_as="generator")
            yield from run(delayed(function)(item) for item in items)
