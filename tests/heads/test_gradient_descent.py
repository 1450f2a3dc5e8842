"""Heads of gradient descent against loops of steps, pinv, refits and SGDRegressor."""

import pickle
from fractions import Fraction
from functools import partial

import numpy as np
import pandas as pd
import pytest
from both_strategies import both_strategies, count_decompositions
from internal_checks import common_checks
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import SGDRegressor
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from skhmmdd import (
    DoubleDescentCurve,
    GradientDescentClassifier,
    GradientDescentHead,
    HeadClassifier,
    HeadRegressor,
    HMMFeatureTransformer,
    LeadingColumns,
    make_hmm_regression,
)
from skhmmdd.heads.solvers._filters import descent_filter
from skhmmdd.heads.solvers._mini_batch import descend_in_batches
from skhmmdd.heads.solvers._spectrum import decompose


def is_about_order(estimator, check):
    """Whether a check shuffles rows, of which the batches are then others.

    Without the shuffle they are the same: `test_counts_equal_repetition`.
    """
    return estimator.batch_size and "sample_weight_equivalence" in str(check)


@common_checks(
    [
        kind(**options)
        for kind in (GradientDescentHead, GradientDescentClassifier)
        for options in (
            {},
            {"n_steps": 300, "batch_size": 1, "random_state": 0},
            {"n_steps": np.inf, "preconditioner": "diagonal"},
            {"n_steps": 30, "momentum": 0.9, "nesterov": True},
            {"n_steps": 5, "preconditioner": "whiten", "learning_rate": 0.5},
        )
    ]
    + [GradientDescentClassifier(class_weight="balanced")],
    but=is_about_order,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def make(n, p, q=None, seed=0):
    """Gaussian designs of unequal columns, with an offset."""
    rng = np.random.RandomState(seed)
    X = rng.randn(n, p) * np.linspace(0.3, 2, p) + 1
    Y = 2.0 + X @ rng.randn(p, q or 1) / np.sqrt(p) + rng.randn(n, q or 1)
    return X, (Y if q else Y[:, 0])


def some_metric(p):
    """A positive definite matrix."""
    root = np.random.RandomState(p).randn(p, p) / np.sqrt(p)
    return root @ root.T + 0.1 * np.eye(p)


METRICS = [None, "diagonal", "whiten", "array"]


def in_metric(name, p):
    return some_metric(p) if name == "array" else name


def centred(X, y, weights, fit_intercept):
    """Centred design and targets, times the roots of the weights; and the means."""
    w = np.ones(len(X)) if weights is None else np.asarray(weights, dtype=float)
    y = y.reshape(len(X), -1)
    x_mean, y_mean = np.zeros(X.shape[1]), np.zeros(y.shape[1])
    if fit_intercept:
        x_mean, y_mean = w @ X / w.sum(), w @ y / w.sum()
    root = np.sqrt(w)[:, None]
    return root * (X - x_mean), root * (y - y_mean), x_mean, y_mean


def matrix_of(name, design):
    """The preconditioner as a matrix."""
    p = design.shape[1]
    if name is None:
        return np.eye(p)
    if name == "diagonal":
        return np.diag(1 / np.sum(design**2, axis=0))
    return np.linalg.pinv(design.T @ design, rcond=1e-10, hermitian=True)


def loop(design, response, P, n_steps, rate, momentum, nesterov):
    """Coefficients after so many steps, as an optimizer takes them."""
    now = before = np.zeros((design.shape[1], response.shape[1]))
    for _ in range(n_steps):
        ahead = now + momentum * (now - before)
        at = ahead if nesterov else now
        gradient = P @ (design.T @ (design @ at - response))
        now, before = ahead - rate * gradient, now
    return now


# The filter


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("n", "p"), [(30, 8), (12, 40)])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_head_is_a_loop_of_steps(n, p, metric, momentum, nesterov, fit_intercept):
    X, y = make(n, p, q=2)
    weights = np.random.RandomState(1).uniform(0.1, 3, n)
    preconditioner = in_metric(metric, p)
    head = GradientDescentHead(
        200,
        momentum=momentum,
        nesterov=nesterov,
        preconditioner=preconditioner,
        fit_intercept=fit_intercept,
    )
    design, response, x_mean, y_mean = centred(X, y, weights, fit_intercept)
    P = preconditioner if metric == "array" else matrix_of(metric, design)
    root = np.linalg.cholesky(P) if metric != "whiten" else None
    top = 1.0 if metric == "whiten" else np.linalg.norm(design @ root, 2)
    for share in (1.0, 0.3, 1.3):
        if share != 1.0:
            head.set_params(learning_rate=share / top**2)
        head.fit(X, y, weights)
        assert head.learning_rate_ == pytest.approx(share / top**2)
        rate = head.learning_rate_
        coef = loop(design, response, P, 200, rate, momentum, nesterov)
        assert_allclose(head.coef_.T, coef, rtol=1e-9, atol=1e-11)
        assert_allclose(head.intercept_, y_mean - x_mean @ coef, atol=1e-10)
    assert head.coef_norm_ == pytest.approx(np.linalg.norm(coef))


