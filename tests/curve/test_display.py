"""DoubleDescentDisplay: data, artists, and axes that show what matters."""

import inspect
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from sklearn.datasets import make_regression
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Lasso, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline

from skhmmdd._plotting import COLOURS
from skhmmdd.curve import CurvePoint, DoubleDescentCurve, DoubleDescentDisplay
from skhmmdd.curve._choice import BestPoint
from skhmmdd.curve.display._axes import horizontal_scale, risk_limits
from skhmmdd.curve.display._words import axis_words, value_in_words
from skhmmdd.features import LeadingColumns
from skhmmdd.heads import HeadClassifier, HeadRegressor
from skhmmdd.theory import RiskResult

X, Y = make_regression(60, 5, noise=5.0, random_state=0)
CV = ShuffleSplit(5, train_size=30, random_state=0)


@pytest.fixture(scope="module")
def curve():
    return DoubleDescentCurve(
        Ridge(), "alpha", [0.1, 1.0, 10.0], cv=CV, risk=["squared_error", "r2"]
    ).fit(X, Y)


@pytest.fixture
def double_descent():
    """A curve that interpolates at 10, where some test risks are infinite."""
    complexity = np.array([1.0, 5.0, 10.0, 20.0, 100.0])
    spread = np.array([0.9, 1.0, 1.1])
    test = np.outer([1.0, 0.5, 50.0, 2.0, 0.4], spread)
    test[2, 2] = np.inf
    train = np.outer([0.9, 0.3, 1e-28, 1e-30, 0.0], spread)
    return DoubleDescentDisplay(
        complexity,
        train,
        test,
        interpolation_threshold=10.0,
        best=CurvePoint(100.0, 0.4, 100, 4),
        param_name="width",
        risk_name="squared_error",
        n_train=10,
    )


def test_holds_the_data_of_the_curve(curve):
    display = DoubleDescentDisplay.from_curve(curve)
    np.testing.assert_array_equal(display.complexity, [0.1, 1.0, 10.0])
    np.testing.assert_array_equal(display.train_risk, curve.train_risk_)
    np.testing.assert_array_equal(display.test_risk, curve.test_risk_)
    assert display.best == curve.best_ and display.peak == curve.peak_
    assert display.interpolation_threshold == curve.interpolation_threshold_
    assert (display.param_name, display.risk_name) == ("ridge penalty", "squared_error")
    assert (display.n_train, display.quantiles) == (30, (0.25, 0.75))
    assert not hasattr(display, "ax_")


def test_another_risk_of_the_curve(curve):
    display = curve.plot(risk="r2")
    np.testing.assert_array_equal(display.test_risk, curve.test_risks_["r2"])
    assert display.best.risk == np.median(display.test_risk, axis=1).min()
    assert display.ax_.get_ylabel() == "1 − r2"
    assert display.ax_.get_yscale() == "log"


def test_from_estimator_is_the_plot_of_the_curve(curve):
    _, ax = plt.subplots()
    display = DoubleDescentDisplay.from_estimator(
        Ridge(),
        X,
        Y,
        param_name="alpha",
        param_range=[0.1, 1.0, 10.0],
        cv=CV,
        fit_params={"sample_weight": np.ones(60)},
        ax=ax,
        name="ridge",
        show_best=False,
    )
    assert display.ax_ is ax and display.figure_ is ax.figure
    np.testing.assert_allclose(display.test_risk, curve.test_risk_)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["ridge: test risk", "ridge: training risk"]


@pytest.mark.parametrize(
    "complexity, label",
    [
        (None, "ridge penalty"),
        ("real", "real of ridge penalty"),
        (lambda alpha: alpha, "complexity of ridge penalty"),
    ],
)
def test_axis_label_names_the_complexity(complexity, label):
    curve = DoubleDescentCurve(Ridge(), "alpha", [0.1, 1.0], complexity=complexity)
    assert curve.fit(X, Y).plot().ax_.get_xlabel() == label
    assert curve.plot(xlabel="mine").ax_.get_xlabel() == "mine"


