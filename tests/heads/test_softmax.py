"""The softmax head against loops, refits, LogisticRegression and published figures."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from internal_checks import common_checks
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhmmdd import (
    DoubleDescentCurve,
    HMMFeatureTransformer,
    SoftmaxHead,
    generate,
    make_hmm,
    prediction_statistics,
    type_token_ratio,
)
from skhmmdd.heads.solvers import _softmax_loo
from skhmmdd.heads.solvers._softmax import MultinomialLoss, mean_loss, pose_problem
from skhmmdd.heads.solvers._softmax_path import minimize
from skhmmdd.heads.solvers._spectrum import decompose


@common_checks(
    [SoftmaxHead(n_steps=200), SoftmaxHead(alpha=1.0), SoftmaxHead(alpha="loo")]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def make(n=60, p=10, n_classes=3, seed=0, signal=2.0):
    """Gaussian rows, and classes drawn by a softmax of linear scores."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, p))
    scores = signal * X @ rng.standard_normal((p, n_classes)) / np.sqrt(p)
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    y[:n_classes] = np.arange(n_classes)
    return X, y


def logistic(alpha, **options):
    """A peer by Newton's method: its default solver stops at a loose tolerance."""
    return LogisticRegression(
        C=1 / alpha, solver="newton-cg", tol=1e-9, max_iter=1000, **options
    )