def test_plain_gaussian_design_of_the_specification():
    # RS(0), 30 x 50, 200 steps: filter and loop agree to rounding.
    rng = np.random.RandomState(0)
    X = rng.standard_normal((30, 50)) * np.linspace(0.3, 2, 50)
    y = rng.standard_normal(30)
    for momentum, nesterov in ((0.0, False), (0.9, False), (0.9, True)):
        head = GradientDescentHead(
            200, momentum=momentum, nesterov=nesterov, fit_intercept=False
        ).fit(X, y)
        rate = head.learning_rate_
        coef = loop(X, y[:, None], np.eye(50), 200, rate, momentum, nesterov)
        assert_allclose(head.coef_, coef[:, 0], atol=1e-14)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("n", "p"), [(30, 8), (12, 40), (15, 14)])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_infinitely_many_steps_are_the_minimum_norm_in_the_metric(
    n, p, metric, fit_intercept
):
    X, y = make(n, p)
    design, response, *_ = centred(X, y, None, fit_intercept)
    if metric == "array":
        root = np.linalg.cholesky(some_metric(p))
    else:
        root = np.eye(p)
        if metric == "diagonal":
            root = np.diag(1 / np.linalg.norm(design, axis=0))
    expected = root @ np.linalg.pinv(design @ root, rcond=1e-10) @ response
    head = GradientDescentHead(
        np.inf, preconditioner=in_metric(metric, p), fit_intercept=fit_intercept
    ).fit(X, y)
    assert_allclose(head.coef_, expected[:, 0], rtol=1e-7, atol=1e-9)
    if metric in (None, "whiten"):
        exact = HeadRegressor(fit_intercept=fit_intercept).fit(X, y)
        assert_allclose(head.coef_, exact.coef_, rtol=1e-9, atol=1e-12)
        assert head.rank_ == exact.rank_
        assert head.effective_dof_ == pytest.approx(exact.effective_dof_)
        assert head.loss_curve_[-1] == pytest.approx(
            np.mean((exact.predict(X) - y) ** 2), rel=1e-9, abs=1e-20
        )
    late = clone(head).set_params(n_steps=10**15).fit(X, y)
    assert_allclose(late.coef_, head.coef_, rtol=1e-6, atol=1e-9)
    assert head.loss_steps_[-1] == np.inf and head.loss_steps_[-2] == 10**6


@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_whitened_descent_is_everywhere_equally_far(rate):
    X, y = make(20, 50)
    full = HeadRegressor().fit(X, y).coef_
    head = GradientDescentHead(4, preconditioner="whiten", learning_rate=rate)
    assert_allclose(head.fit(X, y).coef_, (1 - (1 - rate) ** 4) * full, rtol=1e-9)
    assert head.effective_dof_ == pytest.approx(1 + 19 * (1 - (1 - rate) ** 4))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("p", [8, 40])
def test_effective_parameters_are_those_of_the_smoother(metric, p):
    X, y = make(20, p)
    new = make(50, p, seed=1)[0]
    head = GradientDescentHead(
        25, preconditioner=in_metric(metric, p), momentum=0.5
    ).fit(X, y)
    smoother = clone(head).fit(X, np.eye(20))
    on_train, on_test = smoother.predict(X), smoother.predict(new)
    assert head.effective_dof_ == pytest.approx(np.trace(on_train))
    counts = head._effective_parameters(X, new)
    assert counts.train == pytest.approx(np.sum(on_train**2))
    assert counts.test == pytest.approx(20 * np.mean(np.sum(on_test**2, axis=1)))


def test_kept_and_lost_are_exact_at_both_ends():
    s = np.array([1.0, 0.9, 0.5, 1e-4, 1e-9])
    steps = np.array([0.0, 1.0, 7.0, 500.0, np.inf])
    found = descent_filter(s, steps, 0.75)
    for i, t in enumerate([0, 1, 7, 500]):
        for j, value in enumerate(s):
            rho = (1 - Fraction(3, 4) * Fraction(value) ** 2) ** t
            assert found.lost[i, j] == pytest.approx(float(rho), rel=1e-12, abs=0)
            assert found.kept[i, j] == pytest.approx(float(1 - rho), rel=1e-12, abs=0)
    assert_array_equal(found.lost[-1], 0)
    assert_array_equal(found.gains[-1], 1 / s)
    # a step that underflows, infinitely often
    assert_array_equal(descent_filter(np.array([1e-200]), steps[-1:], 0.1).kept, 1)
    assert_array_equal(descent_filter(np.array([1e-200]), steps[:1], 0.1).kept, 0)


def test_rcond_keeps_directions_still():
    X, y = make(30, 6)
    U, s, Vt = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    head = GradientDescentHead(np.inf, rcond=(s[2] + s[3]) / 2 / s[0]).fit(X, y)
    expected = Vt[:3].T @ ((U[:, :3].T @ y) / s[:3])
    assert head.rank_ == 3
    assert_allclose(head.coef_, expected, rtol=1e-9)


