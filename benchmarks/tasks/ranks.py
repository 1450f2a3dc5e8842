"""Low-rank heads of every rank from one decomposition against refits."""

import numpy as np

from skhmmdd import LowRankHead

from .timing import Row, measure


def rows(quick):
    n, p, q = (60, 30, 8) if quick else (400, 200, 40)
    rng = np.random.RandomState(0)
    X, X_test = rng.standard_normal((2, n, p))
    coef = rng.standard_normal((p, 3)) @ rng.standard_normal((3, q))
    Y = X @ coef + rng.standard_normal((n, q))
    Y_test = X_test @ coef
    ranks = list(range(1, q + 1))

    def path():
        return LowRankHead()._path(X, Y, X_test, "rank", ranks, y_test=Y_test)

    def refits():
        heads = (LowRankHead(rank).fit(X, Y) for rank in ranks)
        return [np.mean((head.predict(X_test) - Y_test) ** 2) for head in heads]

    gap = np.max(np.abs(path().test_risk / refits() - 1))
    times = measure({"skhmmdd": path, "refits": refits}, repeats=5)
    loop = times.pop("refits")
    yield Row(
        f"test risk at all {q} ranks, {n} x {p}, {q} outputs",
        times,
        f"refits at every rank take {loop / times['skhmmdd']:.1f} times as long; "
        f"largest relative gap {gap:.0e}",
    )