@pytest.mark.parametrize(
    "estimator, name, label",
    [
        (None, "features__n_components", "number of features"),
        (make_pipeline(PCA(), Ridge()), "pca__n_components", "number of features"),
        (GaussianMixture(), "n_components", "n components"),
        (None, "head__n_steps", "gradient steps"),
        (None, "head__alpha", "ridge penalty"),
        (make_pipeline(PCA(), Ridge()), "ridge__alpha", "ridge penalty"),
        (HeadRegressor(), "alpha", "ridge penalty"),
        (make_pipeline(PCA(), Lasso()), "lasso__alpha", "alpha"),
        (None, "temperature", "temperature"),
        (None, "head__rank", "rank"),
        (None, "head__n_kept", "kept weights"),
        (None, "tree__max_leaf_nodes", "max leaf nodes"),
        (make_pipeline(PCA(), Ridge()), "pca", "pca"),
    ],
)
def test_parameters_in_words(estimator, name, label):
    assert axis_words(name, estimator).label == label


@pytest.mark.parametrize(
    "name, value, text",
    [
        ("n_components", 400, "400 features"),
        ("n_steps", np.int64(1), "1 gradient step"),
        ("n_steps", np.inf, "∞ gradient steps"),
        ("n_kept", 0.5, "kept weights 0.5"),
        ("alpha", 1e-6, "ridge penalty 1e-06"),
        ("alpha", "loo", "ridge penalty loo"),
        ("fit_intercept", True, "fit intercept True"),
        ("hmm", object, "hmm <class 'object'>"),
        ("hmm", list(range(99)), f"hmm {str(list(range(99)))[:30]}…"),
    ],
)
def test_values_in_words(name, value, text):
    assert value_in_words(axis_words(name), value) == text


def test_artists(double_descent):
    display = double_descent.plot()
    ax = display.ax_
    assert ax.get_xscale() == ax.get_yscale() == "log"
    test_line, train_line = display.lines_
    assert (test_line.get_linestyle(), train_line.get_linestyle()) == ("-", "--")
    np.testing.assert_array_equal(test_line.get_xdata(), display.complexity)
    np.testing.assert_allclose(test_line.get_ydata(), [1.0, 0.5, 50.0, 2.0, 0.4])
    np.testing.assert_allclose(train_line.get_ydata(), [0.9, 0.3, 1e-28, 1e-30, 0.0])
    assert len(display.fill_betweens_) == 2
    np.testing.assert_array_equal(display.threshold_line_.get_xdata(), [10, 10])
    assert display.threshold_line_.get_label() == "interpolation threshold (10)"
    np.testing.assert_array_equal(display.best_marker_.get_ydata(), [0.4])
    assert ax.get_xlabel() == "width" and ax.get_ylabel() == "squared error"
    assert ax.get_title() == "Median of 3 splits, 10 training samples"
    assert len(ax.get_legend().get_texts()) == 4
    display.figure_.canvas.draw()


def test_limits_show_what_matters(double_descent):
    low, high = double_descent.plot().ax_.get_ylim()
    # Training risk down to 0.3 and test risk up to 50 are seen; 1e-28 and infinity
    # are not.
    assert 0.1 < low < 0.3
    assert 50 < high < 500


def test_infinite_medians_run_off_the_top(double_descent):
    double_descent.test_risk[2] = np.inf
    display = double_descent.plot()
    high = display.ax_.get_ylim()[1]
    assert high < 10
    drawn = display.lines_[0].get_ydata()
    assert np.isfinite(drawn).all() and drawn[2] > 100 * high


def test_nothing_finite_to_show(double_descent):
    double_descent.test_risk[:] = np.inf
    double_descent.best = CurvePoint(1.0, np.inf, 1, 0)
    display = double_descent.plot()
    assert display.best_marker_ is None
    assert risk_limits([np.array([np.inf])], None, log=True) is None


def test_limits_of_a_linear_axis():
    low, high = risk_limits([np.array([-1.0, 1.0])], None, log=False)
    assert low < -1 and high > 1
    low, high = risk_limits([np.array([0.0])], None, log=False)
    assert low < 0 < high


def test_everything_can_be_left_out(double_descent):
    display = double_descent.plot(
        show_train=False,
        show_band=False,
        show_threshold=False,
        show_best=False,
        log_x=False,
        log_y=False,
    )
    assert len(display.lines_) == len(display.ax_.get_lines()) == 1
    assert display.fill_betweens_ == []
    assert display.threshold_line_ is display.best_marker_ is None
    assert display.ax_.get_xscale() == display.ax_.get_yscale() == "linear"