# Stages and losses


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("q", [None, 3])
def test_stages_are_fits(metric, q):
    X, y = make(20, 30, q)
    new = make(9, 30, seed=1)[0]
    stages = [1000, 0, 7, np.inf, 10**6]
    head = GradientDescentHead(50, preconditioner=in_metric(metric, 30), momentum=0.5)
    staged = head.fit(X, y).staged_predict(new, stages)
    assert staged.shape == (5, *y[:9].shape)
    for stage, n_steps in zip(staged, stages, strict=True):
        fitted = clone(head).set_params(n_steps=n_steps).fit(X, y)
        assert_allclose(stage, fitted.predict(new), rtol=1e-9, atol=1e-9)
    assert_allclose(staged[1], np.broadcast_to(y.mean(axis=0), y[:9].shape))
    assert head.staged_predict(new, []).shape == (0, *y[:9].shape)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_stages_of_a_classifier(n_classes):
    X, y = make(40, 30)
    labels = np.array(["a", "b", "c"])[np.digitize(y, [1.0, 3.0][: n_classes - 1])]
    head = GradientDescentClassifier(10).fit(X, labels)
    staged = head.staged_predict(X, [1, 10, np.inf])
    assert staged.shape == (3, 40)
    assert_array_equal(staged[1], head.predict(X))
    assert_array_equal(staged[2], HeadClassifier().fit(X, labels).predict(X))
    assert head.staged_predict(X, []).shape == (0, 40)


def test_the_classifier_is_the_regressor_on_one_hot_targets():
    X, _ = make(24, 6)
    labels = np.random.RandomState(4).randint(3, size=24)
    options = {"n_steps": 20, "momentum": 0.5, "preconditioner": "diagonal"}
    head = GradientDescentClassifier(**options).fit(X, labels)
    peer = GradientDescentHead(**options).fit(X, np.eye(3)[labels])
    for name in ("coef_", "intercept_", "loss_curve_", "learning_rate_"):
        assert_array_equal(getattr(head, name), getattr(peer, name))
    assert_array_equal(head.decision_function(X), peer.predict(X))
    assert_allclose(head.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.2}])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", [None, 4])
def test_class_weights_multiply_those_of_samples(
    n_classes, class_weight, weighted, batch_size
):
    X, _ = make(40, 6)
    rng = np.random.RandomState(0)
    y = rng.choice(n_classes, 40, p=[0.7, 0.3] if n_classes == 2 else [0.6, 0.3, 0.1])
    weights = rng.randint(0, 3, 40) if weighted else np.ones(40)
    if weighted:  # of a class that has no other sample
        y[0], weights[0] = 9, 0
    options = {"n_steps": 25, "batch_size": batch_size, "random_state": 0}
    head = GradientDescentClassifier(class_weight=class_weight, **options)
    head.fit(X, y, weights if weighted else None)
    # scikit-learn's weights, of every repetition of a sample
    of_rows = compute_sample_weight(class_weight, np.repeat(y, weights.astype(int)))
    product = np.bincount(np.repeat(np.arange(40), weights.astype(int)), of_rows, 40)
    kept = product > 0
    peer = GradientDescentClassifier(**options).fit(X[kept], y[kept], product[kept])
    assert_allclose(head.coef_, peer.coef_, rtol=1e-10)
    assert_allclose(head.intercept_, peer.intercept_, rtol=1e-10)
    assert_allclose(head.loss_curve_, peer.loss_curve_, rtol=1e-10)
    assert_array_equal(head.staged_predict(X, [3]), peer.staged_predict(X, [3]))


def test_infinitely_many_steps_are_the_head_of_the_same_class_weights():
    X, _ = make(40, 6)
    y = np.where(np.arange(40) < 30, "often", "rare")
    for class_weight in ("balanced", {"often": 1.0, "rare": 8.0}):
        head = GradientDescentClassifier(np.inf, class_weight=class_weight).fit(X, y)
        expected = HeadClassifier(class_weight=class_weight).fit(X, y)
        assert_allclose(head.coef_, expected.coef_, rtol=1e-9)
        assert_allclose(head.intercept_, expected.intercept_, rtol=1e-9)


def test_class_weights_on_a_curve_are_refits():
    X, _ = make(40, 6)
    y = np.where(np.arange(40) % 4, 0, 1)
    head = GradientDescentClassifier(class_weight="balanced")
    curve = DoubleDescentCurve(head, "n_steps", [1, 30], cv=CV, diagnostics=True)
    curve.fit(X, y)
    assert curve.strategy_ == "refit" and "class_weight" in curve.strategy_reason_
    assert curve.effective_parameters_ is None  # of samples that weigh the same


@pytest.mark.parametrize("n_steps", [0, 1, 5, 1000, 12345])
def test_losses_are_those_of_the_stages(n_steps):
    X, y = make(20, 15, q=2)
    weights = np.random.RandomState(0).uniform(0.1, 3, 20)
    head = GradientDescentHead(n_steps, momentum=0.3).fit(X, y, weights)
    squares = (head.staged_predict(X, head.loss_steps_) - y) ** 2
    losses = np.average(squares.mean(axis=2), axis=1, weights=weights)
    assert_allclose(head.loss_curve_, losses, rtol=1e-9)
    assert head.loss_steps_[0] == 0 and head.loss_steps_[-1] == n_steps
    assert len(head.loss_steps_) == min(n_steps + 1, len(head.loss_steps_)) <= 62
    assert_array_equal(head.loss_steps_, np.unique(head.loss_steps_.round()))


