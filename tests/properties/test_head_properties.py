"""Heads, the width path and the forecast on hostile designs, against Jacobi's SVD."""

from dataclasses import dataclass

import numpy as np
from campaign import holds_for, note
from extended_precision import EPS, leave_one_out, solve_head
from hypothesis import assume
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skhmmdd import HeadClassifier, HeadRegressor, forecast_risk, width_path

SCALES = [1.0, 1.0, 1.0, 1e-3, 1e3, 1e-12, 1e12]


@dataclass(repr=False)
class Design:
    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None
    alpha: float
    fit_intercept: bool
    rcond: float | None

    def __repr__(self):
        weights = None if self.weights is None else self.weights.tolist()
        return (
            f"X={self.X.tolist()}, y={self.y.tolist()}, weights={weights}, "
            f"alpha={self.alpha}, fit_intercept={self.fit_intercept}, "
            f"rcond={self.rcond}"
        )

    @property
    def options(self):
        return {
            "alpha": self.alpha,
            "fit_intercept": self.fit_intercept,
            "rcond": self.rcond,
        }

    def fit(self, weights="own", **changes):
        weights = self.weights if isinstance(weights, str) else weights
        head = HeadRegressor(**{**self.options, **changes})
        return head.fit(self.X, self.y, sample_weight=weights)