def _edges(display):
    """Where the shaded danger zone begins and ends, on the horizontal axis."""
    display.figure_.canvas.draw()
    corners = display.danger_zone_span_.get_extents()
    return display.ax_.transData.inverted().transform(corners)[:, 0]


def test_danger_zone(diagnosed):
    assert diagnosed.danger_zone_ is not None
    for x, unit in (("complexity", 1), ("ratio", diagnosed.n_train_)):
        display = diagnosed.plot(x=x)
        np.testing.assert_allclose(
            _edges(display), np.divide(diagnosed.danger_zone_, unit)
        )
        labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        assert labels.count("danger zone") == 1
    for options in ({"show_danger_zone": False}, {"x": "coef_norm"}):
        display = diagnosed.plot(**options)
        assert display.danger_zone_span_ is None and not display.ax_.patches


def test_danger_zone_of_the_risk_that_is_drawn():
    """The zone of every risk, by its definition: more than twice the lowest."""
    rng = np.random.RandomState(0)
    X = rng.randn(120, 60)
    curve = DoubleDescentCurve(
        make_pipeline(LeadingColumns(), HeadRegressor()),
        "leadingcolumns__n_components",
        range(1, 61),
        train_size=30,
        cv=5,
        random_state=0,
        risk=["absolute_error", "squared_error"],
    ).fit(X, X[:, :3].sum(axis=1) + rng.randn(120))
    zones = {}
    for risk in curve.test_risks_:
        zones[risk] = DoubleDescentDisplay.from_curve(curve, risk).danger_zone
        median = np.median(curve.test_risks_[risk], axis=1)
        inside = (curve.complexity_ >= zones[risk][0]) & (
            curve.complexity_ <= zones[risk][1]
        )
        assert np.all(median[inside] > 2 * median.min())
        first, last = np.flatnonzero(inside)[[0, -1]]
        assert median[first - 1] <= 2 * median.min()
        assert last == 59 or median[last + 1] <= 2 * median.min()
    assert zones["absolute_error"] == curve.danger_zone_ != zones["squared_error"]


def test_danger_zones_of_several_displays(diagnosed):
    """By default of the first alone: zones on one another cannot be told apart."""
    ax = diagnosed.plot(name="a").ax_
    second = diagnosed.plot(ax, name="b")
    assert second.danger_zone_span_ is None and len(ax.patches) == 1
    third = diagnosed.plot(ax, name="c", show_danger_zone=True)
    assert third.danger_zone_span_.get_label() == "c: danger zone"


def test_a_danger_zone_of_one_point_is_seen(double_descent):
    assert double_descent.plot().danger_zone_span_ is None
    double_descent.danger_zone = (10.0, 10.0)
    assert double_descent.plot().danger_zone_span_.get_linewidth() > 0


def test_two_displays_on_one_axes(double_descent):
    lower = DoubleDescentDisplay(
        np.array([1.0, 10.0]), np.ones((2, 3)), np.full((2, 3), 0.01)
    )
    ax = double_descent.plot(name="a").ax_
    lower.plot(ax, name="b")
    assert lower.ax_ is ax
    first, second = double_descent.lines_[0], lower.lines_[0]
    assert [first.get_color(), second.get_color()] == list(COLOURS[:2])
    low, high = ax.get_ylim()
    assert low < 0.01 and high > 50


def test_styles(double_descent):
    display = double_descent.plot(
        line_kw={"color": "black", "linewidth": 3.0}, fill_kw={"alpha": 0.5}
    )
    for line in display.lines_:
        assert (line.get_color(), line.get_linewidth()) == ("black", 3.0)
    assert display.threshold_line_.get_color() == "black"
    assert display.fill_betweens_[0].get_alpha() == 0.5


def test_one_point():
    curve = DoubleDescentCurve(Ridge(), "alpha", [1.0], cv=CV, train_size=None)
    display = curve.fit(X, Y).plot()
    assert display.lines_[0].get_marker() == "o"
    assert display.ax_.get_xscale() == "linear"


