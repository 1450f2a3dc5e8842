"""One long sequence: a distribution of the state at each of its steps."""

from .filtering import hmmlearn_runs
from .models import random_hmm, random_symbols
from .timing import Row, measure

SIZES = (2, 8, 32)


def rows(quick):
    n_steps = 10_000 if quick else 100_000
    for n_states in SIZES[:2] if quick else SIZES:
        hmm = random_hmm(n_states)
        X = random_symbols(1, n_steps)
        peers = hmmlearn_runs(hmm, X)
        for name in ("filter", "smooth"):
            run = getattr(hmm, name)
            yield Row(
                f"{name} one sequence of {n_steps:,} steps, {n_states} states",
                measure({"skhmmdd": lambda run=run, X=X: run(X), **peers}),
            )