# Weights


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("p", [8, 40])
@pytest.mark.parametrize("batch_size", [None, 5])
def test_counts_equal_repetition(metric, p, batch_size):
    X, y = make(20, p, q=2)
    counts = np.random.RandomState(2).randint(0, 4, 20)
    head = GradientDescentHead(
        60,
        preconditioner=in_metric(metric, p),
        learning_rate=0.01 if metric in ("diagonal", "whiten") else 1e-3,
        momentum=0.3,
        batch_size=batch_size,
        random_state=0,
    )
    weighted = clone(head).fit(X, y, counts)
    repeated = clone(head).fit(X.repeat(counts, axis=0), y.repeat(counts, axis=0))
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-7, atol=1e-10)
    assert_allclose(weighted.intercept_, repeated.intercept_, rtol=1e-7)
    assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-7)
    assert weighted.effective_dof_ == pytest.approx(repeated.effective_dof_)
    X[counts == 0] = 1e150  # it must not matter
    again = clone(head).fit(X, y, counts.astype(float))
    assert_array_equal(again.coef_, weighted.coef_)


def test_a_batch_may_be_as_large_as_the_counts():
    X, y = make(6, 3)
    head = GradientDescentHead(3, batch_size=10, random_state=0)
    head.fit(X, y, sample_weight=np.full(6, 2))
    with pytest.raises(ValueError, match=r"batch_size must be in \[1, 6\]"):
        head.fit(X, y, sample_weight=np.full(6, 2.0))


# Mini-batches


def test_batches_of_one_are_the_steps_of_sgd_regressor():
    X, y = make(20, 6)
    n_steps, rate, seed = 70, 1e-4, 7
    spectrum = decompose(X, y[:, None], fit_intercept=False)
    z, _ = descend_in_batches(
        spectrum, n_steps, 1, rate, 0.0, False, seed, np.arange(n_steps + 1)
    )
    coefs = (spectrum.right.T @ z)[..., 0]
    rng = np.random.RandomState(seed)
    drawn = np.floor([rng.uniform() * 20 for _ in range(n_steps)]).astype(int)
    peer = SGDRegressor(
        penalty=None,
        learning_rate="constant",
        eta0=20 * rate,
        fit_intercept=False,
        shuffle=False,
        max_iter=1,
        tol=None,
    )
    assert_allclose(coefs[-1], peer.fit(X[drawn], y[drawn]).coef_, rtol=1e-9)
    peer.set_params(average=True).fit(X[drawn], y[drawn])
    assert_allclose(coefs[1:].mean(axis=0), peer.coef_, rtol=1e-9)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0, False), (0.5, True)])
@pytest.mark.slow
def test_the_mean_over_batches_is_the_filter(momentum, nesterov):
    X, y = make(30, 50)
    spectrum = decompose(X, y[:, None])
    rate, n_runs, t = 0.2 / spectrum.values[0] ** 2, 3000, np.array([20])
    runs = np.array(
        [
            descend_in_batches(spectrum, 20, 5, rate, momentum, nesterov, seed, t)[0]
            for seed in range(n_runs)
        ]
    )[:, 0, :, 0]
    exact = descent_filter(spectrum.values, t, rate, momentum, nesterov).gains[0]
    exact = exact * spectrum.projections[:, 0]
    z = (runs.mean(axis=0) - exact) / (runs.std(axis=0) / np.sqrt(n_runs))
    # 29 directions, nearly independent: the root of a mean of squares of normals
    assert 0.6 < np.sqrt(np.mean(z**2)) < 1.4
    # and the test can tell: one step less is far off
    short = descent_filter(spectrum.values, t - 1, rate, momentum, nesterov).gains[0]
    away = (short * spectrum.projections[:, 0] - exact) / runs.std(axis=0)
    assert np.sqrt(n_runs) * np.abs(away).max() > 5


@pytest.mark.parametrize("metric", METRICS)
def test_a_longer_run_begins_with_the_shorter_one(metric):
    X, y = make(20, 30, q=2)
    head = GradientDescentHead(
        40, batch_size=4, preconditioner=in_metric(metric, 30), random_state=3
    ).fit(X, y)
    short = clone(head).set_params(n_steps=15).fit(X, y)
    staged = head.staged_predict(X, [40, 15, 0])
    assert_allclose(staged[0], head.predict(X), rtol=1e-9)
    assert_allclose(staged[1], short.predict(X), rtol=1e-9)
    assert_array_equal(head.loss_steps_, np.arange(41))
    assert_array_equal(head.loss_curve_[:16], short.loss_curve_)
    for stage, loss in zip(staged, head.loss_curve_[[40, 15, 0]], strict=True):
        assert np.mean((stage - y) ** 2) == pytest.approx(loss)
    with pytest.raises(ValueError, match=r"n_steps must be in \[0, 40\].*got 41"):
        head.staged_predict(X, [1, 41])
    assert not np.allclose(
        head.coef_, clone(head).set_params(random_state=4).fit(X, y).coef_
    )
    expected = clone(head).set_params(
        batch_size=None, learning_rate=head.learning_rate_
    )
    assert head.effective_dof_ == expected.fit(X, y).effective_dof_
    assert head._effective_parameters(X, X) is None


@pytest.mark.parametrize("seed", [None, np.random.RandomState(0)])
def test_stages_repeat_the_batches_of_the_fit(seed):
    X, y = make(20, 30)
    head = GradientDescentHead(20, batch_size=3, random_state=seed).fit(X, y)
    assert_allclose(head.staged_predict(X, [20])[0], head.predict(X), rtol=1e-9)
    head.set_params(momentum=0.9, batch_size=None)  # what was fitted stays fitted
    assert_allclose(head.staged_predict(X, [20])[0], head.predict(X), rtol=1e-9)