def test_frame(curve):
    frame = curve.plot().frame()
    assert list(frame.columns) == ["complexity", "split", "set", "risk"]
    assert len(frame) == 2 * 3 * 5
    medians = frame.groupby(["set", "complexity"])["risk"].median()
    np.testing.assert_allclose(
        medians["test"], curve.results_["test_squared_error_median"]
    )
    row = frame.query("set == 'train' and complexity == 1.0 and split == 2")
    assert row["risk"].item() == curve.train_risk_[1, 2]
    assert isinstance(frame, pd.DataFrame)


@pytest.mark.parametrize(("last", "is_seen"), [(2.0, False), (60.0, True)])
def test_a_plateau_under_the_marker_is_not_in_the_legend(last, is_seen):
    complexity = np.array([1.0, last, 100.0])
    best = BestPoint(1.0, 0.5, 1.0, 0, None, (1.0, last))
    display = DoubleDescentDisplay(
        complexity, None, np.array([[0.5], [0.5], [1.0]]), best=best
    ).plot(log_x=False)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert ("within one standard error of the lowest" in labels) == is_seen
    assert (display.plateau_markers_ is not None) == is_seen
    # The data are there all the same.
    assert display.best.plateau == (1.0, last)


def test_missing_packages_are_named(curve, monkeypatch):
    display = DoubleDescentDisplay.from_curve(curve)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install skhmmdd\[plot\]"):
        display.plot()
    with pytest.raises(ImportError, match=r"frame needs pandas"):
        display.frame()


def test_errors(curve):
    with pytest.raises(ValueError, match="risk='loss' must be a risk of the curve"):
        DoubleDescentDisplay.from_curve(curve, risk="loss")
    with pytest.raises(NotFittedError):
        DoubleDescentDisplay.from_curve(DoubleDescentCurve(Ridge(), "alpha", [1.0]))


# The other axes, the decomposition, theory


@pytest.fixture(scope="module")
def diagnosed():
    pipe = make_pipeline(LeadingColumns(), HeadRegressor())
    rng = np.random.RandomState(0)
    X = rng.randn(120, 80)
    y = X[:, 0] + 0.5 * rng.randn(120)
    return DoubleDescentCurve(
        pipe,
        "leadingcolumns__n_components",
        [1, 2, 5, 10, 15, 18, 19, 20, 22, 30, 50, 80],
        train_size=20,
        risk={"mse": "squared_error", "mae": "absolute_error"},
        random_state=0,
        diagnostics=True,
    ).fit(X, y)


def test_ratio_axis(diagnosed):
    display = diagnosed.plot(x="ratio")
    ratio = diagnosed.complexity_ / 20
    np.testing.assert_allclose(display.lines_[0].get_xdata(), ratio)
    np.testing.assert_allclose(display.lines_[1].get_xdata(), ratio)
    np.testing.assert_allclose(display.threshold_line_.get_xdata(), [19 / 20] * 2)
    assert display.threshold_line_.get_label() == "interpolation threshold (0.95)"
    place = diagnosed.best_.complexity / 20
    assert display.best_marker_.get_xdata() == [place]
    assert display.best_marker_.get_label().endswith(f" at {place:g})")
    label = display.ax_.get_xlabel()
    assert label == "number of features / training size"


@pytest.mark.parametrize("x", ["effective_parameters", "coef_norm"])
def test_axes_that_fold_back(diagnosed, x):
    display = diagnosed.plot(x=x)
    at = diagnosed.results_[
        "coef_norm_median" if x == "coef_norm" else "effective_parameters_test_median"
    ]
    assert np.argmax(at) not in (0, len(at) - 1)
    for line in display.lines_:
        np.testing.assert_array_equal(line.get_xdata(), at)
    # The threshold and the best are points of the curve.
    median = np.median(diagnosed.test_risk_, axis=1)
    threshold = list(diagnosed.param_range_).index(19)
    marker = display.threshold_line_
    assert marker.get_xydata().tolist() == [[at[threshold], median[threshold]]]
    best = diagnosed.best_.index
    assert display.best_marker_.get_xydata().tolist() == [[at[best], median[best]]]
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts == ["", "", "", "1", "80"]
    # One sheet of the band on each side of the fold, at least
    assert len(display.fill_betweens_[0].get_paths()) >= 2
    display.figure_.canvas.draw()


