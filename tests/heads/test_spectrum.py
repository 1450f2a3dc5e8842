"""The decomposition of wide designs, on both sides of what its Gram matrix may do."""

import numpy as np
import pytest
from extended_precision import jacobi_svd
from numpy.testing import assert_allclose

from skhmmdd import HeadClassifier, HeadRegressor
from skhmmdd.heads import _ridge_head
from skhmmdd.heads.solvers import _spectrum
from skhmmdd.heads.solvers._leave_one_out import leave_one_out_residuals

CONDITIONS = [1.0, 3.0, 30.0, 50.0, 1e3, 1e7, 1e12]


def wide(condition, n=12, p=40, scale=1.0, seed=0):
    """Rows whose singular values are spread evenly on a logarithmic scale."""
    rng = np.random.default_rng(seed)
    left, _ = np.linalg.qr(rng.standard_normal((n, n)))
    right, _ = np.linalg.qr(rng.standard_normal((p, n)))
    values = np.geomspace(1.0, 1.0 / condition, n)
    return scale * (left * values) @ right.T, rng.standard_normal((n, 2))


def gram_calls(monkeypatch):
    """What the route by the Gram matrix returned, call by call."""
    real, results = _spectrum.well_conditioned_gram, []

    def spy(problem, rcond):
        results.append(real(problem, rcond))
        return results[-1]

    monkeypatch.setattr(_ridge_head, "well_conditioned_gram", spy)
    return results


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("scale", [1e-120, 1e-30, 1.0, 1e30, 1e120])
@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_wide_designs(condition, scale, alpha):
    X, y = wide(condition, scale=scale)
    head = HeadRegressor(alpha * scale**2, fit_intercept=False).fit(X, y)
    U, s, V = jacobi_svd(X)
    gains = s / (s**2 + np.longdouble(alpha) * np.longdouble(scale) ** 2)
    coef = V @ (gains[:, None] * (U.T @ y))
    assert head.rank_ == len(X)
    assert_allclose(head.singular_values_, s.astype(float), rtol=1e-14 * condition**1.2)
    gap = np.abs(head.coef_.T - coef).max() / np.abs(coef).max()
    assert float(gap) < 1e-14 * condition**1.2


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("condition", CONDITIONS[:-2])
@pytest.mark.parametrize("weights", [None, "real", "counts"])
def test_leave_one_out_of_wide_designs(fit_intercept, condition, weights):
    X, y = wide(condition)
    rng = np.random.default_rng(1)
    if weights is not None:
        counts = rng.integers(1, 4, len(X))
        weights = counts if weights == "counts" else counts / 2
    options = {"sample_weight": weights, "fit_intercept": fit_intercept}
    spectrum = _spectrum.decompose(X, y, **options)
    alphas = np.array([0.0, 1e-3, 1.0])
    both = leave_one_out_residuals(spectrum, alphas)
    for i in range(len(X)):
        if np.issubdtype(np.asarray(weights).dtype, np.integer) and weights[i] > 1:
            left = weights - (np.arange(len(X)) == i)
            rows = np.arange(len(X))
        else:
            rows = np.delete(np.arange(len(X)), i)
            left = None if weights is None else weights[rows]
        for alpha, residuals in zip(alphas, both, strict=True):
            head = HeadRegressor(alpha, fit_intercept=fit_intercept)
            head.fit(X[rows], y[rows], left)
            want = y[i] - head.predict(X[[i]])[0]
            assert_allclose(residuals[i], want, rtol=1e-8, atol=1e-9)


def test_the_condition_decides(monkeypatch):
    results = gram_calls(monkeypatch)
    for condition in CONDITIONS:
        HeadRegressor(fit_intercept=False).fit(*wide(condition))
    taken = [result is not None for result in results]
    assert taken[:2] == [True, True] and not any(taken[4:])
    results.clear()
    for scale in (1e-150, 1e150):  # squares would be denormal, or infinite
        HeadRegressor(fit_intercept=False).fit(*wide(2.0, scale=scale))
    X, y = wide(2.0)
    HeadRegressor(fit_intercept=False).fit(np.vstack([X, X]), np.vstack([y, y]))
    HeadRegressor().fit(np.zeros((3, 9)), y[:3])
    assert [result is None for result in results[:2]] == [True, True]
    assert all(result is None for result in results)
    HeadRegressor().fit(*wide(2.0, n=30, p=40))
    assert results[-1] is None  # too narrow to pay


def test_a_fit_needs_no_right_vectors(monkeypatch):
    monkeypatch.setattr(_spectrum.Spectrum, "right", property(lambda self: 1 / 0))
    X, y = wide(3.0)
    HeadRegressor("loo").fit(X, y)
    HeadClassifier(0.1).fit(X, y[:, 0] > 0)


@pytest.mark.parametrize("condition", [2.0, 1e5])
def test_right_vectors(condition):
    X, y = wide(condition)
    spectrum = _spectrum.decompose(X, y, fit_intercept=False)
    assert_allclose(spectrum.right @ spectrum.right.T, np.eye(len(X)), atol=1e-11)
    assert_allclose((spectrum.left * spectrum.values) @ spectrum.right, X, atol=1e-13)
    coordinates = np.random.default_rng(2).standard_normal((len(X), 3))
    assert_allclose(
        spectrum.coef_of(coordinates), spectrum.right.T @ coordinates, atol=1e-12
    )