@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.99])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("batch_size", [1, 20])
def test_auto_converges_in_batches(momentum, nesterov, batch_size):
    X, y = make(40, 100)
    X[0] *= 30
    head = GradientDescentHead(
        2000,
        momentum=momentum,
        nesterov=nesterov,
        batch_size=batch_size,
        random_state=0,
    ).fit(X, y)
    assert head.loss_curve_.max() < 1.5 * head.loss_curve_[0]
    assert head.loss_curve_[-1] < head.loss_curve_[0]


def test_batches_that_diverge_say_so():
    X, y = make(40, 100)
    head = GradientDescentHead(2000, batch_size=1, learning_rate=1e-3, random_state=0)
    with pytest.raises(ValueError, match=r"batches of 1 diverged at step \d+: learn"):
        head.fit(X, y)
    with pytest.warns(ConvergenceWarning, match=r"batches of 1 ended at a training"):
        head.set_params(n_steps=30).fit(X, y)


# Paths


CV = ShuffleSplit(4, train_size=30, random_state=0)
STEPS = [0, 1, 10, 1000, 10**6, 10**9]


both = partial(both_strategies, cv=CV)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("p", [10, 29, 60])
@pytest.mark.parametrize("q", [None, 2])
@pytest.mark.slow
def test_the_path_along_steps_equals_refits(metric, p, q):
    X, y = make(80, p, q)
    head = GradientDescentHead(preconditioner=in_metric(metric, p), momentum=0.5)
    path = both(make_pipeline(StandardScaler(), head), "gradientdescenthead__n_steps",
                STEPS, X, y)  # fmt: skip
    train = np.median(path.effective_parameters_.train, axis=1)
    assert train[0] == 1.0 and train[-1] == pytest.approx(min(p + 1, 30), abs=1.0)


def test_the_path_of_a_classifier():
    X, y = make(80, 40)
    risks = ["squared_error", "zero_one_error"]
    head = GradientDescentClassifier(fit_intercept=False)
    # not after no step at all, when all scores are 0 and rounding breaks the tie
    both(head, "n_steps", STEPS[1:], X, np.digitize(y, [1.0, 3.0]), risk=risks)
    both(head, "n_steps", STEPS[1:], X, (y > 2).astype(int), risk=risks)


def test_one_path_takes_infinity_and_any_order():
    X, y = make(30, 50)
    new, _ = make(9, 50, seed=1)
    head = GradientDescentHead(preconditioner="diagonal")
    path = head._path(X, y, new, "n_steps", [np.inf, 3, 10.0])
    for predicted, norm, n_steps in zip(
        path.predictions, path.coef_norm, [np.inf, 3, 10], strict=True
    ):
        fitted = clone(head).set_params(n_steps=n_steps).fit(X, y)
        assert_allclose(predicted[:, 0], fitted.predict(new), rtol=1e-8)
        assert norm == pytest.approx(fitted.coef_norm_, rel=1e-8)


@pytest.mark.parametrize("metric", METRICS)
def test_one_decomposition_serves_all_steps(metric, monkeypatch):
    X, y = make(80, 60)
    calls = count_decompositions(monkeypatch)
    head = GradientDescentHead(preconditioner=in_metric(metric, 60))
    DoubleDescentCurve(head, "n_steps", STEPS, cv=CV).fit(X, y)
    assert len(calls) == 4
    head.fit(X, y).staged_predict(X, STEPS)
    assert len(calls) == 5


@pytest.mark.parametrize(
    ("options", "name", "values", "reason"),
    [
        ({"batch_size": 5, "random_state": 0}, "n_steps", [1, 4], "batch_size=5 makes"),
        ({}, "learning_rate", [1e-4, 1e-3], "offers no path along 'learning_rate'"),
        ({}, "momentum", [0.1, 0.5], "offers no path along 'momentum'"),
    ],
)
def test_other_curves_are_refits(options, name, values, reason):
    X, y = make(60, 10)
    head = GradientDescentHead(5, **options)
    curve = DoubleDescentCurve(head, name, values, cv=CV).fit(X, y)
    assert curve.strategy_ == "refit" and reason in curve.strategy_reason_


def test_widths_are_refits():
    X, y = make(60, 10)
    model = make_pipeline(LeadingColumns(), GradientDescentHead(5))
    curve = DoubleDescentCurve(model, "leadingcolumns__n_components", [1, 4], cv=CV)
    curve.fit(X, y)
    assert curve.strategy_ == "refit"
    assert "offers no path along 'n_features'" in curve.strategy_reason_


def test_a_path_refuses_what_a_fit_refuses():
    X, y = make(60, 10)
    head = GradientDescentHead(learning_rate=10.0)
    curve = DoubleDescentCurve(head, "n_steps", [1, 4], cv=CV)
    with pytest.raises(ValueError, match=r"learning_rate must be in \(0, 2/max"):
        curve.fit(X, y)
    curve = DoubleDescentCurve(GradientDescentHead(), "n_steps", [1.5, 4], cv=CV)
    with pytest.raises(ValueError, match="n_steps must be a whole number"):
        curve.fit(X, y)


# What the paper is about, on the features of a frozen model