def test_axes_of_data_that_were_not_collected(curve, double_descent):
    with pytest.raises(ValueError, match="x='width' must be one of"):
        curve.plot(x="width")
    for x in ("effective_parameters", "coef_norm"):
        with pytest.raises(ValueError, match=f"x='{x}' was .* diagnostics=True"):
            curve.plot(x=x)
    with pytest.raises(ValueError, match="diagnostics=True"):
        curve.plot(show_decomposition=True)
    double_descent.n_train = None
    with pytest.raises(ValueError, match="n_train"):
        double_descent.plot(x="ratio")
    assert not plt.get_fignums(), "no figure is left behind"


@pytest.mark.parametrize("x", ["complexity", "effective_parameters"])
def test_decomposition(diagnosed, x):
    display = diagnosed.plot(show_decomposition=True, x=x)
    bias, variance = display.decomposition_lines_
    np.testing.assert_array_equal(bias.get_ydata(), diagnosed.bias_)
    np.testing.assert_array_equal(variance.get_ydata(), diagnosed.variance_)
    np.testing.assert_array_equal(bias.get_xdata(), display.lines_[0].get_xdata())
    assert bias.get_label() == "squared bias + noise (mean)"
    assert len({line.get_color() for line in (*display.lines_, bias, variance)}) == 3
    assert diagnosed.plot().decomposition_lines_ == []


def test_decomposition_is_of_the_squared_error_only(diagnosed):
    assert DoubleDescentDisplay.from_curve(diagnosed, "mse").bias is diagnosed.bias_
    with pytest.raises(ValueError, match="draw risk='squared_error'"):
        diagnosed.plot(risk="mae", show_decomposition=True)


def test_theory(double_descent):
    risk = RiskResult(0, 0, 0, 0, total=np.array([1.0, np.inf, 0.3]))
    at = [0.01, 10, 1e6]
    plain = double_descent.plot()
    assert plain.theory_lines_ == []
    limits = plain.ax_.get_xlim(), plain.ax_.get_ylim()
    display = double_descent.plot(
        theory={"exact": (at, risk), "limit": (at, [0.5, np.nan, 1e9])}, name="a"
    )
    first, second = display.theory_lines_
    assert [line.get_label() for line in (first, second)] == ["a: exact", "a: limit"]
    np.testing.assert_array_equal(first.get_xdata(), at)
    drawn = first.get_ydata()
    assert drawn[[0, 2]].tolist() == [1.0, 0.3]
    assert 900 * limits[1][1] < drawn[1] < np.inf
    np.testing.assert_array_equal(second.get_ydata(), [0.5, np.nan, 1e9])
    assert first.get_linestyle() != "-"
    assert first._dash_pattern != second._dash_pattern
    assert first.get_zorder() > display.lines_[0].get_zorder()
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend[-2:] == ["a: exact", "a: limit"]
    # Neither axis follows the theory out of sight.
    assert display.ax_.get_xlim() == limits[0]
    assert display.ax_.get_ylim() == limits[1]
    display.figure_.canvas.draw()


@pytest.mark.parametrize(
    "at, scale",
    [
        ([1, 10], "log"),
        ([2, 10], "linear"),
        ([0, 1, 10], "linear"),
        ([0, 1, 100], "symlog"),
        ([0, 1e-300, 1e300], "symlog"),
        ([-1, 1, 1000], "linear"),
        ([0], "linear"),
        ([0, 5], "linear"),
        ([np.nan, 1, np.inf, 100], "log"),
    ],
)
def test_scale_of_the_horizontal_axis(at, scale):
    at = np.array(at, dtype=float)
    assert horizontal_scale(at, "auto")[0] == scale
    assert horizontal_scale(at, False)[0] == "linear"
    assert horizontal_scale(at, True)[0] == (
        "symlog" if at[0] == 0 and len(at) > 1 else "log"
    )


def test_an_axis_with_zero():
    penalties = [0.0, 1e-6, 1e-3, 1.0, 100.0]
    curve = DoubleDescentCurve(Ridge(), "alpha", penalties, cv=CV).fit(X, Y)
    display = curve.plot()
    display.figure_.canvas.draw()
    assert display.ax_.get_xscale() == "symlog"
    labels = [tick.get_text() for tick in display.ax_.get_xticklabels()]
    assert "0" in labels and "$10^{0}$" in labels and "$10^{-6}$" in labels
    places = display.ax_.transData.transform([(alpha, 1.0) for alpha in penalties])
    assert (np.diff(places[:, 0]) > 10).all()


