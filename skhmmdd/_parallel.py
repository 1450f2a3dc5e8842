"""Work on many items at a time, here or elsewhere, with one BLAS thread each."""

from contextlib import contextmanager
from functools import cache
from itertools import islice
from threading import Lock

from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import ThreadpoolController

# Items for each worker at a time, where a backend gives no result before the last.
_GROUP = 8


class _Limit:
    """One BLAS thread from the first entry to the last exit, from whatever thread."""

    def __init__(self):
        self._lock, self._n_inside, self._limit = Lock(), 0, None

    def enter(self):
        with self._lock:
            if not self._n_inside:
                self._limit = _controller().limit(limits=1, user_api="blas")
            self._n_inside += 1

    def exit(self):
        with self._lock:
            self._n_inside -= 1
            if not self._n_inside:
                self._limit.restore_original_limits()


_limit = _Limit()


@cache
def _controller():
    # Finding the loaded libraries costs milliseconds, limiting them microseconds.
    return ThreadpoolController()


@contextmanager
def single_blas_thread():
    """Context in which BLAS runs on one thread.

    Products of the sizes met here are slower on two threads than on one, and a
    fixed number of threads makes results bit-equal for every `n_jobs`. The limit
    belongs to the process, and holds until the last thread has left the context.
    """
    _limit.enter()
    try:
        yield
    finally:
        _limit.exit()


def shares_memory():
    """Whether the workers of the joblib backend in force see the caller's memory."""
    backend, _ = get_active_backend(prefer="threads")
    return getattr(backend, "supports_sharedmem", False)


def on_workers(items):
    """Handles of items that stay on the workers from one `map_jobs` to the next.

    Dask keeps them, each with one worker; elsewhere the items are their own handles.

    Parameters
    ----------
    items : list

    Returns
    -------
    list
    """
    return _sent(items, broadcast=False)


def _sent(items, broadcast):
    backend, _ = get_active_backend(prefer="threads")
    if (client := getattr(backend, "client", None)) is None:
        return items
    # Equal contents need no search for them: hashing may cancel what a task still uses.
    return client.scatter(items, broadcast=broadcast, hash=False)


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
        if effective_n_jobs(n_jobs) == 1:
            for item in items:
                yield function(item, *shared)
            return
        (shared,) = _sent([shared], broadcast=True)
        calls = (delayed(_call)(function, item, shared) for item in items)
        options = {"n_jobs": n_jobs, "prefer": prefer}
        if heavy:
            options |= {"pre_dispatch": "n_jobs", "batch_size": 1}
        backend, _ = get_active_backend(prefer=prefer)
        if getattr(backend, "supports_return_generator", False):
            yield from Parallel(return_as="generator", **options)(calls)
            return
        size = effective_n_jobs(n_jobs) * (1 if heavy else _GROUP)
        while group := list(islice(calls, size)):
            yield from Parallel(**options)(group)


def _call(function, item, shared):
    with single_blas_thread():
        return function(item, *shared)


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
        if effective_n_jobs(n_jobs) == 1:
            yield from map(function, items)
        else:
            run = Parallel(n_jobs=n_jobs, require="sharedmem", return_as="generator")
            yield from run(delayed(function)(item) for item in items)
