"""The value head against explicit solves, ridge, refits at every width and by hand."""

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from internal_checks import common_checks
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skhmmdd import HeadRegressor, LSTDHead, make_markov_reward_process
from skhmmdd.heads.solvers import _lstd_path

SHAPES = {"under": (50, 20), "over": (20, 50), "square": (30, 30)}


@common_checks([LSTDHead(), LSTDHead(alpha=1.0, discount=0.0)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def make(n, p, q=None, seed=0):
    rng = np.random.RandomState(seed)
    rewards = rng.standard_normal((n, q) if q else n)
    return rng.standard_normal((n, p)), rewards, rng.standard_normal((n, p))


def primal(F, r, F_next, discount, alpha, weights=None):
    W = np.diag(np.ones(len(F)) if weights is None else weights)
    A = F.T @ W @ (F - discount * F_next)
    return np.linalg.solve(A + alpha * np.eye(len(A)), F.T @ W @ r)


def dual(F, r, F_next, discount, alpha):
    A = (F - discount * F_next) @ F.T
    return F.T @ np.linalg.solve(A + alpha * np.eye(len(A)), r)


# The head


def test_verified_identities():
    """20 transitions, 50 features, discount .9, penalty .1: all agree to 1e-13."""
    rng = np.random.RandomState(7)
    F, F_next = rng.standard_normal((2, 20, 50))
    r = rng.standard_normal(20)
    head = LSTDHead(0.1, discount=0.9).fit(F, r, F_next)
    assert_allclose(head.coef_, dual(F, r, F_next, 0.9, 0.1), rtol=0, atol=1e-13)
    assert_allclose(head.coef_, primal(F, r, F_next, 0.9, 0.1), rtol=0, atol=1e-13)


@pytest.mark.parametrize("n, p", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("q", [None, 3])
@pytest.mark.parametrize("alpha", [0.0, 1e-3, 1.0, 1e4])
@pytest.mark.parametrize("discount", [0.1, 0.95])
def test_explicit_solves(n, p, q, alpha, discount):
    F, r, F_next = make(n, p, q)
    head = LSTDHead(alpha, discount=discount).fit(F, r, F_next)
    solve = primal if p < n else dual
    coef = solve(F, r, F_next, discount, alpha)
    assert_allclose(head.coef_, coef.T, rtol=1e-8, atol=1e-11 * abs(coef).max())
    assert head.coef_norm_ == pytest.approx(np.linalg.norm(coef))
    assert head.rank_ == min(n, p)
    D = F - discount * F_next
    hat = (
        np.array([solve(F, unit, F_next, discount, alpha) for unit in np.eye(n)]) @ D.T
    )
    assert head.effective_dof_ == pytest.approx(np.trace(hat), rel=1e-6)
    assert head.predict(F).shape == r.shape
    assert_allclose(head.predict(F_next), F_next @ coef, rtol=1e-7, atol=1e-9)
    assert_array_equal(head.intercept_, 0.0)


@pytest.mark.parametrize("n, p", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("ends", ["discount", "X_next", "zeros"])
def test_without_a_next_value_it_is_ridge(n, p, alpha, ends):
    F, r, F_next = make(n, p)
    ridge = HeadRegressor(alpha, fit_intercept=False).fit(F, r)
    if ends == "discount":
        head = LSTDHead(alpha, discount=0).fit(F, r, F_next)
    else:
        after = None if ends == "X_next" else 0 * F_next
        head = LSTDHead(alpha, discount=0.95).fit(F, r, after)
    assert_allclose(head.coef_, ridge.coef_, rtol=1e-12, atol=1e-14)
    assert head.effective_dof_ == pytest.approx(ridge.effective_dof_)


def test_values_of_a_chain_by_hand():
    """Three states in a row, each its own feature; the last transition ends."""
    head = LSTDHead(discount=0.5).fit(np.eye(3), [1, 2, 4], np.eye(3, k=1))
    assert_allclose(head.predict(np.eye(3)), [1 + 1 + 1, 2 + 2, 4])
    # A state that is not left is worth nothing.
    head = LSTDHead(discount=0.5).fit(np.eye(3)[:2], [1, 2], np.eye(3)[1:])
    assert_allclose(head.predict(np.eye(3)), [2, 2, 0], atol=1e-15)
    # A loop is worth the geometric series.
    head = LSTDHead(discount=0.9).fit([[1.0]], [3.0], [[1.0]])
    assert head.predict([[1.0]])[0] == pytest.approx(30)


def test_tabular_values_are_those_of_the_observed_transitions():
    *_, truth = make_markov_reward_process(12, 400, 0.9, random_state=0)
    here, there = truth.states[:-1], truth.states[1:]
    counts = np.zeros((12, 12))
    np.add.at(counts, (here, there), 1)
    seen = counts / counts.sum(axis=1, keepdims=True)
    value = np.linalg.solve(np.eye(12) - 0.9 * seen, truth.state_rewards)
    one_hot = np.eye(12)
    head = LSTDHead(discount=0.9).fit(
        one_hot[here], truth.state_rewards[here], one_hot[there]
    )
    assert_allclose(head.coef_, value, rtol=1e-12)


def test_no_penalty_is_the_limit_where_states_repeat():
    """More transitions than states, more features than either."""
    X, rewards, X_next, truth = make_markov_reward_process(random_state=0)
    limit = LSTDHead(discount=0.95).fit(X, rewards, X_next)
    small = LSTDHead(1e-7, discount=0.95).fit(X, rewards, X_next)
    assert limit.rank_ == len(np.unique(truth.states[:-1])) < len(X)
    assert_allclose(limit.coef_, small.coef_, rtol=1e-6, atol=1e-9)


def test_head_lies_in_the_row_space_of_the_features():
    F, r, F_next = make(10, 40)
    coef = LSTDHead().fit(F, r, F_next).coef_
    assert_allclose(np.linalg.pinv(F) @ F @ coef, coef, rtol=1e-10, atol=1e-12)


def test_sample_weight():
    F, r, F_next = make(40, 8, 2)
    weights = np.random.RandomState(1).randint(0, 4, 40)
    for alpha in (0.0, 2.0):
        head = LSTDHead(alpha).fit(F, r, F_next, weights)
        repeated = np.repeat(np.arange(40), weights)
        copies = LSTDHead(alpha).fit(F[repeated], r[repeated], F_next[repeated])
        assert_allclose(head.coef_, copies.coef_, rtol=1e-9)
        assert_allclose(head.coef_, primal(F, r, F_next, 0.9, alpha, weights).T)
        scaled = LSTDHead(1e-3 * alpha).fit(F, r, F_next, 1e-3 * weights)
        assert_allclose(head.coef_, scaled.coef_, rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-100, 1e-30, 1e30, 1e100])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_scales(scale, alpha):
    for n, p in SHAPES.values():
        F, r, F_next = make(n, p)
        coef = LSTDHead(alpha).fit(F, r, F_next).coef_
        scaled = LSTDHead(alpha * scale * scale).fit(scale * F, r, scale * F_next)
        assert_allclose(scale * scaled.coef_, coef, rtol=1e-9, atol=1e-12)


# Singular systems


def test_a_singular_system_falls_to_the_pseudo_inverse():
    F, r, _ = make(15, 6)
    with pytest.warns(UserWarning, match=r"singular, of rank 0 in place of 6"):
        head = LSTDHead(discount=0.9).fit(F, r, F / 0.9)
    assert_array_equal(head.coef_, 0)
    assert head.rank_ == 0
    # One feature that says nothing about rewards: the others are solved for.
    F_next = np.random.RandomState(1).standard_normal(F.shape)
    F_next[:, 5] = F[:, 5] / 0.9
    with pytest.warns(UserWarning, match=r"rank 5 in place of 6"):
        head = LSTDHead(discount=0.9).fit(F, r, F_next)
    assert np.isfinite(head.coef_).all()
    # A penalty makes it regular again.
    assert LSTDHead(0.1, discount=0.9).fit(F, r, F_next).rank_ == 6


@pytest.mark.parametrize("p", [6, 40])
def test_the_pseudo_inverse_misses_least(p):
    F, r, _ = make(15, p)
    U, s, V = np.linalg.svd(F, full_matrices=False)
    F_next = np.random.RandomState(1).standard_normal(F.shape) @ V.T @ V
    F_next -= np.outer(F_next @ V[0], V[0])
    F_next += np.outer(F @ V[0], V[0]) / 0.9  # no reward along the first direction
    with pytest.warns(UserWarning, match="singular"):
        coef = LSTDHead(discount=0.9).fit(F, r, F_next).coef_
    system = (U / s).T @ (F - 0.9 * F_next) @ V.T
    # Rows are weighed by what their rounding goes with.
    size = np.linalg.norm(0.9 * F_next) / s
    system, right = system / np.maximum(1, size)[:, None], (U / s).T @ r
    right = right / np.maximum(1, size)
    expected = V.T @ np.linalg.pinv(system, rcond=1e-10) @ right
    assert_allclose(coef, expected, rtol=1e-7, atol=1e-9)


def test_dependent_columns_are_no_reason_to_warn():
    F, r, F_next = make(30, 5)
    twice = LSTDHead().fit(np.hstack([F, F, 0 * F]), r, np.hstack([F_next, F_next, F]))
    once = LSTDHead(0.0).fit(F, r, F_next)
    assert twice.rank_ == 5
    assert_allclose(twice.coef_[:5], once.coef_ / 2, rtol=1e-9)
    assert_allclose(twice.coef_[5:10], once.coef_ / 2, rtol=1e-9)
    assert_allclose(twice.coef_[10:], 0, atol=1e-12)


def test_features_of_zeros():
    head = LSTDHead().fit(np.zeros((4, 3)), np.ones(4), np.ones((4, 3)))
    assert head.rank_ == 0
    assert_array_equal(head.predict(np.ones((2, 3))), 0)


# All widths at once


def refits(head, F, r, F_next, Z):
    out = []
    for k in range(1, F.shape[1] + 1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            narrow = clone(head).fit(F[:, :k], r, F_next[:, :k])
        out.append(narrow.predict(Z[:, :k]))
    return np.array(out)


def assert_equal_to_refits(head, F, r, F_next, Z, rtol=1e-8):
    expected = refits(head, F, r, F_next, Z)
    found = head.predict_widths(F, r, F_next, Z)
    assert found.shape == expected.shape
    width = expected.reshape(len(expected), -1)
    gap = abs(found.reshape(width.shape) - width).max(axis=1)
    assert (gap <= rtol * abs(width).max(axis=1)).all()


@pytest.fixture
def solved_alone(monkeypatch):
    """Widths that the path leaves to the solver of one width."""
    widths, solve = [], _lstd_path.solve_lstd

    def counted(X, *args, **options):
        widths.append(X.shape[1])
        return solve(X, *args, **options)

    monkeypatch.setattr(_lstd_path, "solve_lstd", counted)
    return widths


@pytest.mark.parametrize("n, p", [*SHAPES.values(), (40, 150), (1, 6), (6, 1), (2, 3)])
@pytest.mark.parametrize("q", [None, 2])
@pytest.mark.parametrize("alpha", [0.0, 1e-4, 1.0, 1e6])
def test_widths_equal_refits(n, p, q, alpha, solved_alone):
    F, r, F_next = make(n, p, q, seed=3)
    Z = np.random.RandomState(4).standard_normal((7, p))
    assert_equal_to_refits(LSTDHead(alpha, discount=0.95), F, r, F_next, Z)
    assert not solved_alone


@pytest.mark.parametrize("alpha", [0.0, 0.06, 6.0])
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
def test_widths_equal_refits_on_a_walk(alpha, seed, solved_alone):
    """States repeat: there are fewer different rows than rows."""
    X, rewards, X_next, truth = make_markov_reward_process(
        random_state=seed, n_features=200
    )
    head = LSTDHead(alpha, discount=0.95)
    assert_equal_to_refits(head, X, rewards, X_next, truth.features)
    assert not solved_alone


def test_widths_through_dangerous_pivots():
    """Leading blocks that are nearly singular, in the middle of a block."""
    for eps in (1e-3, 1e-6, 1e-9, 0.0):
        for width in (5, 25, 45):
            F, r, F_next = make(30, 60, seed=width)
            # at this width the system is next to singular
            F_next[:, width - 1] = F[:, width - 1] / 0.9 + eps * F_next[:, width - 1]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                assert_equal_to_refits(LSTDHead(), F, r, F_next, F_next, rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 1e-3])
def test_widths_with_dependent_columns(alpha):
    F, r, F_next = make(25, 12, seed=5)
    order = np.random.RandomState(0).randint(12, size=50)
    F, F_next = F[:, order], F_next[:, order]
    F[:, 3] = F_next[:, 3] = 0.0
    F[:, 7] = F_next[:, 7] = 1.0
    assert_equal_to_refits(LSTDHead(alpha), F, r, F_next, F)


def hostile(kind, n, p, rng):
    """Features of transitions with dependence of every sort."""
    F, F_next = rng.standard_normal((2, n, p))
    if kind == "integers":
        return rng.randint(-1, 2, (2, n, p)).astype(float)
    if kind == "low rank":
        k = rng.randint(1, 8)
        return rng.standard_normal((2, n, k)) @ rng.standard_normal((k, p))
    if kind == "states":
        S, walk = rng.standard_normal((6, p)), rng.randint(0, 6, n + 1)
        return S[walk[:-1]], S[walk[1:]]
    if kind == "ends":
        F_next[rng.uniform(size=n) < 0.5] = 0.0
    if kind == "scales":
        size = 10.0 ** rng.uniform(-6, 6, p)
        return F * size, F_next * size
    if kind == "constant columns":
        F[:, rng.uniform(size=p) < 0.3] = 0.0
        F[:, rng.uniform(size=p) < 0.2] = 1.0
        F_next[:, rng.uniform(size=p) < 0.2] = 1.0
    return F, F_next


@pytest.mark.parametrize(
    "kind", ["integers", "low rank", "states", "ends", "scales", "constant columns"]
)
def test_widths_of_hostile_features(kind, capfd):
    rng = np.random.RandomState(len(kind))
    for _ in range(8):
        n, p = rng.randint(1, 30), rng.randint(1, 50)
        F, F_next = hostile(kind, n, p, rng)
        r = rng.standard_normal(n)
        alpha, discount = rng.choice([0, 1e-6, 1e-2, 1, 1e3]), rng.choice([0.5, 0.95])
        head = LSTDHead(alpha, discount=discount)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            found = head.predict_widths(F, r, F_next)
        for k, expected in enumerate(refits(head, F, r, F_next, F), start=1):
            U, s, V = np.linalg.svd(F[:, :k], full_matrices=False)
            rank = int(np.sum(s > 1e-12 * s[0]))
            U, s, V = U[:, :rank], s[:rank], V[:rank]
            system = np.diag(s + alpha / s) - discount * U.T @ F_next[:, :k] @ V.T
            if rank and np.linalg.cond(system) < 1e6:
                size = max(abs(expected).max(), 1e-3 * abs(r).max())
                assert abs(found[k - 1] - expected).max() < 1e-7 * size
    # LAPACK prints what it is not content with.
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("grading", [1e-12, 1e12])
def test_widths_of_graded_columns(grading):
    F, r, F_next = make(20, 40, seed=6)
    size = grading ** (np.arange(40) / 39)
    assert_equal_to_refits(LSTDHead(), F * size, r, F_next * size, F * size, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_widths_of_all_scales(scale):
    F, r, F_next = (make(20, 40, seed=6)[i] * (1, 1, 1)[i] for i in range(3))
    plain = LSTDHead(discount=0.9).predict_widths(F, r, F_next)
    scaled = LSTDHead(discount=0.9).predict_widths(scale * F, r, scale * F_next)
    assert_allclose(scaled, plain, rtol=1e-9, atol=1e-9)


def test_widths_with_an_rcond_are_those_of_refits():
    F, r, F_next = make(20, 25)
    assert_equal_to_refits(LSTDHead(rcond=0.1), F, r, F_next, F)


def test_some_widths_and_defaults():
    F, r, F_next = make(20, 50)
    head = LSTDHead(0.1)
    every = head.predict_widths(F, r, F_next)
    assert every.shape == (50, 20)
    some = head.predict_widths(F, r, F_next, F, widths=[40, 3, 20, 3])
    assert_allclose(some, every[[2, 19, 39]], rtol=1e-10)
    assert not hasattr(head, "coef_")
    ridge = HeadRegressor(0.1, fit_intercept=False).fit(F[:, :30], r)
    assert_allclose(head.predict_widths(F, r)[29], ridge.predict(F[:, :30]), rtol=1e-9)


def test_singular_widths_warn_once():
    F, r, F_next = make(10, 5)
    aside = F_next[:, 0] - F[:, 0] * (F[:, 0] @ F_next[:, 0]) / (F[:, 0] @ F[:, 0])
    F_next[:, 0] = F[:, 0] / 0.9 + aside
    with pytest.warns(UserWarning, match=r"singular at 1 width\(s\), the first 1"):
        values = LSTDHead().predict_widths(F, r, F_next)
    assert_array_equal(values[0], 0)


# What it is given


def test_a_pipeline_can_transform_the_next_states():
    F, r, F_next = make(30, 5)
    scaler = StandardScaler().fit(F)
    by_hand = LSTDHead(0.1).fit(scaler.transform(F), r, scaler.transform(F_next))
    with config_context(enable_metadata_routing=True):
        pipeline = Pipeline(
            [
                ("scale", StandardScaler()),
                ("head", LSTDHead(0.1).set_fit_request(X_next=True)),
            ],
            transform_input=["X_next"],
        )
        pipeline.fit(F, r, X_next=F_next)
    assert_allclose(pipeline["head"].coef_, by_hand.coef_, rtol=1e-12)


def test_names_of_columns():
    F, r, F_next = make(10, 2)
    X, X_next = (pd.DataFrame(rows, columns=["a", "b"]) for rows in (F, F_next))
    head = LSTDHead().fit(X, r, X_next)
    assert_array_equal(head.feature_names_in_, ["a", "b"])
    assert_allclose(head.coef_, LSTDHead().fit(F, r, F_next).coef_)
    LSTDHead().fit(X, r, F_next)
    with pytest.raises(ValueError, match="feature names"):
        LSTDHead().fit(X, r, X_next.rename(columns={"b": "c"}))


def test_signature():
    assert list(inspect.signature(LSTDHead.fit).parameters)[1:4] == ["X", "y", "X_next"]
    assert LSTDHead(0.5).get_params() == {
        "alpha": 0.5,
        "discount": 0.9,
        "rcond": None,
    }


F, R, F_NEXT = make(6, 3)
BAD = F_NEXT.copy()
BAD[2, 1] = np.nan


@pytest.mark.parametrize("method", ["fit", "predict_widths"])
@pytest.mark.parametrize(
    "arguments, error, match",
    [
        ((F, R[:5], F_NEXT), ValueError, "inconsistent numbers of samples"),
        ((F, R, F_NEXT[:5]), ValueError, r"X_next must have the shape of X, \(6, 3\)"),
        ((F, R, F_NEXT[:, :2]), ValueError, "X_next must have the shape of X"),
        ((F, R, BAD), ValueError, "X_next contains NaN"),
        ((F, R, F_NEXT[0]), ValueError, "X_next"),
        ((F, R, sparse.csr_array(F_NEXT)), TypeError, "X_next"),
        ((F, R, 1e201 * F_NEXT), ValueError, "largest absolute value in X_next"),
        ((1e201 * F, R, F_NEXT), ValueError, "largest absolute value in X "),
        ((F, R * 1e101, F_NEXT), ValueError, "largest absolute value in y"),
        ((F, [np.nan] * 6, F_NEXT), ValueError, "y contains NaN"),
    ],
)
def test_bad_arrays(method, arguments, error, match):
    with pytest.raises(error, match=match):
        getattr(LSTDHead(), method)(*arguments)


@pytest.mark.parametrize("method", ["fit", "predict_widths"])
@pytest.mark.parametrize(
    "parameter, value",
    [
        ("discount", 1.0),
        ("discount", -0.1),
        ("discount", np.nan),
        ("discount", "long"),
        ("alpha", -1),
        ("alpha", np.inf),
        ("alpha", 10**400),
        ("alpha", "loo"),
        ("rcond", 1.0),
    ],
)
def test_bad_parameters(method, parameter, value):
    with pytest.raises(ValueError, match=parameter):
        getattr(LSTDHead().set_params(**{parameter: value}), method)(F, R, F_NEXT)


def test_bad_widths_and_weights():
    for widths in ([0], [4], [1.5], []):
        with pytest.raises(ValueError, match="widths must be"):
            LSTDHead().predict_widths(F, R, F_NEXT, widths=widths)
    with pytest.raises(ValueError, match="sample_weight must be positive"):
        LSTDHead().fit(F, R, F_NEXT, np.zeros(6))


def test_values_beyond_the_largest_float_are_refused():
    with pytest.raises(ValueError, match="exceed the largest float"):
        LSTDHead().fit([[1e-200]], [1.0], [[1e200]])
    with pytest.raises(ValueError, match="exceed the largest float"):
        LSTDHead().predict_widths([[1e-180]], [1e99], None, [[1e100]])
