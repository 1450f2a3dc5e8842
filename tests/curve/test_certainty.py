"""The choice among the points of a curve: what comes true of it, and how sure it is."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BestPoint,
    DoubleDescentCurve,
    HeadRegressor,
    LeadingColumns,
    forecast_risk,
    width_path,
)
from skhmmdd.curve import _forecast
from skhmmdd.curve._certainty import SAFE, compare_all, weigh_evidence
from skhmmdd.curve._choice import (
    find_plateau,
    peak_and_best,
    risk_of_choice,
)
from skhmmdd.curve._landmarks import median_over_splits, paired_differences
from skhmmdd.curve.measurement._validation import share_of_copies
from skhmmdd.heads.solvers._left_out_path import left_out_with_another

WIDTHS = np.arange(1.0, 8.0)


def curve_of(level, spread, n_splits=8, seed=0):
    """Risks of a given level over splits, of which some are harder."""
    rng = np.random.RandomState(seed)
    hard = np.exp(rng.standard_normal(n_splits))
    noise = np.exp(spread * rng.standard_normal((len(level), n_splits)))
    return np.asarray(level)[:, None] * hard * noise


def best_of(risk):
    return peak_and_best(WIDTHS, risk, WIDTHS.tolist())[1]


def weigh(risk, **changes):
    given = {"divider": None, "overlap": 0.0, **changes}
    return weigh_evidence(WIDTHS, risk, best_of(risk), **given)


@pytest.mark.parametrize("n_splits", [5, 10])
def test_the_risk_of_a_choice_is_unbiased_where_the_lowest_is_not(n_splits):
    # Forty points that are truly alike: the median of their risk is 1 at each.
    lowest, corrected = [], []
    for seed in range(400):
        rng = np.random.RandomState(seed)
        risk = np.exp(0.3 * rng.standard_normal((40, n_splits)))
        lowest.append(median_over_splits(risk).min())
        corrected.append(risk_of_choice(risk, "lowest"))
    assert np.median(lowest) < 0.85
    # Each split is judged without bias; the median of few of them is off by 4 %.
    assert_allclose(np.exp(np.mean(np.log(corrected))), 1, atol=0.05)


def test_the_plateau_by_its_rule():
    risk = curve_of([3, 2, 1, 1.02, 1.5, 9, 2], 0.05)
    best = best_of(risk)
    logs = np.log(risk) - np.log(risk[best.index])
    inside = logs.mean(axis=1) <= stats.sem(logs, axis=1)
    assert_array_equal(find_plateau(risk), np.flatnonzero(inside))
    assert best.plateau == tuple(WIDTHS[inside])
    assert best.complexity in best.plateau
    # Where some are not positive, the risks themselves are compared.
    shifted = risk - 20
    mean, error = paired_differences(shifted, 2)
    assert_allclose(mean, (risk - risk[2]).mean(axis=1))
    assert_allclose(error, stats.sem(risk - risk[2], axis=1), atol=1e-15)


def test_noise_is_no_plateau():
    # Low in most splits, in some far above: the mean of the logarithms says little.
    risk = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 9.0, 9.0, 0.01], [1.1, 1.0, 0.9, 1.1]])
    mean, error = paired_differences(risk, 0)
    assert mean[1] <= error[1] and np.median(risk[1]) > 2
    assert_array_equal(find_plateau(risk), [0, 2])
    assert_array_equal(
        find_plateau(risk - 20),
        np.flatnonzero(
            paired_differences(risk - 20, 0)[0] <= paired_differences(risk - 20, 0)[1]
        ),
    )


def test_infinite_risks_are_far_above():
    risk = curve_of([3, 2, 1, 1.02, 1.5, 9, 2], 0.05)
    risk[5, :3] = np.inf
    risk[6] = np.inf
    mean, error = paired_differences(risk, 2)
    assert np.isposinf(mean[5:]).all() and (error[5:] == 0).all()
    assert set(find_plateau(risk)) <= {2, 3}
    found = weigh(risk, divider=(6.0, 6.0))
    assert found.advised[0].last < 6
    everywhere = np.full((7, 3), np.inf)
    assert best_of(everywhere).plateau and weigh(everywhere).doubt == "rival"


def test_the_best_point_is_a_curve_point_with_two_attributes_more():
    best = best_of(curve_of([3, 2, 1, 1.02, 1.5, 9, 2], 0.05))
    complexity, risk, param, index = best
    assert (complexity, param) == (WIDTHS[index], WIDTHS[index])
    twin = pickle.loads(pickle.dumps(best))
    assert isinstance(twin, BestPoint) and twin == best
    assert twin.plateau == best.plateau
    assert twin.corrected_risk == best.corrected_risk
    assert repr(best) == f"BestPoint(complexity={complexity:g}, risk={risk:.4g}, " + (
        f"param={param:g}, index={index})"
    )


@pytest.mark.parametrize(
    ("estimator", "name", "values", "end"),
    [
        (make_pipeline(LeadingColumns(), HeadRegressor()), None, range(1, 15), 0),
        # Along a penalty more of it is simpler.
        (Ridge(), "alpha", np.geomspace(1e-3, 1e3, 9), -1),
    ],
)
def test_choose_the_simplest_within_one_standard_error(estimator, name, values, end):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((60, 14))
    y = X[:, :3].sum(axis=1) + rng.standard_normal(60)
    name = name or "leadingcolumns__n_components"
    options = {"cv": KFold(10), "choose": "one_standard_error"}
    curve = DoubleDescentCurve(estimator, name, values, **options).fit(X, y)
    lowest = DoubleDescentCurve(estimator, name, values, cv=KFold(10)).fit(X, y).best_
    assert curve.best_.complexity == lowest.plateau[end]
    assert curve.best_.plateau == lowest.plateau
    assert curve.plot().best.complexity == curve.best_.complexity
    if end == 0:
        assert curve.best_.complexity >= 3


def test_one_split_tells_nothing_of_certainty():
    risk = curve_of([3, 2, 1, 1.02, 1.5, 9, 2], 0.05, n_splits=1)
    best = best_of(risk)
    assert best.corrected_risk is None and best.plateau == (best.complexity,)
    assert weigh(risk, divider=(6.0, 6.0)).doubt == "one split"


def test_bounds_are_those_of_a_paired_t_test():
    risk = curve_of([3, 2, 1, 1.02, 1.5, 9, 2], 0.2, n_splits=6)
    compared = compare_all(risk)
    logs = np.log(risk)
    for times, confidence in ((1.0, 0.95), (1.5, 0.9)):
        above = compared.above(times, confidence)
        for one, other in ((0, 2), (2, 0), (4, 6), (5, 1)):
            test = stats.ttest_rel(logs[one], logs[other], alternative="less")
            high = test.confidence_interval(confidence).high
            assert_allclose(above[one, other], high - np.log(times), rtol=1e-9)
        assert_allclose(compared.excess(times, confidence), above.max(axis=1))
    # Overlapping splits widen them.
    wider = compare_all(risk, overlap=0.5)
    assert_allclose(wider.error, 2 * compared.error, atol=1e-15)
    assert_allclose(wider.mean, compared.mean)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    # Of the difference of two means it is the usual one, exactly.
    losses = np.random.RandomState(0).standard_normal((3, 40)) + 9
    without = (losses.sum(axis=1, keepdims=True) - losses) / 39
    compared = compare_all(-without, jackknife=True)  # no logarithms
    for one in range(3):
        for other in range(3):
            expected = stats.sem(losses[one] - losses[other])
            assert_allclose(compared.error[one, other], expected, atol=1e-9)


def test_the_jackknife_knows_what_training_samples_share():
    """Of leave-one-out in blocks the error is a fraction of the true one."""
    told, blocks, came = [], [], []
    for seed in range(60):
        rng = np.random.RandomState(seed)
        X = rng.standard_normal((2050, 60)) * np.geomspace(1, 0.3, 60)
        y = X @ (rng.standard_normal(60) / 3) + rng.standard_normal(2050)
        forecast = forecast_risk(X[:50], y[:50], widths=[8, 32])
        compared = compare_all(forecast.risk_without, jackknife=True)
        told.append(compared.error[0, 1])
        blocks.append(compare_all(forecast.block_risk).error[0, 1])
        truth = width_path(X[:50], y[:50], X[50:], y[50:], widths=[8, 32]).test_risk
        came.append(np.log(forecast.risk[0] / forecast.risk[1] * truth[1] / truth[0]))
    spread = np.std(came)
    assert 0.9 * spread < np.median(told) < 2 * spread
    assert np.median(blocks) < 0.8 * spread


def test_sides():
    sure = weigh(curve_of([3, 2, 1.8, 9, 1.1, 1, 1.02], 0.02), divider=(4.0, 4.0))
    assert sure.doubt is None and sure.advised[0][:2] == (5.0, 7.0)
    assert len(sure.advised) == 1
    # Both sides are as good, and that is sure.
    level = [3, 2, 1.01, 9, 2, 1.02, 1]
    either = weigh(curve_of(level, 0.05, 40), divider=(4.0, 4.0))
    assert either.doubt is None
    assert [one[:2] for one in either.advised] == [(6.0, 7.0), (3.0, 3.0)]
    # The other side may be far better.
    risk = curve_of(level, 0.02, 5)
    risk[2] *= [0.3, 0.3, 3, 3, 1.1]
    close = weigh(risk, divider=(4.0, 4.0))
    assert close.doubt == "rival" and close.rival[0] == 3.0 and close.is_beyond
    assert [one[:2] for one in close.advised] == [(7.0, 7.0), (3.0, 3.0)]


def test_what_may_be_far_better_is_named():
    rng = np.random.RandomState(0)
    risk = np.array([3, 2, 1, 1.02, 1.5, 9, 2.0])[:, None] + 0.01 * rng.rand(7, 5)
    assert weigh(risk).doubt is None
    # In two of the splits the last is better by half, in three somewhat worse.
    risk[6] = risk[2] * [0.5, 0.5, 1.2, 1.2, 1.2]
    doubtful = weigh(risk)
    assert doubtful.doubt == "rival" and doubtful.rival[0] == 7.0
    assert not doubtful.is_beyond
    times, points = doubtful.sure
    compared = compare_all(risk)
    inside = compared.excess(times, 0.95) <= 0
    assert times > SAFE and inside[2]
    named = [
        one for point in points for one in WIDTHS if point.first <= one <= point.last
    ]
    # All but what the correction of the best leaves out.
    assert 3.0 in named and set(named) <= set(WIDTHS[inside])


def test_what_a_choice_hides_is_added():
    # Points truly alike: the lowest of them is so by chance.
    rng = np.random.RandomState(0)
    risk = np.exp(0.25 * rng.standard_normal((7, 10)))
    best = best_of(risk)
    assert best.corrected_risk > 1.05 * best.risk
    bare = type(best)(*best[:4], best.risk, best.plateau)
    given = {"divider": None, "overlap": 0.0}
    sure = weigh_evidence(WIDTHS, risk, bare, **given).advised
    honest = weigh_evidence(WIDTHS, risk, best, **given).advised
    assert honest[0].last - honest[0].first <= sure[0].last - sure[0].first


@pytest.mark.parametrize("risk", [np.zeros((7, 4)), -curve_of(np.arange(1.0, 8), 0.1)])
def test_risks_without_logarithms(risk):
    found = weigh(risk)
    assert found.sure is None
    assert found.doubt is None or found.rival is not None


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_samples_left_out_in_pairs_against_refits(alpha, fit_intercept):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((12, 30)), rng.standard_normal((12, 2))
    widths = np.array([2, 6, 17, 30])
    options = {"alpha": alpha, "fit_intercept": fit_intercept}
    pairs = dict(
        left_out_with_another(
            X, y, widths, np.ones(12), lambda left: (left**2).mean(axis=2),
            rcond=None, **options,
        )
    )  # fmt: skip

    def loss(j, without, width):
        kept = np.setdiff1d(np.arange(12), without)
        head = clone(HeadRegressor(**options)).fit(X[kept, :width], y[kept])
        return np.mean((head.predict(X[[j], :width]) - y[j]) ** 2)

    assert sorted(pairs) == [0, 1, 2, 3]
    for row, losses in pairs.items():
        for i in (0, 7):
            expected = [loss(j, [i, j], widths[row]) for j in range(12)]
            assert_allclose(losses[i], expected, rtol=1e-8)


@pytest.mark.parametrize("alpha", [0.0, 0.5])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_pairs_of_dependent_columns_and_weighted_rows(alpha, fit_intercept):
    """Where singular values take over, against heads refitted without both rows."""
    rng = np.random.RandomState(0)
    X = np.repeat(rng.standard_normal((12, 15)), 2, axis=1)
    X[:, 9] = np.arange(12) == 5  # that the head passes through
    y, counts = rng.standard_normal((12, 1)), rng.randint(1, 4, 12)
    widths = np.array([3, 8, 12, 30])
    options = {"alpha": alpha, "fit_intercept": fit_intercept}
    pairs = dict(
        left_out_with_another(
            X, y, widths, counts.astype(float), lambda left: left[:, :, 0],
            rcond=None, **options,
        )
    )  # fmt: skip
    assert sorted(pairs) == [0, 1, 2, 3]
    for row, losses in pairs.items():
        for i, j in ((0, 7), (7, 0), (5, 3), (2, 2)):
            kept = np.setdiff1d(np.arange(12), [i, j])
            head = clone(HeadRegressor(**options))
            head.fit(X[kept, : widths[row]], y[kept], sample_weight=counts[kept])
            missed = y[j] - head.predict(X[[j], : widths[row]])
            assert_allclose(losses[i, j], missed.item(), rtol=1e-7, atol=1e-9)


def test_copies_have_a_nested_risk_too():
    rng = np.random.RandomState(2)
    X = rng.standard_normal((10, 6))[np.arange(14) % 10]
    y = X[:, :2].sum(axis=1) + rng.standard_normal(14)
    with pytest.warns(UserWarning, match="distinct"):
        forecast = forecast_risk(X, y, widths=[1, 2, 3])
    assert forecast.risk_without.shape == (3, 10)
    losses = []
    for i in range(10):
        rest = np.flatnonzero(np.arange(14) % 10 != i)
        own = np.flatnonzero(np.arange(14) % 10 == i)
        with pytest.warns(UserWarning, match="distinct"):
            inner = forecast_risk(X[rest], y[rest], widths=[1, 2, 3])
        width = int(inner.widths[np.argmin(inner.risk)])
        head = clone(HeadRegressor()).fit(X[rest, :width], y[rest])
        losses.extend((head.predict(X[own, :width]) - y[own]) ** 2)
    assert_allclose(forecast.corrected_risk, np.mean(losses), rtol=1e-9)


def test_the_nested_risk_of_a_forecast_by_refits():
    rng = np.random.RandomState(2)
    X = rng.standard_normal((14, 8))
    y = X[:, :2].sum(axis=1) + rng.standard_normal(14)
    forecast = forecast_risk(X, y, widths=range(1, 7))
    assert np.isfinite(forecast.block_risk).all()
    losses = []
    for i in range(14):
        rest = np.delete(np.arange(14), i)
        inner = forecast_risk(X[rest], y[rest], widths=range(1, 7))
        width = int(inner.widths[np.argmin(inner.risk)])
        head = clone(HeadRegressor()).fit(X[rest, :width], y[rest])
        losses.append((head.predict(X[[i], :width])[0] - y[i]) ** 2)
    assert_allclose(forecast.corrected_risk, np.mean(losses), rtol=1e-9)


def test_blocks_of_a_forecast():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((40, 60))
    y = X[:, :3].sum(axis=1) + rng.standard_normal(40)
    groups = np.arange(40) // 2
    for given in (None, groups):
        forecast = forecast_risk(X, y, groups=given)
        seen = np.isfinite(forecast.block_risk).all(axis=1)
        assert forecast.block_risk.shape == (60, 10) and not seen.all()
        # Blocks of equal size: their mean is the risk.
        assert_allclose(forecast.block_risk[seen].mean(axis=1), forecast.risk[seen])
        assert forecast.best[0] in forecast.plateau
        assert set(forecast.plateau) <= set(forecast.widths[seen])
        assert forecast.corrected_risk >= 0.8 * forecast.best[1]
        simplest = forecast_risk(X, y, groups=given, choose="one_standard_error")
        assert simplest.best[0] == forecast.plateau[0]
    few = forecast_risk(X, y, groups=np.arange(40) % 3)
    assert few.block_risk.shape == (60, 3)


@pytest.mark.slow
def test_the_expected_risk_of_a_forecast_comes_true():
    told, corrected, came = [], [], []
    for seed in range(80):
        rng = np.random.RandomState(seed)
        X = rng.standard_normal((1060, 120)) * np.geomspace(1, 0.05, 120)
        y = X @ (rng.standard_normal(120) / 3) + rng.standard_normal(1060)
        forecast = forecast_risk(X[:60], y[:60])
        told.append(forecast.best[1])
        corrected.append(forecast.corrected_risk)
        width = [forecast.best[0]]
        path = width_path(X[:60], y[:60], X[60:], y[60:], widths=width)
        came.append(path.test_risk[0])
    assert np.mean(told) < 0.93 * np.mean(came)
    assert_allclose(np.mean(corrected), np.mean(came), rtol=0.08)


def test_the_figure_marks_the_plateau():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((100, 30))
    y = X[:, :5].sum(axis=1) + rng.standard_normal(100)
    model = make_pipeline(LeadingColumns(), HeadRegressor())
    curve = DoubleDescentCurve(model, "leadingcolumns__n_components", range(3, 15))
    display = curve.fit(X, y).plot()
    marked = display.plateau_markers_.get_xdata()
    assert tuple(marked) == curve.best_.plateau and len(marked) > 1
    assert display.plot(show_best=False).plateau_markers_ is None


def test_copies_in_both_sets_are_counted_and_told():
    rng = np.random.RandomState(0)
    X = np.repeat(rng.standard_normal((20, 40)), 2, axis=0)
    y = X[:, 0] + rng.standard_normal(40)
    model = make_pipeline(LeadingColumns(), HeadRegressor())
    curve = DoubleDescentCurve(
        model, "leadingcolumns__n_components", range(1, 41), train_size=30,
        random_state=0,
    )  # fmt: skip
    text = curve.fit(X, y).summary().replace("\n  ", " ")
    assert "of the test samples have a copy in their training set" in text
    assert "Too close to call: with copies in both sets" in text
    apart = curve.set_params(train_size=None, cv=GroupKFold(5))
    text = apart.fit(X, y, groups=np.arange(40) // 2).summary()
    assert "copies" not in text
    split = [(np.arange(0, 40, 2), np.arange(1, 40, 2))]
    assert share_of_copies(X, split) == 1.0
    for other in (X.astype(object), list(X), X[0], np.full((40, 2), np.nan)):
        assert share_of_copies(other, split) == 0.0


def test_of_many_widths_some_are_left_out_in_pairs(monkeypatch):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((30, 90))
    y = X[:, :4].sum(axis=1) + rng.standard_normal(30)
    every = np.arange(1, 91)
    thinned = forecast_risk(X, y, widths=every)
    monkeypatch.setattr(_forecast, "_MOST_WIDTHS", 1000)
    whole = forecast_risk(X, y, widths=every)
    assert_array_equal(
        np.isfinite(thinned.risk_without), np.isfinite(whole.risk_without)
    )
    finite = np.isfinite(whole.risk_without).all(axis=1)
    same = np.isclose(thinned.risk_without, whole.risk_without, rtol=1e-8).all(axis=1)
    assert 30 <= np.count_nonzero(same & finite) <= 40 < np.count_nonzero(finite)
    assert same[thinned.risk.argmin()]
    # In between: the mean is that of the width itself, the deviations of a neighbour.
    ours, theirs = thinned.risk_without[finite], whole.risk_without[finite]
    gaps = ours.mean(axis=1) / theirs.mean(axis=1) - 1
    assert np.abs(gaps).max() < 0.1
    assert thinned.corrected_risk == pytest.approx(whole.corrected_risk, rel=0.1)
