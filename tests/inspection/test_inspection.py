"""Displays that look inside: their data against the models, and what is drawn."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from oracle import brute_force
from random_models import random_hmm
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skhmmdd import (
    BaumWelch,
    BeliefDisplay,
    CategoricalHMM,
    GaussianHMM,
    HMMDisplay,
    LinearGaussianHMM,
    TokenEncoder,
    TrainingCurveDisplay,
    make_hmm,
)
from skhmmdd._plotting import draw_heatmap, own_axes_pair, write_labels
from skhmmdd.hmm.models._ending import EndingHMM

TRANSMAT = [[0.2, 0.8, 0.0], [0.3, 0.3, 0.4], [0.05, 0.9, 0.05]]
EMISSIONPROB = [[0.7, 0.2, 0.1, 0.0], [0.0, 0.1, 0.1, 0.8], [0.25, 0.25, 0.25, 0.25]]
HMM = CategoricalHMM([1, 0, 0], TRANSMAT, EMISSIONPROB)
# Of TRANSMAT: state 1 is visited most, state 0 least.
ORDER = [1, 2, 0]
ENCODER = TokenEncoder().fit(["abcd"])
LINEAR = LinearGaussianHMM(
    [[0.5, 0.4], [-0.4, 0.5]], 0.2, [[1.0, -2.0, 0.0], [0.3, 0.0, 1.0]], 0.5
)


def tick_labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def cell_texts(display):
    return [text.get_text() for text in display.texts_]


# HMMDisplay


def test_states_are_ordered_by_their_visits():
    distribution = np.linalg.matrix_power(np.array(TRANSMAT), 200)[0]
    assert np.argsort(-distribution).tolist() == ORDER
    display = HMMDisplay.from_hmm(HMM)
    assert_allclose(display.stationary, distribution[ORDER], atol=1e-6)
    assert_array_equal(display.transition, np.array(TRANSMAT)[np.ix_(ORDER, ORDER)])
    assert_array_equal(display.emission, np.array(EMISSIONPROB)[ORDER])
    assert display.state_labels == ["1", "2", "0"]
    index = HMMDisplay.from_hmm(HMM, order="index", state_labels="xyz")
    assert_array_equal(index.transition, TRANSMAT)
    assert index.state_labels == ["x", "y", "z"]
    given = HMMDisplay.from_hmm(HMM, order=[2, 0, 1], state_labels="xyz")
    assert given.state_labels == ["z", "x", "y"]
    assert_array_equal(given.emission, np.array(EMISSIONPROB)[[2, 0, 1]])


def test_heat_maps():
    display = HMMDisplay.from_hmm(HMM, encoder=ENCODER).plot()
    left, right = display.ax_
    transitions, emissions = display.images_
    assert_array_equal(transitions.get_array(), display.transition)
    assert_array_equal(emissions.get_array(), display.emission)
    assert tick_labels(left.yaxis) == tick_labels(left.xaxis) == ["1", "2", "0"]
    assert tick_labels(right.xaxis) == list("abcd")
    assert (left.get_xlabel(), left.get_ylabel()) == ("to state", "from state")
    # Zeros are left blank.
    written = cell_texts(display)
    assert len(written) == np.count_nonzero(TRANSMAT) + np.count_nonzero(EMISSIONPROB)
    assert written[0] == "0.30" and "0.00" not in written
    assert display.artists_ == []
    display.figure_.canvas.draw()


def test_graph():
    display = HMMDisplay.from_hmm(HMM, encoder=ENCODER).plot(kind="graph")
    n_transitions = np.count_nonzero(np.array(TRANSMAT) >= 0.1)
    discs, arrows = display.artists_[:3], display.artists_[3:]
    assert len(arrows) == n_transitions
    assert np.argmax([disc.radius for disc in discs]) == 0
    texts = [text.get_text() for text in display.ax_[0].texts]
    assert texts[:6] == ["1", "d b c", "2", "a b c d", "0", "a b c"]
    assert sorted(texts[6:]) == ["0.20", "0.30", "0.30", "0.40", "0.80", "0.90"]
    assert len(display.images_) == 1
    every = HMMDisplay.from_hmm(HMM).plot(kind="graph", min_probability=0)
    assert len(every.artists_) == 3 + np.count_nonzero(TRANSMAT)
    display.figure_.canvas.draw()


@pytest.mark.parametrize("n_states", [1, 2, 9])
def test_graph_of_other_sizes(n_states):
    hmm = make_hmm(n_states, n_symbols=3, random_state=0)
    display = HMMDisplay.from_hmm(hmm).plot(kind="graph", min_probability=0.3)
    n_transitions = np.count_nonzero(hmm.transmat >= 0.3)
    assert len(display.artists_) == n_states + n_transitions
    # Too many arrows carry no numbers.
    written = len(display.ax_[0].texts) - 2 * n_states
    assert written == (n_transitions if n_states < 9 else 0)
    display.figure_.canvas.draw()


def test_many_states_and_symbols():
    hmm = make_hmm(50, n_symbols=90, random_state=0)
    display = HMMDisplay.from_hmm(hmm).plot(max_symbols=30)
    assert display.texts_ == []
    frequent = np.argsort(-(hmm._stationary() @ hmm.emissionprob))[:30]
    assert tick_labels(display.ax_[1].xaxis) == [str(i) for i in np.sort(frequent)]
    assert "the 30 most frequent of 90 symbols" in display.ax_[1].get_title()
    assert len(tick_labels(display.ax_[0].yaxis)) <= 20
    display.figure_.canvas.draw()


def test_end_probabilities_have_a_column():
    ending = EndingHMM(HMM, [0.5, 0.0, 0.25])
    display = HMMDisplay.from_hmm(ending).plot()
    (transitions, _) = display.images_
    assert_allclose(transitions.get_array().sum(axis=1), 1)
    assert_array_equal(transitions.get_array()[:, -1], [0.0, 0.25, 0.5])
    assert tick_labels(display.ax_[0].xaxis) == ["1", "2", "0", "end"]
    frame = display.frame().query("table == 'transition' and to == 'end'")
    assert frame["value"].tolist() == [0.0, 0.25, 0.5]
    arrows = len(HMMDisplay.from_hmm(ending).plot(kind="graph").artists_) - 3
    assert arrows == np.count_nonzero(np.diag([0.5, 1, 0.75]) @ TRANSMAT >= 0.1)


def test_intervals_of_one_feature():
    hmm = GaussianHMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [-1.0, 2.0], [4.0, 0.25])
    display = HMMDisplay.from_hmm(hmm, feature_names=["speed"]).plot()
    assert len(display.images_) == 1
    (bars,) = display.artists_
    points, _, (segments,) = bars.lines
    assert_array_equal(points.get_xdata(), [-1.0, 2.0])
    ends = [segment[:, 0].tolist() for segment in segments.get_segments()]
    assert ends == [[-5.0, 3.0], [1.0, 3.0]]
    assert display.ax_[1].get_xlabel() == "feature speed: mean ± 2 standard deviations"
    low, high = display.ax_[1].get_ylim()
    assert low > high, "the first state is on top, as in the heat map"


@pytest.mark.parametrize("kind", ["diag", "full"])
def test_ellipses_of_two_features(kind):
    hmm = random_hmm(kind, n_states=3, size=2)
    display = HMMDisplay.from_hmm(hmm, order="index").plot()
    covars = (
        hmm.covars if kind == "full" else np.array([np.diag(c) for c in hmm.covars])
    )
    for ellipse, mean, covar in zip(display.artists_, hmm.means, covars, strict=True):
        # The outline is two standard deviations away in every direction.
        outline = ellipse.get_patch_transform().transform(
            [[np.cos(t), np.sin(t)] for t in np.linspace(0, 6, 9)]
        )
        away = outline - mean
        distance = np.einsum("ij,ij->i", away, np.linalg.solve(covar, away.T).T)
        assert_allclose(np.sqrt(distance), 2)
    names = [text.get_text() for text in display.ax_[1].texts]
    assert names == ["0", "1", "2"]


def test_more_features():
    hmm = random_hmm("full", n_states=3, size=4)
    display = HMMDisplay.from_hmm(hmm).plot()
    scaled = np.asarray(display.images_[1].get_array())
    distribution = display.stationary
    assert_allclose(distribution @ scaled, 0, atol=1e-12)
    assert_allclose(distribution @ scaled**2, 1)
    two = HMMDisplay.from_hmm(hmm, order="index").plot(features=[3, 1])
    assert two.ax_[1].get_xlabel() == "feature 3"
    assert_allclose([e.center for e in two.artists_], hmm.means[:, [3, 1]])
    one = HMMDisplay.from_hmm(hmm, order="index").plot(features=[2])
    assert_array_equal(one.artists_[0].lines[0].get_xdata(), hmm.means[:, 2])


def test_features_that_do_not_differ():
    hmm = GaussianHMM(
        [0.5, 0.5], np.full((2, 2), 0.5), np.ones((2, 3)), np.ones((2, 3))
    )
    assert_array_equal(HMMDisplay.from_hmm(hmm).plot().images_[1].get_array(), 0)


def test_means_without_covariances():
    display = HMMDisplay(
        np.eye(2), np.array([[1.0, 3.0], [2.0, 4.0]]), family="gaussian"
    )
    assert len(display.plot().images_) == 2
    (bars,) = display.plot(features=[0]).artists_
    assert bars.lines[2] == ()
    assert display.ax_[1].get_xlabel() == "feature 0: mean"


def test_linear_gaussian():
    display = HMMDisplay.from_hmm(LINEAR).plot()
    transitions, emissions = display.images_
    assert_array_equal(transitions.get_array(), LINEAR.transition)
    assert_array_equal(emissions.get_array(), LINEAR.emission)
    assert transitions.norm.vmin == -transitions.norm.vmax
    assert display.stationary is None and display.state_labels == ["0", "1"]
    eigen = HMMDisplay.from_hmm(LINEAR).plot(kind="eigenvalues")
    _, points = eigen.artists_
    assert_allclose(sorted(points.get_ydata()), [-0.4, 0.4])
    assert_allclose(points.get_xdata(), 0.5)
    eigen.figure_.canvas.draw()


def test_data_alone_are_enough():
    display = HMMDisplay(np.array(TRANSMAT), np.array(EMISSIONPROB)).plot()
    assert tick_labels(display.ax_[1].xaxis) == ["0", "1", "2", "3"]
    assert len(HMMDisplay(np.eye(2), np.eye(2)).plot(kind="graph").artists_) == 4


def test_fitted_models_are_taken():
    X = HMM.sample(30, 20, random_state=0)[0]
    model = BaumWelch(2, max_iter=2, tol=0, random_state=0).fit(X)
    assert HMMDisplay.from_hmm(model).transition.shape == (2, 2)
    assert BeliefDisplay.from_hmm(model, X[0]).beliefs.shape == (20, 2)
    with pytest.raises(TypeError, match="hmm must be frozen weights"):
        HMMDisplay.from_hmm("model")


def test_frame_of_weights():
    frame = HMMDisplay.from_hmm(HMM, encoder=ENCODER).frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["table", "state", "to", "value"]
    assert len(frame) == 9 + 12
    row = frame.query("table == 'emission' and state == '0' and to == 'a'")
    assert row["value"].item() == 0.7
    row = frame.query("table == 'transition' and state == '1' and to == '2'")
    assert row["value"].item() == 0.4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "name"}, "order must be 'stationary', 'index' or"),
        ({"order": [0, 0, 1]}, "each of the states 0 to 2 once"),
        (
            {"state_labels": ["a"]},
            "state_labels must have one entry .* 3 states, got 1",
        ),
        ({"encoder": TokenEncoder().fit(["ab"])}, "encoder must have .* 4 symbols"),
        ({"feature_names": ["a"]}, "feature_names names features"),
    ],
)
def test_bad_labels(options, message):
    with pytest.raises(ValueError, match=message):
        HMMDisplay.from_hmm(HMM, **options)


@pytest.mark.parametrize(
    ("hmm", "options", "message"),
    [
        (HMM, {"kind": "eigenvalues"}, r"one of \['heatmap', 'graph'\]"),
        (LINEAR, {"kind": "graph"}, r"one of \['heatmap', 'eigenvalues'\]"),
        (HMM, {"min_probability": 2}, r"min_probability must be in \[0, 1\], got 2"),
        (HMM, {"max_symbols": 0}, r"max_symbols must be an integer in \[1, inf\)"),
        (LINEAR, {"features": [3]}, r"features must be numbers in \[0, 2\]"),
        (LINEAR, {"features": []}, r"features must be numbers"),
    ],
)
def test_bad_options_leave_no_figure(hmm, options, message):
    with pytest.raises(ValueError, match=message):
        HMMDisplay.from_hmm(hmm).plot(**options)
    assert not plt.get_fignums()


def test_continuous_models_have_no_encoder():
    for make in (
        lambda: HMMDisplay.from_hmm(LINEAR, encoder=ENCODER),
        lambda: BeliefDisplay.from_hmm(LINEAR, "ab", encoder=ENCODER),
    ):
        with pytest.raises(ValueError, match="LinearGaussianHMM"):
            make()


def test_where_two_axes_come_from():
    figure, axes = plt.subplots(1, 2)
    assert list(HMMDisplay.from_hmm(HMM).plot(axes).ax_) == list(axes)
    figure, grid = plt.subplots(2, 1)
    display = HMMDisplay.from_hmm(HMM).plot(grid[0])
    assert display.figure_ is figure and len(display.ax_) == 2
    assert not grid[0].axison
    loose = plt.figure().add_axes((0, 0, 1, 1))
    for bad in (loose, plt.subplots(1, 3)[1]):
        with pytest.raises(ValueError, match=r"HMMDisplay\.plot draws on two axes"):
            own_axes_pair(bad, "HMMDisplay.plot", (5, 5))


# BeliefDisplay


@pytest.mark.parametrize("representation", ["filtered", "smoothed"])
@pytest.mark.parametrize("kind", ["categorical", "full"])
def test_beliefs_are_those_of_every_path(kind, representation):
    hmm = random_hmm(kind, n_states=3, size=3 if kind == "categorical" else 2)
    sequence = hmm.sample(1, 5, random_state=1)[0][0]
    sequence[2] = -1 if kind == "categorical" else np.nan
    display = BeliefDisplay.from_hmm(
        hmm, sequence, representation=representation, order=[2, 0, 1]
    )
    truth = brute_force(hmm, sequence)
    assert_allclose(display.beliefs, truth[representation][:, [2, 0, 1]], atol=1e-12)
    assert [[2, 0, 1][place] for place in display.path] == truth["path"].tolist()
    assert display.missing.tolist() == [False, False, True, False, False]


def test_beliefs_of_tokens():
    tokens = ["a", "d", None, "b"]
    display = BeliefDisplay.from_hmm(HMM, tokens, encoder=ENCODER)
    assert display.step_labels == ["a", "d", "?", "b"]
    same = BeliefDisplay.from_hmm(HMM, [0.0, 3.0, np.nan, 1.0])
    assert same.step_labels == ["0", "3", "?", "1"]
    assert_array_equal(same.beliefs, display.beliefs)
    assert_array_equal(same.missing, [False, False, True, False])
    named = BeliefDisplay.from_hmm(HMM, [0, 3], labels=["x", "y"])
    assert named.step_labels == ["x", "y"]
    rare = TokenEncoder(handle_unknown="symbol").fit(["abc"])
    unknown = BeliefDisplay.from_hmm(HMM, "az", encoder=rare)
    assert unknown.step_labels == ["a", "unknown"]


def test_beliefs_drawn():
    display = BeliefDisplay.from_hmm(HMM, ["a", "d", None, "b"], encoder=ENCODER)
    display.plot(show_path=True)
    assert_array_equal(display.image_.get_array(), display.beliefs.T)
    assert display.image_.get_clim() == (0.0, 1.0)
    assert tick_labels(display.ax_.xaxis) == ["a", "d", "?", "b"]
    assert tick_labels(display.ax_.yaxis) == ["1", "2", "0"]
    assert len(display.missing_spans_) == 1
    assert_array_equal(display.path_line_.get_ydata(), display.path)
    title = display.ax_.get_title()
    assert "given steps so far" in title and "hatched: not observed" in title
    figure, ax = plt.subplots()
    plain = BeliefDisplay.from_hmm(HMM, [0, 1], representation="smoothed").plot(ax)
    assert plain.ax_ is ax and plain.figure_ is figure
    assert plain.path_line_ is None and plain.missing_spans_ == []
    assert plain.ax_.get_title() == "Belief given the whole sequence"
    figure.canvas.draw()


def test_means_of_a_linear_model():
    sequence = LINEAR.sample(1, 6, random_state=0)[0][0]
    display = BeliefDisplay.from_hmm(LINEAR, sequence).plot()
    assert_array_equal(display.beliefs, LINEAR.filter([sequence])[0])
    low, high = display.image_.get_clim()
    assert low == -high
    assert tick_labels(display.ax_.xaxis) == list("012345")
    assert display.ax_.get_xlabel() == "step"
    with pytest.raises(ValueError, match="show_path=True needs a path"):
        display.plot(show_path=True)


def test_frame_of_beliefs():
    display = BeliefDisplay.from_hmm(HMM, "ad", encoder=ENCODER)
    frame = display.frame()
    assert list(frame.columns) == ["step", "observed", "state", "belief"]
    row = frame.query("step == 1 and state == '0'")
    assert row["observed"].item() == "d"
    assert row["belief"].item() == HMM.filter([[0, 3]])[0][1, 0]


def test_data_alone_are_enough_for_beliefs():
    display = BeliefDisplay(np.eye(3)).plot()
    assert tick_labels(display.ax_.yaxis) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("sequence", "options", "message"),
    [
        ([0, 1], {"representation": "belief"}, "must be one of"),
        (
            [0, 1],
            {"labels": ["a"]},
            "labels must have one entry for each of the 2 steps",
        ),
        ([0, 9], {}, "symbol"),
        ([3], {}, "probability zero"),
    ],
)
def test_bad_sequences(sequence, options, message):
    with pytest.raises(ValueError, match=message):
        BeliefDisplay.from_hmm(HMM, sequence, **options)


# TrainingCurveDisplay


def pretrain(**options):
    X = HMM.sample(60, 15, random_state=0)[0]
    given = {"n_states": 3, "n_init": 4, "max_iter": 8, "tol": 0, "random_state": 0}
    return BaumWelch(**given | options).fit(X), X


def test_training_curves():
    model, X = pretrain()
    display = TrainingCurveDisplay.from_estimator(model)
    assert len(display.train) == 4 and display.held_out is None
    best = display.train[display.best]
    assert_allclose(best, model.log_likelihoods_ / X.size / np.log(2))
    assert_allclose(
        best[-1], model.hmm_.log_likelihood(X).sum() / X.size / np.log(2), rtol=1e-9
    )
    display.plot()
    assert_array_equal(display.lines_[0].get_ydata(), best)
    assert len(display.lines_) == 4 and display.held_out_lines_ == []
    assert_array_equal(display.end_line_.get_xdata(), [8, 8])
    assert display.kept_marker_.get_xydata().tolist() == [[8, best[-1]]]
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend[:3] == [
        "training, best start",
        "training, other starts",
        "not converged (iteration 8)",
    ]
    assert legend[3].startswith("weights kept (−")
    alone = TrainingCurveDisplay.from_estimator(model).plot(show_others=False)
    assert len(alone.lines_) == 1
    display.figure_.canvas.draw()


def test_training_curves_with_sequences_held_out():
    model, _ = pretrain(
        validation_fraction=0.4, n_iter_no_change=2, max_iter=60, tol=1e-3
    )
    display = TrainingCurveDisplay.from_estimator(model)
    held_out = display.held_out[display.best]
    assert_allclose(held_out, model.validation_log_likelihoods_ / np.log(2))
    assert model.converged_
    display.plot()
    assert len(display.held_out_lines_) == 4
    kept = int(np.argmax(held_out))
    assert display.kept_marker_.get_xydata().tolist() == [[kept, held_out[kept]]]
    assert display.end_line_.get_label() == f"stopped early (iteration {model.n_iter_})"


def test_one_start_that_converged():
    model, _ = pretrain(n_init=1, max_iter=200, tol=1e-3)
    display = TrainingCurveDisplay.from_estimator(model).plot()
    assert display.end_line_.get_label() == f"converged (iteration {model.n_iter_})"
    assert display.lines_[0].get_label() == "training"
    assert display.ax_.get_title() == "1 start"
    plain = TrainingCurveDisplay([np.array([-2.0, -1.0])]).plot()
    assert plain.end_line_.get_label() == "end (iteration 1)"


def test_frame_of_training_curves():
    model, _ = pretrain(validation_fraction=0.4)
    display = TrainingCurveDisplay.from_estimator(model)
    frame = display.frame()
    assert list(frame.columns) == ["start", "set", "iteration", "log_likelihood"]
    assert len(frame) == 2 * sum(map(len, display.train))
    row = frame.query("start == 2 and set == 'held out' and iteration == 3")
    assert row["log_likelihood"].item() == display.held_out[2][3]


def test_nothing_to_show_without_a_fit():
    with pytest.raises(NotFittedError):
        TrainingCurveDisplay.from_estimator(BaumWelch())
    with pytest.raises(NotFittedError):
        TrainingCurveDisplay.from_estimator(BaumWelch(2).partial_fit([[0, 1, 1]]))


def test_an_unconverged_fit_warns_and_shows_it():
    with pytest.warns(ConvergenceWarning):
        model, _ = pretrain(tol=1e-9, max_iter=2)
    display = TrainingCurveDisplay.from_estimator(model).plot()
    assert "not converged" in display.end_line_.get_label()


# What they share


def test_missing_packages_are_named(monkeypatch):
    displays = [
        HMMDisplay.from_hmm(HMM),
        BeliefDisplay.from_hmm(HMM, [0, 1]),
        TrainingCurveDisplay([np.array([-2.0, -1.0])]),
    ]
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    for display in displays:
        name = type(display).__name__
        with pytest.raises(ImportError, match=rf"{name}.plot needs matplotlib: pip"):
            display.plot()
        with pytest.raises(ImportError, match=f"{name}.frame needs pandas: pip"):
            display.frame()


@pytest.mark.slow
def test_matplotlib_is_not_imported_before_it_draws():
    code = (
        "import sys, skhmmdd\n"
        "hmm = skhmmdd.make_hmm(3, n_symbols=4, random_state=0)\n"
        "skhmmdd.HMMDisplay.from_hmm(hmm)\n"
        "skhmmdd.BeliefDisplay.from_hmm(hmm, [0, 1])\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_numbers_can_be_read_on_every_colour():
    _, ax = plt.subplots()
    values = np.linspace(0, 1, 11)[None]
    for signed in (False, True):
        image, texts = draw_heatmap(ax, values - signed / 2, signed=signed, label="",
                                    digits=1)  # fmt: skip
        for text in texts:
            grey = np.mean(image.cmap(image.norm(float(text.get_text())))[:3])
            assert (text.get_color() == "white") == (grey < 0.5) or 0.4 < grey < 0.65


def test_every_kth_label():
    _, ax = plt.subplots()
    write_labels(ax.xaxis, [str(i) for i in range(100)], most=30)
    assert tick_labels(ax.xaxis) == [str(i) for i in range(0, 100, 4)]
