"""Risk against width and labels: against single fits, and its figure."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skhmmdd import HeadClassifier, HeadRegressor, RiskSurfaceDisplay, risk_surface

WIDTHS, SIZES = [1, 9, 10, 19, 30], [5, 10, 20, 31]


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((80, 40))
    return X, X[:, :4].sum(axis=1) + rng.standard_normal(80)


@pytest.mark.parametrize("options", [{}, {"alpha": 0.7, "fit_intercept": False}])
def test_every_risk_is_that_of_a_head(data, options):
    X, y = data
    surface = risk_surface(
        X, y, widths=WIDTHS, train_sizes=SIZES, n_splits=3, random_state=0, **options
    )
    assert surface.test_risk.shape == (4, 5, 3)
    assert surface.n_test == 80 - 31
    rng = np.random.RandomState(0)
    for split in range(3):
        order = rng.permutation(80)
        test = order[31:]
        for i, size in enumerate(SIZES):
            for j, width in enumerate(WIDTHS):
                head = HeadRegressor(**options).fit(
                    X[order[:size], :width], y[order[:size]]
                )
                errors = head.predict(X[test, :width]) - y[test]
                assert_allclose(
                    surface.test_risk[i, j, split], np.mean(errors**2), rtol=1e-7
                )
    assert_array_equal(surface.risk, np.median(surface.test_risk, axis=2))
    thresholds = (None,) * 4 if options else (9, 9, 19, 30)
    assert surface.interpolation_thresholds == thresholds
    assert_array_equal(
        surface.best_widths, np.array(WIDTHS)[surface.risk.argmin(axis=1)]
    )


@pytest.mark.parametrize("risk", ["squared_error", "zero_one_error"])
@pytest.mark.parametrize("names", [("no", "yes"), ("a", "b", "c")])
def test_classes(data, names, risk):
    X, y = data
    codes = np.digitize(y, np.quantile(y, np.linspace(0, 1, len(names) + 1)[1:-1]))
    labels = np.array(names)[codes]
    surface = risk_surface(
        X,
        labels,
        widths=WIDTHS,
        train_sizes=SIZES,
        n_splits=2,
        risk=risk,
        random_state=3,
    )
    assert surface.risk_name == risk
    rng = np.random.RandomState(3)
    for split in range(2):
        order = rng.permutation(80)
        train, test = order[:20], order[31:]
        for j, width in enumerate(WIDTHS):
            head = HeadClassifier().fit(X[train, :width], labels[train])
            one_hot = labels[test, None] == head.classes_
            off = head.predict_proba(X[test, :width]) - one_hot
            wanted = np.mean(np.sum(off**2, axis=1))
            if risk == "zero_one_error":
                wanted = 1 - head.score(X[test, :width], labels[test])
            assert_allclose(surface.test_risk[2, j, split], wanted, atol=1e-12)


def test_the_danger_zone_moves_as_labels_come_in():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((400, 120))
    y = X[:, :5].sum(axis=1) + rng.standard_normal(400)
    surface = risk_surface(X, y, train_sizes=[20, 40, 80], random_state=0)
    assert surface.interpolation_thresholds == (19, 39, 79)
    assert {17, 18, 19, 35, 37, 39, 41, 43, 75, 79, 83} < set(surface.widths.tolist())
    peaks = surface.widths[surface.risk.argmax(axis=1)]
    assert_allclose(peaks, [19, 39, 79], atol=1)
    text = surface.summary()
    assert text.startswith("Squared error on 320 samples held out, median of 10 splits")
    assert "20 labels: lowest" in text and "threshold 79" in text
    assert "at 79, 80 labels give" in text
    tuned = risk_surface(X, y, train_sizes=[20, 80], alpha=20.0, random_state=0)
    assert tuned.summary().endswith("More labels nowhere double the risk of a width.")
    assert "threshold none" in tuned.summary()


def test_defaults_and_threads(data):
    X, y = data
    surface = risk_surface(X, y, random_state=0, n_splits=2)
    assert surface.train_sizes[[0, -1]].tolist() == [4, 60]
    assert set(surface.train_sizes - 1) & set(range(1, 41)) <= set(surface.widths)
    again = risk_surface(X, y, random_state=0, n_splits=2, n_jobs=2)
    assert_array_equal(again.test_risk, surface.test_risk)
    assert len(repr(surface)) < 600


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_sizes": [1, 5]}, r"train_sizes must be in \[2, 79\]"),
        ({"train_sizes": [80]}, "train_sizes must be in"),
        ({"train_sizes": [0.5]}, "train_sizes must be integers"),
        ({"train_sizes": [True]}, "train_sizes must be integers"),
        ({"widths": [41]}, r"widths must be in \[1, 40\]"),
        ({"n_splits": 0}, "n_splits"),
        ({"y": np.ones(3)}, "inconsistent"),
        ({"X": np.full((80, 3), np.nan)}, "X contains NaN"),
        ({"risk": "zero_one_error", "classifier": False}, "needs classes"),
    ],
)
def test_bad_input(data, changes, message):
    good = {"X": data[0], "y": data[1]}
    with pytest.raises(ValueError, match=message):
        risk_surface(**{**good, **changes})


def test_figure(data):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    surface = risk_surface(
        *data, widths=WIDTHS, train_sizes=SIZES, n_splits=3, random_state=0
    )
    display = surface.plot()
    assert isinstance(display, RiskSurfaceDisplay)
    assert_array_equal(np.ravel(display.mesh_.get_array()), surface.risk.ravel())
    x, y = display.threshold_line_.get_data()
    assert_array_equal(x, surface.interpolation_thresholds)
    assert_array_equal(y, SIZES)
    assert_array_equal(display.best_line_.get_xdata(), surface.best_widths)
    # Every point lies within the cells, each in its own.
    edges = display.mesh_.get_coordinates()[0, :, 0]
    assert (edges[:-1] < WIDTHS).all() and (edges[1:] > WIDTHS).all()
    assert display.mesh_.norm.vmax <= 100 * display.mesh_.norm.vmin
    frame = display.frame()
    assert_allclose(
        frame.query("train_size == 20 and width == 10")["risk"], surface.risk[2, 2]
    )
    # One of each, nothing interpolated, and a risk of zero.
    _, ax = pyplot.subplots()
    lone = RiskSurfaceDisplay(np.array([3]), np.array([7]), np.zeros((1, 1)))
    lone = lone.plot(ax, show_best=False)
    assert lone.ax_ is ax and lone.threshold_line_ is None
    infinite = np.array([[1.0, np.inf]])
    RiskSurfaceDisplay(np.array([3, 4]), np.array([7]), infinite).plot()
    pyplot.close("all")
