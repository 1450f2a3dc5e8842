"""Threads and linear algebra: one BLAS thread for each worker."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Literal, TypeVar

from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import ThreadpoolController

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@cache
def _controller() -> ThreadpoolController:
    # Finding the loaded libraries costs milliseconds, limiting them microseconds.
    return ThreadpoolController()


def single_blas_thread() -> AbstractContextManager[Any]:
    """Context in which BLAS runs on one thread.

    Products of the sizes met here are slower on two threads than on one, and a
    fixed number of threads makes results bit-equal for every `n_jobs`. The limit
    belongs to the process: enter it in the main thread before workers start.
    """
    return _controller().limit(limits=1, user_api="blas")


def map_threads(
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    n_jobs: int | None = None,
    *,
    require: Literal["sharedmem"] | None = None,
) -> Iterator[_Result]:
    """`function` of each item, in order, on threads that BLAS does not multiply.

    Parameters
    ----------
    function : callable
    items : iterable
    n_jobs : int, default=None
        As in joblib; None is 1 unless a `joblib.parallel_config` says otherwise.
        Its backend may be one of processes.
    require : {None, "sharedmem"}, default=None
        "sharedmem" where `function` writes to arrays of the caller: threads then,
        whatever the backend.

    Yields
    ------
    The results, in the order of the items.
    """
    with single_blas_thread():
        if effective_n_jobs(n_jobs) == 1:
            yield from map(function, items)
        else:
            run = Parallel(
                n_jobs=n_jobs,
                prefer=None if require else "threads",
                require=require,
                return_as="generator",
            )
            yield from run(delayed(function)(item) for item in items)