@pytest.fixture(scope="module")
def preset_a():
    """Risks to the noiseless target and effective parameters, over 24 splits."""
    X, y, truth = make_hmm_regression(4000, random_state=0)
    Z = HMMFeatureTransformer(truth.hmm, 400, random_state=0).fit_transform(X)
    splits = [np.random.RandomState(k).permutation(4000) for k in range(24)]

    def medians(p, n_steps, **options):
        head, found = GradientDescentHead(**options), []
        for order in splits:
            train, test = order[:100], order[100:]
            path = head._path(
                Z[train, :p],
                y[train],
                Z[test, :p],
                "n_steps",
                n_steps,
                y_test=truth.mean[test],
                keep_predictions=False,
                count_parameters=True,
            )
            found.append([path.test_risk, *path.effective_parameters])
        return np.median(found, axis=0)

    def condition(p):
        found = []
        for order in splits:
            centred = Z[order[:100], :p] - Z[order[:100], :p].mean(axis=0)
            s = np.linalg.svd(centred, compute_uv=False)
            # a unit may be off on all of 100 rows
            found.append(s[0] / s[s > 1e-10 * s[0]][-1])
        return np.median(found)

    return medians, condition


TIMES = [10, 100, 10**3, 10**4, 10**5, 10**6, 10**9]


@pytest.mark.slow
def test_the_peak_is_slow_to_appear(preset_a):
    medians, condition = preset_a
    risk, train, test = medians(99, TIMES)
    assert_allclose(risk[:4], [0.37, 0.34, 0.55, 1.4], rtol=0.1)
    assert np.abs(np.log2(risk[4:] / [3.1, 4.9, 10])).max() < 1
    assert_allclose(train, [21, 47, 75, 90, 95, 97, 98], atol=0.6)  # whole numbers
    assert_allclose(test[:4], [22, 68, 215, 718], rtol=0.05)
    assert np.abs(np.log2(test[4:] / [2069, 5846, 13181])).max() < 1
    wide = medians(400, TIMES)[0]
    assert_allclose(wide[:4], [0.22, 0.12, 0.13, 0.15], rtol=0.1)
    assert_allclose(wide[4:], wide[3], rtol=0.01)
    # narrow and wide heads soon end, that at the threshold hardly does
    for p, expected in ((20, 10), (99, 1567), (400, 40)):
        assert condition(p) == pytest.approx(expected, rel=0.1)


def test_whitening_brings_the_peak_at_once(preset_a):
    medians, _ = preset_a
    early, late = medians(99, [10, np.inf], preconditioner="whiten", learning_rate=0.5)[
        0
    ]
    assert early == pytest.approx(late, rel=0.01)
    assert 0.5 < late / 10.2 < 2


@pytest.mark.slow
def test_the_ratio_of_effective_parameters_tells_the_peak(preset_a):
    medians, _ = preset_a
    widths = [20, 60, 99, 140, 400]
    counts = np.array([medians(p, [10, 10**4, 10**6])[1:] for p in widths])
    ratio = counts[:, 1] / counts[:, 0]
    assert ratio[:, 0].max() < 1.2  # flat after ten steps
    assert [widths[i] for i in ratio[:, 1:].argmax(axis=0)] == [99, 99]


# Hostile designs


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n_steps", [0, 7, np.inf])
@pytest.mark.parametrize("batch_size", [None, 1])
def test_constant_and_repeated_columns(metric, n_steps, batch_size):
    if batch_size and n_steps == np.inf:
        return
    X, y = make(11, 3)
    X = np.column_stack([X, X[:, 0], np.full(11, 0.1), np.full(11, 1e8), np.zeros(11)])
    head = GradientDescentHead(
        n_steps,
        preconditioner=in_metric(metric, 7),
        batch_size=batch_size,
        random_state=0,
    )
    head.fit(X, y)
    assert head.rank_ == 3
    assert np.isfinite(head.coef_).all()
    if metric != "array":
        assert_array_equal(head.coef_[4:], 0.0)
        assert head.coef_[0] == pytest.approx(head.coef_[3])
    flat = clone(head).fit(X[:, 4:] if metric != "array" else np.ones((11, 7)), y)
    assert flat.rank_ == 0 and flat.learning_rate_ == 1.0
    assert_array_equal(flat.coef_, 0.0)
    assert flat.intercept_ == pytest.approx(y.mean())
    assert flat.effective_dof_ == 1.0


@pytest.mark.parametrize("metric", [None, "diagonal", "whiten"])
@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("p", [1, 4])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_one_or_two_samples(metric, n, p, fit_intercept):
    X, y = make(n, p)
    head = GradientDescentHead(
        10**6, preconditioner=metric, fit_intercept=fit_intercept
    ).fit(X, y)
    assert head.rank_ == min(n - fit_intercept, p)
    if p >= n - fit_intercept:
        assert_allclose(head.predict(X), y)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("batch_size", [None, 3])
def test_the_head_follows_the_scale_of_its_data(metric, batch_size):
    # Powers of two, so that the scaled data are the same to the last bit.
    X, y = make(10, 14)
    head = GradientDescentHead(
        20,
        preconditioner=in_metric(metric, 14),
        momentum=0.3,
        batch_size=batch_size,
        random_state=0,
    )
    plain = clone(head).fit(X, y)
    for x_exponent, y_exponent in [(-450, 0), (450, 0), (0, 300), (0, -300)]:
        x_scale, y_scale = 2.0**x_exponent, 2.0**y_exponent
        scaled = clone(head).fit(X * x_scale, y * y_scale)
        assert_allclose(scaled.coef_, plain.coef_ * y_scale / x_scale, rtol=1e-9)
        assert_allclose(scaled.loss_curve_, plain.loss_curve_ * y_scale**2, rtol=1e-9)
        assert scaled.effective_dof_ == pytest.approx(plain.effective_dof_)