def test_limits_can_be_given(double_descent):
    assert double_descent.plot(ylim=(1e-3, 7)).ax_.get_ylim() == (1e-3, 7)


def test_theory_near_the_risk_is_seen(double_descent):
    display = double_descent.plot(theory=([1.0, 10.0], [0.1, 1e-9]), show_train=False)
    assert display.theory_lines_[0].get_label() == "theory"
    assert 1e-3 < display.ax_.get_ylim()[0] < 0.1


def test_theory_on_the_ratio_axis(double_descent):
    line = double_descent.plot(x="ratio", theory=([5, 20], [1, 2])).theory_lines_[0]
    assert line.get_xydata().tolist() == [[0.5, 1.0], [2.0, 2.0]]


def test_theory_goes_through_the_curve(diagnosed):
    (line,) = diagnosed.plot(theory=([1.0, 9.0], np.ones(2))).theory_lines_
    assert line.get_xdata().tolist() == [1.0, 9.0]


@pytest.mark.parametrize(
    "theory, error, message",
    [
        (np.ones((2, 3)), TypeError, r"pair \(complexity, risk\).*got ndarray"),
        ({"a": ([1.0], [1.0], [1.0])}, TypeError, "got tuple for 'a'"),
        (RiskResult(*np.ones((5, 2))), TypeError, "got RiskResult"),
        (([1.0, 2.0], [1.0]), ValueError, r"got shapes \(2,\) and \(1,\)"),
    ],
)
def test_bad_theory(double_descent, theory, error, message):
    with pytest.raises(error, match=message):
        double_descent.plot(theory=theory)


def test_theory_has_no_place_on_axes_that_fold_back(diagnosed):
    with pytest.raises(ValueError, match="Use x='complexity' or x='ratio'"):
        diagnosed.plot(x="coef_norm", theory=([1.0], [1.0]))


def _labels(axis):
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    low, high = axis.get_view_interval()
    return {
        tick.label1.get_text()
        for tick in ticks
        if low <= tick.get_loc() <= high and tick.label1.get_text()
    }


def test_plain_decimals_on_logarithmic_axes(double_descent):
    display = double_descent.plot()
    display.figure_.canvas.draw()
    assert _labels(display.ax_.xaxis) == {"1", "10", "100"}
    assert {"1", "10"} <= _labels(display.ax_.yaxis) <= {"0.1", "1", "10", "100"}
    pickle.loads(pickle.dumps(display.figure_))
    # Over fewer decades some ticks between get labels; beyond, powers of ten.
    display.ax_.set_xlim(3000, 80_000)
    display.ax_.set_ylim(1e-6, 1.0)
    display.figure_.canvas.draw()
    assert (
        {"10000"} <= _labels(display.ax_.xaxis) <= {"4000", "10000", "20000", "40000"}
    )
    assert all("10^{" in label for label in _labels(display.ax_.yaxis))


def test_from_estimator_takes_every_parameter_of_the_curve():
    own = inspect.signature(DoubleDescentDisplay.from_estimator).parameters
    parameters = DoubleDescentCurve(Ridge(), "alpha", [1.0]).get_params(deep=False)
    assert parameters.keys() - {"refit"} <= {*own}


def test_the_threshold_is_that_of_the_risk_that_is_drawn():
    rng = np.random.RandomState(0)
    X = rng.randn(120, 100)
    model = make_pipeline(LeadingColumns(), HeadClassifier())
    curve = DoubleDescentCurve(
        model,
        "leadingcolumns__n_components",
        range(1, 101),
        train_size=60,
        cv=3,
        random_state=0,
        risk=["zero_one_error", "squared_error", "accuracy"],
    ).fit(X, X[:, 0] + rng.randn(120) > 0)
    drawn = {
        risk: DoubleDescentDisplay.from_curve(curve, risk).interpolation_threshold
        for risk in curve.test_risks_
    }
    assert drawn["squared_error"] == 59
    assert drawn["zero_one_error"] == curve.interpolation_threshold_ < 59
    assert drawn["accuracy"] == drawn["zero_one_error"]
