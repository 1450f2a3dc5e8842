"""The width path on designs of any rank, against refits by a pseudo-inverse."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skhmmdd import forecast_risk, width_path
from skhmmdd.heads.solvers import _width_path
from skhmmdd.heads.solvers._left_out_path import left_out_along_widths

N, N_TEST, P = 24, 10, 72


def designs():
    """Name, design, and the least share of widths at which its rank is clear."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((N + N_TEST, P))
    low, high = X[:, :6], X[:, 6:12]
    yield "every column twice", np.repeat(X[:, : P // 2], 2, axis=1), 1.0
    thrice = rng.permutation(np.repeat(np.arange(P // 3), 3))
    yield "three copies in any order", X[:, thrice], 1.0
    one = X.copy()
    one[:, 9] = X[:, 2]
    yield "one column twice", one, 1.0
    one = one.copy()
    one[:, 9] += 1e-9 * X[:, 5]
    yield "one column nearly twice", one, 0.7
    yield "low rank", low @ rng.standard_normal((6, P)), 1.0
    unseen = X.copy()
    unseen[:N] = (low @ rng.standard_normal((6, P)))[:N]
    yield "low rank of the training rows alone", unseen, 1.0
    parts = [A @ rng.standard_normal((6, P // 2)) for A in (low, high)]
    yield "two embeddings of low rank", np.hstack(parts), 1.0
    yield "two embeddings, mixed", np.hstack(parts)[:, rng.permutation(P)], 1.0
    yield "an embedding, then others", np.hstack([parts[0], X[:, : P // 2]]), 1.0
    yield "rank one", np.outer(X[:, 0], X[0]), 1.0
    rows = X.copy()
    rows[1:N:2] = rows[:N:2]
    yield "every row twice", rows, 1.0
    rows = X.copy()
    rows[:N] = X[rng.randint(0, N // 2, N)]
    yield "rows drawn with replacement", rows, 1.0
    yield "counts", rng.poisson(0.3, X.shape).astype(float), 1.0
    yield "rare counts", rng.poisson(0.03, X.shape).astype(float), 1.0
    levels = rng.randint(0, 6, (N + N_TEST, P // 6))
    one_hot = np.hstack([np.eye(6)[column] for column in levels.T])
    yield "one-hot", one_hot, 1.0
    yield "one-hot, mixed", one_hot[:, rng.permutation(P)], 1.0
    yield "one-hot, standardised", one_hot / (one_hot[:N].std(axis=0) + 0.1), 1.0
    constant = X.copy()
    constant[:, ::3], constant[:, 1::7] = 1.7, 0.0
    yield "constant columns and zeros", constant, 1.0
    yield "columns of one sample each", np.hstack([np.eye(N + N_TEST), X])[:, :P], 1.0
    yield "units from 1 to 1e-12", X * np.geomspace(1, 1e-12, P), 0.4
    yield "units from 1e-12 to 1", X * np.geomspace(1e-12, 1, P), 0.7
    units = 10.0 ** rng.uniform(-12, 0, P)
    yield "units in any order", X * units, 0.1
    twice = np.repeat(X[:, : P // 2], 2, axis=1)
    yield "copies in a smaller unit", twice * np.tile([1, 1e-5], P // 2), 1.0
    yield "copies in a larger unit", twice * np.tile([1, 1e3], P // 2), 1.0
    yield "copies a column later, in any unit", X[:, thrice] * units**0.3, 0.9


DESIGNS = {name: parts for name, *parts in designs()}


def pseudo_inverse(X, fit_intercept):
    """Of the centred design, with its mean; None where the rank is not clear."""
    mean = X.mean(axis=0) if fit_intercept else np.zeros(X.shape[1])
    mean = np.where(np.ptp(X, axis=0) == 0, X[0] * fit_intercept, mean)
    left, values, right = np.linalg.svd(X - mean, full_matrices=False)
    cut = max(X.shape) * np.finfo(float).eps * values[0]
    kept = values > cut
    between = (values > cut / 2) & (values < 1e-7 * values[0])
    if between.any():
        return None
    inverse = (right[kept].T / values[kept]) @ left[:, kept].T
    return inverse, mean, int(kept.sum())


def targets(X):
    rng = np.random.RandomState(1)
    return X[:, :3] @ rng.standard_normal((3, 2)) + rng.standard_normal((len(X), 2))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", DESIGNS)
def test_equals_the_pseudo_inverse(name, fit_intercept):
    X, least = DESIGNS[name]
    y = targets(X)
    path = width_path(
        X[:N],
        y[:N],
        X[N:],
        y[N:],
        fit_intercept=fit_intercept,
        return_predictions=True,
        return_effective_parameters=True,
    )
    clear = 0
    for i, width in enumerate(path.widths):
        found = pseudo_inverse(X[:N, :width], fit_intercept)
        if found is None:
            continue
        clear += 1
        inverse, mean, rank = found
        y_mean = y[:N].mean(axis=0) * fit_intercept
        coef = inverse @ (y[:N] - y_mean)
        rows = (X[:, :width] - mean) @ inverse
        expected = (X[:, :width] - mean) @ coef + y_mean
        size = np.abs(expected).max() + np.abs(y).max()
        assert_allclose(path.predictions[i], expected[N:], rtol=0, atol=1e-8 * size)
        assert_allclose(
            path.train_predictions[i], expected[:N], rtol=0, atol=1e-8 * size
        )
        errors = expected - y
        assert_allclose(path.test_risk[i], np.mean(errors[N:] ** 2), rtol=1e-7)
        assert_allclose(
            path.train_risk[i], np.mean(errors[:N] ** 2), rtol=1e-7, atol=1e-14
        )
        assert_allclose(path.coef_norm[i], np.linalg.norm(coef), rtol=1e-7)
        counts = path.effective_parameters
        assert_allclose(counts.train[i], rank + fit_intercept, rtol=1e-8)
        squares = N * np.mean((rows[N:] ** 2).sum(axis=1))
        assert_allclose(counts.test[i], squares + fit_intercept, rtol=1e-7)
    assert clear >= least * P


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", DESIGNS)
def test_leave_one_out_equals_refits(name, fit_intercept):
    X, _ = DESIGNS[name]
    X, y = X[:N], targets(X)[:N]
    widths = np.arange(2, P + 1, 7)
    forecast = forecast_risk(
        X, y, groups=np.arange(len(X)), widths=widths, fit_intercept=fit_intercept
    )
    for i, width in enumerate(widths):
        whole = pseudo_inverse(X[:, :width], fit_intercept)
        if whole is None:
            continue
        assert forecast.rank[i] == whole[2]
        errors = []
        for j in range(N):
            others = np.arange(N) != j
            found = pseudo_inverse(X[others, :width], fit_intercept)
            if found is None:
                break
            inverse, mean, _ = found
            y_mean = y[others].mean(axis=0) * fit_intercept
            coef = inverse @ (y[others] - y_mean)
            errors.append((X[j, :width] - mean) @ coef + y_mean - y[j])
        else:
            assert_allclose(forecast.risk[i], np.mean(np.square(errors)), rtol=1e-6)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.3, 1e-4])
@pytest.mark.parametrize(
    "name", ["low rank", "every row twice", "two embeddings of low rank", "rare counts"]
)
def test_ridge(name, alpha, fit_intercept):
    X, _ = DESIGNS[name]
    y = targets(X)
    options = {"alpha": alpha, "fit_intercept": fit_intercept}
    path = width_path(X[:N], y[:N], X[N:], return_predictions=True, **options)
    forecast = forecast_risk(X[:N], y[:N], groups=np.arange(N), **options)
    one = np.full((N, N), fit_intercept / N)
    for i, width in enumerate(path.widths):
        inside = X[:N, :width] - one @ X[:N, :width]
        K = inside @ inside.T
        # The Gram matrix squares the condition number, which a penalty bounds.
        S = np.linalg.solve(K + alpha * np.eye(N), K) + one
        size = np.abs(y).max()
        fitted = S @ y[:N]
        assert_allclose(path.train_predictions[i], fitted, rtol=0, atol=1e-8 * size)
        left_out = (y[:N] - fitted) / (1 - np.diag(S))[:, None]
        if np.diag(S).max() < 1 - 1e-3:
            assert_allclose(forecast.risk[i], np.mean(left_out**2), rtol=1e-7)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize(
    "name",
    [
        "every column twice",
        "one column twice",
        "low rank",
        "two embeddings of low rank",
        "an embedding, then others",
        "every row twice",
        "counts",
        "one-hot",
        "rank one",
    ],
)
def test_no_width_is_solved_by_itself(name, alpha, fit_intercept, monkeypatch):
    X, _ = DESIGNS[name]
    y = targets(X)
    solved, options = [], {"alpha": alpha, "fit_intercept": fit_intercept}
    real = _width_path.decompose
    monkeypatch.setattr(
        _width_path, "decompose", lambda *a, **k: solved.append(a) or real(*a, **k)
    )
    width_path(X[:N], y[:N], X[N:], y[N:], **options)
    assert not solved
    _, in_doubt = left_out_along_widths(
        X[:N],
        y[:N],
        np.arange(1, P + 1),
        np.ones(N),
        [],
        lambda residuals: np.mean(residuals**2, axis=(1, 2))[None],
        **options,
    )
    assert len(in_doubt) == 0


@pytest.mark.parametrize("rcond", [1e-13, 1e-10, 1e-4])
def test_rank_by_a_given_cut_off(rcond):
    # What is dropped must be rounding even where more would be cut off.
    X, _ = DESIGNS["low rank"]
    rng = np.random.RandomState(2)
    y = targets(X)[:N]
    for noise in (0.0, 1e-12, 1e-8, 1e-5):
        design = X + noise * rng.standard_normal(X.shape)
        path = width_path(
            design[:N], y, design[N:], rcond=rcond, return_predictions=True
        )
        for i in (4, 5, 6, 7, 20, 40, P - 1):
            head = _width_path.decompose(design[:N, : i + 1], y, rcond=rcond)
            coef = head.right.T @ (head.projections / head.values[:, None])
            expected = (design[N:, : i + 1] - head.x_mean) @ coef + head.y_mean
            if head.values[-1] < 1e-6 * head.values[0]:
                continue
            size = np.abs(expected).max() + np.abs(y).max()
            assert_allclose(path.predictions[i], expected, rtol=0, atol=1e-8 * size)


def test_the_order_of_copies_does_not_matter():
    """The minimum norm at full width is that of any order of the columns."""
    X, _ = DESIGNS["one-hot"]
    y = targets(X)
    rng = np.random.RandomState(3)
    norms = []
    for _ in range(5):
        order = rng.permutation(P)
        path = width_path(X[:N, order], y[:N], X[N:, order], y[N:])
        norms.append([path.coef_norm[-1], path.test_risk[-1]])
    assert_allclose(norms, np.tile(norms[0], (5, 1)), rtol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_few_samples(n, fit_intercept):
    rng = np.random.RandomState(4)
    X, y = rng.standard_normal((n + 3, 8)), rng.standard_normal(n + 3)
    X[:, 1], X[:, 4], X[:, 6] = X[:, 0], 0.0, 2 * X[:, 5]
    path = width_path(
        X[:n], y[:n], X[n:], fit_intercept=fit_intercept, return_predictions=True
    )
    for i in range(8):
        centre = X[:n, : i + 1].mean(axis=0) * fit_intercept
        y_mean = y[:n].mean() * fit_intercept
        coef = np.linalg.pinv(X[:n, : i + 1] - centre, rcond=1e-12) @ (y[:n] - y_mean)
        expected = (X[n:, : i + 1] - centre) @ coef + y_mean
        assert_allclose(path.predictions[i], expected, atol=1e-10)


def test_the_rank_is_that_of_the_design():
    X, _ = DESIGNS["two embeddings of low rank"]
    forecast = forecast_risk(X[:N], targets(X)[:N], groups=np.arange(N))
    assert_array_equal(
        forecast.rank, [np.linalg.matrix_rank(X[:N, :k]) for k in forecast.widths]
    )