@pytest.mark.parametrize("scale", [1e-170, 1e170])
def test_steps_that_no_float_holds_are_refused(scale):
    X, y = make(10, 14)
    with pytest.raises(ValueError, match=r"in the singular values of the design must"):
        GradientDescentHead().fit(X * scale, y)
    GradientDescentHead(preconditioner="diagonal").fit(X * scale, y)


def test_weights_that_no_batch_can_meet_are_refused():
    X, y = make(10, 4)
    weights = np.r_[np.ones(9), 1e-306]
    X[9] *= 1e160
    head = GradientDescentHead(5, batch_size=2, random_state=0, fit_intercept=False)
    head.fit(X * 1e-100, y)
    with pytest.raises(ValueError, match=r"'auto' vanishes .* from 1e-306 to 1\."):
        head.fit(X, y, weights)


def test_columns_of_all_scales_need_a_diagonal():
    X, y = make(40, 12)
    scales = 10.0 ** np.linspace(-9, 9, 12)
    plain, wild = (
        GradientDescentHead(1000, preconditioner="diagonal").fit(design, y)
        for design in (X, X * scales)
    )
    assert_allclose(wild.coef_ * scales, plain.coef_, rtol=1e-9)


def test_a_large_offset_makes_no_spurious_direction():
    X, y = make(20, 40)
    X = np.round(X * 2**10) / 2**10  # exact once shifted, so that the truth is too
    for metric in METRICS:
        head = GradientDescentHead(100, preconditioner=in_metric(metric, 40))
        moved = clone(head).fit(X + 1e6, y)
        assert moved.rank_ == 19
        assert_allclose(moved.coef_, head.fit(X, y).coef_, rtol=1e-6, atol=1e-9)


def test_float32_is_solved_in_float64():
    X, y = make(30, 29)
    X32, y32 = X.astype(np.float32), y.astype(np.float32)
    low = GradientDescentHead(9).fit(X32, y32)
    high = GradientDescentHead(9).fit(X32.astype(float), y32.astype(float))
    assert_array_equal(low.coef_, high.coef_)
    assert low.staged_predict(X32, [3]).dtype == np.float64


# Refusals


@pytest.mark.parametrize("kind", [GradientDescentHead, GradientDescentClassifier])
@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"n_steps": -1}, r"'n_steps' parameter .* Got -1"),
        ({"n_steps": np.nan}, r"'n_steps' parameter .* Got nan"),
        ({"n_steps": "many"}, r"'n_steps' parameter .* Got 'many'"),
        ({"n_steps": 10.5}, r"n_steps must be a whole number in \[0, inf\].* got 10.5"),
        ({"n_steps": True}, r"n_steps must be a whole number .* got True"),
        ({"n_steps": 10**400}, r"n_steps must be a whole number .* got 1000"),
        ({"learning_rate": 0.0}, r"'learning_rate' parameter .* Got 0.0"),
        ({"learning_rate": np.inf}, r"'learning_rate' parameter .* Got inf"),
        ({"learning_rate": "fast"}, r"'learning_rate' parameter .* Got 'fast'"),
        ({"learning_rate": 10**400}, r"learning_rate must be in \[0, .* an integer"),
        ({"momentum": 1.0}, r"'momentum' parameter .*\[0.0, 1.0\). Got 1.0"),
        ({"momentum": -0.1}, r"'momentum' parameter .* Got -0.1"),
        ({"nesterov": "yes"}, r"'nesterov' parameter .* Got 'yes'"),
        ({"batch_size": 0}, r"'batch_size' parameter .* Got 0"),
        ({"batch_size": 2.0}, r"'batch_size' parameter .* Got 2.0"),
        ({"batch_size": True}, r"batch_size must be None or an integer; got True"),
        ({"batch_size": 11}, r"batch_size must be in \[1, 10\].* got 11"),
        (
            {"batch_size": 5, "n_steps": np.inf},
            r"n_steps must be finite with mini-batches; got n_steps=inf and .*=5",
        ),
        ({"preconditioner": "newton"}, r"'preconditioner' parameter .* Got 'newton'"),
        (
            {"preconditioner": np.eye(4)},
            r"preconditioner must have shape \(3, 3\).* got shape \(4, 4\)",
        ),
        (
            {"preconditioner": np.eye(3) + np.diag([0.5, 0], 1)},
            r"preconditioner must be symmetric; .* by 0.5",
        ),
        (
            {"preconditioner": np.diag([1.0, 2.0, -3.0])},
            r"preconditioner must be positive definite; .* eigenvalue is -3",
        ),
        ({"preconditioner": np.zeros((3, 3))}, r"positive definite; .* is 0"),
        ({"preconditioner": np.full((3, 3), np.nan)}, r"preconditioner contains NaN"),
        ({"rcond": 1.0}, r"'rcond' parameter .* Got 1.0"),
        ({"fit_intercept": "no"}, r"'fit_intercept' parameter .* Got 'no'"),
        ({"random_state": "seed"}, r"'random_state' parameter .* Got 'seed'"),
    ],
)
def test_parameters_out_of_range_are_refused(kind, params, match):
    X, _ = make(10, 3)
    with pytest.raises(ValueError, match=match):
        kind(**params).fit(X, np.arange(10) % 2)


