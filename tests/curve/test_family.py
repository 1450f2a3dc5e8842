"""Families of curves: each is the curve by itself, and all stand in one figure."""

import numpy as np
import pandas as pd
import pytest
from internal_checks import common_checks
from matplotlib import pyplot as plt
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    CategoricalHMM,
    DoubleDescentCurve,
    DoubleDescentDisplay,
    DoubleDescentFamily,
    GradientDescentHead,
    HeadClassifier,
    HeadRegressor,
    HMMFeatureTransformer,
    LeadingColumns,
    make_hmm_regression,
)
from skhmmdd._plotting import COLOURS

RNG = np.random.RandomState(0)
X = RNG.randn(150, 60)
Y = X[:, :6].sum(axis=1) + 0.7 * RNG.randn(150)
WIDTHS = [1, 5, 10, 18, 19, 20, 30, 60]
NAME = "leadingcolumns__n_components"
PENALTY = "headregressor__alpha"


def make_curve(**options):
    options = {"cv": 5, "train_size": 20, "random_state": 0, **options}
    model = make_pipeline(LeadingColumns(), HeadRegressor())
    return DoubleDescentCurve(model, NAME, WIDTHS, **options)


@pytest.fixture(scope="module")
def family():
    return DoubleDescentFamily(make_curve(), PENALTY, [0.0, 0.1, 1.0]).fit(X, Y)


@common_checks(
    [
        DoubleDescentFamily(
            DoubleDescentCurve(Ridge(), "alpha", [0.1, 1.0, 10.0]),
            "fit_intercept",
            [True, False],
        ),
        DoubleDescentFamily(
            DoubleDescentCurve(LogisticRegression(), "C", [0.1, 1.0], cv=2),
            "fit_intercept",
            [True, False],
        ),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# Each curve is what it would be by itself


def by_hand(curve, **params):
    alone = clone(curve)
    return alone.set_params(estimator=alone.estimator.set_params(**params))


def assert_same(one, other):
    for key, risk in other.test_risks_.items():
        np.testing.assert_array_equal(one.test_risks_[key], risk)
        np.testing.assert_array_equal(one.train_risks_[key], other.train_risks_[key])
    assert one.interpolation_threshold_ == other.interpolation_threshold_
    assert one.best_ == other.best_ and one.peak_ == other.peak_
    assert one.strategy_ == other.strategy_
    assert one.n_train_ == other.n_train_


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strategy": "refit"},
        {"train_size": None, "cv": KFold(3, shuffle=True, random_state=1)},
        {"train_size": None, "cv": None, "risk": ["absolute_error", "r2"]},
        {"diagnostics": True},
    ],
)
def test_members_are_curves_by_themselves(options):
    curve = make_curve(**options)
    found = DoubleDescentFamily(curve, PENALTY, np.array([0.0, 0.5])).fit(X, Y)
    assert found.param_range_ == [0.0, 0.5]
    for alpha, member in zip([0.0, 0.5], found.curves_, strict=True):
        alone = by_hand(curve, **{PENALTY: alpha}).fit(X, Y)
        assert_same(member, alone)
        assert member.estimator.get_params()[PENALTY] == alpha
        assert member.get_params()["cv"] is member.cv
        if curve.diagnostics:
            np.testing.assert_array_equal(member.coef_norm_, alone.coef_norm_)
            np.testing.assert_array_equal(member.variance_, alone.variance_)
    assert not hasattr(curve, "test_risk_"), "the curve given is never fitted"


def test_a_classifier_and_fit_params():
    labels = np.where(Y > 0, "yes", "no")
    curve = make_curve().set_params(
        estimator=make_pipeline(LeadingColumns(), HeadClassifier())
    )
    weights = {"headclassifier__sample_weight": np.arange(150.0)}
    found = DoubleDescentFamily(curve, "headclassifier__fit_intercept", [True, False])
    for intercept, member in zip(
        (True, False), found.fit(X, labels, **weights).curves_, strict=True
    ):
        alone = by_hand(curve, headclassifier__fit_intercept=intercept)
        assert_same(member, alone.fit(X, labels, **weights))


def test_groups_reach_the_splitter():
    groups = np.arange(150) % 5
    curve = make_curve(train_size=None, cv=GroupKFold(5))
    found = DoubleDescentFamily(curve, PENALTY, [0.0]).fit(X, Y, groups)
    assert_same(found.curves_[0], clone(curve).fit(X, Y, groups=groups))