def fit_quietly(peer, *data):
    """A peer that warns when it can get no nearer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return peer.fit(*data)


SHAPES = {"under": (60, 8), "over": (30, 90), "square": (25, 25)}


# A penalty


@pytest.mark.parametrize("n, p", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.01, 1.0, 100.0])
def test_a_penalty_is_that_of_logistic_regression(
    n, p, n_classes, fit_intercept, alpha
):
    X, y = make(n, p, n_classes)
    X += 1.0  # columns that are not centred
    weights = np.random.RandomState(1).uniform(0.1, 3, n)
    head = SoftmaxHead(alpha, fit_intercept=fit_intercept).fit(X, y, weights)
    peer = fit_quietly(logistic(alpha, fit_intercept=fit_intercept), X, y, weights)
    scale = max(np.abs(peer.coef_).max(), np.abs(peer.intercept_).max())
    assert_allclose(head.coef_, peer.coef_, atol=1e-6 * scale)
    shift = 0.0 if n_classes == 2 else peer.intercept_.mean()  # which changes nothing
    assert_allclose(head.intercept_, peer.intercept_ - shift, atol=1e-6 * scale)
    assert_allclose(head.predict_proba(X), peer.predict_proba(X), atol=1e-6)
    assert head.alpha_ == alpha
    assert head.coef_norm_ == pytest.approx(np.linalg.norm(head.coef_))
    assert head.rank_ == min(n - fit_intercept, p)
    assert not hasattr(head, "effective_dof_")


@pytest.mark.parametrize("n, p", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("alpha", [1e-6, 0.01, 1.0, 1e4])
def test_the_gradient_vanishes_at_the_minimiser(n, p, n_classes, alpha):
    X, y = make(n, p, n_classes)
    head = SoftmaxHead(alpha).fit(X, y)
    left = head.predict_proba(X) - (y[:, None] == np.arange(n_classes))
    gradient = left.T @ X
    if n_classes == 2:
        gradient, left = gradient[1:], left[:, 1:]
    size = np.abs(alpha * head.coef_).max()
    assert_allclose(gradient + alpha * head.coef_, 0.0, atol=1e-7 * size + 1e-13 * n)
    assert_allclose(left.sum(axis=0), 0.0, atol=1e-8)


def test_the_loss_curve_of_newton_falls_to_the_objective():
    X, y = make(40, 12)
    head = SoftmaxHead(0.3).fit(X, y)
    log_p = head.predict_log_proba(X)[np.arange(40), y]
    objective = -log_p.sum() + 0.15 * np.sum(head.coef_**2)
    assert head.loss_curve_[0] == pytest.approx(np.log(3))
    assert head.loss_curve_[-1] == pytest.approx(objective / 40, rel=1e-12)
    assert (np.diff(head.loss_curve_) <= 1e-15).all()
    assert head.n_iter_ == len(head.loss_curve_) - 1 < 20


def test_a_loose_tolerance_is_near_a_tight_one():
    X, y = make(50, 80, 4)
    tight = SoftmaxHead(0.1, tol=1e-13).fit(X, y).coef_
    for tol in (1e-2, 1e-4, 1e-8):
        loose = SoftmaxHead(0.1, tol=tol).fit(X, y).coef_
        assert np.linalg.norm(loose - tight) <= 3 * tol * np.linalg.norm(tight)


def test_small_penalties_tend_to_the_maximum_margin():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((40, 2))
    y = (X @ [2.0, 1.0] > 0).astype(int)
    X += 0.3 * np.outer(2 * y - 1, [2.0, 1.0])  # a gap between the classes
    svc = SVC(kernel="linear", C=1e8, tol=1e-8).fit(X, y)
    margin = svc.coef_[0] / np.linalg.norm(svc.coef_)
    best = 1 / np.linalg.norm(svc.coef_)
    angles, short, norms = [], [], []
    for alpha in (1e-2, 1e-6, 1e-12, 1e-40, 1e-80):
        head = SoftmaxHead(alpha).fit(X, y)
        direction = head.coef_[0] / head.coef_norm_
        angles.append(np.arccos(direction @ margin))
        margins = (2 * y - 1) * head.decision_function(X) / head.coef_norm_
        short.append(best - margins.min())
        norms.append(head.coef_norm_)
    assert (np.diff(norms) > 0).all()
    for distance in (angles, short):
        # at last as the inverse of the logarithm of the penalty
        assert (np.diff(distance) < 0).all() and distance[-1] > 0
        assert distance[-1] / distance[-2] == pytest.approx(0.5, abs=0.1)
    assert angles[-1] < 0.004 and short[-1] < 0.002 * best


# Descent


def descend_by_hand(X, y, n_classes, n_steps, weights=None):
    """Plain gradient descent on coefficients, without an intercept."""
    w = np.ones(len(X)) if weights is None else weights
    one_hot = (y[:, None] == np.arange(n_classes)).astype(float)
    step = 2 / np.linalg.eigvalsh(X.T @ (w[:, None] * X))[-1]
    B = np.zeros((X.shape[1], n_classes))
    losses = []
    for _ in range(n_steps + 1):
        scores = X @ B
        log_p = scores - logsumexp(scores, axis=1, keepdims=True)
        losses.append(-(w @ (log_p * one_hot).sum(axis=1)) / w.sum())
        last = B
        B = B + step * X.T @ (w[:, None] * (one_hot - np.exp(log_p)))
    return last, np.array(losses)


@pytest.mark.parametrize("n, p", [*SHAPES.values(), (100, 3)])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("weighted", [True, False])
def test_descent_equals_a_loop(n, p, n_classes, weighted):
    X, y = make(n, p, n_classes)
    weights = np.random.RandomState(1).uniform(0.1, 3, n) if weighted else None
    B, losses = descend_by_hand(X, y, n_classes, 300, weights)
    head = SoftmaxHead(n_steps=300, fit_intercept=False).fit(X, y, weights)
    coef = B.T if n_classes > 2 else B.T[1:] - B.T[:1]
    assert_allclose(head.coef_, coef, rtol=1e-9, atol=1e-11)
    assert_allclose(head.loss_curve_, losses, rtol=1e-10)
    assert_array_equal(head.intercept_, 0.0)
    assert (np.diff(head.loss_curve_) < 1e-15).all()
    assert head.alpha_ == 0.0


def test_descent_with_an_intercept_equals_a_loop():
    # on centred rows, with a constant column of the norm of the largest direction
    X, y = make(40, 6, 3)
    Xc = X - X.mean(axis=0)
    constant = np.linalg.norm(Xc, 2) / np.sqrt(40)
    B, losses = descend_by_hand(np.column_stack([Xc, np.full(40, constant)]), y, 3, 500)
    head = SoftmaxHead(n_steps=500).fit(X, y)
    assert_allclose(head.coef_, B[:-1].T, rtol=1e-9, atol=1e-11)
    assert_allclose(
        head.intercept_, constant * B[-1] - X.mean(axis=0) @ B[:-1], rtol=1e-9
    )
    assert_allclose(head.loss_curve_, losses, rtol=1e-10)


@pytest.mark.parametrize("n, p", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("n_classes", [2, 3])
def test_stages_are_refits(n, p, n_classes):
    X, y = make(n, p, n_classes)
    head = SoftmaxHead(n_steps=50).fit(X, y)
    stages = head.staged_predict_proba(X, [80, 0, 50, 7])
    assert stages.shape == (4, n, n_classes)
    for stage, n_steps in zip(stages, [80, 0, 50, 7], strict=True):
        refit = SoftmaxHead(n_steps=n_steps).fit(X, y)
        assert_allclose(stage, refit.predict_proba(X), atol=1e-12)
    assert_allclose(stages[1], 1 / n_classes)
    assert_array_equal(head.staged_predict_proba(X, 7), stages[3])
    copied = pickle.loads(pickle.dumps(head))
    assert_array_equal(copied.staged_predict_proba(X, 7), stages[3])


def test_stages_need_a_descent_and_numbers_of_steps():
    X, y = make()
    with pytest.raises(ValueError, match=r"fitted by descent.*got alpha=1"):
        SoftmaxHead(1.0).fit(X, y).staged_predict_proba(X, 3)
    head = SoftmaxHead(n_steps=3).fit(X, y)
    for n_steps in (True, 1.5, "1", [3, -1]):
        with pytest.raises(ValueError, match="n_steps must be a whole number in"):
            head.staged_predict_proba(X, n_steps)
    for n_steps in ([], [[1]]):
        with pytest.raises(ValueError, match="n_steps must be a number of steps or"):
            head.staged_predict_proba(X, n_steps)
    with pytest.raises(ValueError, match=r"n_steps must be at most 1e\+12, .* got inf"):
        head.staged_predict_proba(X, np.inf)
    with pytest.raises(ValueError, match="features"):
        head.staged_predict_proba(X[:, 1:], 3)
    with pytest.raises(ValueError, match="exceed the largest float"):
        head = SoftmaxHead(n_steps=3).fit(X * 1e-10, y)
        head.staged_predict_proba(np.sign(head.coef_) * 1e307, 3)


# Weights


@pytest.mark.parametrize("n, p", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("alpha", [0.0, 0.5, "loo"])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 2.0, 2: 0.3}])
def test_counts_equal_repetition(n, p, alpha, class_weight):
    X, y = make(n, p)
    counts = np.random.RandomState(2).randint(0, 4, n)
    head = SoftmaxHead(alpha, n_steps=100, class_weight=class_weight)
    weighted = clone(head).fit(X, y, counts)
    repeated = clone(head).fit(X.repeat(counts, axis=0), y.repeat(counts))
    assert_allclose(weighted.alpha_, repeated.alpha_, rtol=1e-4)
    close = {"rtol": 1e-4, "atol": 1e-5} if alpha == "loo" else {"atol": 1e-8}
    assert_allclose(weighted.coef_, repeated.coef_, **close)
    assert_allclose(weighted.intercept_, repeated.intercept_, **close)
    assert_allclose(weighted.loss_curve_[-1], repeated.loss_curve_[-1], rtol=1e-4)
    if alpha == "loo":
        assert_allclose(weighted.loo_risks_, repeated.loo_risks_, rtol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.2}])
def test_class_weights_are_those_of_logistic_regression(n_classes, class_weight):
    X, y = make(80, 6, n_classes)
    head = SoftmaxHead(0.4, class_weight=class_weight).fit(X, y)
    peer = fit_quietly(logistic(0.4, class_weight=class_weight), X, y)
    assert_allclose(head.coef_, peer.coef_, atol=1e-5)
    assert_allclose(head.intercept_, peer.intercept_, atol=1e-5)
    factors = class_weight
    if class_weight == "balanced":
        factors = len(y) / n_classes / np.bincount(y)
    by_hand = np.array([factors[c] if c < 2 else 1.0 for c in y])
    if class_weight == "balanced":
        by_hand = factors[y]
    for alpha in (0.0, 0.4):
        head = SoftmaxHead(alpha, class_weight=class_weight).fit(X, y)
        weighted = SoftmaxHead(alpha).fit(X, y, by_hand)
        assert_allclose(head.coef_, weighted.coef_, rtol=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 0.5, "loo"])
def test_zero_weights_equal_removal(alpha):
    X, y = make(30, 40)
    weights = np.random.RandomState(2).uniform(0.1, 2, 30)
    weights[[0, 7, 19]] = 0.0
    kept = weights > 0
    X[0], y[7] = 1e10, 9  # it must not matter
    head = SoftmaxHead(alpha, n_steps=100)
    whole = clone(head).fit(X, y, weights)
    part = clone(head).fit(X[kept], y[kept], weights[kept])
    assert_array_equal(whole.classes_, [0, 1, 2])
    assert_allclose(whole.coef_, part.coef_, rtol=1e-9)
    assert whole.alpha_ == pytest.approx(part.alpha_)


@pytest.mark.parametrize("factor", [1e-90, 1e-5, 1e5, 1e90])
def test_a_common_factor_of_the_weights_is_one_of_the_penalty(factor):
    X, y = make(30, 40)
    plain = SoftmaxHead(2.0).fit(X, y)
    weighted = SoftmaxHead(2.0 * factor).fit(X, y, np.full(30, factor))
    assert_allclose(weighted.coef_, plain.coef_, rtol=1e-8)
    descended = SoftmaxHead(n_steps=50).fit(X, y, np.full(30, factor))
    assert_allclose(descended.coef_, SoftmaxHead(n_steps=50).fit(X, y).coef_, rtol=1e-9)


# Leave-one-out


def refit_losses(X, y, head, weights=None):
    """Log loss of each row under a head that was fitted without it."""
    losses = np.empty(len(X))
    for i in range(len(X)):
        rest = np.arange(len(X)) != i
        weight = None if weights is None else weights[rest]
        fitted = clone(head).fit(X[rest], y[rest], weight)
        losses[i] = -fitted.predict_log_proba(X[i : i + 1])[0, y[i]]
    return losses


def pose(X, y, weights=None, fit_intercept=True):
    spectrum = decompose(
        X, np.empty((len(X), 0)), sample_weight=weights, fit_intercept=fit_intercept
    )
    return pose_problem(spectrum, y, y.max() + 1, fit_intercept)


@pytest.mark.parametrize("n, p, missing", [(50, 4, 0.05), (40, 100, 0.01)])
@pytest.mark.parametrize("n_classes", [pytest.param(2, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("ratio", [0.1, 1.0, 10.0])
def test_leave_one_out_is_near_refits(n, p, missing, n_classes, fit_intercept, ratio):
    # `missing` of what refits add to the training loss
    X, y = make(n, p, n_classes, seed=1)
    weights = np.random.RandomState(1).uniform(0.5, 2, n)
    problem = pose(X, y, weights, fit_intercept)
    penalty = ratio * np.mean(problem.gram[problem.penalized == 1])
    alpha = penalty * problem.top**2 / (2 if n_classes == 2 else 1)
    coef, _, converged = minimize(
        problem, penalty, np.zeros((n_classes, len(problem.gram))), 1e-10
    )
    assert converged
    found = _softmax_loo.leave_one_out_loss(problem, penalty, coef)
    head = SoftmaxHead(alpha, fit_intercept=fit_intercept)
    exact = np.average(refit_losses(X, y, head, weights), weights=weights)
    assert found == pytest.approx(
        exact, abs=missing * (exact - mean_loss(problem, coef))
    )


@pytest.mark.parametrize("n, p", [(30, 4), (15, 40)])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("counts", [True, False])
def test_leave_one_out_is_one_newton_step(n, p, fit_intercept, counts):
    # by brute force, on coefficients of the features, of three classes
    X, y = make(n, p)
    rng = np.random.RandomState(1)
    weights = rng.randint(1, 4, n) if counts else rng.uniform(0.5, 2, n)
    left_out = np.ones(n) if counts else weights
    head = SoftmaxHead(0.3, fit_intercept=fit_intercept).fit(X, y, weights)
    F = np.column_stack([X, np.ones(n)]) if fit_intercept else X
    B = np.column_stack([head.coef_, head.intercept_]) if fit_intercept else head.coef_
    ridge = np.kron(np.eye(3), np.diag([0.3] * p + [0.0] * fit_intercept))
    probabilities = head.predict_proba(X)
    losses = []
    for i in range(n):
        w = weights.astype(float)
        w[i] -= left_out[i]
        gradient, hessian = ridge @ B.ravel(), ridge.copy()
        for weight, row, q, label in zip(w, F, probabilities, y, strict=True):
            gradient = gradient + weight * np.kron(q - np.eye(3)[label], row)
            hessian += weight * np.kron(np.diag(q) - np.outer(q, q), np.outer(row, row))
        step = np.linalg.lstsq(hessian, -gradient, rcond=1e-12)[0].reshape(3, -1)
        scores = (B + step) @ F[i]
        losses.append(logsumexp(scores) - scores[y[i]])
    problem = pose(X, y, weights, fit_intercept)
    penalty = 0.3 / problem.top**2
    coef = minimize(problem, penalty, np.zeros((3, len(problem.gram))), 1e-12)[0]
    found = _softmax_loo.leave_one_out_loss(problem, penalty, coef)
    assert found == pytest.approx(np.average(losses, weights=weights), rel=1e-7)


@pytest.mark.parametrize("n, p", [(30, 4), (20, 50)])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("penalty", [1e-5, 0.1])
def test_both_ways_to_leave_one_out_agree(
    n, p, n_classes, fit_intercept, counts, penalty
):
    X, y = make(n, p, n_classes)
    rng = np.random.RandomState(1)
    weights = rng.randint(1, 4, n) if counts else rng.uniform(0.5, 2, n)
    problem = pose(X, y, weights, fit_intercept)
    coef = minimize(problem, penalty, np.zeros((n_classes, len(problem.gram))), 1e-9)[0]
    loss = MultinomialLoss(problem.labels, problem.weights, n_classes)
    now = loss(coef @ problem.design.T)
    p = now.probabilities + 1e-12
    p.reshape(-1)[loss.true] += 1e-9
    p /= p.sum(axis=0)
    columns = _softmax_loo._by_columns(problem, penalty, p, now.residuals)
    rows = _softmax_loo._by_rows(problem, penalty, p, now.residuals, loss.true)
    columns -= columns[np.arange(n), y][:, None]
    assert_allclose(rows, columns, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n, p", [(60, 5), (40, 80)])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.slow
def test_the_penalty_of_loo_is_near_that_of_refits(n, p, n_classes):
    X, y = make(n, p, n_classes, signal=3.0)
    head = SoftmaxHead("loo").fit(X, y)
    assert head.loo_risk_ <= head.loo_risks_.min()
    assert (np.diff(head.alphas_) > 0).all()
    here = head.alphas_[1] <= head.alpha_ <= head.alphas_[-2]
    assert here, "no minimum inside the grid"
    risks = [
        refit_losses(X, y, SoftmaxHead(factor * head.alpha_)).mean()
        for factor in (0.25, 1.0, 4.0)
    ]
    assert risks[1] == min(risks)
    assert head.loo_risk_ == pytest.approx(risks[1], rel=0.02)
    assert_allclose(head.coef_, SoftmaxHead(head.alpha_).fit(X, y).coef_, rtol=1e-7)


def test_loo_leaves_nothing_of_an_earlier_fit():
    X, y = make()
    head = SoftmaxHead("loo").fit(X, y)
    head.set_params(alpha=1.0).fit(X, y)
    assert not any(hasattr(head, name) for name in ("loo_risk_", "alphas_"))


# Paths of a curve


def test_a_path_along_penalties_is_refits():
    X, y = make(90, 120, 3)
    options = {"cv": 3, "risk": ["squared_error", "zero_one_error"], "random_state": 0}
    alphas = np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 9)])
    pipeline = make_pipeline(StandardScaler(), SoftmaxHead(n_steps=40))
    path, refit = (
        DoubleDescentCurve(
            pipeline,
            "softmaxhead__alpha",
            alphas,
            strategy=strategy,
            diagnostics=True,
            **options,
        ).fit(X, y)
        for strategy in ("path", "refit")
    )
    assert (
        DoubleDescentCurve(pipeline, "softmaxhead__alpha", alphas, cv=3)
        .fit(X, y)
        .strategy_
        == "path"
    )
    assert_allclose(path.test_risk_, refit.test_risk_, atol=1e-8)
    assert_allclose(path.train_risk_, refit.train_risk_, atol=1e-8)
    assert_allclose(path.coef_norm_, refit.coef_norm_, rtol=1e-8)
    assert_array_equal(
        path.test_risks_["zero_one_error"], refit.test_risks_["zero_one_error"]
    )
    assert path.effective_parameters_ is None


@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_path_along_steps_is_refits(n_classes):
    X, y = make(90, 120, n_classes)
    path, refit = (
        DoubleDescentCurve(
            SoftmaxHead(class_weight="balanced"),
            "n_steps",
            [0, 1, 10, 100, 1000],
            cv=3,
            strategy=strategy,
        ).fit(X, y)
        for strategy in ("path", "refit")
    )
    assert_allclose(path.test_risk_, refit.test_risk_, atol=1e-8)
    assert_allclose(path.train_risk_, refit.train_risk_, atol=1e-8)
    assert_allclose(path.train_risk_[0], (n_classes - 1) / n_classes)


@pytest.mark.parametrize(
    "head, name, values, reason",
    [
        (SoftmaxHead(), "alpha", ["loo", 1.0], "not penalties"),
        (SoftmaxHead(1.0), "n_steps", [1, 2], "taken at alpha=0, not alpha=1.0"),
        (SoftmaxHead("loo"), "n_steps", [1, 2], "taken at alpha=0, not alpha='loo'"),
        (SoftmaxHead(), "n_steps", [1, 2.5], "not numbers of steps"),
        (SoftmaxHead(), "n_steps", [0, np.inf], "not numbers of steps"),
        (SoftmaxHead(), "n_steps", [0, True], "not numbers of steps"),
        (SoftmaxHead(class_weight={0: 2.0}), "alpha", [1.0], "names classes"),
        (SoftmaxHead(), "tol", [1e-3], "no path along 'tol'"),
    ],
)
def test_reasons_against_a_path(head, name, values, reason):
    assert reason in head._why_no_path(name, values)


# The published course of hyperfitting


@pytest.fixture(scope="module")
def course():
    """Means over five samples at each of four numbers of steps."""
    hmm = make_hmm(
        20,
        n_symbols=15,
        transition_temperature=0.05,
        emission_temperature=0.05,
        random_state=0,
    )
    steps, found, entropies = [10, 100, 1000, 10_000], [], []
    for seed in range(5):
        X, _ = hmm.sample(1300, 13, random_state=seed)
        contexts, following = X[:, :12], X[:, 12]
        beliefs = hmm.filter(contexts)[:, -1]
        truth = beliefs @ hmm.transmat @ hmm.emissionprob
        entropies.append(prediction_statistics(truth).entropy)
        phi = recipe_of_the_figures(seed)
        # A row of zeros for each symbol: known to the head, it changes no coefficient.
        F = np.vstack([phi(beliefs[:100]), np.zeros((15, 300))])
        y = np.append(following[:100], np.arange(15))
        for t in steps:
            head = SoftmaxHead(n_steps=t, fit_intercept=False).fit(F, y)
            p = head.predict_proba(phi(beliefs[100:]))
            statistics = prediction_statistics(p, truth[100:])
            drawn = generate(Beliefs(hmm, phi), head, contexts[100:140], 64)
            found.append(
                [
                    -head.predict_log_proba(F)[np.arange(100), y[:100]].mean(),
                    statistics.cross_entropy,
                    statistics.entropy,
                    type_token_ratio(drawn).mean(),
                    statistics.agreement,
                ]
            )
    return np.mean(entropies), np.reshape(found, (5, 4, 5)).mean(axis=0)


def recipe_of_the_figures(seed):
    """The ReLU map of 300 columns under which the figures were published."""
    rng = np.random.RandomState(seed)
    W = rng.standard_normal((20, 300))
    c = 0.3 * rng.standard_normal(300)

    def phi(beliefs):
        u = np.sqrt(20) * (beliefs - 1 / 20) * np.sqrt(20) / 2
        return np.maximum(u @ W / np.sqrt(20) * 2 + c, 0) / np.sqrt(300) * 2

    return phi


class Beliefs:
    """Features of the last belief, as a transformer."""

    def __init__(self, hmm, phi):
        self.hmm, self.phi = hmm, phi

    def transform(self, X):
        return self.phi(self.hmm.filter(X)[:, -1])


@pytest.mark.slow
def test_published_course(course):
    entropy, found = course
    assert entropy == pytest.approx(2.125, abs=0.02)
    expected = {  # figures of 10, 100, 1000 and 10,000 steps, as rounded
        "train loss": ([2.17, 1.38, 0.83, 0.46], 0.006),
        "test loss": ([2.54, 2.83, 4.36, 7.46], 0.006),
        "entropy": ([2.56, 1.81, 1.14, 0.69], 0.006),
        "type-token ratio": ([0.049, 0.074, 0.079, 0.087], 0.0006),
        "agreement": ([0.30, 0.35, 0.30, 0.27], 0.006),
    }
    for column, (figures, tolerance) in zip(found.T, expected.values(), strict=True):
        assert_allclose(column, figures, atol=tolerance)


def test_published_penalty():
    # The last of the samples: coefficients of up to 4.5, equal to .002.
    hmm = make_hmm(
        20,
        n_symbols=15,
        transition_temperature=0.05,
        emission_temperature=0.05,
        random_state=0,
    )
    X, _ = hmm.sample(1300, 13, random_state=4)
    F = recipe_of_the_figures(4)(hmm.filter(X[:, :12])[:, -1])[:100]
    head = SoftmaxHead(0.01, fit_intercept=False).fit(F, X[:100, 12])
    peer = fit_quietly(logistic(0.01, fit_intercept=False), F, X[:100, 12])
    assert np.abs(head.coef_).max() == pytest.approx(4.5, abs=0.05)
    assert_allclose(head.coef_, peer.coef_, atol=0.002)


# Hostile input


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("alpha", [0.0, 1e-3, "loo"])
def test_the_head_follows_the_scale_of_its_data(n_classes, alpha):
    X, y = make(30, 45, n_classes)
    head = SoftmaxHead(alpha, n_steps=50)
    plain = clone(head).fit(X, y)
    for scale in (2.0**-300, 2.0**-30, 2.0**30, 2.0**300):
        if alpha != "loo":
            head.alpha = alpha * scale**2
        scaled = clone(head).fit(X * scale, y)
        assert_allclose(scaled.coef_ * scale, plain.coef_, rtol=1e-7, atol=1e-9)
        assert_allclose(scaled.predict_proba(X * scale), plain.predict_proba(X))
        assert scaled.alpha_ == pytest.approx(plain.alpha_ * scale**2, rel=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 1.0, "loo"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(
    "X",
    [
        np.zeros((12, 3)),
        np.full((12, 3), 0.1),
        np.tile(np.arange(4.0), 3)[:, None],
        np.repeat(np.random.RandomState(0).standard_normal((3, 20)), 4, axis=0),
        np.repeat(np.random.RandomState(0).standard_normal((12, 3)), 4, axis=1),
        np.random.RandomState(0).standard_normal((12, 1)) + 1e9,
    ],
    ids=["zeros", "constant", "one column", "rows twice", "columns twice", "offset"],
)
def test_degenerate_designs(X, alpha, fit_intercept):
    y = np.array([0, 1, 2, 0, 1, 0, 0, 1, 2, 0, 1, 0])
    head = SoftmaxHead(alpha, n_steps=2000, fit_intercept=fit_intercept).fit(X, y)
    p = head.predict_proba(X)
    assert np.isfinite(p).all() and np.isfinite(head.coef_).all()
    assert_allclose(p.sum(axis=1), 1.0)
    if fit_intercept:
        tolerance = 1e-3 if alpha == 0 else 1e-7
        assert_allclose(p.mean(axis=0), np.bincount(y) / 12, atol=tolerance)


def test_two_samples():
    for alpha in (0.0, 1.0, "loo"):
        head = SoftmaxHead(alpha).fit([[0.0], [1.0]], ["a", "b"])
        assert_array_equal(head.predict([[0.0], [1.0]]), ["a", "b"])


def test_repeated_columns_are_one_column_of_their_norm():
    X, y = make(40, 5)
    one = SoftmaxHead(1.0).fit(X * np.sqrt(3), y)
    three = SoftmaxHead(1.0).fit(np.hstack([X, X, X]), y)
    assert three.rank_ == 5
    assert_allclose(
        three.predict_proba(np.hstack([X, X, X])),
        one.predict_proba(X * np.sqrt(3)),
        atol=1e-9,
    )


def test_extreme_penalties():
    X, y = make(30, 45)
    share = np.bincount(y) / 30
    for alpha in (1e100, 1e300):
        head = SoftmaxHead(alpha).fit(X, y)
        one_hot = y[:, None] == np.arange(3)
        assert_allclose(head.coef_, (one_hot - share).T @ (X - X.mean(0)) / alpha)
        assert_allclose(head.predict_proba(X), np.tile(share, (30, 1)))
    tiny = SoftmaxHead(1e-60).fit(X, y)  # the classes are separable
    scores = tiny.decision_function(X)
    scores -= scores[np.arange(30), y][:, None]
    assert (np.sum(scores > -100, axis=1) == 1).all()
    with pytest.raises(ValueError, match="alpha must be 0 or at least 1e-100 times"):
        SoftmaxHead(1e-150).fit(X, y)
    with pytest.raises(ValueError, match="alpha='loo' needs the largest singular"):
        SoftmaxHead("loo").fit(X * 1e150, y)


def test_log_probabilities_stay_finite():
    X, y = make(30, 45)
    head = SoftmaxHead(1e-6).fit(X, y)
    log_p = head.predict_log_proba(1e4 * X)
    assert np.isfinite(log_p).all() and log_p.min() < -1000
    log_p = head.predict_log_proba(X)
    assert_allclose(log_p, np.log(head.predict_proba(X)), atol=1e-15)
    two = SoftmaxHead(1e-6).fit(X, y > 0)
    assert np.isfinite(two.predict_log_proba(1e4 * X)).all()
    assert_allclose(two.predict_log_proba(X), np.log(two.predict_proba(X)), atol=1e-15)


def test_not_converged_is_said(monkeypatch):
    monkeypatch.setattr("skhmmdd.heads.solvers._softmax_path._MAX_NEWTON", 2)
    X, y = make()
    with pytest.warns(ConvergenceWarning, match="has not converged"):
        SoftmaxHead(1e-3).fit(X, y)
    curve = DoubleDescentCurve(SoftmaxHead(), "alpha", [1e-3, 1.0], cv=2)
    with pytest.warns(ConvergenceWarning, match="has not converged"):
        curve.fit(X, y)


@pytest.mark.parametrize(
    "options, match",
    [
        ({"alpha": -1.0}, "'alpha' parameter"),
        ({"alpha": np.inf}, "'alpha' parameter"),
        ({"alpha": np.nan}, "'alpha' parameter"),
        ({"alpha": "gcv"}, "'alpha' parameter"),
        ({"alpha": 10**400}, r"alpha must be in \[0"),
        ({"n_steps": -1}, "'n_steps' parameter"),
        ({"n_steps": 1.5}, "'n_steps' parameter"),
        ({"n_steps": 10**13}, r"n_steps must be at most 1e\+12, .* got 1000"),
        ({"n_steps": True}, r"n_steps must be a whole number in .*; got True"),
        ({"tol": 0.0}, "'tol' parameter"),
        ({"rcond": 1.0}, "'rcond' parameter"),
        ({"class_weight": "even"}, "'class_weight' parameter"),
        ({"class_weight": {0: 0.0}}, "finite positive weights; got {0: 0.0}"),
        ({"class_weight": {0: -1.0}}, "finite positive weights"),
        ({"class_weight": {0: np.inf}}, "finite positive weights"),
        ({"class_weight": {7: 1.0}}, "not in class_weight"),
    ],
)
def test_parameters_are_refused(options, match):
    X, y = make()
    with pytest.raises(ValueError, match=match):
        SoftmaxHead(**options).fit(X, y)


def test_data_are_refused():
    X, y = make()
    with pytest.raises(ValueError, match=r"got one class: \[0"):
        SoftmaxHead().fit(X, np.zeros(len(y)))
    with pytest.raises(ValueError, match="got one class"):
        SoftmaxHead().fit(X, y, (y == 1).astype(float))
    with pytest.raises(ValueError, match="NaN"):
        SoftmaxHead().fit(np.where(X > 2, np.nan, X), y)
    with pytest.raises(ValueError, match="must be non-negative"):
        SoftmaxHead().fit(X, y, np.full(len(y), -1.0))
    with pytest.raises(ValueError, match=r"X must be 0 or in \[1e-200, 1e\+200\]"):
        SoftmaxHead().fit(X * 1e250, y)


# Conventions


def test_frames_labels_and_grid_search():
    X, y = make(60, 4)
    frame = pd.DataFrame(X, columns=list("abcd"))
    labels = np.array(["x", "y", "z"])[y]
    head = SoftmaxHead(0.5).fit(frame, labels)
    assert_array_equal(head.feature_names_in_, list("abcd"))
    assert_array_equal(head.classes_, ["x", "y", "z"])
    assert set(head.predict(frame)) <= {"x", "y", "z"}
    stages = SoftmaxHead(n_steps=5).fit(frame, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # names are known
        stages.staged_predict_proba(frame, [1, 5])
    search = GridSearchCV(
        SoftmaxHead(), {"alpha": [0.01, 1.0, 100.0]}, scoring="neg_log_loss", cv=4
    ).fit(X, y)
    peer = GridSearchCV(
        logistic(1.0), {"C": [100.0, 1.0, 0.01]}, scoring="neg_log_loss", cv=4
    )
    fit_quietly(peer, X, y)
    assert_allclose(
        search.cv_results_["mean_test_score"],
        peer.cv_results_["mean_test_score"],
        rtol=1e-5,
    )


def test_repr_and_clone():
    head = SoftmaxHead("loo", class_weight="balanced")
    assert repr(head) == "SoftmaxHead(alpha='loo', class_weight='balanced')"
    X, y = make()
    twin = clone(head.fit(X, y))
    assert not hasattr(twin, "coef_") and twin.get_params() == head.get_params()


def test_labels_do_not_matter():
    X, y = make(40, 60, 4)
    plain = SoftmaxHead(n_steps=30).fit(X, y)
    moved = SoftmaxHead(n_steps=30).fit(X, 3 - y)
    assert_allclose(plain.predict_proba(X), moved.predict_proba(X)[:, ::-1], atol=1e-12)


def test_in_a_pipeline_on_sequences():
    hmm = make_hmm(6, n_symbols=5, random_state=0)
    X, _ = hmm.sample(110, 9, random_state=0)
    model = make_pipeline(
        HMMFeatureTransformer(hmm, 60, random_state=0), SoftmaxHead("loo")
    ).fit(X[:60, :8], X[:60, 8])
    truth = hmm.predict_next(X[60:, :8])
    p = np.zeros((50, 5))
    p[:, model.classes_] = model.predict_proba(X[60:, :8])
    found = prediction_statistics(p, truth)
    assert found.cross_entropy < np.log(5)
    assert found.cross_entropy > prediction_statistics(truth, truth).cross_entropy
