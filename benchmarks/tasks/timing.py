"""Rows of the table, and the clock."""

import os
import statistics
import time
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

# Beyond so many seconds a contender is not run again.
PATIENCE = 3.0


class Row(NamedTuple):
    """One line of the table: seconds by contender, "skhmmdd" among them."""

    task: str
    seconds: dict
    note: str = ""


def measure(contenders, repeats=7):
    """Median seconds of each contender, taking turns.

    Parameters
    ----------
    contenders : dict of str to callable or None
        None is a contender that is missing.
    repeats : int, default=7
        Each right after an untimed run. A first run that takes long counts, and is
        the only one.

    Returns
    -------
    dict of str to float
    """
    contenders = {name: run for name, run in contenders.items() if run is not None}
    times = {name: [] for name in contenders}
    with one_core():
        for turn in range(repeats + 1):
            for name, run in contenders.items():
                if times[name] and times[name][0] > PATIENCE:
                    continue
                # What the others left in caches and took of the memory is nobody's.
                if turn:
                    run()
                start = time.perf_counter()
                run()
                seconds = time.perf_counter() - start
                if turn or seconds > PATIENCE:
                    times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


@contextmanager
def one_core():
    """Keep to one core, where the system can say so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def products(n_steps, n_rows, n_states, dtype=np.float64):
    """The floor: `n_steps` products of beliefs with a transition matrix.

    Returns
    -------
    callable
        At the block size that is fastest here.
    """
    transmat = np.full((n_states, n_states), 1 / n_states, dtype)

    def run_with(size):
        block = np.ones((min(size, n_rows), n_states), dtype)
        out = np.empty_like(block)

        def run():
            for _ in range(-(-n_rows // size)):
                for _ in range(n_steps):
                    np.matmul(block, transmat, out=out)

        return run

    sizes = sorted({min(size, n_rows) for size in (64, 125, 250, 500, 1000)})
    runs = {str(size): run_with(size) for size in sizes}
    times = measure(runs, repeats=3)
    return runs[min(times, key=times.get)]