@pytest.mark.parametrize(
    "options",
    [
        {"random_state": None},
        {"random_state": np.random.RandomState(3)},
        {"train_size": None, "cv": KFold(3, shuffle=True)},
        {"train_size": None, "cv": ShuffleSplit(4, train_size=20)},
    ],
)
def test_splits_without_a_seed_are_shared(options):
    # A parameter that changes nothing far from the threshold: equal splits give equal
    # risks.
    curve = make_curve(**options)
    found = DoubleDescentFamily(curve, "headregressor__rcond", [None, 1e-300])
    found.fit(X, Y)
    first, second = found.curves_
    np.testing.assert_array_equal(first.test_risk_[:3], second.test_risk_[:3])
    assert len(np.unique(first.test_risk_)) == first.test_risk_.size


def test_a_family_of_steps_and_objects():
    rows, y, truth = make_hmm_regression(200, random_state=0)
    other = CategoricalHMM(
        [0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], np.full((2, truth.hmm.n_symbols), 1.0)
        / truth.hmm.n_symbols,
    )  # fmt: skip
    model = make_pipeline(HMMFeatureTransformer(random_state=0), HeadRegressor())
    curve = DoubleDescentCurve(
        model, "hmmfeaturetransformer__n_components", [3, 30], train_size=50, cv=3,
        random_state=0,
    )  # fmt: skip
    found = DoubleDescentFamily(
        curve,
        "hmmfeaturetransformer__hmm",
        [truth.hmm, other],
        label=lambda hmm: f"{hmm.n_states} states",
    ).fit(rows, y)
    for hmm, member in zip((truth.hmm, other), found.curves_, strict=True):
        assert_same(member, by_hand(curve, hmmfeaturetransformer__hmm=hmm).fit(rows, y))
    assert "\n2 states: " in found.summary()
    assert found.results_["param_hmmfeaturetransformer__hmm"].dtype == object


def test_gradient_steps_and_their_limit():
    curve = make_curve().set_params(
        estimator=make_pipeline(LeadingColumns(), GradientDescentHead()),
        param_range=[5, 19, 60],
    )
    name, values = "gradientdescenthead__n_steps", [10, 100_000, np.inf]
    names = ["10", "100,000", "∞"]
    found = DoubleDescentFamily(curve, name, values).fit(X, Y)
    lines = found.summary().split("\n")[-len(values) :]
    assert [line.split(":")[0] for line in lines] == [
        f"{number} gradient steps" for number in names
    ]
    # The limit is minimum norm.
    limit = make_curve().set_params(param_range=[5, 19, 60]).fit(X, Y)
    np.testing.assert_allclose(found.curves_[-1].test_risk_, limit.test_risk_)
    found.plot()[0].figure_.canvas.draw()


class Counting(TransformerMixin, BaseEstimator):
    """A frozen step that counts how often it is applied."""

    n_transforms = 0
    __skhmmdd_frozen__ = True

    def __init__(self, scale=1.0):
        self.scale = scale

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        type(self).n_transforms += 1
        return self.scale * X


@pytest.mark.parametrize("strategy", ["path", "refit"])
@pytest.mark.parametrize(
    ("name", "times"), [(PENALTY, 1), ("counting__scale", 3), ("steps", 3)]
)
@pytest.mark.slow
def test_frozen_steps_are_applied_once(strategy, name, times):
    model = make_pipeline(Counting(), LeadingColumns(), HeadRegressor())
    curve = make_curve(strategy=strategy).set_params(estimator=model)
    values = [1.0, 2.0, 3.0]
    if name == "steps":
        values = [
            make_pipeline(Counting(scale), LeadingColumns(), HeadRegressor()).steps
            for scale in values
        ]
    Counting.n_transforms = 0
    found = DoubleDescentFamily(curve, name, values).fit(X, Y)
    assert Counting.n_transforms == times
    for value, member in zip(values, found.curves_, strict=True):
        assert_same(member, by_hand(curve, **{name: value}).fit(X, Y))


# Results, words, figure


def test_results(family):
    frame = pd.DataFrame(family.results_)
    assert list(frame.columns[:3]) == [
        f"param_{PENALTY}",
        f"param_{NAME}",
        "complexity",
    ]
    assert len(frame) == 3 * len(WIDTHS)
    for alpha, curve in zip(family.param_range_, family.curves_, strict=True):
        part = frame[frame[f"param_{PENALTY}"] == alpha].iloc[:, 1:]
        alone = pd.DataFrame(curve.results_)
        pd.testing.assert_frame_equal(part.reset_index(drop=True), alone)


