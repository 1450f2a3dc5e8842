"""The value head at every width against one fit, and against the explicit solve."""

import numpy as np

from skhmmdd import LSTDHead, make_markov_reward_process

from .timing import Row, measure


def rows(quick):
    for n, p in [(40, 100)] if quick else [(200, 1000), (1000, 4000)]:
        rng = np.random.RandomState(0)
        X, X_next = rng.standard_normal((2, n, p))
        rewards, X_test = rng.standard_normal(n), rng.standard_normal((200, p))
        yield row(X, rewards, X_next, X_test, "independent transitions")
    X, rewards, X_next, truth = make_markov_reward_process(random_state=0)
    yield row(
        X, rewards, X_next, truth.features, "a walk that comes back to its states"
    )


def row(X, rewards, X_next, X_test, kind):
    n, p = X.shape
    head = LSTDHead(1e-2, discount=0.95)

    def solve():
        """The dual by one LU factorization, which squares the features."""
        D = X - head.discount * X_next
        return X.T @ np.linalg.solve(D @ X.T + head.alpha * np.eye(n), rewards)

    times = measure(
        {
            "skhmmdd": lambda: head.predict_widths(X, rewards, X_next, X_test),
            "fit": lambda: head.fit(X, rewards, X_next),
            "solve": solve,
        },
        repeats=3,
    )
    fit, whole = times["fit"], times["skhmmdd"]
    return Row(
        f"values at all {p:,} widths, {n:,} transitions, {kind}",
        {"skhmmdd": whole},
        f"{whole / fit:.2f} fits at full width ({fit * 1e3:.0f} ms); an explicit solve "
        f"there takes {times['solve'] * 1e3:.0f} ms",
    )
