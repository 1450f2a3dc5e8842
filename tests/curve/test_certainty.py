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
from skhmmdd.curve._certainty import compare_with, weigh_evidence
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
    given = {"zone": None, "threshold": None, "overlap": 0.0, **changes}
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


def test_infinite_risks_are_far_above():
    risk = curve_of([3, 2, 1, 1.02, 1.5, 9, 2], 0.05)
    risk[5, :3] = np.inf
    risk[6] = np.inf
    mean, error = paired_differences(risk, 2)
    assert np.isposinf(mean[5:]).all() and (error[5:] == 0).all()
    assert set(find_plateau(risk)) <= {2, 3}
    found = weigh(risk, zone=(6.0, 6.0))
    assert found.advised[0].last < 6
    everywhere = np.full((7, 3), np.inf)
    assert best_of(everywhere).plateau and weigh(everywhere).doubt != "side"


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
    assert weigh(risk, zone=(6.0, 6.0)).doubt == "one split"


def test_bounds_are_those_of_a_paired_t_test():
    risk = curve_of([3, 2, 1, 1.02, 1.5, 9, 2], 0.2, n_splits=6)
    compared = compare_with(risk, 2, overlap=0.0)
    logs = np.log(risk)
    for point in (0, 1, 3, 4, 5, 6):
        test = stats.ttest_rel(logs[point], logs[2], alternative="greater")
        assert (compared.lower[point] > 0) == (test.pvalue < 0.05)
        low = test.confidence_interval(0.95).low
        assert_allclose(compared.lower[point], low, rtol=1e-10)
    # Overlapping splits widen them.
    wider = compare_with(risk, 2, overlap=0.5)
    apart = np.arange(7) != 2
    assert_allclose(
        (wider.upper - wider.mean)[apart],
        2 * (compared.upper - compared.mean)[apart],
    )


def test_sides():
    sure = weigh(curve_of([3, 2, 1.8, 9, 1.1, 1, 1.02], 0.02), zone=(4.0, 4.0))
    assert sure.doubt is None and sure.advised[0][:2] == (5.0, 7.0)
    close = weigh(curve_of([3, 2, 1.01, 9, 2, 1.02, 1], 0.05, 40), zone=(4.0, 4.0))
    assert close.doubt == "side" and close.rival[0] == 3.0
    assert [one[:2] for one in close.advised] == [(6.0, 7.0), (3.0, 3.0)]
    # Without a zone the threshold divides; and near it a low risk may be luck.
    level = [3, 2, 1.01, 1.2, 2, 1.02, 1]
    assert weigh(curve_of(level, 0.05, 40), threshold=4.0).doubt == "side"
    lucky = weigh(curve_of([3, 2, 1.5, 1, 2, 1.4, 1.3], 0.02), threshold=4.0)
    assert lucky.doubt == "threshold" and lucky.rival[0] == 7.0


def test_what_may_be_far_better_is_named():
    rng = np.random.RandomState(0)
    risk = np.array([3, 2, 1, 1.02, 1.5, 9, 2.0])[:, None] + 0.01 * rng.rand(7, 5)
    assert weigh(risk).doubt is None
    # In two of the splits the last is much better, in three somewhat worse.
    risk[6] = risk[2] * [0.2, 0.2, 1.4, 1.4, 1.4]
    doubtful = weigh(risk)
    assert doubtful.doubt == "spread" and doubtful.rival[0] == 7.0


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_samples_left_out_in_pairs_against_refits(alpha, fit_intercept):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((12, 30)), rng.standard_normal((12, 2))
    widths = np.array([2, 6, 17, 30])
    options = {"alpha": alpha, "fit_intercept": fit_intercept}
    own, others = left_out_with_another(
        X, y, widths, lambda left: (left**2).mean(axis=2), rcond=None, **options
    )

    def loss(j, without, width):
        kept = np.setdiff1d(np.arange(12), without)
        head = clone(HeadRegressor(**options)).fit(X[kept, :width], y[kept])
        return np.mean((head.predict(X[[j], :width]) - y[j]) ** 2)

    for row, width in enumerate(widths):
        for i in (0, 7):
            assert_allclose(own[row, i], loss(i, [i], width), rtol=1e-8)
            rest = [loss(j, [i, j], width) for j in range(12) if j != i]
            assert_allclose(others[row, i], np.mean(rest), rtol=1e-8)


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