def test_results_that_not_all_curves_have():
    curve = DoubleDescentCurve(
        make_pipeline(LeadingColumns(), Ridge()), NAME, [1, 9], train_size=50,
        diagnostics=True, random_state=0,
    )  # fmt: skip
    found = DoubleDescentFamily(curve, "ridge", [Ridge(), HeadRegressor()]).fit(X, Y)
    name = "effective_parameters_test_median"
    assert name in found.curves_[1].results_ and name not in found.results_
    assert found.results_["bias"].shape == (4,)


def test_summary(family):
    title, *lines = family.summary().replace("\n  ", " ").split("\n")
    assert title == (
        "Squared error against number of features from 1 to 60 (8 values): median of 5 "
        "splits, 20 training samples. 3 curves:"
    )
    for curve, line, alpha in zip(
        family.curves_, lines, ("0", "0.1", "1"), strict=True
    ):
        name, found = line.split(": ")
        assert name == f"ridge penalty {alpha}"
        assert f"lowest {curve.best_.risk:.3g} at {curve.best_.complexity:g}" in found
        has_threshold = curve.interpolation_threshold_ is not None
        assert ("no threshold" in found) is not has_threshold
    assert "threshold 19" in lines[0]


def test_figure(family):
    displays = family.plot()
    (ax,) = {display.ax_ for display in displays}
    assert all(type(display) is DoubleDescentDisplay for display in displays)
    lines = [display.lines_ for display in displays]
    assert [len(drawn) for drawn in lines] == [1, 1, 1], "no training risk"
    assert not any(display.fill_betweens_ for display in displays)
    assert not any(display.best_marker_ for display in displays)
    assert any(curve.danger_zone_ for curve in family.curves_)
    assert not any(display.danger_zone_span_ for display in displays)
    for curve, (line,) in zip(family.curves_, lines, strict=True):
        np.testing.assert_array_equal(
            line.get_ydata(), np.median(curve.test_risk_, axis=1)
        )
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [
        "ridge penalty 0",
        "ridge penalty 0.1",
        "ridge penalty 1",
        "interpolation threshold (19)",
    ]
    assert [display.threshold_line_ is None for display in displays] == [
        False,
        True,
        True,
    ]
    assert ax.get_xlabel() == "number of features"
    low, high = ax.get_ylim()
    medians = [line.get_ydata() for (line,) in lines]
    assert low < np.min(medians) and np.max(medians) < high
    # From dark to light.
    light = [
        np.dot(line.get_color()[:3], [0.2126, 0.7152, 0.0722]) for (line,) in lines
    ]
    assert light == sorted(light) and len(set(light)) == 3
    ax.figure.canvas.draw()


def test_colours_follow_the_values_and_not_their_order():
    def colours(values, **options):
        found = DoubleDescentFamily(make_curve(), PENALTY, values).fit(X, Y)
        return [tuple(one.lines_[0].get_color()) for one in found.plot(**options)]

    first = colours([0.0, 1.0, 10.0])
    assert colours([10.0, 0.0, 1.0]) == [first[2], first[0], first[1]]
    assert colours([0.0, 1.0], cmap="plasma")[0] != first[0]
    assert colours([0.0, "loo"]) == [tuple(colour) for colour in COLOURS[:2]]
    assert set(colours([0.0, 1.0], line_kw={"color": "black"})) == {tuple("black")}


def test_many_values_that_are_no_numbers():
    models = [Ridge(alpha) for alpha in range(1, 11)]
    curve = DoubleDescentCurve(
        make_pipeline(LeadingColumns(), Ridge()), NAME, [1, 9], train_size=20, cv=2,
        random_state=0,
    )  # fmt: skip
    displays = DoubleDescentFamily(curve, "ridge", models).fit(X, Y).plot()
    assert len({tuple(display.lines_[0].get_color()) for display in displays}) == 10