@pytest.mark.parametrize(
    ("class_weight", "match"),
    [
        ("even", "'class_weight' parameter"),
        ({0: 0.0}, "class_weight must hold finite positive"),
        ({1: np.inf}, "class_weight must hold finite positive"),
        ({7: 1.0}, "not in class_weight"),
    ],
)
def test_bad_class_weights_are_refused(class_weight, match):
    X, _ = make(10, 3)
    with pytest.raises(ValueError, match=match):
        GradientDescentClassifier(class_weight=class_weight).fit(X, np.arange(10) % 2)


@pytest.mark.parametrize(
    ("options", "formula", "limit"),
    [
        ({}, "2", 2.0),
        ({"momentum": 0.9}, r"2\*\(1 \+ momentum\)", 3.8),
        (
            {"momentum": 0.9, "nesterov": True},
            r"2\*\(1 \+ momentum\)/\(1 \+ 2\*momentum\)",
            3.8 / 2.8,
        ),
        ({"batch_size": 5, "random_state": 0}, "2", 2.0),
    ],
)
def test_an_unstable_learning_rate_is_told_its_bound(options, formula, limit):
    X, y = make(30, 5)
    limit /= np.linalg.norm(X - X.mean(axis=0), 2) ** 2
    head = GradientDescentHead(10, learning_rate=1.001 * limit, **options)
    with pytest.raises(
        ValueError,
        match=rf"learning_rate must be in \(0, {formula}/max\(singular_values\)\*\*2 = "
        rf"{limit:.6g}\); got",
    ):
        head.fit(X, y)
    if "batch_size" not in options:
        head.set_params(learning_rate=0.999 * limit, n_steps=10**6).fit(X, y)
        assert_allclose(head.coef_, HeadRegressor().fit(X, y).coef_, rtol=1e-8)


def test_bad_stages_are_refused():
    X, y = make(10, 3)
    head = GradientDescentHead()
    with pytest.raises(NotFittedError):
        head.staged_predict(X, [1])
    head.fit(X, y)
    for bad in ([1.5], [True], [-1], ["a"], [np.nan], [None]):
        with pytest.raises(ValueError, match="n_steps must be a whole number"):
            head.staged_predict(X, bad)
    for bad in (3, [[1, 2]]):
        with pytest.raises(ValueError, match="n_steps must be a list of numbers of"):
            head.staged_predict(X, bad)
    with pytest.raises(ValueError, match="3 features"):
        head.staged_predict(X[:, :2], [1])
    head.fit(X * 1e-10, y)
    with pytest.raises(ValueError, match="predictions exceed the largest float"):
        head.staged_predict(1e307 * np.sign(head.coef_)[None], [1000])


@pytest.mark.parametrize("head", [GradientDescentHead(), GradientDescentClassifier()])
def test_sparse_input_is_refused(head):
    X, y = make(10, 3)
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        head.fit(sparse.csr_array(X), (y > 0).astype(int))
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        clone(head).set_params(preconditioner=sparse.eye(3).tocsr()).fit(
            X, np.arange(10) % 2
        )


# A citizen of scikit-learn


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("n_steps", [0, 10, np.inf]),
        ("learning_rate", [1e-4, "auto"]),
        ("momentum", [0.0, 0.5]),
        ("nesterov", [False, True]),
        ("preconditioner", [None, "diagonal", "whiten", some_metric(5)]),
        ("batch_size", [None, 4]),
        ("rcond", [None, 1e-3]),
        ("fit_intercept", [True, False]),
    ],
)
def test_grid_search(name, values):
    X, y = make(30, 5)
    head = GradientDescentHead(20, momentum=0.1, random_state=0)
    search = GridSearchCV(head, {name: values}, cv=3).fit(X, y)
    assert search.best_estimator_.coef_.shape == (5,)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_tables_go_in():
    X, y = make(20, 3)
    table = pd.DataFrame(X, columns=["a", "b", "c"])
    head = GradientDescentHead(30).fit(table, pd.Series(y))
    assert_array_equal(head.feature_names_in_, ["a", "b", "c"])
    assert_allclose(head.coef_, GradientDescentHead(30).fit(X, y).coef_)
    assert_allclose(head.staged_predict(table, [1, 30])[1], head.predict(table))
    labels = pd.Series(np.where(y > 2, "high", "low"))
    classifier = GradientDescentClassifier(30).fit(table, labels)
    assert set(classifier.predict(table)) <= {"high", "low"}
    with pytest.raises(ValueError, match="feature names"):
        head.staged_predict(table[["b", "a", "c"]], [1])


@pytest.mark.parametrize("kind", [GradientDescentHead, GradientDescentClassifier])
def test_representations_and_copies(kind):
    X, y = make(20, 3)
    y = (y > 2).astype(int)
    head = kind(10, preconditioner=some_metric(3), batch_size=2, random_state=0)
    assert kind.__name__ in head._repr_html_() and kind.__name__ in repr(head)
    copy = clone(head)
    assert_array_equal(copy.preconditioner, head.preconditioner)
    head.fit(X, y)
    assert kind.__name__ in head._repr_html_()
    again = pickle.loads(pickle.dumps(head))
    assert_array_equal(again.predict(X), head.predict(X))
    assert_array_equal(again.staged_predict(X, [5]), head.staged_predict(X, [5]))
    assert_array_equal(copy.fit(X, y).coef_, head.coef_)
