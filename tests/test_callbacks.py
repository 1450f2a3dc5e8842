"""scikit-learn's callbacks, where it has them."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BaumWelch,
    DoubleDescentCurve,
    DoubleDescentFamily,
    HeadRegressor,
    LeadingColumns,
)

pytest.importorskip("sklearn.callback", reason="scikit-learn below 1.9")


class Recorder:
    """A callback that notes what it is told."""

    def __init__(self):
        self.events = []

    def setup(self, estimator, context):
        self.events.append(("setup", context.max_subtasks))

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context):
        self.events.append(("end", context.task_name))

    def teardown(self, estimator, context):
        self.events.append(("teardown", None))


def curve(**options):
    model = make_pipeline(LeadingColumns(), HeadRegressor())
    return DoubleDescentCurve(
        model, "leadingcolumns__n_components", [1, 3], cv=4, **options
    )


DATA = np.random.RandomState(0).randn(40, 5), np.arange(40.0)


@pytest.mark.parametrize(("strategy", "total"), [("refit", 8), ("path", 4)])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_of_a_curve(strategy, total, n_jobs):
    recorder = Recorder()
    one = curve(strategy=strategy, n_jobs=n_jobs).set_callbacks(recorder)
    one.fit(*DATA)
    step = [("begin", "step"), ("end", "step")]
    assert recorder.events == [
        *(("setup", total), ("begin", "fit")),
        *(step * total),
        *(("end", "fit"), ("teardown", None)),
    ]
    plain = curve(strategy=strategy).fit(*DATA)
    assert vars(one).keys() - vars(plain).keys() == {"_skl_callbacks"}
    family = DoubleDescentFamily(clone(one), "headregressor__alpha", [0.0, 1.0]).fit(
        *DATA
    )
    assert len(family.curves_) == 2


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_of_pretraining(n_jobs):
    recorder = Recorder()
    X = np.random.RandomState(0).randint(3, size=(30, 5))
    model = BaumWelch(2, n_init=2, max_iter=4, tol=0, n_jobs=n_jobs, random_state=0)
    model.set_callbacks(recorder).fit(X)
    assert recorder.events[:2] == [("setup", 8), ("begin", "fit")]
    assert recorder.events.count(("end", "step")) == 8
    assert recorder.events[-2:] == [("end", "fit"), ("teardown", None)]
    early = Recorder()
    BaumWelch(2, max_iter=50, tol=1e9).set_callbacks(early).fit(X)
    assert early.events.count(("end", "step")) == 50  # all that there were to be


def test_a_failure_takes_them_down():
    recorder = Recorder()
    X, y = DATA
    with pytest.raises(ValueError, match="param_range"):
        curve().set_params(param_range=[]).set_callbacks(recorder).fit(X, y)
    one = curve(risk=lambda y, p: np.nan).set_callbacks(recorder)
    with pytest.raises(ValueError, match="NaN"):
        one.fit(X, y)
    assert recorder.events[-1] == ("teardown", None)
    assert not hasattr(one, "_callback_fit_ctx")


def test_progress_bar_of_scikit_learn(capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    bar = curve(verbose=1).set_callbacks(ProgressBar()).fit(*DATA)
    shown = capsys.readouterr()
    assert "DoubleDescentCurve - fit" in shown.out + shown.err
    assert "[DoubleDescentCurve]" not in shown.out + shown.err  # said once
    # Callbacks that show nothing leave our lines.
    bar.set_callbacks(Recorder()).fit(*DATA)
    assert "[DoubleDescentCurve] 4/4 splits" in capsys.readouterr().err


def test_bars_of_pretraining_stand_below_that_of_a_search(capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    search = GridSearchCV(
        BaumWelch(max_iter=2, tol=0, random_state=0), {"n_states": [1, 2]}, cv=2
    )
    search.set_callbacks(ProgressBar())
    search.fit(np.random.RandomState(0).randint(3, size=(20, 5)))
    shown = capsys.readouterr().out
    assert "GridSearchCV - fit" in shown and "BaumWelch - fit" in shown
