"""The softmax head against refits of `LogisticRegression`."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from skhmmdd import SoftmaxHead

from .timing import Row, measure


def rows(quick):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((100, 300)), rng.randint(15, size=100)
    n_steps = 500 if quick else 10_000
    head = SoftmaxHead(n_steps=n_steps)
    times = measure({"skhmmdd": lambda: head.fit(X, y)}, repeats=3)
    yield Row(
        f"softmax head, {n_steps:,} steps of descent, 100 x 300, 15 classes", times
    )
    sizes = (60, 100, 3) if quick else (500, 2000, 10)
    for name, decay in (("isotropic", 0.0), ("decaying", 0.5)):
        yield sweep(name, decay, *sizes)


def sweep(name, decay, n, p, n_classes):
    """A penalty after another: one path here, 25 fits there."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((n, p)) * np.arange(1, p + 1) ** -decay
    scores = X @ rng.standard_normal((p, n_classes))
    scores *= 2 / scores.std()
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    penalties = np.geomspace(1e-4, 1e4, 25)

    def path():
        return SoftmaxHead()._path(X, y, X[:1], "alpha", penalties)

    def refit(tol):
        def run():
            for alpha in penalties:
                peer(alpha, tol).fit(X, y)

        return run

    def peer(alpha, tol):
        return LogisticRegression(C=1 / alpha, tol=tol, max_iter=100_000)

    def gaps(tol):
        found = []
        for alpha in penalties[::6]:
            exact = SoftmaxHead(alpha).fit(X, y).coef_
            off = peer(alpha, tol).fit(X, y).coef_ - exact
            found.append(np.linalg.norm(off) / np.linalg.norm(exact))
        return max(found)

    times = measure({"skhmmdd": path, "scikit-learn": refit(1e-8)}, repeats=3)
    default = measure({"default": refit(1e-4)}, repeats=3)["default"]
    return Row(
        f"25 penalties, {n} x {p:,} {name}, {n_classes} classes",
        times,
        "a loop of LogisticRegression(tol=1e-8), its coefficients off by up to "
        f"{gaps(1e-8):.0e} of their norm; at the default tol=1e-4 it takes "
        f"{default:.1f} s, and they are off by up to {gaps(1e-4):.0%}",
    )
