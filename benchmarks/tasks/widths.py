"""The head at every width against a loop of `LinearRegression`."""

import inspect

import numpy as np
from sklearn.linear_model import LinearRegression

from skhmmdd import forecast_risk, width_path

from .timing import Row, measure

# Widths at which the loop is timed; the rest is taken to lie between them.
N_SAMPLED = 20


def rows(quick):
    for n, n_columns in [(50, 200)] if quick else [(200, 1000), (1000, 4000)]:
        rng = np.random.RandomState(0)
        X, X_test = rng.standard_normal((2, max(n, 500), n_columns))
        X, X_test = X[:n], X_test[:500]
        coef = rng.standard_normal(n_columns) / np.sqrt(n_columns)
        y, y_test = X @ coef, X_test @ coef

        def path(X=X, y=y, X_test=X_test, y_test=y_test):
            return width_path(X, y, X_test, y_test)

        def fit(width, X=X, y=y, X_test=X_test, y_test=y_test):
            model = minimum_norm().fit(X[:, :width], y)
            return np.mean((model.predict(X_test[:, :width]) - y_test) ** 2)

        def count(X=X, y=y, X_test=X_test, y_test=y_test):
            return width_path(X, y, X_test, y_test, return_effective_parameters=True)

        def forecast(X=X, y=y):
            return forecast_risk(X, y, widths=np.arange(1, X.shape[1] + 1))

        ours = {"skhmmdd": path, "count": count, "forecast": forecast}
        times = measure(ours, repeats=3)
        path_time = times["skhmmdd"]
        yield Row(
            f"effective parameters at all {n_columns:,} widths, n = {n:,}",
            {"skhmmdd": times["count"]},
            f"{times['count'] / path_time:.1f} times the path of test risk alone",
        )
        yield Row(
            f"leave-one-out forecast at all {n_columns:,} widths, n = {n:,}",
            {"skhmmdd": times["forecast"]},
            f"{times['forecast'] / path_time:.1f} times the path of test risk",
        )
        yield from deficient(X, y, X_test, y_test, path_time)
        widths = np.linspace(1, n_columns, N_SAMPLED).astype(int)
        fits = {k: lambda k=k, fit=fit: fit(k) for k in widths}
        times = measure(fits, repeats=3)
        every = np.interp(np.arange(1, n_columns + 1), widths, list(times.values()))
        yield Row(
            f"test risk at all {n_columns:,} widths, n = {n:,}",
            {"skhmmdd": path_time, "scikit-learn": every.sum()},
            f"a loop of LinearRegression, estimated from {N_SAMPLED} widths; one fit "
            f"at full width takes {times[n_columns] * 1e3:.0f} ms",
        )


def deficient(X, y, X_test, y_test, path_time):
    """The path on designs of the same size whose columns or rows depend on others."""
    n, n_columns = X.shape
    both = np.vstack([X, X_test])
    once = both.copy()
    once[:, n // 10] = both[:, 0]
    rank = 3 * n // 10
    mix = np.random.RandomState(1).standard_normal((rank, n_columns))
    rows = both.copy()
    rows[1:n:2] = rows[: n - 1 : 2]
    designs = {
        "every column twice": np.repeat(both[:, : n_columns // 2], 2, axis=1),
        "one column twice": once,
        f"rank {rank:,}": both[:, :rank] @ mix,
        "every row twice": rows,
    }
    runs = {
        name: lambda D=D: width_path(D[:n], y, D[n:], y_test)
        for name, D in designs.items()
    }
    for name, seconds in measure(runs, repeats=3).items():
        yield Row(
            f"test risk at all {n_columns:,} widths, n = {n:,}, {name}",
            {"skhmmdd": seconds},
            f"{seconds / path_time:.1f} times the path of full rank",
        )


def minimum_norm():
    # Where it has the parameter, scikit-learn drops small singular values by default.
    if "tol" in inspect.signature(LinearRegression).parameters:
        return LinearRegression(tol=0)
    return LinearRegression()
