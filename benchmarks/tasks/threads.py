"""Throughput of the transformer against the number of threads."""

import statistics
import time

import numpy as np

from skhmmdd import HMMFeatureTransformer

from .models import random_hmm, random_symbols
from .timing import Row


def rows(quick):
    n_sequences, n_steps = (2_000, 20) if quick else (10_000, 50)
    n_states, width = 128, 256
    hmm, X = random_hmm(n_states), random_symbols(n_sequences, n_steps)
    runs = {
        n_jobs: HMMFeatureTransformer(hmm, width, n_jobs=n_jobs, random_state=0).fit(X)
        for n_jobs in (1, 2)
    }
    same = np.array_equal(*(run.transform(X) for run in runs.values()))
    times = {n_jobs: [] for n_jobs in runs}
    for _ in range(3 if quick else 9):
        for n_jobs, run in runs.items():
            start = time.perf_counter()
            run.transform(X)
            times[n_jobs].append(time.perf_counter() - start)
    medians = {n_jobs: statistics.median(times[n_jobs]) for n_jobs in times}
    for n_jobs, seconds in medians.items():
        note = f"{n_sequences / seconds:,.0f} sequences a second"
        if n_jobs > 1:
            note += f"; {medians[1] / seconds:.2f} times n_jobs=1, results " + (
                "bit-equal" if same else "NOT EQUAL"
            )
        yield Row(
            f"transform {n_sequences:,} x {n_steps}, {n_states} states to {width} "
            f"columns, n_jobs={n_jobs}",
            {"skhmmdd": seconds},
            note,
        )
