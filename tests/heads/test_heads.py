"""Heads against pinv, normal equations, explicit refits and brute force."""

import itertools

import numpy as np
import pandas as pd
import pytest
from internal_checks import common_checks
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg, sparse
from sklearn.base import clone
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import compute_sample_weight
from threadpoolctl import threadpool_info, threadpool_limits

from skhmmdd import DoubleDescentCurve, LeadingColumns
from skhmmdd.heads import HeadClassifier, HeadRegressor
from skhmmdd.heads._targets import project_simplex
from skhmmdd.heads.solvers._leave_one_out import (
    leave_one_out_alpha,
    leave_one_out_residuals,
    leave_one_out_risk,
    leave_one_out_slope,
)
from skhmmdd.heads.solvers._ridge import shrink
from skhmmdd.heads.solvers._spectrum import decompose


@common_checks(
    [
        HeadRegressor(),
        HeadRegressor(alpha=1.0),
        HeadRegressor(alpha="loo"),
        HeadClassifier(),
        HeadClassifier(alpha=1.0),
        HeadClassifier(alpha="loo"),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def make(n, p, q=None, seed=0, noise=1.0, rank=None):
    """Gaussian regression data; of the given rank, if any."""
    rng = np.random.RandomState(seed)
    X = rng.randn(n, p)
    if rank is not None:
        X = rng.randn(n, rank) @ rng.randn(rank, p)
    B = rng.randn(p, q or 1) / np.sqrt(p)
    Y = 2.0 + X @ B + noise * rng.randn(n, q or 1)
    return X, (Y if q else Y[:, 0])


def pinv_head(X, y, fit_intercept, alpha=0.0, weights=None):
    """Coefficients and intercept by explicit centring and pseudo-inverses."""
    w = np.ones(len(X)) if weights is None else np.asarray(weights, dtype=float)
    root = np.sqrt(w).reshape(-1, 1)
    y = y.reshape(len(X), -1)
    x_mean, y_mean = np.zeros(X.shape[1]), np.zeros(y.shape[1])
    if fit_intercept:
        x_mean, y_mean = w @ X / w.sum(), w @ y / w.sum()
    Xc, yc = root * (X - x_mean), root * (y - y_mean)
    if alpha == 0.0:
        coef = np.linalg.pinv(Xc, rcond=1e-12) @ yc
    elif len(X) > X.shape[1]:
        coef = np.linalg.solve(Xc.T @ Xc + alpha * np.eye(X.shape[1]), Xc.T @ yc)
    else:
        coef = Xc.T @ np.linalg.solve(Xc @ Xc.T + alpha * np.eye(len(X)), yc)
    return coef, y_mean - x_mean @ coef


def refit_residuals(X, y, fit_intercept, alpha=0.0, weights=None):
    """Leave-one-out residuals of n explicit refits by pinv_head."""
    w = np.ones(len(X)) if weights is None else np.asarray(weights, dtype=float)
    y = y.reshape(len(X), -1)
    out = []
    for i in range(len(X)):
        rest = np.arange(len(X)) != i
        coef, intercept = pinv_head(X[rest], y[rest], fit_intercept, alpha, w[rest])
        out.append(y[i] - X[i] @ coef - intercept)
    return np.array(out)


SHAPES = {"under": (30, 8), "over": (12, 40), "square": (15, 15)}


# The head at a given penalty


@pytest.mark.parametrize("n, p", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("q", [None, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("rank", [None, 5])
def test_minimum_norm_equals_pinv(n, p, q, fit_intercept, rank):
    X, y = make(n, p, q, rank=rank)
    head = HeadRegressor(fit_intercept=fit_intercept).fit(X, y)
    coef, intercept = pinv_head(X, y, fit_intercept)
    assert_allclose(head.coef_, coef.T if q else coef[:, 0], rtol=1e-7, atol=1e-10)
    assert_allclose(head.intercept_, intercept if q else intercept[0], rtol=1e-8)
    assert head.coef_norm_ == pytest.approx(np.linalg.norm(coef), rel=1e-8)
    assert head.rank_ == (rank or min(n - fit_intercept, p))
    design = X - X.mean(axis=0) if fit_intercept else X
    assert_allclose(
        head.singular_values_, linalg.svdvals(design), atol=1e-12 * np.sqrt(n * p)
    )
    assert head.predict(X).shape == y.shape


@pytest.mark.parametrize("n, p", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("q", [None, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("solver", ["svd", "cholesky"])
def test_ridge_equals_scikit_learn_and_normal_equations(
    n, p, q, fit_intercept, alpha, solver
):
    X, y = make(n, p, q)
    weights = np.random.RandomState(1).uniform(0.1, 3, n)
    head = HeadRegressor(alpha, fit_intercept=fit_intercept).fit(X, y, weights)
    peer = Ridge(alpha, fit_intercept=fit_intercept, solver=solver).fit(X, y, weights)
    assert_allclose(head.coef_, peer.coef_, rtol=1e-7, atol=1e-10)
    assert_allclose(head.intercept_, peer.intercept_, rtol=1e-8, atol=1e-10)
    coef, _ = pinv_head(X, y, fit_intercept, alpha, weights)
    assert_allclose(head.coef_.reshape(-1, p), coef.T, rtol=1e-7, atol=1e-10)
    assert head.alpha_ == alpha


def test_ridge_tends_to_the_minimum_norm():
    X, y = make(20, 50)
    assert_allclose(
        HeadRegressor(1e-12).fit(X, y).coef_, HeadRegressor().fit(X, y).coef_, rtol=1e-9
    )


@pytest.mark.parametrize("n, p", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_effective_dof_is_the_trace_of_the_hat_matrix(n, p, fit_intercept, alpha):
    X, y = make(n, p)
    weights = np.random.RandomState(1).uniform(0.1, 3, n)
    coef, intercept = pinv_head(X, np.eye(n), fit_intercept, alpha, weights)
    trace = np.trace(X @ coef + intercept)
    head = HeadRegressor(alpha, fit_intercept=fit_intercept).fit(X, y, weights)
    assert head.effective_dof_ == pytest.approx(trace, rel=1e-9)


def test_rcond_truncates_at_every_alpha():
    X, y = make(30, 6)
    U, s, Vt = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    rcond = (s[2] + s[3]) / 2 / s[0]
    for alpha in (0.0, 2.0):
        head = HeadRegressor(alpha, rcond=rcond).fit(X, y)
        filters = np.where(np.arange(6) < 3, s / (s**2 + alpha), 0.0)
        assert head.rank_ == 3
        assert_allclose(head.coef_, Vt.T @ (filters * (U.T @ y)), rtol=1e-9)


def test_the_last_bits_are_kept_by_default():
    # A direction of relative size 1e-12 is data, not rounding: no hidden tolerance.
    rng = np.random.RandomState(0)
    U, _ = np.linalg.qr(rng.randn(20, 5))
    V, _ = np.linalg.qr(rng.randn(5, 5))
    X = U * np.array([1, 1, 1, 1, 1e-12]) @ V.T
    head = HeadRegressor(fit_intercept=False).fit(X, U[:, 4])
    assert head.rank_ == 5
    assert head.coef_norm_ == pytest.approx(1e12, rel=1e-2)


def test_float32_is_solved_in_float64():
    X, y = make(30, 29)
    X32 = X.astype(np.float32)
    low = HeadRegressor().fit(X32, y.astype(np.float32))
    high = HeadRegressor().fit(
        X32.astype(np.float64), y.astype(np.float32).astype(np.float64)
    )
    assert low.coef_.dtype == np.float64
    assert low.predict(X32).dtype == np.float64
    assert_array_equal(low.coef_, high.coef_)


@pytest.mark.parametrize("offset", [1e6, 1e9])
def test_a_large_offset_makes_no_spurious_direction(offset):
    X, y = make(20, 40)
    X = np.round(X * 2**10) / 2**10  # exact once shifted, so that the truth is too
    moved = HeadRegressor().fit(X + offset, y)
    assert moved.rank_ == 19
    assert_allclose(moved.coef_, HeadRegressor().fit(X, y).coef_, rtol=1e-7, atol=1e-9)


def test_constant_columns_have_no_direction():
    _, y = make(11, 3)
    X = np.full((11, 4), 0.1) * np.array([1, 1e8, 3e-7, 0])
    weights = np.random.RandomState(0).uniform(0.1, 3, 11)
    head = HeadRegressor().fit(X, y, weights)
    assert head.rank_ == 0
    assert_array_equal(head.coef_, 0.0)
    assert head.intercept_ == pytest.approx(np.average(y, weights=weights))
    assert head.effective_dof_ == 1.0
    assert HeadRegressor(alpha="loo").fit(X, y).alpha_ == 0.0


@pytest.mark.parametrize("scale", [1e-160, 1e-30, 1e30, 1e150])
@pytest.mark.parametrize("alpha", [0.0, 1e-300, 1e300])
def test_extreme_scales_stay_finite(scale, alpha):
    X, y = make(8, 12)
    head = HeadRegressor(alpha).fit(X * scale, y)
    assert np.isfinite(head.coef_).all()
    assert np.isfinite(head.loo_risk_)
    tuned = HeadRegressor("loo").fit(X * scale, y)
    assert 0 <= tuned.alpha_ < np.inf
    assert tuned.loo_risk_ <= head.loo_risk_ * (1 + 1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.7, "loo"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_head_follows_the_scale_of_its_data(alpha, fit_intercept):
    # Powers of two, so that the scaled data are the same to the last bit.
    X, y = make(10, 14)
    head = HeadRegressor(alpha, fit_intercept=fit_intercept)
    plain = clone(head).fit(X, y)
    for x_exponent, y_exponent in [(-450, 0), (450, 0), (0, 300), (0, -300)]:
        x_scale, y_scale = 2.0**x_exponent, 2.0**y_exponent
        if alpha != "loo":
            head.alpha = alpha * x_scale**2
        scaled = clone(head).fit(X * x_scale, y * y_scale)
        assert_allclose(scaled.coef_, plain.coef_ * y_scale / x_scale, rtol=1e-9)
        assert_allclose(scaled.predict(X * x_scale), plain.predict(X) * y_scale)
        assert_allclose(scaled.loo_risk_, plain.loo_risk_ * y_scale**2, rtol=1e-9)
        assert_allclose(scaled.coef_norm_, plain.coef_norm_ * y_scale / x_scale)
        assert_allclose(scaled.singular_values_, plain.singular_values_ * x_scale)


@pytest.mark.parametrize(
    "x_scale, y_scale, weight, match",
    [
        (1e-320, 1.0, 1.0, r"absolute value in X must be 0 or in \[1e-200, 1e\+200\]"),
        (1e300, 1.0, 1.0, r"absolute value in X .* got \d.*e\+\d*. Rescale X"),
        (1.0, 1e200, 1.0, r"in y must be 0 or in \[1e-100, 1e\+100\]"),
        (1.0, 1e-200, 1.0, r"in y must be 0 .* got \d\.\d*e-200. Rescale y"),
        (1.0, 1.0, 1e308, r"in sample_weight .* got 1e\+308. Rescale sample_weight"),
        (1.0, 1.0, 1e-200, r"in sample_weight .* got 1e-200"),
    ],
)
@pytest.mark.parametrize("alpha", [0.0, "loo"])
def test_numbers_whose_squares_are_none_are_refused(
    x_scale, y_scale, weight, match, alpha
):
    X, y = make(10, 14, noise=0.0)
    with pytest.raises(ValueError, match=match):
        HeadRegressor(alpha).fit(X * x_scale, y * y_scale, np.full(10, weight))


def test_coefficients_that_overflow_are_refused():
    X, y = make(10, 14)
    X[:, 1:] = X[:, :1] + 1e-13 * X[:, 1:]  # directions as weak as float64 can tell
    with pytest.raises(ValueError, match=r"exceed the largest float: .* of y is .*e\+"):
        HeadRegressor().fit(X * 1e-199, y * 1e99)


def test_predictions_that_overflow_are_refused():
    X, y = make(10, 4)
    head = HeadRegressor().fit(X * 1e-10, y)
    with pytest.raises(ValueError, match=r"predictions exceed .* in X is .*Rescale X"):
        head.predict(np.sign(head.coef_)[None] * 1e307)


@pytest.mark.parametrize("head", [HeadRegressor(), HeadClassifier()])
def test_heads_run_linear_algebra_on_one_thread(head, monkeypatch):
    X, _ = make(12, 20)
    seen = []

    def svd(*args, **kwargs):
        found = threadpool_info()
        seen.extend(k["num_threads"] for k in found if k["user_api"] == "blas")
        return real(*args, **kwargs)

    real = linalg.svd
    monkeypatch.setattr(linalg, "svd", svd)
    with threadpool_limits(2, user_api="blas"):
        head.fit(X, np.arange(12) % 2)
    assert set(seen) == {1}


def test_svd_falls_back_to_the_surer_driver(monkeypatch):
    X, y = make(12, 20)
    expected = HeadRegressor().fit(X, y).coef_
    real, drivers = linalg.svd, []

    def svd(A, **kwargs):
        drivers.append(kwargs["lapack_driver"])
        if drivers[-1] == "gesdd":
            raise linalg.LinAlgError("SVD did not converge")
        return real(A, **kwargs)

    monkeypatch.setattr(linalg, "svd", svd)
    assert_allclose(HeadRegressor().fit(X, y).coef_, expected, rtol=1e-9)
    assert drivers == ["gesdd", "gesvd"]


# Sample weights


@pytest.mark.parametrize("n, p", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("alpha", [0.0, 0.5, "loo"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_counts_equal_repetition(n, p, alpha, fit_intercept):
    X, y = make(n, p, q=2)
    counts = np.random.RandomState(2).randint(0, 4, n)
    head = HeadRegressor(alpha, fit_intercept=fit_intercept)
    weighted = clone(head).fit(X, y, counts)
    repeated = clone(head).fit(X.repeat(counts, axis=0), y.repeat(counts, axis=0))
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-6, atol=1e-9)
    assert_allclose(weighted.intercept_, repeated.intercept_, rtol=1e-6, atol=1e-9)
    assert_allclose(weighted.loo_risk_, repeated.loo_risk_, rtol=1e-8)
    assert_allclose(weighted.effective_dof_, repeated.effective_dof_, rtol=1e-7)
    if alpha != "loo":  # there counts and importances leave different things out
        floating = clone(head).fit(X, y, counts.astype(float))
        assert_array_equal(floating.coef_, weighted.coef_)


@pytest.mark.parametrize("alpha", [0.0, 0.5, "loo"])
def test_zero_weights_equal_removal(alpha):
    X, y = make(20, 30)
    weights = np.random.RandomState(2).uniform(0.1, 2, 20)
    weights[[0, 7, 19]] = 0.0
    kept = weights > 0
    X[0] = 1e10  # it must not matter
    whole = HeadRegressor(alpha).fit(X, y, weights)
    part = HeadRegressor(alpha).fit(X[kept], y[kept], weights[kept])
    assert_array_equal(whole.coef_, part.coef_)
    assert whole.loo_risk_ == part.loo_risk_
    assert whole.rank_ == 16


def test_scalar_weight():
    X, y = make(20, 30)
    assert_allclose(
        HeadRegressor(2.0).fit(X, y, 4.0).coef_, HeadRegressor(0.5).fit(X, y).coef_
    )


# Leave-one-out


LOO_CASES = [(14, 5), (14, 12), (14, 13), (14, 14), (14, 15), (14, 40)]


@pytest.mark.parametrize("n, p", LOO_CASES)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 1e-3, 5.0])
@pytest.mark.parametrize("q", [None, 2])
def test_loo_equals_refitting(n, p, fit_intercept, alpha, q):
    X, y = make(n, p, q, seed=p)
    spectrum = decompose(X, y.reshape(n, -1), fit_intercept=fit_intercept)
    residuals = leave_one_out_residuals(spectrum, alpha)
    explicit = refit_residuals(X, y, fit_intercept, alpha)
    assert_allclose(residuals, explicit, rtol=1e-6, atol=1e-8)

    head = HeadRegressor(alpha, fit_intercept=fit_intercept)
    assert clone(head).fit(X, y).loo_risk_ == pytest.approx(
        np.mean(explicit**2), rel=1e-7
    )
    own = [
        y[i] - clone(head).fit(np.delete(X, i, 0), np.delete(y, i, 0)).predict(X[[i]])
        for i in range(n)
    ]
    assert_allclose(residuals.ravel(), np.ravel(own), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("n, p", [(14, 5), (14, 13), (14, 40)])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_loo_with_importances_leaves_the_row_out_whole(n, p, fit_intercept, alpha):
    X, y = make(n, p)
    weights = np.random.RandomState(3).uniform(0.2, 3, n)
    explicit = refit_residuals(X, y, fit_intercept, alpha, weights)[:, 0]
    head = HeadRegressor(alpha, fit_intercept=fit_intercept).fit(X, y, weights)
    assert head.loo_risk_ == pytest.approx(
        np.average(explicit**2, weights=weights), rel=1e-7
    )


@pytest.mark.parametrize("p", [4, 9, 30])
@pytest.mark.parametrize("alpha", [0.0, 0.1])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_loo_of_duplicated_columns(p, alpha, fit_intercept):
    X, y = make(12, p)
    X = np.hstack([X, X[:, ::2], X])
    spectrum = decompose(X, y[:, None], fit_intercept=fit_intercept)
    assert_allclose(
        leave_one_out_residuals(spectrum, alpha),
        refit_residuals(X, y, fit_intercept, alpha),
        rtol=1e-7,
        atol=1e-9,
    )


@pytest.mark.parametrize("alpha", [0.0, 0.1])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_loo_of_a_sample_alone_in_its_direction(alpha, fit_intercept):
    # Sample 3 alone has the last feature: it is fitted exactly while others are not.
    X, y = make(12, 4)
    X[:, 3] = 0.0
    X[3, 3] = 1.0
    spectrum = decompose(X, y[:, None], fit_intercept=fit_intercept)
    assert_array_equal(np.flatnonzero(spectrum.one_minus_leverage == 0.0), [3])
    assert_allclose(
        leave_one_out_residuals(spectrum, alpha),
        refit_residuals(X, y, fit_intercept, alpha),
        rtol=1e-8,
    )


def test_loo_of_an_extreme_outlier():
    # Its leverage rounds to 1 though it is not; the others still tell its prediction.
    X, y = make(12, 2)
    X[5] *= 1e7
    assert_allclose(
        leave_one_out_residuals(decompose(X, y[:, None], fit_intercept=False), 0.0),
        refit_residuals(X, y, False),
        rtol=1e-6,
    )


def test_loo_of_redundant_rows():
    X, y = make(6, 20)
    X, y = np.vstack([X, X[:2]]), np.hstack([y, y[:2] + 1.0])
    for fit_intercept in (True, False):
        spectrum = decompose(X, y[:, None], fit_intercept=fit_intercept)
        assert_allclose(
            leave_one_out_residuals(spectrum, 0.0), refit_residuals(X, y, fit_intercept)
        )


def test_loo_is_continuous_at_zero():
    X, y = make(15, 30)
    spectrum = decompose(X, y[:, None])
    assert leave_one_out_risk(spectrum, 1e-200) == pytest.approx(
        leave_one_out_risk(spectrum, 0.0)
    )
    assert leave_one_out_risk(spectrum, 1e-10) == pytest.approx(
        leave_one_out_risk(spectrum, 0.0), rel=1e-8
    )


def test_loo_takes_many_penalties_at_once():
    X, y = make(15, 30, q=2)
    spectrum = decompose(X, y)
    alphas = np.array([0.0, 1e-3, 1.0, 1e6])
    assert_allclose(
        leave_one_out_residuals(spectrum, alphas),
        [leave_one_out_residuals(spectrum, a) for a in alphas],
    )
    assert_allclose(
        leave_one_out_risk(spectrum, alphas),
        [leave_one_out_risk(spectrum, a) for a in alphas],
    )


def test_a_single_sample_is_compared_with_a_head_fitted_on_nothing():
    for fit_intercept in (True, False):
        head = HeadRegressor(fit_intercept=fit_intercept).fit([[2.0, 1.0]], [3.0])
        assert head.predict([[2.0, 1.0]]) == pytest.approx(3.0)
        assert head.loo_risk_ == pytest.approx(9.0)
        with pytest.raises(ValueError, match=r"alpha='loo'.*n_samples = 1"):
            HeadRegressor("loo", fit_intercept=fit_intercept).fit([[2.0, 1.0]], [3.0])
    # Two copies of it predict each other.
    assert HeadRegressor("loo").fit([[2.0, 1.0]], [3.0], [2]).loo_risk_ == 0.0
    # As good as single: the other sample has no weight to speak of.
    skewed = HeadRegressor().fit([[2.0], [1.0]], [3.0, 5.0], [1.0, 1e-30])
    assert skewed.loo_risk_ == pytest.approx(9.0)


def test_ridgeless_loo_and_total_risk_at_200_features_and_100_samples():
    # Isotropic Gaussian features, noise 0.5, signal 1: by the closed form the total
    # risk tends to r^2 (1 - 1/gamma) + sigma^2/(gamma - 1) + sigma^2 = 1.5 at gamma 2.
    n, p, sigma2 = 100, 200, 0.5
    rng = np.random.RandomState(0)
    loo, total = [], []
    for _ in range(25):
        X = rng.randn(n, p)
        beta = rng.randn(p)
        beta /= np.linalg.norm(beta)
        y = X @ beta + np.sqrt(sigma2) * rng.randn(n)
        head = HeadRegressor(fit_intercept=False).fit(X, y)
        inverse = np.linalg.inv(X @ X.T)
        assert head.loo_risk_ == pytest.approx(
            np.mean((inverse @ y / np.diag(inverse)) ** 2), rel=1e-9
        )
        loo.append(head.loo_risk_)
        total.append(np.sum((head.coef_ - beta) ** 2) + sigma2)
    assert np.mean(total) == pytest.approx(1.5, rel=0.05)
    assert np.mean(loo) == pytest.approx(np.mean(total), rel=0.05)


@pytest.mark.parametrize("n, p", [(40, 10), (20, 19), (20, 60)])
@pytest.mark.parametrize("noise", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("q", [None, 2])
def test_loo_alpha_beats_a_dense_grid(n, p, noise, q):
    X, y = make(n, p, q, noise=noise)
    head = HeadRegressor("loo").fit(X, y)
    dense = np.concatenate([[0.0], np.logspace(-20, 20, 4001)])
    risks = leave_one_out_risk(decompose(X, y.reshape(n, -1)), dense)
    assert head.loo_risk_ <= risks.min() * (1 + 1e-10)
    explicit = refit_residuals(X, y, True, head.alpha_)
    assert head.loo_risk_ == pytest.approx(np.mean(explicit**2), rel=1e-7)


@pytest.mark.parametrize("n, p", [(30, 8), (12, 40), (15, 15)])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_loo_slope_is_the_derivative(n, p, fit_intercept):
    X, y = make(n, p, q=2)
    X[:, 0] = 0.0
    X[2, 0] = 1.0  # alone in its direction: slack 0
    counts = np.random.RandomState(0).randint(1, 4, n)
    counts[2] = 1
    for weights in (None, counts, counts / 3.0):
        spectrum = decompose(X, y, sample_weight=weights, fit_intercept=fit_intercept)
        for log_alpha in (-5.0, 0.0, 3.0):
            ends = np.exp(log_alpha + np.array([-1e-4, 1e-4]))
            low, high = leave_one_out_risk(spectrum, ends)
            slope = leave_one_out_slope(spectrum, np.exp(log_alpha))
            expected = pytest.approx((high - low) / 2e-4, rel=1e-6, abs=1e-9 * high)
            assert slope == expected


def test_loo_slope_of_a_row_with_all_the_weight():
    X, y = make(3, 2)
    spectrum = decompose(X, y[:, None], sample_weight=np.array([1.0, 1e-30, 1e-30]))
    assert abs(leave_one_out_slope(spectrum, 1.0)) < 1e-25


@pytest.mark.parametrize("seed", range(6))
def test_loo_alpha_is_found_to_the_last_digits(seed):
    # The risk is flat about its minimum: all of 1e-8 about it looks the same.
    X, y = make(12, 30, seed=seed, noise=2.0)
    counts = np.random.RandomState(seed).randint(1, 5, 12)
    weighted = HeadRegressor("loo").fit(X, y, counts)
    repeated = HeadRegressor("loo").fit(X.repeat(counts, 0), y.repeat(counts))
    assert weighted.alpha_ == pytest.approx(repeated.alpha_, rel=1e-11)


def test_loo_alpha_reaches_zero():
    # One strong direction among many weak ones that act as a ridge of their own: the
    # best penalty is not above zero (Kobak, Lomond and Sanchez, 2020).
    rng = np.random.RandomState(0)
    X = rng.randn(30, 500)
    X[:, 0] *= 30
    y = X[:, 0] + 0.1 * rng.randn(30)
    head = HeadRegressor("loo", fit_intercept=False).fit(X, y)
    assert head.alpha_ == 0.0
    assert_array_equal(head.coef_, HeadRegressor(fit_intercept=False).fit(X, y).coef_)


def test_loo_alpha_shrinks_everything():
    # Targets at odds with every direction: leaving one out, any slope is a loss.
    X = np.array([[1.0], [1.0], [-1.0], [-1.0], [0.0]])
    y = np.array([1.0, -1.0, 1.0, -1.0, 0.0])
    head = HeadRegressor("loo").fit(X, y)
    assert abs(head.coef_[0]) < 1e-12
    assert head.effective_dof_ == pytest.approx(1.0, abs=1e-12)
    assert head.loo_risk_ == pytest.approx(np.mean((y * 5 / 4) ** 2))


# The classifier


@pytest.mark.parametrize("alpha", [0.0, 1.0, "loo"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [3, 4])
def test_classifier_is_the_regressor_on_one_hot_targets(
    alpha, fit_intercept, n_classes
):
    X, _ = make(24, 6)
    labels = np.random.RandomState(4).randint(n_classes, size=24)
    names = np.array(["ash", "birch", "cedar", "date"])[:n_classes]
    head = HeadClassifier(alpha, fit_intercept=fit_intercept).fit(X, names[labels])
    peer = HeadRegressor(alpha, fit_intercept=fit_intercept)
    peer.fit(X, np.eye(n_classes)[labels])
    assert_array_equal(head.classes_, names)
    assert head.coef_.shape == (n_classes, 6)
    for name in ("coef_", "intercept_", "singular_values_"):
        assert_array_equal(getattr(head, name), getattr(peer, name))
    for name in ("alpha_", "rank_", "coef_norm_", "effective_dof_", "loo_risk_"):
        assert getattr(head, name) == getattr(peer, name)
    assert_array_equal(head.decision_function(X), peer.predict(X))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("p", [6, 40])
def test_binary_classifier_is_the_difference_of_one_hot_scores(p, fit_intercept):
    X, y = make(24, p)
    labels = (y > 2).astype(int)
    head = HeadClassifier(1.0, fit_intercept=fit_intercept).fit(X, labels)
    one_hot = HeadRegressor(1.0, fit_intercept=fit_intercept).fit(X, np.eye(2)[labels])
    X_new, _ = make(50, p, seed=1)
    scores = one_hot.predict(X_new)
    assert head.coef_.shape == (1, p)
    assert head.intercept_.shape == (1,)
    assert_allclose(
        head.decision_function(X_new), scores[:, 1] - scores[:, 0], atol=1e-13
    )
    assert_allclose(head.predict_proba(X_new), project_simplex(scores), atol=1e-13)
    peer = RidgeClassifier(1.0, fit_intercept=fit_intercept).fit(X, labels)
    assert_allclose(head.coef_, peer.coef_.reshape(1, -1), rtol=1e-7)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_predict_agrees_with_predict_proba(n_classes):
    X, _ = make(30, 8)
    labels = np.arange(30) % n_classes + 10
    head = HeadClassifier().fit(X, labels)
    X_new = 3 * make(200, 8, seed=1)[0]
    proba = head.predict_proba(X_new)
    assert proba.shape == (200, n_classes)
    assert proba.min() >= 0.0
    assert_allclose(proba.sum(axis=1), 1.0, atol=1e-14)
    assert_array_equal(head.classes_[proba.argmax(axis=1)], head.predict(X_new))


def test_classes_of_zero_weight_are_absent():
    X, _ = make(12, 3)
    labels = np.arange(12) % 3
    weights = (labels < 2).astype(float)
    head = HeadClassifier().fit(X, labels, weights)
    kept = labels < 2
    assert_array_equal(head.classes_, [0, 1])
    assert_array_equal(head.coef_, HeadClassifier().fit(X[kept], labels[kept]).coef_)


@pytest.mark.parametrize("n_classes", [2, 3, 6])
@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_simplex_projection_solves_its_quadratic_programme(n_classes, scale):
    # By enumeration: on each support the optimum is a shift; take the nearest feasible.
    scores = scale * np.random.RandomState(n_classes).randn(6, n_classes)
    for row, ours in zip(scores, project_simplex(scores), strict=True):
        candidates = []
        for bits in itertools.product([False, True], repeat=n_classes):
            support = np.array(bits)
            if support.any():
                shift = (row[support].sum() - 1) / support.sum()
                candidates.append(np.where(support, row - shift, 0.0))
        feasible = [c for c in candidates if c.min() >= 0]
        nearest = min(feasible, key=lambda c, v=row: np.sum((c - v) ** 2))
        assert_allclose(ours, nearest, atol=1e-13)


def test_simplex_projection_leaves_the_simplex_and_survives_large_scores():
    inside = np.random.RandomState(0).dirichlet(np.ones(4), size=5)
    assert_allclose(project_simplex(inside), inside, atol=1e-15)
    assert_array_equal(
        project_simplex(np.array([[1e300, 0.0], [-1e300, 5.0], [1e16, 1e16]])),
        [[1, 0], [0, 1], [0.5, 0.5]],
    )


# Refusals and kernels


@pytest.mark.parametrize("head", [HeadRegressor, HeadClassifier])
@pytest.mark.parametrize(
    "params, match",
    [
        ({"alpha": -1.0}, r"'alpha' parameter .* Got -1.0"),
        ({"alpha": np.inf}, r"'alpha' parameter .* Got inf"),
        ({"alpha": np.nan}, r"'alpha' parameter .* Got nan"),
        ({"alpha": "gcv"}, r"'alpha' parameter .* Got 'gcv'"),
        ({"alpha": 10**400}, r"alpha must be in \[0, .* an integer beyond it"),
        ({"rcond": 1.0}, r"'rcond' parameter .* Got 1.0"),
        ({"rcond": -0.1}, r"'rcond' parameter .* Got -0.1"),
        ({"fit_intercept": "no"}, r"'fit_intercept' parameter .* Got 'no'"),
    ],
)
def test_parameters_out_of_range_are_refused(head, params, match):
    X, _ = make(10, 3)
    with pytest.raises(ValueError, match=match):
        head(**params).fit(X, np.arange(10) % 2)


@pytest.mark.parametrize("head", [HeadRegressor, HeadClassifier])
@pytest.mark.parametrize(
    "weights, match",
    [
        (np.r_[np.ones(9), -2.0], r"sample_weight .* got -2.0 for sample 9"),
        (np.zeros(10), r"sample_weight must be positive .* only zeros"),
        (np.ones(9), r"sample_weight must have shape \(10,\).* got shape \(9,\)"),
        (np.ones((10, 1)), r"sample_weight must have shape .* got shape \(10, 1\)"),
        (np.full(10, np.nan), r"Input sample_weight contains NaN"),
        (-1.0, r"sample_weight must be non-negative; got -1.0"),
    ],
)
def test_bad_weights_are_refused(head, weights, match):
    X, _ = make(10, 3)
    with pytest.raises(ValueError, match=match):
        head().fit(X, np.arange(10) % 2, sample_weight=weights)


@pytest.mark.parametrize("head", [HeadRegressor(), HeadClassifier()])
def test_sparse_input_is_refused(head):
    X, y = make(10, 3)
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        head.fit(sparse.csr_array(X), (y > 0).astype(int))


def test_sparse_targets_are_refused():
    X, y = make(10, 3, q=2)
    with pytest.raises(TypeError, match="y must be dense"):
        HeadRegressor().fit(X, sparse.csr_array(y))


def test_one_class_is_refused():
    X, _ = make(10, 3)
    with pytest.raises(ValueError, match=r"at least two classes.*one class: \['elm'\]"):
        HeadClassifier().fit(X, ["elm"] * 10)


def test_kernels_leave_their_input_alone():
    X, y = make(10, 3, q=2)
    X_before, y_before = X.copy(), y.copy()
    decompose(X, y, sample_weight=np.arange(1.0, 11.0))
    assert_array_equal(X, X_before)
    assert_array_equal(y, y_before)


def test_kernels_serve_a_design_without_columns():
    _, y = make(10, 3, q=2)
    spectrum = decompose(np.zeros((10, 0)), y)
    head = shrink(spectrum, 0.0)
    assert head.coef.shape == (0, 2)
    assert_allclose(head.intercept, y.mean(axis=0))
    assert head.effective_dof == 1.0
    assert leave_one_out_alpha(spectrum) == 0.0
    assert_allclose(
        leave_one_out_residuals(spectrum, 0.0), (y - y.mean(axis=0)) * 10 / 9
    )


def test_grid_search_over_alpha():
    X, y = make(30, 60)
    search = GridSearchCV(HeadRegressor(), {"alpha": [0.0, 10.0, "loo"]}, cv=3)
    assert search.fit(X, y).best_estimator_.coef_.shape == (60,)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.2}])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_weights_multiply_those_of_samples(n_classes, class_weight, weighted):
    rng = np.random.RandomState(0)
    X = rng.randn(40, 6)
    y = rng.choice(n_classes, 40, p=[0.7, 0.3] if n_classes == 2 else [0.6, 0.3, 0.1])
    weights = rng.randint(0, 3, 40) if weighted else None
    if weighted:  # of a class that has no other sample
        y[0], weights[0] = 9, 0
    head = HeadClassifier(0.3, class_weight=class_weight).fit(X, y, weights)
    counts = np.ones(40, int) if weights is None else weights
    rows = np.repeat(np.arange(40), counts)
    of_rows = compute_sample_weight(class_weight, y[rows])
    product = np.bincount(rows, of_rows, 40)
    kept = np.flatnonzero(product)
    expected = HeadClassifier(0.3).fit(X[kept], y[kept], product[kept])
    assert_allclose(head.coef_, expected.coef_, rtol=1e-10)
    assert_allclose(head.intercept_, expected.intercept_, rtol=1e-10)


def test_class_weights_are_refits_on_a_curve():
    X, y = np.random.RandomState(0).randn(40, 6), np.arange(40) % 3
    model = make_pipeline(LeadingColumns(), HeadClassifier(class_weight="balanced"))
    curve = DoubleDescentCurve(model, "leadingcolumns__n_components", [2, 4]).fit(X, y)
    assert curve.strategy_ == "refit" and "class_weight" in curve.strategy_reason_
    for bad in ({0: -1.0, 1: 1.0}, {0: np.inf}):
        with pytest.raises(ValueError, match="class_weight must hold finite positive"):
            HeadClassifier(class_weight=bad).fit(X, y)


# Targets that are none


@pytest.mark.parametrize("kind", [str, object])
def test_texts_are_no_numbers(kind):
    X, labels = np.eye(4), np.array(["a", "b", "a", "b"], dtype=kind)
    message = r"y must hold numbers.* 'a'.*HeadClassifier"
    with pytest.raises(ValueError, match=message):
        HeadRegressor().fit(X, labels)
    curve = DoubleDescentCurve(
        make_pipeline(LeadingColumns(), HeadRegressor()),
        "leadingcolumns__n_components",
        [1, 2],
        cv=2,
    )
    with pytest.raises(ValueError, match=message):
        curve.fit(X, labels)


def test_a_label_may_not_be_missing():
    labels = np.array(["a", "b", None, "b"], dtype=object)
    for y in (labels, labels.tolist(), pd.Series(labels, dtype="string")):
        with pytest.raises(ValueError, match=r"y\[2\] is missing \((None|<NA>)\)"):
            HeadClassifier().fit(np.eye(4), y)
    curve = DoubleDescentCurve(HeadClassifier(), "alpha", [1.0, 2.0], cv=2)
    with pytest.raises(ValueError, match=r"y\[2\] is missing \(None\)"):
        curve.fit(np.eye(4), labels)
