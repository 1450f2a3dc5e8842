"""The decomposition of wide designs, on both sides of what its Gram matrix may do."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from extended_precision import jacobi_svd
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

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


def without_gram(monkeypatch, head, *data):
    """The same head fitted by singular values of the design itself."""
    with monkeypatch.context() as patch:
        patch.setattr(_ridge_head, "well_conditioned_gram", lambda *args: None)
        return clone(head).fit(*data)


@pytest.mark.parametrize("condition", CONDITIONS[:5])
@pytest.mark.parametrize("alpha", [0.0, 1e-6, 0.3, 1e9])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weights", [None, "real", "counts"])
def test_both_routes_agree(condition, alpha, fit_intercept, weights, monkeypatch):
    X, y = wide(condition)
    X, y = X + 5.0, np.column_stack([y, np.full(len(y), 2.0)])
    if weights is not None:
        counts = np.random.default_rng(1).integers(0, 4, len(X))
        weights = counts if weights == "counts" else counts / 2
    head = HeadRegressor(alpha, fit_intercept=fit_intercept)
    other = without_gram(monkeypatch, head, X, y, weights)
    head = clone(head).fit(X, y, weights)
    for name in ("coef_", "intercept_", "singular_values_"):
        ours, theirs = getattr(head, name), getattr(other, name)
        assert_allclose(ours, theirs, rtol=1e-8, atol=1e-11 * np.abs(theirs).max())
    assert (head.alpha_, head.rank_) == (other.alpha_, other.rank_)
    for name in ("loo_risk_", "effective_dof_", "coef_norm_", "threshold_ratio_"):
        assert getattr(head, name) == pytest.approx(getattr(other, name), rel=1e-9)


def test_a_large_cut_off_takes_singular_values():
    X, y = wide(3.0)
    for rcond, waits in [(1e-3, True), (1.1e-3, False), (0.9, False)]:
        head = HeadRegressor(1.0, fit_intercept=False, rcond=rcond).fit(X, y)
        assert (head._pending is not None) == waits
        assert head.rank_ == (head.singular_values_ > rcond).sum()


@pytest.mark.parametrize("head", [HeadRegressor(0.1), HeadClassifier(0.1)])
def test_what_takes_singular_values_waits(head):
    X, y = wide(3.0, n=60, p=400)
    y = y[:, 0] > 0
    waiting = {"singular_values_", "loo_risk_", "effective_dof_"}
    assert not any(hasattr(head, name) for name in waiting)
    fitted = clone(head).fit(X, y)
    assert not waiting & set(vars(fitted))
    loo_risk = fitted.loo_risk_  # and one of them brings the others
    assert waiting < set(vars(fitted)) and fitted._pending is None
    # A pickle has the values, not the matrix that they are of.
    for copied in (
        pickle.loads(pickle.dumps(clone(head).fit(X, y))),
        copy.deepcopy(clone(head).fit(X, y)),
    ):
        assert waiting < set(vars(copied)) and copied.loo_risk_ == loo_risk
        assert_array_equal(copied.predict(X), fitted.predict(X))
    assert len(pickle.dumps(clone(head).fit(X, y))) < 8 * (400 + 60) + 2000
    # Another fit forgets the first.
    refitted = fitted.fit(X[:, :100], y)
    assert refitted.loo_risk_ == clone(head).fit(X[:, :100], y).loo_risk_ != loo_risk
    refitted = fitted.fit(X[:, :30], y)
    assert refitted.loo_risk_ == clone(head).fit(X[:, :30], y).loo_risk_


def test_threads_may_ask_at_the_same_time():
    X, y = wide(3.0, n=100, p=400)
    head = HeadRegressor(0.1).fit(X, y)
    names = ["loo_risk_", "effective_dof_"] * 8
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: getattr(head, name), names))
    assert set(found) == {head.loo_risk_, head.effective_dof_}
