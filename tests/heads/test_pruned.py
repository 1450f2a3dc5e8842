"""Pruned heads against recursive elimination, explicit refits and brute force."""

import numpy as np
import pandas as pd
import pytest
from both_strategies import both_strategies
from internal_checks import common_checks
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skhmmdd import (
    HeadRegressor,
    HMMFeatureTransformer,
    PrunedHead,
    make_hmm_regression,
)
from skhmmdd.heads.solvers import _pruning
from skhmmdd.heads.solvers._pruning import (
    automatic_stages,
    geometric_stages,
    surviving_columns,
)


@common_checks(
    [
        PrunedHead(),
        PrunedHead(alpha=1.0),
        PrunedHead(n_kept=1, n_rounds=100),
        PrunedHead(criterion="random"),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def make(n=60, p=30, q=None, seed=0):
    """Correlated columns of different scales, some of which matter."""
    rng = np.random.RandomState(seed)
    mix = np.eye(p) + 0.3 * rng.standard_normal((p, p)) / np.sqrt(p)
    X = rng.standard_normal((n, p)) @ mix * np.linspace(0.5, 2.0, p) + 1.0
    coef = rng.standard_normal((p, q or 1)) * (np.arange(p) < p // 3)[:, None]
    y = X @ coef + rng.standard_normal((n, q or 1))
    return X, (y if q else y[:, 0])


def by_refits(X, y, stages, weights=None, **options):
    """Columns of the last stage, by fitting the head at every stage."""
    columns = np.arange(X.shape[1])
    for stage in stages[1:]:
        head = HeadRegressor(**options).fit(X[:, columns], y, weights)
        coef = np.atleast_2d(head.coef_)
        centred = X[:, columns] - np.average(X[:, columns], axis=0, weights=weights)
        std = np.sqrt(np.average(centred**2, axis=0, weights=weights))
        strongest = np.argsort(-np.linalg.norm(coef, axis=0) * std, kind="stable")
        columns = np.sort(columns[strongest[:stage]])
    return columns


# What is kept


@pytest.mark.parametrize("n", [60, 101, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("q", [None, 3])
def test_one_column_at_a_time_is_recursive_elimination(n, q):
    X, y = make(n, 150, q)
    X = StandardScaler().fit_transform(X)
    peer = RFE(HeadRegressor(), n_features_to_select=5, step=1).fit(X, y)
    for n_kept in (149, 101, 100, 99, 60, 59, 58, 30, 5):
        head = PrunedHead(n_kept, n_rounds=150 - n_kept).fit(X, y)
        assert_array_equal(head.support_, peer.ranking_ <= n_kept - 4)
        assert_array_equal(head.stages_, np.arange(150, n_kept - 1, -1))
    assert_array_equal(head.support_, peer.support_)
    assert_allclose(head.coef_[..., peer.support_], peer.estimator_.coef_, rtol=1e-8)


@pytest.mark.parametrize("n, p", [(60, 30), (30, 60), (25, 24), (25, 90)])
@pytest.mark.parametrize("q", [None, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("n_rounds", ["auto", 1, 3, 1000])
@pytest.mark.slow
def test_support_is_that_of_refits(n, p, q, fit_intercept, alpha, n_rounds):
    X, y = make(n, p, q)
    weights = np.random.RandomState(1).uniform(0.1, 3, n)
    options = {"alpha": alpha, "fit_intercept": fit_intercept}
    for n_kept in (p, p - 1, p // 2, 7, 1):
        head = PrunedHead(n_kept, n_rounds=n_rounds, **options).fit(X, y, weights)
        columns = by_refits(X, y, head.stages_, weights, **options)
        assert_array_equal(head.get_support(indices=True), columns)
        plain = HeadRegressor(**options).fit(X[:, columns], y, weights)
        coef = np.zeros((*np.shape(plain.coef_)[:-1], p))
        coef[..., columns] = plain.coef_
        assert_allclose(head.coef_, coef, rtol=1e-9)
        assert_allclose(head.intercept_, plain.intercept_, rtol=1e-9)
        assert head.rank_ == plain.rank_
        assert head.effective_dof_ == pytest.approx(plain.effective_dof_)
        assert head.n_kept_ == n_kept == head.support_.sum()


def test_the_cut_off_holds_in_every_round():
    X, y = make(40, 30)
    for alpha in (0.0, 1.0):
        head = PrunedHead(5, rcond=0.2, alpha=alpha, n_rounds=30).fit(X, y)
        columns = by_refits(X, y, head.stages_, rcond=0.2, alpha=alpha)
        assert_array_equal(head.get_support(indices=True), columns)


def survivors(X, y, counts, **options):
    stages = range(X.shape[1], 0, -1)
    weights = np.ones(len(X))
    return surviving_columns(
        X, y.reshape(len(y), -1), weights, counts, stages, **options
    )


@pytest.mark.parametrize("alpha", [0.0, 1e-6, 1.0])
@pytest.mark.parametrize("decay", [0, 3, 6, 9])
def test_gram_matrices_and_singular_values_remove_the_same(decay, alpha, monkeypatch):
    # The columns of a design with singular values that fall by powers of ten.
    rng = np.random.RandomState(decay)
    n, p = 40, 90
    U = np.linalg.qr(rng.standard_normal((n, n)))[0]
    V = np.linalg.qr(rng.standard_normal((p, n)))[0]
    X = U * np.logspace(0, -decay, n) @ V.T
    y = rng.standard_normal(n)
    counts = list(range(p, 0, -1))
    found = survivors(X, y, counts, alpha=alpha)
    monkeypatch.setattr(_pruning._Elimination, "_from_inverse", lambda self: None)
    for ours, exact in zip(found, survivors(X, y, counts, alpha=alpha), strict=True):
        assert_array_equal(ours, exact)


def test_bounds_cover_the_errors_of_the_inverse(monkeypatch):
    # At every set of columns of a run the bound is above the distance to the head by
    # singular values, and both are small.
    X, y = make(40, 90)
    kernel = _pruning._Elimination
    seen = []
    by_inverse = kernel._from_inverse

    def compared(self):
        found = by_inverse(self)
        if found is not None:
            exact, own = self._from_singular_values()
            gap = np.abs(found[0] - exact)
            assert (gap <= found[1] + own).all()
            seen.append((gap / exact.max()).max())
        return found

    monkeypatch.setattr(kernel, "_from_inverse", compared)
    survivors(X, y, [1])
    assert len(seen) == 89
    assert max(seen) < 1e-9


def test_the_inverse_is_seldom_computed_anew(monkeypatch):
    made = []
    for kind in (_pruning.WideInverse, _pruning.NarrowInverse):
        make_one = kind.of.__func__

        def of(cls, *args, make_one=make_one):
            made.append(cls)
            return make_one(cls, *args)

        monkeypatch.setattr(kind, "of", classmethod(of))
    X, y = make(60, 150)
    survivors(X, y, [1])
    assert 2 <= len(made) <= 20


# Ties


def test_of_equal_columns_the_later_goes_first():
    X, y = make(40, 6)
    order = np.random.RandomState(0).permutation(12)
    doubled = np.hstack([X, X])[:, order]
    twins = np.array([np.flatnonzero(order % 6 == j) for j in range(6)])
    for n in (40, 8, 4):  # more samples than columns, and fewer
        for n_kept in range(1, 12):
            for n_rounds in ("auto", 12):
                head = PrunedHead(n_kept, n_rounds=n_rounds).fit(doubled[:n], y[:n])
                earlier, later = head.support_[twins.T]
                assert (later <= earlier).all()


def test_constant_columns_go_first():
    X, y = make(40, 6)
    X = np.hstack([np.full((40, 1), 1e9), X, np.full((40, 2), 0.1)])
    for fit_intercept in (True, False):
        head = PrunedHead(6, n_rounds=3, fit_intercept=fit_intercept).fit(X, y)
        assert_array_equal(head.get_support(indices=True), np.arange(1, 7))
    # Where all are tied, the first stay.
    head = PrunedHead(2).fit(np.ones((10, 5)), y[:10])
    assert_array_equal(head.get_support(indices=True), [0, 1])
    assert head.intercept_ == pytest.approx(y[:10].mean())
    assert_array_equal(PrunedHead(2).fit(X[:, 1:], 0 * y).get_support(True), [0, 1])


def test_magnitudes_take_the_scale_of_columns_into_account():
    # Rescaling a column changes its coefficient, and not its magnitude.
    X, y = make(60, 10)
    head = PrunedHead(4, n_rounds=6).fit(X, y)
    scaled = PrunedHead(4, n_rounds=6).fit(X * 10.0 ** np.arange(-5, 5), y)
    assert_array_equal(scaled.support_, head.support_)


# The schedule


def test_automatic_stages():
    assert automatic_stages(2000)[:5] == [2000, 1400, 980, 686, 480]
    assert automatic_stages(7) == [7, 4, 2, 1]
    assert automatic_stages(1) == [1]
    X, y = make(20, 10)
    assert_array_equal(PrunedHead(3).fit(X, y).stages_, [10, 7, 4, 3])
    assert_array_equal(PrunedHead(4).fit(X, y).stages_, [10, 7, 4])
    assert_array_equal(PrunedHead(10).fit(X, y).stages_, [10])


def test_geometric_stages():
    assert geometric_stages(1000, 10, 2) == [1000, 100, 10]
    for p in (1, 2, 3, 10, 37):
        for n_kept in range(1, p + 1):
            for n_rounds in range(bool(p - n_kept), p - n_kept + 1):
                stages = geometric_stages(p, n_kept, n_rounds)
                assert len(stages) == n_rounds + 1
                assert (stages[0], stages[-1]) == (p, n_kept)
                assert (np.diff(stages) < 0).all()


@pytest.mark.parametrize(
    "n_kept, expected",
    [(0.5, 10), (1.0, 20), (1, 1), (0.01, 1), (0.29, 6), (np.int64(3), 3), (1e-300, 1)],
)
def test_counts_and_shares(n_kept, expected):
    X, y = make(30, 20)
    assert PrunedHead(n_kept).fit(X, y).n_kept_ == expected


# The preset


def pruned_risks(Z, y, mean, kept, **options):
    """Median squared errors to the mean at several counts, from paths of 10 splits."""
    risks = []
    for split in range(10):
        order = np.random.RandomState(split).permutation(len(Z))
        train, test = order[:100], order[100:]
        head = PrunedHead(random_state=split, **options)
        data = Z[train], y[train], Z[test]
        path = head._path(*data, "n_kept", kept, y_test=mean[test])
        risks.append(path.test_risk)
    return np.median(risks, axis=0)


@pytest.fixture(scope="module")
def preset():
    X, _, truth = make_hmm_regression(3000, noise=0, random_state=0)
    features = HMMFeatureTransformer(truth.hmm, 2000, random_state=0)
    return X, features.fit_transform(X), truth.mean


def noisy(preset, noise):
    _, Z, mean = preset
    X, y, truth = make_hmm_regression(3000, noise=noise, random_state=0)
    assert_array_equal(X, preset[0])
    assert_array_equal(truth.mean, mean)
    return Z, y, mean


KEPT = [2000, 400, 99, 60, 10]


@pytest.mark.slow
def test_pruning_the_preset_at_low_noise(preset):
    data = noisy(preset, 0.2)
    magnitude = pruned_risks(*data, KEPT)
    # 0.7 a round is near the schedule of these figures, not the same.
    assert_allclose(magnitude[[0, 1, 3, 4]], [0.085, 0.091, 0.165, 0.47], rtol=0.25)
    assert 0.168 / 2 < magnitude[2] < 0.168 * 2
    random = pruned_risks(*data, KEPT, criterion="random")
    assert_allclose(random[[0, 1, 3, 4]], [0.085, 0.135, 0.80, 0.83], rtol=0.4)
    assert 22 < random[2] < 88


@pytest.mark.slow
def test_pruning_the_preset_at_high_noise_makes_a_hump(preset):
    data = noisy(preset, 1.0)
    kept = [2000, 400, 99, 70, 60, 50, 40, 30, 10]
    magnitude = pruned_risks(*data, kept)
    assert_allclose(magnitude[[0, 1, 8]], [1.11, 1.24, 0.98], rtol=0.15)
    assert 2.53 / 2 < magnitude[2] < 2.53 * 2
    assert 2.80 / 2 < magnitude[4] < 2.80 * 2
    # The hump is left of n, and two decades below the peak of random removal.
    assert kept[np.argmax(magnitude)] <= 99
    assert magnitude[2:8].min() > 1.5 * magnitude[[0, 1, 8]].max()
    random = pruned_risks(*data, [99], criterion="random")
    assert random[0] > 50 * magnitude.max()


@pytest.mark.parametrize(
    "noise, expected", [(0.2, [0.091, 0.168, 0.165]), (1.0, [1.24, 2.53, 2.80])]
)
def test_the_schedule_of_the_verified_figures(preset, noise, expected):
    Z, y, mean = noisy(preset, noise)
    stages = [2000, 1400, 1000, 700, 400, 200, 120, 99, 80, 60]
    risks = []
    for split in range(10):
        order = np.random.RandomState(split).permutation(len(Z))
        train, test = order[:100], order[100:]
        found = surviving_columns(
            Z[train], y[train, None], np.ones(100), [400, 99, 60], stages
        )
        heads = [HeadRegressor().fit(Z[train][:, c], y[train]) for c in found]
        risks.append(
            [
                np.mean((head.predict(Z[test][:, c]) - mean[test]) ** 2)
                for head, c in zip(heads, found, strict=True)
            ]
        )
    assert_allclose(np.median(risks, axis=0), expected, rtol=0.01)


@pytest.mark.slow
def test_without_noise_there_is_no_hump(preset):
    risks = pruned_risks(*noisy(preset, 0.0), [2000, 400, 120, 99, 60, 30, 10])
    # Fewer columns are never much better than more, once they are fewer than samples.
    assert (np.diff(risks[2:]) > -0.3 * risks[2:-1]).all()
    assert risks.argmax() == 6


# Paths


CV = ShuffleSplit(3, train_size=25, random_state=0)


@pytest.mark.parametrize("q", [None, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "criterion, n_rounds",
    [*(("magnitude", rounds) for rounds in ("auto", 1, 5, 100)), ("random", "auto")],
)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(
    "alpha, risk", [(0.0, "squared_error"), (0.5, "absolute_error")]
)
def test_path_equals_refits(q, n_rounds, fit_intercept, alpha, risk, criterion):
    X, y = make(50, 40, q)
    head = PrunedHead(
        criterion=criterion,
        n_rounds=n_rounds,
        alpha=alpha,
        fit_intercept=fit_intercept,
        random_state=0,
    )
    path = both_strategies(
        make_pipeline(StandardScaler(), head),
        "prunedhead__n_kept",
        [0.5, 40, 7, 24, 25, 0.01, 13, 30],
        X,
        y,
        cv=CV,
        risk=risk,
    )
    assert (path.effective_parameters_ is None) == (criterion == "magnitude")


def test_where_there_is_no_path():
    why = PrunedHead(criterion="random")._why_no_path("n_kept", [1, 2])
    assert "random_state" in why
    for value in (0, True, 1.5, "half", -0.5):
        assert "neither" in PrunedHead()._why_no_path("n_kept", [3, value])
    assert PrunedHead()._why_no_path("n_kept", [1, 0.5, np.float32(0.5)]) is None
    X, y = make(20, 10)
    with pytest.raises(ValueError, match=r"n_kept must be in \[1, 10\]"):
        PrunedHead()._path(X, y, X, "n_kept", [5, 11])


# Conventions


def test_it_selects_features():
    X, y = make(30, 8)
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    head = PrunedHead(3).fit(frame, y)
    names = np.array(list("abcdefgh"))[head.support_]
    assert_array_equal(head.get_feature_names_out(), names)
    assert_array_equal(head.transform(frame), X[:, head.support_])
    out = clone(head).set_output(transform="pandas").fit(frame, y).transform(frame)
    assert list(out.columns) == list(names)
    back = head.inverse_transform(head.transform(frame))
    assert_array_equal(back, X * head.support_)
    selector = SelectFromModel(PrunedHead(3), threshold=1e-12).fit(X, y)
    assert_array_equal(selector.get_support(), head.support_)
    model = make_pipeline(PrunedHead(3), LinearRegression()).fit(X, y)
    assert_allclose(model.predict(X), head.predict(frame), rtol=1e-9)


@pytest.mark.parametrize("criterion", ["magnitude", "random"])
def test_counts_equal_repetition_and_zero_weights_removal(criterion):
    for p in (12, 60):
        X, y = make(25, p)
        counts = np.random.RandomState(0).randint(0, 4, 25)
        options = {"criterion": criterion, "random_state": 0, "n_rounds": 100}
        weighted = PrunedHead(5, **options).fit(X, y, counts)
        rows = np.repeat(np.arange(25), counts)
        repeated = PrunedHead(5, **options).fit(X[rows], y[rows])
        assert_array_equal(weighted.support_, repeated.support_)
        assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-8)
        wild, target = X.copy(), y.copy()
        wild[counts == 0], target[counts == 0] = 1e250, -1e150
        again = PrunedHead(5, **options).fit(wild, target, counts)
        assert_allclose(again.coef_, weighted.coef_, rtol=1e-9)


def test_random_removal_nests():
    X, y = make(30, 20)
    options = {"criterion": "random", "random_state": 0}
    few, many = (PrunedHead(k, **options).fit(X, y).support_ for k in (5, 12))
    assert (few <= many).all()
    other = PrunedHead(5, criterion="random", random_state=1).fit(X, y).support_
    assert (other != few).any()


def test_repr_and_clone():
    assert repr(PrunedHead(3, criterion="random")) == (
        "PrunedHead(criterion='random', n_kept=3)"
    )
    X, y = make(20, 6)
    assert not hasattr(clone(PrunedHead().fit(X, y)), "coef_")


@pytest.mark.parametrize(
    "grid",
    [
        {"n_kept": [1, 0.5, 20]},
        {"criterion": ["magnitude", "random"]},
        {"n_rounds": ["auto", 1, 19]},
        {"alpha": [0.0, 1.0]},
        {"fit_intercept": [True, False], "rcond": [None, 0.01]},
    ],
)
def test_grid_search(grid):
    X, y = make(60, 20)
    search = GridSearchCV(PrunedHead(random_state=0), grid, cv=3).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    "params, match",
    [
        ({"n_kept": 0}, "'n_kept'"),
        ({"n_kept": 0.0}, "'n_kept'"),
        ({"n_kept": -1}, "'n_kept'"),
        ({"n_kept": 1.5}, "'n_kept'"),
        ({"n_kept": np.nan}, "'n_kept'"),
        ({"n_kept": "all"}, "'n_kept'"),
        ({"n_kept": True}, "n_kept must be an integer .*got True"),
        ({"n_kept": 21}, r"n_kept must be in \[1, 20\].*got 21"),
        ({"criterion": "size"}, "'criterion'"),
        ({"n_rounds": 0}, "'n_rounds'"),
        ({"n_rounds": 2.0}, "'n_rounds'"),
        ({"n_rounds": True}, "n_rounds must be 'auto' or an integer.*got True"),
        ({"n_rounds": "all"}, "'n_rounds'"),
        ({"alpha": -1.0}, "'alpha'"),
        ({"alpha": np.inf}, "'alpha'"),
        ({"rcond": 1.0}, "'rcond'"),
        ({"random_state": "x"}, "'random_state'"),
    ],
)
def test_bad_parameters_are_refused(params, match):
    X, y = make(30, 20)
    with pytest.raises(ValueError, match=match):
        PrunedHead(**params).fit(X, y)


@pytest.mark.parametrize("n_rounds", ["auto", 100])
@pytest.mark.parametrize("alpha", [0.0, 1e-12, 1e12])
def test_hostile_designs(n_rounds, alpha):
    X, y = make(30, 12)
    rng = np.random.RandomState(0)
    low_rank = rng.standard_normal((30, 3)) @ rng.standard_normal((3, 12))
    for data, targets in [
        (X[:1], y[:1]),
        (X[:2], y[:2]),
        (X[:, :1], y),
        (np.zeros((30, 6)), y),
        (np.hstack([X, X, X, X]), y),
        (np.vstack([X, X]), np.hstack([y, -y])),
        (np.vstack([X[:5]] * 3), np.hstack([y[:5]] * 3)),
        (low_rank, y),
        (X, np.zeros(30)),
        (X, np.ones(30)),
        (1e150 * X, 1e90 * y),
        (1e-150 * X, 1e-90 * y),
        (X * 10.0 ** np.arange(-120, 120, 20), y),
        (np.eye(12), y[:12]),
    ]:
        n_kept = min(2, data.shape[1])
        head = PrunedHead(n_kept, n_rounds=n_rounds, alpha=alpha).fit(data, targets)
        assert np.isfinite(head.predict(data)).all()
        assert head.support_.sum() == n_kept
        assert_array_equal(head.coef_[~head.support_], 0.0)
        again = PrunedHead(n_kept, n_rounds=n_rounds, alpha=alpha).fit(data, targets)
        assert_array_equal(head.support_, again.support_)
        path = head._path(data, targets, data, "n_kept", [1, n_kept])
        assert_allclose(
            path.predictions[1, :, 0],
            head.predict(data),
            rtol=1e-7,
            atol=1e-8 * np.abs(targets).max(),
        )


def test_pruning_follows_the_scale_of_its_data():
    X, y = make(30, 50)
    head = PrunedHead(9, n_rounds=41).fit(X, y)
    scaled = PrunedHead(9, n_rounds=41).fit(2.0**400 * X, 2.0**-200 * y)
    assert_array_equal(scaled.support_, head.support_)
    assert_allclose(2.0**600 * scaled.coef_, head.coef_, rtol=1e-9)


def test_the_kernel_leaves_its_input_alone():
    X, y = make(20, 30)
    before = X.copy(), y.copy()
    survivors(X, y, [5])
    assert_array_equal(X, before[0])
    assert_array_equal(y, before[1])