@st.composite
def tables(draw, n, p):
    """Hostile designs of n rows and p columns."""
    kind = draw(st.sampled_from(["normal", "whole", "one-hot", "low rank", "beliefs"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind == "normal":
        X = rng.standard_normal((n, p))
    elif kind == "whole":
        X = rng.integers(-2, 3, (n, p)).astype(float)
    elif kind == "one-hot":
        X = np.eye(p)[rng.integers(p, size=n)]
    elif kind == "low rank":
        rank = draw(st.integers(1, 3))
        X = (rng.integers(-2, 3, (n, rank)) @ rng.integers(-2, 3, (rank, p))) * 1.0
    else:
        X = rng.dirichlet(np.ones(p), n)
    for change in draw(
        st.lists(
            st.sampled_from(
                ["rows", "columns", "constant", "zero", "scale", "far", "outlier"]
            ),
            max_size=3,
        )
    ):
        i, j = rng.integers(n, size=2)
        a, b = rng.integers(p, size=2)
        if change == "rows":
            X[i] = X[j]
        elif change == "columns":
            X[:, a] = X[:, b]
        elif change == "constant":
            X[:, a] = rng.choice([0.1, 1.0, 1e6])
        elif change == "zero":
            X[:, a] = 0.0
        elif change == "scale":
            X[:, a] *= draw(st.sampled_from(SCALES))
        elif change == "far":
            X[:, a] += rng.choice([10.0, 1e4])
        else:
            X[i] *= rng.choice([1e3, 1e6])
    return X * draw(st.sampled_from([1.0, 1.0, 1e-12, 1e12]))


@st.composite
def designs(draw, weighted=True, most=7, penalties=(0.0, 0.0, 1e-6, 1.0, 1e3)):
    n, p = draw(st.integers(1, most)), draw(st.integers(1, most))
    X = draw(tables(n, p))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    q = draw(st.sampled_from([None, 1, 2, 12]))
    shape = (n,) if q is None else (n, q)
    if draw(st.booleans()):
        y = rng.standard_normal(shape)
    else:
        y = rng.integers(-2, 3, shape) * draw(st.sampled_from([1.0, 1e-9, 1e9]))
    y = y + draw(st.sampled_from([0.0, 0.0, 5.0, 1e6]))
    weights = None
    kind = draw(st.sampled_from([None, None, "count", "float"])) if weighted else None
    if kind == "count":
        weights = rng.integers(0, 4, n)
        weights[rng.integers(n)] = 2
    elif kind == "float":
        weights = rng.choice([0.0, 0.5, 1.0, 3.0, 1e-3], n)
        weights[rng.integers(n)] = 1.0
    alpha = draw(st.sampled_from(penalties))
    if alpha:  # on the scale of the design
        alpha *= float(np.square(X).max()) or 1.0
    return Design(
        X,
        y,
        weights,
        alpha,
        draw(st.booleans()),
        draw(st.sampled_from([None, None, None, 1e-3])),
    )


def truth(case):
    found = solve_head(case.X, case.y, case.weights, **case.options)
    assume(found.is_decided and found.relative < 1e-3)
    return found


def as_columns(a, n=None):
    return np.asarray(a).reshape(n or len(a), -1)


@holds_for(designs(), quick=40, campaign=2000)
def test_head(case):
    want, head = truth(case), case.fit()
    coef = np.atleast_2d(head.coef_).T
    assert head.rank_ == want.rank
    assert np.abs(coef - want.coef).max() <= want.coef_error, (
        coef,
        want.coef.astype(float),
    )
    scored = np.vstack([case.X, case.X[::-1] * 0.5, np.zeros(case.X.shape[1])])
    gap = np.abs(as_columns(head.predict(scored)) - want.predict(scored)).max(axis=1)
    size = np.abs(case.y).max()
    assert (gap <= want.prediction_error(scored) + 64 * EPS * size).all(), gap
    assert abs(head.coef_norm_ - np.linalg.norm(coef)) <= 8 * EPS * head.coef_norm_
    dof = float(want.leverage.sum())
    assert abs(head.effective_dof_ - dof) <= 64 * want.relative + 64 * EPS * (1 + dof)
    note("HeadRegressor", "coefficients", "predict", "effective degrees of freedom")


@holds_for(designs(), quick=25, campaign=1000)
def test_leave_one_out(case):
    truth(case)
    counts = case.weights is not None and case.weights.dtype.kind == "i"
    w = np.ones(len(case.X)) if case.weights is None else case.weights
    left = leave_one_out(case.X, case.y, w, counts, **case.options)
    assume(left.is_decided)
    error = left.error / (np.abs(left.residuals).max(axis=1) + left.error + 1e-300)
    assume((error < 1e-2).all())
    w = w[w > 0] / w.sum()
    want = float(w @ np.mean(left.residuals**2, axis=1))
    worst = np.abs(left.residuals).max(axis=1) + left.error
    off = float(w @ (2 * worst * left.error))
    got = case.fit().loo_risk_
    assert abs(got - want) <= off + 64 * EPS * want, (got, want, off)
    note("HeadRegressor", "leave-one-out")


@holds_for(designs(penalties=(0.0,)), quick=8, campaign=300)
def test_penalty_of_least_leave_one_out_error(case):
    w = np.ones(len(case.X)) if case.weights is None else case.weights
    assume((w > 0).sum() >= 2)
    truth(case)
    head = case.fit(alpha="loo")
    others = [0.0, *(float(np.square(case.X).max() or 1) * 10.0 ** np.arange(-8, 5))]
    best = min(case.fit(alpha=alpha).loo_risk_ for alpha in others)
    assert head.loo_risk_ <= best * (1 + 1e-8) + 1e-300, (head.alpha_, best)
    same = case.fit(alpha=head.alpha_)
    assert_allclose(same.coef_, head.coef_)
    note("HeadRegressor", "alpha='loo'")


@holds_for(designs(), quick=15, campaign=500)
def test_invariances(case):
    """Rows in another order, repeated, weighted; columns in another order; scales."""
    want = truth(case)
    head, X, y = case.fit(), case.X, case.y
    w = np.ones(len(X), int) if case.weights is None else case.weights
    limit = want.prediction_error(X) * 2 + 128 * EPS * np.abs(y).max()

    def check(other, table):
        gap = as_columns(other.predict(table) - head.predict(X))
        assert (np.abs(gap).max(axis=1) <= limit).all(), gap

    def fit(X, y, w, alpha=case.alpha):
        options = dict(case.options, alpha=alpha)
        return HeadRegressor(**options).fit(X, y, sample_weight=w)

    order = np.random.default_rng(0).permutation(len(X))
    check(fit(X[order], y[order], w[order]), X)
    columns = np.random.default_rng(0).permutation(X.shape[1])
    check(fit(X[:, columns], y, w), X[:, columns])
    if w.dtype.kind == "i":
        many = np.repeat(np.arange(len(X)), w)
        again = fit(X[many], y[many], None)
        check(again, X)
        both = again.loo_risk_, head.loo_risk_
        slack = np.maximum(1 - want.leverage.astype(float), EPS).min()
        if 64 * want.relative < 1e-3 * slack:
            large = 64 * EPS * np.abs(y).max()
            tiny = large * (large + 2 * np.sqrt(both[0]))
            rtol = 64 * EPS + 256 * want.relative / slack
            assert_allclose(*both, rtol=rtol, atol=tiny)
    check(fit(X * 2.0**9, y, w, case.alpha * 2.0**18), X * 2.0**9)
    if case.weights is None:
        check(fit(X, y, np.full(len(X), 0.5), case.alpha / 2), X)
    doubled = fit(X, y * 4.0, w)
    assert_allclose(doubled.predict(X), 4 * head.predict(X), rtol=1e-12, atol=1e-300)
    note("HeadRegressor", "invariances")


@st.composite
def extremes(draw):
    case = draw(designs(weighted=False, penalties=(0.0,)))
    x = draw(st.sampled_from([-1060, -1000, -530, -300, 0, 0, 300, 500, 900]))
    y = draw(st.sampled_from([-1060, -700, -400, 0, 0, 400, 700, 900]))
    return case, x, y


@holds_for(extremes(), quick=15, campaign=500)
def test_units(case):
    """Units of the features and targets do not matter, or are refused by name."""
    case, x, y = case
    want = truth(case)
    head = case.fit()
    X, target = np.ldexp(case.X, x), np.ldexp(case.y, y)
    assume(np.isfinite(X).all() and np.isfinite(target).all())
    exact = (np.ldexp(X, -x) == case.X).all() and (np.ldexp(target, -y) == case.y).all()
    try:
        scaled = HeadRegressor(**case.options).fit(X, target)
    except ValueError as error:
        assert any(name in str(error) for name in ("X", "y")), error
        return
    assert np.isfinite(scaled.coef_).all()
    assert np.isfinite(scaled.intercept_).all()
    assert np.isfinite(scaled.loo_risk_)
    assert np.isfinite(scaled.coef_norm_)
    if exact:
        limit = (
            2 * want.prediction_error(case.X).max() + 128 * EPS * np.abs(case.y).max()
        )
        got = np.ldexp(scaled.predict(X), -y)
        # What subnormal predictions and coefficients cannot hold, counts for nothing.
        limit += np.ldexp(4.0, -1074 - y)
        limit += np.abs(case.X).sum(axis=1).max() * np.ldexp(1.0, x - 1074 - y)
        assert np.abs(got - head.predict(case.X)).max() <= limit
    note("HeadRegressor", "units")


@st.composite
def labelled(draw):
    case = draw(designs())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    names = draw(st.sampled_from([["a", "b"], [0, 1], ["x", "y", "z"], [1, 2, 3, 7]]))
    return case, np.array(names)[rng.integers(len(names), size=len(case.X))]


@holds_for(labelled(), quick=15, campaign=500)
def test_classifier(case):
    case, labels = case
    w = np.ones(len(labels)) if case.weights is None else case.weights
    classes = np.unique(labels[w > 0])
    assume(len(classes) > 1)
    coded = (labels[:, None] == classes) * 1.0
    if len(classes) == 2:
        coded = coded[:, 1:] - coded[:, :1]
    want = solve_head(case.X, coded, case.weights, **case.options)
    assume(want.is_decided and want.relative < 1e-3)
    head = HeadClassifier(**case.options).fit(case.X, labels, case.weights)
    assert (head.classes_ == classes).all()
    scores = as_columns(head.decision_function(case.X))
    limit = want.prediction_error(case.X)[:, None] + 64 * EPS
    truth_scores = want.predict(case.X)
    assert (np.abs(scores - truth_scores) <= limit).all()
    proba = head.predict_proba(case.X)
    assert (proba >= 0).all()
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    if len(classes) > 2:
        _check_projection(scores, proba)
        assert (head.predict(case.X) == classes[scores.argmax(axis=1)]).all()
    note("HeadClassifier", "decision_function", "predict_proba")


def _check_projection(scores, proba):
    """The conditions of Karush, Kuhn and Tucker for the nearest point."""
    for f, q in zip(scores, proba, strict=True):
        shift = f - q
        theta = shift[q > 0].mean()
        scale = 1e-9 * (1 + np.abs(f).max())
        assert np.abs(shift[q > 0] - theta).max() <= scale
        assert (shift[q == 0] <= theta + scale).all()


@holds_for(designs(weighted=False, most=8), quick=15, campaign=500)
def test_width_path(case):
    X, y = case.X, case.y
    rng = np.random.default_rng(0)
    X_test = np.vstack([X, X[rng.integers(len(X), size=2)] * 0.5])
    y_test = np.concatenate([y, y[: len(X_test) - len(y)], y[:2]])[: len(X_test)]
    if len(y_test) < len(X_test):
        y_test = np.resize(y, (len(X_test), *y.shape[1:]))
    path = width_path(X, y, X_test, y_test, return_predictions=True, **case.options)
    checked = 0
    for i, width in enumerate(path.widths):
        head = solve_head(X[:, :width], y, **case.options)
        if not (head.is_decided and head.relative < 1e-3):
            continue
        checked += 1
        norm = np.linalg.norm(head.coef.astype(float))
        assert (
            abs(path.coef_norm[i] - norm)
            <= head.penalised_error * np.sqrt(head.coef.size) + 64 * EPS * norm
        ), (width, path.coef_norm[i], norm)
        for table, target, got, risk in (
            (X, y, path.train_predictions, path.train_risk),
            (X_test, y_test, path.predictions, path.test_risk),
        ):
            want = head.predict(table[:, :width])
            limit = head.prediction_error(table[:, :width], penalised=True)
            limit += 64 * EPS * np.abs(y).max()
            gap = np.abs(as_columns(got[i], len(table)) - want).max(axis=1)
            assert (gap <= limit).all(), (width, gap, limit)
            errors = np.abs(want - as_columns(target)).astype(float)
            wanted = float(np.mean(np.square(errors)))
            off = float(np.mean(2 * errors.max(axis=1) * limit + limit**2))
            assert abs(risk[i] - wanted) <= off + 64 * EPS * wanted, (
                width,
                risk[i],
                wanted,
            )
    assume(checked)
    note("width_path", "norm", "predictions", "risks")


@holds_for(designs(weighted=False, most=8), quick=8, campaign=300)
def test_forecast(case):
    assume(len(case.X) >= 3)
    one_at_a_time = np.arange(len(case.X))
    forecast = forecast_risk(case.X, case.y, groups=one_at_a_time, **case.options)
    checked = 0
    for i, width in enumerate(forecast.widths):
        X = case.X[:, :width]
        head = solve_head(X, case.y, **case.options)
        left = leave_one_out(X, case.y, **case.options)
        if not (left.is_decided and head.relative < 1e-3):
            continue
        error = left.error / (np.abs(left.residuals).max(axis=1) + left.error + 1e-300)
        if (error > 1e-2).any():
            continue
        checked += 1
        assert forecast.rank[i] == head.rank
        want = float(np.mean(left.residuals**2))
        worst = np.abs(left.residuals).max(axis=1) + left.error
        off = float(np.mean(2 * worst * left.error)) + 64 * EPS * want
        assert abs(forecast.risk[i] - want) <= off, (width, forecast.risk[i], want)
    assume(checked)
    note("forecast_risk", "leave-one-out", "rank")
