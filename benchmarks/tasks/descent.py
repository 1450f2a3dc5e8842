"""Gradient descent at many numbers of steps against a loop of steps."""

import numpy as np

from skhmmdd import GradientDescentHead, HeadRegressor

from .timing import Row, measure

# Steps of the loop that are timed; the rest is taken to cost the same.
N_TIMED = 2000


def rows(quick):
    for n, p in [(50, 60)] if quick else [(100, 400), (500, 600)]:
        rng = np.random.RandomState(0)
        X, X_test = rng.standard_normal((2, max(n, 100), p))
        X, X_test = X[:n], X_test[:100]
        y = X @ rng.standard_normal(p) / np.sqrt(p) + rng.standard_normal(n)
        n_steps = np.geomspace(1, 10**6, 61).round()

        def stages(momentum, X=X, y=y, X_test=X_test, n_steps=n_steps):
            head = GradientDescentHead(10**6, momentum=momentum).fit(X, y)
            return head.staged_predict(X_test, n_steps)

        def loop(X=X, y=y):
            """One output, the gradient by two products with the design."""
            X, y = X - X.mean(axis=0), y - y.mean()
            coef, rate = np.zeros(X.shape[1]), 1.0 / np.linalg.norm(X, 2) ** 2
            for _ in range(N_TIMED):
                coef -= rate * (X.T @ (X @ coef - y))
            return coef

        times = measure(
            {
                "skhmmdd": lambda stages=stages: stages(0.0),
                "momentum": lambda stages=stages: stages(0.9),
                "fit": lambda X=X, y=y: HeadRegressor().fit(X, y),
                "loop": loop,
            }
        )
        fit, whole = times["fit"], times["loop"] * n_steps[-1] / N_TIMED
        yield Row(
            f"predictions at {len(n_steps)} numbers of steps to 1,000,000, {n} x {p}",
            {"skhmmdd": times["skhmmdd"]},
            f"{times['skhmmdd'] / fit:.2f} fits of HeadRegressor, with momentum "
            f"{times['momentum'] / fit:.2f}; a loop, estimated from {N_TIMED:,} steps, "
            f"takes {whole:,.0f} s, {whole / times['skhmmdd']:,.0f} times as long",
        )
