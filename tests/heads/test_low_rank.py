"""Low-rank heads against alternating least squares, explicit refits and theory."""

import numpy as np
import pandas as pd
import pytest
from both_strategies import both_strategies
from internal_checks import common_checks
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skhmmdd import (
    HeadRegressor,
    HMMFeatureTransformer,
    LowRankHead,
    make_hmm_regression,
    theory,
)


@common_checks(
    [
        # One output takes no trained rank but 1; few random projections explain little.
        LowRankHead(rank=1),
        LowRankHead(rank=1, alpha=1.0),
        LowRankHead(adapter="frozen"),
        LowRankHead(adapter="frozen", rank=20, perturbation=0.1),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def make(n=60, p=30, q=12, rank=3, noise=1.0, seed=0):
    """The recipe of the verified figures: coefficients of low rank, and noise."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, p))
    coef = rng.standard_normal((p, rank)) @ rng.standard_normal((rank, q))
    return X, X @ coef + noise * rng.standard_normal((n, q))


def augmented(X, Y, alpha):
    """Least squares whose squared error is the penalised one."""
    p, q = X.shape[1], Y.shape[1]
    return (
        np.vstack([X, np.sqrt(alpha) * np.eye(p)]),
        np.vstack([Y, np.zeros((p, q))]),
    )


def alternate(X, Y, rank, n_steps, seed=0):
    """Alternating least squares of Y = X A B: another way to the same minimum."""
    B = np.random.RandomState(seed).standard_normal((rank, Y.shape[1]))
    inverse = np.linalg.pinv(X)
    for _ in range(n_steps):
        A = inverse @ Y @ np.linalg.pinv(B)
        B = np.linalg.lstsq(X @ A, Y, rcond=None)[0]
    return A, B


# The trained adapter


@pytest.mark.parametrize("rank, rss", [(1, 21045.7436), (3, 578.8465), (6, 444.4301)])
def test_residual_sums_of_the_verified_example(rank, rss):
    X, Y = make()
    head = LowRankHead(rank, fit_intercept=False).fit(X, Y)
    found = np.sum((Y - head.predict(X)) ** 2)
    assert found == pytest.approx(rss, abs=2e-4)
    A, B = alternate(X, Y, rank, n_steps=4000)
    assert found == pytest.approx(np.sum((Y - X @ A @ B) ** 2), rel=1e-9)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n, p, q", [(60, 30, 12), (20, 50, 6), (40, 4, 9)])
@pytest.mark.parametrize("alpha", [0.0, 3.0])
def test_residual_sum_and_left_out_singular_values(n, p, q, alpha, fit_intercept):
    X, Y = make(n, p, q)
    weights = np.random.RandomState(1).uniform(0.1, 3, n)

    def objective(head):
        left = Y - head.predict(X)
        penalty = alpha * np.sum((head.down_ @ head.up_) ** 2)
        return weights @ (left**2).sum(axis=1) + penalty

    options = {"alpha": alpha, "fit_intercept": fit_intercept}
    full = HeadRegressor(**options).fit(X, Y, weights)
    full.down_, full.up_ = full.coef_.T, np.eye(q)
    for rank in range(1, min(p, q) + 1):
        head = LowRankHead(rank, **options).fit(X, Y, weights)
        t = head.fitted_singular_values_
        assert len(t) == min(head.rank_, q)
        expected = objective(full) + np.sum(t[rank:] ** 2)
        assert objective(head) == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert_allclose(head.up_ @ head.up_.T, np.eye(rank), atol=1e-12)
    assert_allclose(head.coef_, full.coef_, rtol=1e-8, atol=1e-10)
    assert head.effective_dof_ == pytest.approx(full.effective_dof_)


def test_partial_least_squares_is_another_head():
    # It takes directions by covariance, and misses the targets by more.
    X, Y = make()
    for rank in (1, 3, 6):
        head = LowRankHead(rank).fit(X, Y)
        peer = PLSRegression(rank, scale=False, max_iter=10_000).fit(X, Y)
        rss, more = (np.sum((Y - model.predict(X)) ** 2) for model in (head, peer))
        assert rss < 0.99 * more


def test_penalty_against_alternating_least_squares():
    X, Y = make(25, 40, 6)
    head = LowRankHead(2, alpha=5.0, fit_intercept=False).fit(X, Y)
    A, B = alternate(*augmented(X, Y, 5.0), 2, n_steps=2000)
    assert_allclose(head.down_ @ head.up_, A @ B, rtol=1e-7, atol=1e-9)


def test_no_intercept_is_the_intercept_of_centred_data():
    X, Y = make()
    moved = LowRankHead(3).fit(X + 5.0, Y - 2.0)
    centred = LowRankHead(3, fit_intercept=False).fit(X - X.mean(0), Y - Y.mean(0))
    assert_allclose(moved.coef_, centred.coef_, rtol=1e-8, atol=1e-10)


def test_one_output_is_the_head_itself():
    X, Y = make()
    head = LowRankHead(1, alpha=0.5).fit(X, Y[:, 0])
    plain = HeadRegressor(0.5).fit(X, Y[:, 0])
    assert head.coef_.shape == (30,)
    assert isinstance(head.intercept_, float)
    assert_allclose(head.coef_, plain.coef_, rtol=1e-9)
    assert head.effective_dof_ == pytest.approx(plain.effective_dof_)
    assert head.coef_norm_ == pytest.approx(plain.coef_norm_)


@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("n, p, q", [(30, 5, 4), (30, 3, 6), (12, 20, 5)])
@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.slow
def test_effective_dof_is_the_divergence_of_the_fitted_values(n, p, q, rank, alpha):
    X, Y = make(n, p, q)

    def fitted(Y):
        return LowRankHead(rank, alpha=alpha).fit(X, Y).predict(X)

    step, divergence = 1e-4, 0.0
    for i, j in np.ndindex(Y.shape):
        moved = np.zeros(Y.shape)
        moved[i, j] = step
        difference = fitted(Y + moved)[i, j] - fitted(Y - moved)[i, j]
        divergence += difference / (2 * step)
    head = LowRankHead(rank, alpha=alpha).fit(X, Y)
    assert head.effective_dof_ == pytest.approx(divergence / q, rel=1e-5)


def test_effective_dof_where_directions_tie_or_are_missing():
    # Orthonormal columns, and targets along them: every direction is as good.
    X = np.linalg.qr(np.random.RandomState(0).standard_normal((8, 3)))[0]
    tied = LowRankHead(1, fit_intercept=False).fit(X, X @ np.eye(3))
    assert tied.effective_dof_ == np.inf
    nothing = LowRankHead(2, fit_intercept=False).fit(X, np.zeros((8, 3)))
    assert np.isfinite(nothing.effective_dof_)
    assert_array_equal(nothing.coef_, 0.0)
    constant = LowRankHead(2).fit(np.ones((8, 3)), X)
    assert constant.rank_ == 0
    assert constant.effective_dof_ == 1.0
    assert constant.down_.shape == (3, 2)
    assert_allclose(constant.intercept_, X.mean(axis=0))


def test_base_coefficients_stay():
    X, Y = make(40, 20, 5)
    base = np.random.RandomState(3).standard_normal((5, 20))
    for options in ({}, {"adapter": "frozen", "random_state": 0, "alpha": 0.3}):
        head = LowRankHead(2, base_coef=base, **options).fit(X, Y)
        rest = LowRankHead(2, **options).fit(X, Y - X @ base.T)
        assert_allclose(head.coef_, base + rest.coef_, rtol=1e-9)
        assert_allclose(head.predict(X), rest.predict(X) + X @ base.T, rtol=1e-9)
        assert head.coef_norm_ == pytest.approx(np.linalg.norm(head.coef_))
    one = LowRankHead(1, base_coef=base[0]).fit(X, Y[:, 0])
    same = LowRankHead(1, base_coef=base[:1]).fit(X, Y[:, 0])
    assert_array_equal(one.coef_, same.coef_)
    # What is right already is left alone.
    kept = LowRankHead(2, base_coef=base).fit(X, X @ base.T + 1.0)
    assert_allclose(kept.coef_, base, atol=1e-10)


# The frozen adapter


@pytest.mark.parametrize("n, rank", [(40, 10), (15, 25), (15, 60)])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_frozen_is_the_head_on_projections(n, rank, fit_intercept, alpha):
    X, Y = make(n, 30, 4)
    weights = np.random.RandomState(1).uniform(0.1, 3, n)
    options = {"alpha": alpha, "fit_intercept": fit_intercept}
    head = LowRankHead(rank, adapter="frozen", random_state=0, **options)
    head.fit(X, Y, weights)
    plain = HeadRegressor(**options).fit(X @ head.down_, Y, weights)
    assert_allclose(head.up_, plain.coef_.T, rtol=1e-7, atol=1e-9)
    assert_allclose(head.coef_.T, head.down_ @ head.up_, rtol=1e-12)
    assert_allclose(head.predict(X), plain.predict(X @ head.down_), rtol=1e-7)
    assert head.rank_ == plain.rank_
    assert head.effective_dof_ == pytest.approx(plain.effective_dof_)
    assert not hasattr(head, "fitted_singular_values_")


def test_frozen_columns_nest_and_are_normal():
    X, Y = make()
    narrow, wide = (
        LowRankHead(rank, adapter="frozen", random_state=5).fit(X, Y).down_
        for rank in (7, 300)
    )
    assert_array_equal(narrow, wide[:, :7])
    assert abs(wide.mean()) < 0.05
    assert wide.std() == pytest.approx(1.0, abs=0.03)


def test_a_large_offset_is_not_rounded_by_the_projections():
    X, Y = make(20, 40, 2)
    X = np.round(X * 2**10) / 2**10
    options = {"adapter": "frozen", "random_state": 0}
    moved = LowRankHead(30, **options).fit(X + 1e8, Y)
    assert moved.rank_ == 19
    assert_allclose(
        moved.coef_, LowRankHead(30, **options).fit(X, Y).coef_, rtol=1e-6, atol=1e-8
    )


@pytest.fixture(scope="module")
def preset():
    """1,000 features of preset A with four outputs, and risks of heads on 12 splits."""
    X, y, truth = make_hmm_regression(3000, n_targets=4, random_state=0)
    transformer = HMMFeatureTransformer(truth.hmm, 1000, random_state=0)
    return transformer.fit_transform(X), y, truth.mean


def frozen_risk(preset, rank, outputs=slice(None), **options):
    Z, y, mean = preset
    risks = []
    for split in range(12):
        order = np.random.RandomState(split).permutation(3000)
        train, test = order[:100], order[100:]
        head = LowRankHead(rank, adapter="frozen", random_state=split, **options)
        predicted = head.fit(Z[train], y[train, outputs]).predict(Z[test])
        risks.append(np.mean((predicted - mean[test, outputs]) ** 2))
    return np.median(risks)


# The first are medians near n, and depend on the projections: a factor of 2.
@pytest.mark.parametrize(
    "rank, risk, tolerance",
    [
        (20, 0.65, 0.15),
        (40, 0.52, 0.15),
        (80, 0.83, 1.0),
        (99, 77.0, 1.0),
        (120, 0.79, 1.0),
        (200, 0.22, 0.15),
        (1000, 0.10, 0.15),
    ],
)
def test_frozen_risk_of_the_preset(preset, rank, risk, tolerance):
    found = frozen_risk(preset, rank)
    assert risk / (1 + tolerance) <= found <= risk * (1 + tolerance)


def test_frozen_risk_of_one_output_peaks_in_the_same_place(preset):
    risks = [frozen_risk(preset, rank, outputs=0) for rank in (80, 99, 120)]
    assert 26 < risks[1] < 104
    assert risks[0] < 5 > risks[2]


@pytest.mark.parametrize("perturbation, risk", [(0.03, 0.68), (0.3, 0.18)])
def test_perturbation_removes_the_peak_of_the_preset(preset, perturbation, risk):
    found = frozen_risk(preset, 99, perturbation=perturbation)
    assert found == pytest.approx(risk, rel=0.15)


def test_frozen_risk_follows_the_theory_of_random_projections():
    rng = np.random.RandomState(0)
    n, p, ranks = 40, 120, [10, 25, 80, 300]
    scale = np.linspace(0.3, 2.0, p)
    coef = rng.standard_normal(p) / np.sqrt(p)
    expected = theory.random_projection_risk(
        scale**2, coef, 0.1, n_projections=ranks, n_samples=n
    ).excess
    risks = np.zeros((200, len(ranks)))
    for run in range(len(risks)):
        X = scale * rng.standard_normal((n, p))
        y = X @ coef + np.sqrt(0.1) * rng.standard_normal(n)
        for i, rank in enumerate(ranks):
            head = LowRankHead(
                rank, adapter="frozen", fit_intercept=False, random_state=run
            )
            error = head.fit(X, y).coef_ - coef
            risks[run, i] = np.sum((scale * error) ** 2)
    # The limit is off by some percent at 40 samples, and the mean by as much.
    assert_allclose(risks.mean(axis=0), expected, rtol=0.12)


# Perturbation


def test_perturbation_is_ridge():
    X, Y = make(40, 20, 3)
    weights = np.random.RandomState(1).uniform(0.1, 3, 40)
    for fit_intercept in (True, False):
        options = {"adapter": "frozen", "random_state": 0, "alpha": 0.2}
        head = LowRankHead(
            9, perturbation=0.4, fit_intercept=fit_intercept, **options
        ).fit(X, Y, weights)
        Z = X @ head.down_
        Z = Z - np.average(Z, axis=0, weights=weights) if fit_intercept else Z
        alpha = 0.2 + 0.4**2 * np.sum(weights[:, None] * Z**2) / 9
        assert head.alpha_ == pytest.approx(alpha)
        plain = HeadRegressor(alpha, fit_intercept=fit_intercept)
        plain.fit(X @ head.down_, Y, weights)
        assert_allclose(head.up_, plain.coef_.T, rtol=1e-9)


def test_perturbed_loss_by_simulation():
    rng = np.random.RandomState(0)
    X, Y = make(20, 15, 1)
    s, rank = 0.3, 6
    head = LowRankHead(
        rank, adapter="frozen", perturbation=s, fit_intercept=False, random_state=0
    ).fit(X, Y)
    Z, b = X @ head.down_, head.up_[:, 0]
    y = Y[:, 0]

    def closed(b):
        return np.sum((y - Z @ b) ** 2) + s**2 * np.sum(Z**2) / rank * b @ b

    noise = s * np.linalg.norm(b) / np.sqrt(rank) * rng.standard_normal((50_000, rank))
    noise = np.vstack([noise, -noise])
    losses = np.sum((y - (b + noise) @ Z.T) ** 2, axis=1)
    assert np.mean(losses) == pytest.approx(closed(b), rel=1e-3)
    # And no other coefficients have a lower one.
    for step in 1e-3 * rng.standard_normal((20, rank)):
        assert closed(b + step) > closed(b)


def test_isotropic_noise_changes_nothing():
    # Noise whose variance does not depend on the coefficients adds a constant: the same
    # for every head, so the head of least expected loss is the plain one.
    rng = np.random.RandomState(0)
    X, Y = make(20, 15, 1)
    head = LowRankHead(6, adapter="frozen", fit_intercept=False, random_state=0)
    Z, y, b = X @ head.fit(X, Y).down_, Y[:, 0], head.up_[:, 0]
    noise = 0.2 * rng.standard_normal((20_000, 6))
    noise = np.vstack([noise, -noise])  # the cross term is then exactly zero
    constant = np.mean(np.sum((noise @ Z.T) ** 2, axis=1))
    for other in (b, b + 0.1, 3 * b, np.zeros(6)):
        loss = np.mean(np.sum((y - (other + noise) @ Z.T) ** 2, axis=1))
        assert loss - np.sum((y - Z @ other) ** 2) == pytest.approx(constant, rel=1e-9)


# Paths


CV = ShuffleSplit(3, train_size=25, random_state=0)


@pytest.mark.parametrize("q", [1, 5])
@pytest.mark.parametrize("p", [8, 40])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(
    "alpha, risk", [(0.0, "squared_error"), (0.5, "absolute_error")]
)
@pytest.mark.parametrize("adapter", ["trained", "frozen"])
@pytest.mark.slow
def test_path_equals_refits(p, q, fit_intercept, alpha, adapter, risk):
    X, Y = make(50, p, q)
    base = np.random.RandomState(2).standard_normal((q, p))
    head = LowRankHead(
        adapter=adapter,
        base_coef=base,
        alpha=alpha,
        fit_intercept=fit_intercept,
        random_state=3,
    )
    ranks = [1] if q == 1 and adapter == "trained" else [4, 1, 2, 5]
    if adapter == "frozen":
        ranks = [*ranks, 24, 30, 60]
    model = make_pipeline(StandardScaler(), head)
    path = both_strategies(
        model, "lowrankhead__rank", ranks, X, Y, cv=CV, risk=risk, atol=1e-9
    )
    assert (path.effective_parameters_ is None) == (adapter == "trained")


@pytest.mark.parametrize("adapter", ["trained", "frozen"])
def test_path_predicts_what_refits_do(adapter):
    X, Y = make(30, 40, 6)
    base = np.ones((6, 40))
    head = LowRankHead(adapter=adapter, base_coef=base, random_state=0)
    ranks = [1, 3, 6, 2]
    path = head._path(X, Y, X[:7] + 0.1, "rank", ranks)
    for i, rank in enumerate(ranks):
        refit = clone(head).set_params(rank=rank).fit(X, Y)
        assert_allclose(path.predictions[i], refit.predict(X[:7] + 0.1), rtol=1e-8)
        assert_allclose(path.train_predictions[i], refit.predict(X), rtol=1e-8)
        assert path.coef_norm[i] == pytest.approx(refit.coef_norm_)


def test_where_there_is_no_path():
    why = LowRankHead(adapter="frozen")._why_no_path("rank", [1, 2])
    assert "random_state" in why
    head = LowRankHead(adapter="frozen", perturbation=0.1, random_state=0)
    assert "perturbation" in head._why_no_path("rank", [1, 2])
    assert "no ranks" in LowRankHead()._why_no_path("rank", [1, 2.5])
    assert "no ranks" in LowRankHead()._why_no_path("rank", [True])
    assert "no path" in LowRankHead()._why_no_path("alpha", [1.0])
    assert LowRankHead()._why_no_path("rank", [1, 2]) is None


@pytest.mark.parametrize("adapter", ["trained", "frozen"])
def test_path_refuses_predictions_that_overflow(adapter):
    X, Y = make(30, 10, 4)
    base = np.zeros((4, 10))
    base[:, 0] = 1e250
    X[:, 0] = 0.0
    head = LowRankHead(2, adapter=adapter, base_coef=base, random_state=0)
    with pytest.raises(ValueError, match="exceed the largest float"):
        head._path(X, Y, X + 1e100, "rank", [2])
    with pytest.raises(ValueError, match="exceed the largest float"):
        head.fit(X, Y).predict(X + 1e100)


def test_path_refuses_ranks_that_refits_refuse():
    X, Y = make(30, 10, 4)
    with pytest.raises(ValueError, match=r"rank must be in \[1, 4\]"):
        LowRankHead()._path(X, Y, X, "rank", [1, 5])


# Conventions


@pytest.mark.parametrize("adapter", ["trained", "frozen"])
def test_counts_equal_repetition_and_zero_weights_removal(adapter):
    X, Y = make(25, 12, 4)
    counts = np.random.RandomState(0).randint(0, 4, 25)
    options = {"adapter": adapter, "random_state": 0}
    if adapter == "frozen":
        options["perturbation"] = 0.2
    weighted = LowRankHead(3, **options).fit(X, Y, counts)
    rows = np.repeat(np.arange(25), counts)
    repeated = LowRankHead(3, **options).fit(X[rows], Y[rows])
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-8, atol=1e-10)
    assert_allclose(weighted.intercept_, repeated.intercept_, rtol=1e-8, atol=1e-10)
    assert weighted.effective_dof_ == pytest.approx(repeated.effective_dof_)
    wild, target = X.copy(), Y.copy()
    wild[counts == 0], target[counts == 0] = 1e250, -1e150
    again = LowRankHead(3, base_coef=np.ones((4, 12)), **options)
    expected = clone(again).fit(X, Y, counts)
    assert_allclose(again.fit(wild, target, counts).coef_, expected.coef_, rtol=1e-9)


def test_data_frames_repr_and_clone():
    X, Y = make(30, 6, 3)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    head = LowRankHead(2).fit(frame, pd.DataFrame(Y))
    assert_array_equal(head.feature_names_in_, list("abcdef"))
    expected = LowRankHead(2).fit(X, Y).predict(X)
    assert_allclose(head.predict(frame), expected, rtol=1e-9)
    assert repr(LowRankHead(2, adapter="frozen")) == (
        "LowRankHead(adapter='frozen', rank=2)"
    )
    base = np.ones((3, 6))
    copy = clone(LowRankHead(2, base_coef=base))
    assert_array_equal(copy.base_coef, base)
    assert not hasattr(clone(head), "coef_")


@pytest.mark.parametrize(
    "grid",
    [
        {"rank": [1, 2, 3]},
        {"adapter": ["trained", "frozen"]},
        {"alpha": [0.0, 1.0]},
        {"adapter": ["frozen"], "perturbation": [0.0, 0.3]},
        {"base_coef": [None, np.ones((3, 6))]},
        {"fit_intercept": [True, False], "rcond": [None, 0.01]},
        {"adapter": ["frozen"], "random_state": [0, 1]},
    ],
)
def test_grid_search(grid):
    X, Y = make(40, 6, 3)
    search = GridSearchCV(LowRankHead(2, random_state=0), grid, cv=3).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    "params, match",
    [
        ({"rank": 0}, "'rank'"),
        ({"rank": 2.0}, "'rank'"),
        ({"rank": True}, r"rank must be an integer in \[1, inf\); got True"),
        ({"rank": 4}, r"rank must be in \[1, 3\].*got 4"),
        ({"adapter": "lora"}, "'adapter'"),
        ({"alpha": -1.0}, "'alpha'"),
        ({"alpha": np.inf}, "'alpha'"),
        ({"perturbation": -0.1}, "'perturbation'"),
        ({"perturbation": np.nan}, "'perturbation'"),
        ({"perturbation": 0.1}, "perturbation must be 0 with adapter='trained'"),
        ({"perturbation": 1e300, "adapter": "frozen"}, "exceed the largest float"),
        ({"base_coef": np.ones((6, 3))}, r"base_coef must have shape \(3, 6\)"),
        ({"base_coef": np.ones(6)}, r"base_coef must have shape \(3, 6\)"),
        ({"base_coef": np.full((3, 6), np.nan)}, "base_coef"),
        ({"base_coef": np.full((3, 6), 1e300)}, r"y - X @ base_coef"),
        ({"base_coef": "ones"}, "'base_coef'"),
        ({"rcond": 1.0}, "'rcond'"),
        ({"random_state": "x"}, "'random_state'"),
    ],
)
def test_bad_parameters_are_refused(params, match):
    X, Y = make(30, 6, 3)
    with pytest.raises(ValueError, match=match):
        LowRankHead(**{"rank": 2, **params}).fit(X, Y)


def test_one_output_takes_rank_one():
    X, Y = make(30, 6, 3)
    with pytest.raises(ValueError, match=r"rank must be in \[1, 1\].*got 8"):
        LowRankHead().fit(X, Y[:, 0])
    with pytest.raises(ValueError, match=r"shape \(6,\) or \(1, 6\)"):
        LowRankHead(1, base_coef=np.ones(5)).fit(X, Y[:, 0])


@pytest.mark.parametrize("adapter", ["trained", "frozen"])
def test_hostile_designs(adapter):
    X, Y = make(30, 6, 3)
    options = {"adapter": adapter, "random_state": 0}
    for data, targets in [
        (X[:1], Y[:1]),
        (X[:2], Y[:2]),
        (X[:, :1], Y),
        (np.zeros((30, 6)), Y),
        (np.hstack([X, X]), Y),
        (np.vstack([X, X]), np.vstack([Y, Y])),
        (X, np.zeros((30, 3))),
        (X, np.ones((30, 3))),
        (X, Y[:, [0, 0, 0]]),
        (1e150 * X, 1e90 * Y),
        (1e-150 * X, 1e-90 * Y),
        (1e-150 * X, 1e90 * Y),
        (X * 10.0 ** np.arange(-9, 9, 3), Y),
    ]:
        rank = min(2, data.shape[1])
        head = LowRankHead(rank, **options).fit(data, targets)
        assert np.isfinite(head.predict(data)).all()
        assert head.coef_.shape == (3, data.shape[1])
        assert not np.isnan(head.effective_dof_)
        path = head._path(data, targets, data, "rank", [1])
        refit = LowRankHead(1, **options).fit(data, targets)
        size = np.abs(targets).max()
        assert_allclose(
            path.predictions[0], refit.predict(data), rtol=1e-7, atol=1e-8 * size
        )
        scale = size / (np.abs(data).max() or 1.0)
        assert path.coef_norm[0] == pytest.approx(
            refit.coef_norm_, rel=1e-7, abs=1e-9 * scale
        )


def test_the_adapter_follows_the_scale_of_its_data():
    X, Y = make(30, 20, 4)
    for adapter in ("trained", "frozen"):
        options = {"adapter": adapter, "random_state": 0}
        if adapter == "frozen":
            options["perturbation"] = 0.1
        plain = LowRankHead(3, **options).fit(X, Y)
        scaled = LowRankHead(3, **options).fit(2.0**200 * X, 2.0**100 * Y)
        assert_allclose(2.0**100 * scaled.coef_, plain.coef_, rtol=1e-9)
