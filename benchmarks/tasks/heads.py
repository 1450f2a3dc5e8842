"""One fit of a head against scikit-learn's own least squares and ridge."""

import numpy as np
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV

from skhmmdd import HeadRegressor

from .timing import Row, measure

PENALTIES = np.logspace(-6, 6, 25)
LOO = "the head's penalty is the minimum of a continuous curve, `RidgeCV` tries 25"


def rows(quick):
    repeats = 3 if quick else 9
    sizes = [(60, 300, 1)] if quick else [(200, 1000, 1), (1000, 4000, 1)]
    for n, p, q in sizes:
        X, y = draw(n, p, q)
        for name, head, peer, note in (
            ("minimum norm", HeadRegressor(), LinearRegression(), ""),
            (
                "ridge of one penalty",
                HeadRegressor(1.0),
                Ridge(1.0),
                "",
            ),
            ("penalty by leave-one-out", HeadRegressor("loo"), RidgeCV(PENALTIES), LOO),
        ):
            yield compared(f"{name}, {n:,} x {p:,}", head, peer, X, y, repeats, note)

        def fit_and_ask(X=X, y=y):
            return HeadRegressor(1.0).fit(X, y).loo_risk_

        yield Row(
            f"ridge of one penalty and its leave-one-out risk, {n:,} x {p:,}",
            measure({"skhmmdd": fit_and_ask}, repeats=repeats),
        )
    for n, p, q in [(300, 60, 5)] if quick else [(200, 1000, 50), (20_000, 300, 1)]:
        yield compared(
            f"penalty by leave-one-out, {n:,} x {p:,}, {q} output{'s' * (q > 1)}",
            HeadRegressor("loo"),
            RidgeCV(PENALTIES),
            *draw(n, p, q),
            repeats,
            LOO,
        )


def draw(n, p, q):
    rng = np.random.default_rng(0)
    y = rng.standard_normal((n, q))
    return rng.standard_normal((n, p)), y[:, 0] if q == 1 else y


def compared(task, head, peer, X, y, repeats, note):
    contenders = {
        "skhmmdd": lambda: head.fit(X, y),
        "scikit-learn": lambda: peer.fit(X, y),
    }
    kind = type(peer).__name__
    times = measure(contenders, repeats=repeats)
    return Row(task, times, f"`{kind}`{'; ' * bool(note)}{note}")
