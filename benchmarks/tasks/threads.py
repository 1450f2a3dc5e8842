"""The transformer and the curve against the number of workers."""

import statistics
import time

import numpy as np
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    DoubleDescentCurve,
    HeadRegressor,
    HMMFeatureTransformer,
    LeadingColumns,
)

from .models import random_hmm, random_symbols
from .timing import Row


def rows(quick):
    repeats = 3 if quick else 9
    yield from transform_rows(quick, repeats)
    yield from curve_rows(quick, repeats)


def transform_rows(quick, repeats):
    n_sequences, n_steps = (2_000, 20) if quick else (10_000, 50)
    n_states, width = 128, 256
    hmm, X = random_hmm(n_states), random_symbols(n_sequences, n_steps)

    def run(n_jobs):
        transformer = HMMFeatureTransformer(hmm, width, n_jobs=n_jobs, random_state=0)
        return transformer.fit(X[:2]).transform(X)

    task = (
        f"transform {n_sequences:,} x {n_steps}, {n_states} states to {width} columns"
    )
    for row in against_n_jobs(task, run, repeats):
        rate = n_sequences / row.seconds["skhmmdd"]
        yield row._replace(note=f"{rate:,.0f} sequences a second{row.note}")


def curve_rows(quick, repeats):
    n, n_columns, n_splits = (100, 300, 4) if quick else (1_000, 2_000, 20)
    rng = np.random.RandomState(0)
    X = rng.standard_normal((2 * n, n_columns))
    y = X[:, :50].sum(axis=1) + rng.standard_normal(2 * n)
    model = make_pipeline(LeadingColumns(), HeadRegressor())

    def run(n_jobs):
        curve = DoubleDescentCurve(
            *(model, "leadingcolumns__n_components", range(1, n_columns + 1)),
            cv=n_splits,
            train_size=n,
            n_jobs=n_jobs,
            random_state=0,
        )
        return curve.fit(X, y).test_risk_

    task = f"curve of {n_columns:,} widths x {n_splits} splits, {n:,} labels"
    for row in against_n_jobs(task, run, min(repeats, 3)):
        yield row._replace(note=row.note.removeprefix("; "))


def against_n_jobs(task, run, repeats):
    """A row for one worker and one for two, after a run that starts them."""
    same = np.array_equal(run(1), run(2))
    times = {n_jobs: [] for n_jobs in (1, 2)}
    for _ in range(repeats):
        for n_jobs, seconds in times.items():
            start = time.perf_counter()
            run(n_jobs)
            seconds.append(time.perf_counter() - start)
    medians = {n_jobs: statistics.median(times[n_jobs]) for n_jobs in times}
    for n_jobs, seconds in medians.items():
        note = ""
        if n_jobs > 1:
            equal = "bit-equal" if same else "NOT EQUAL"
            note = f"; {medians[1] / seconds:.2f} times n_jobs=1, results {equal}"
        yield Row(f"{task}, n_jobs={n_jobs}", {"skhmmdd": seconds}, note)