def test_options_of_the_figure(family):
    _, ax = plt.subplots()
    at = np.array([1.0, 60.0])
    displays = family.plot(
        ax,
        show_train=True,
        show_band=True,
        show_best=True,
        x="ratio",
        theory={"limit": (at, at)},
        xlabel="p/n",
    )
    assert {display.ax_ for display in displays} == {ax}
    assert ax.get_xlabel() == "p/n"
    assert [len(display.fill_betweens_) for display in displays] == [2, 2, 2]
    assert [len(display.theory_lines_) for display in displays] == [0, 0, 1]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "ridge penalty 0: training risk" in labels and "limit" in labels
    assert labels[-1] == "interpolation threshold (0.95)"
    two = DoubleDescentFamily(make_curve(), PENALTY, [0.0, 1.0]).fit(X, Y)
    assert all(display.fill_betweens_ for display in two.plot())
    assert not any(one.threshold_line_ for one in two.plot(show_threshold=False))
    assert two.plot(ylim=(0.01, 5.0))[0].ax_.get_ylim() == (0.01, 5.0)
    with pytest.raises(ValueError, match="set label, not name"):
        two.plot(name="a")


def test_infinite_risk_leaves_the_axes_for_every_curve(family):
    family = clone(family).set_params(param_range=[0.0, 1.0]).fit(X, Y)
    low, high = family.curves_
    low.test_risk_[4] = np.inf
    high.test_risk_ *= 1e6
    displays = family.plot()
    assert displays[0].lines_[0].get_ydata()[4] > displays[0].ax_.get_ylim()[1]


def test_thresholds_that_differ():
    curve = make_curve(strategy="refit")
    found = DoubleDescentFamily(curve, "headregressor__fit_intercept", [True, False])
    displays = found.fit(X, Y).plot()
    assert displays[0].threshold_line_.get_label() == (
        "lowest interpolation threshold (19)"
    )
    assert found.curves_[1].interpolation_threshold_ == 20


@pytest.mark.parametrize(
    ("label", "names"),
    [
        (None, ["ridge penalty 0", "ridge penalty 1"]),
        ("lambda", ["lambda 0", "lambda 1"]),
        (lambda alpha: f"α={alpha:g}", ["α=0", "α=1"]),
    ],
)
def test_labels(label, names):
    found = DoubleDescentFamily(make_curve(), PENALTY, [0.0, 1.0], label=label)
    lines = found.fit(X, Y).summary().split("\n")[-2:]
    assert [line.split(":")[0] for line in lines] == names
    legend = found.plot()[0].ax_.get_legend().get_texts()
    assert [text.get_text() for text in legend][:2] == names


def test_html(family):
    html = family._repr_html_()
    assert "data:image/png" in html and "ridge penalty 0.1: " in html
    assert "data:image/png" not in clone(family)._repr_html_()


# Parameters


def test_clone_and_parameters(family):
    twin = clone(family)
    assert not hasattr(twin, "curves_") and twin.curve is not family.curve
    twin.set_params(curve__estimator__headregressor__alpha=3.0, curve__cv=2)
    assert twin.curve.estimator[-1].alpha == 3.0
    assert family.curve.cv == 5
    with pytest.raises(NotFittedError):
        twin.plot()
    with pytest.raises(NotFittedError):
        twin.summary()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"param_range": []}, "param_range must hold at least one value, got none"),
        ({"param_range": np.array(1.0)}, "param_range"),
        ({"param_range": [1.0, 0.1, 1]}, "distinct, but 1 occurs more than once"),
        ({"param_name": "ridge"}, "param_name='ridge' is not a parameter of Pipeline"),
        ({"param_name": NAME}, "is the parameter of the curve itself"),
        ({"param_name": 3}, "The 'param_name' parameter"),
        ({"curve": Ridge()}, "The 'curve' parameter of DoubleDescentFamily must be"),
        ({"label": 3}, "The 'label' parameter"),
        ({"curve": make_curve(train_size=0.0)}, "The 'train_size' parameter"),
        ({"curve": make_curve(quantiles=(0.9, 0.1))}, "quantiles must be"),
        ({"param_range": [-1.0]}, "alpha"),
    ],
)
def test_bad_input(changes, message):
    family = DoubleDescentFamily(make_curve(), PENALTY, [0.0, 1.0])
    with pytest.raises(ValueError, match=message):
        family.set_params(**changes).fit(X, Y)


def test_a_fitted_curve_is_refused():
    curve = make_curve().fit(X, Y)
    with pytest.raises(ValueError, match=r"unfitted .* sklearn.base.clone\(curve\)"):
        DoubleDescentFamily(curve, PENALTY, [0.0]).fit(X, Y)
