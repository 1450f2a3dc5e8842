"""DoubleDescentCurve against validation_curve, plain loops and built arrays."""

import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from internal_checks import common_checks
from numpy.testing import assert_array_equal
from sklearn import clone, config_context
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.datasets import load_digits, make_classification, make_regression
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    fbeta_score,
    make_scorer,
    mean_absolute_error,
    r2_score,
)
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, validation_curve
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeClassifier

from skhmmdd._progress import Progress
from skhmmdd.curve import CurvePoint, DoubleDescentCurve
from skhmmdd.curve._choice import peak_and_best
from skhmmdd.curve._landmarks import (
    find_peak,
    find_threshold,
    quantile_over_splits,
)
from skhmmdd.curve.measurement._frozen import is_frozen, split_frozen
from skhmmdd.curve.measurement._risks import Predictions, resolve_risks

CV = ShuffleSplit(4, train_size=40, random_state=0)


class MinimumNorm(RegressorMixin, BaseEstimator):
    """The head of the tests, without an intercept."""

    def fit(self, X, y):
        self.coef_ = np.linalg.pinv(X) @ y
        return self

    def predict(self, X):
        return X @ self.coef_


class LeadingColumns(TransformerMixin, BaseEstimator):
    """Nested random features: frozen, and counts what it is asked to do."""

    n_fits = 0
    n_transforms = 0
    __skhmmdd_frozen__ = True

    def __init__(self, n_components=None, random_state=0):
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X, y=None):
        type(self).n_fits += 1
        self.map_ = np.random.RandomState(self.random_state).randn(X.shape[1], 200)
        return self

    def transform(self, X):
        type(self).n_transforms += 1
        return np.maximum(X @ self.map_, 0)[:, : self.n_components]


class Stateless(LeadingColumns):
    """The same, frozen by its tags."""

    __skhmmdd_frozen__ = False

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


class SumsOfSequences(TransformerMixin, BaseEstimator):
    """Ragged sequences in, powers of their sum out."""

    __skhmmdd_frozen__ = True

    def __init__(self, degree=2):
        self.degree = degree

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        sums = np.array([np.sum(sequence) for sequence in X])
        return sums[:, None] ** np.arange(self.degree + 1)


@pytest.fixture(autouse=True)
def reset_counters():
    for counter in (LeadingColumns, Stateless):
        counter.n_fits = counter.n_transforms = 0


@pytest.fixture(scope="module")
def regression():
    return make_regression(80, 8, n_informative=8, noise=10.0, random_state=0)


@pytest.fixture(scope="module")
def classification():
    return make_classification(
        120, 8, n_informative=6, n_classes=3, random_state=0, flip_y=0.2
    )


@common_checks(
    [
        DoubleDescentCurve(Ridge(), "alpha", [0.1, 1.0, 10.0]),
        DoubleDescentCurve(LogisticRegression(), "C", [0.1, 1.0], cv=2),
        DoubleDescentCurve(
            make_pipeline(FunctionTransformer(), Ridge()), "ridge__alpha", [1.0]
        ),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# Against validation_curve


def _assert_same_as_validation_curve(
    estimator, name, values, X, y, risk, scoring, perfect=0
):
    train, test = validation_curve(
        estimator, X, y, param_name=name, param_range=values, cv=CV, scoring=scoring
    )
    curve = DoubleDescentCurve(estimator, name, values, cv=CV, risk=risk).fit(X, y)
    np.testing.assert_allclose(
        curve.train_risk_, perfect - train, rtol=1e-10, atol=1e-14
    )
    np.testing.assert_allclose(curve.test_risk_, perfect - test, rtol=1e-10, atol=1e-14)
    return curve


@pytest.mark.parametrize(
    "estimator, name, values",
    [
        (Ridge(), "alpha", [0.01, 1.0, 100.0]),
        (make_pipeline(PCA(), Ridge()), "pca__n_components", [1, 4, 8]),
        (
            make_pipeline(StandardScaler(), RBFSampler(random_state=0), Ridge(1e-3)),
            "rbfsampler__n_components",
            [5, 40, 90],
        ),
        (
            make_pipeline(Stateless(), LeadingColumns(5), MinimumNorm()),
            "leadingcolumns__n_components",
            [5, 30, 90],
        ),
        (
            MLPRegressor(solver="lbfgs", max_iter=3000, tol=1e-1, random_state=0),
            "hidden_layer_sizes",
            [(2,), (8,)],
        ),
        (SVR(kernel="linear"), "C", [0.1, 1.0]),
    ],
)
def test_same_as_validation_curve(regression, estimator, name, values):
    X, y = regression
    _assert_same_as_validation_curve(
        estimator, name, values, X, y, "squared_error", "neg_mean_squared_error"
    )


def test_precomputed_kernels_are_split_on_both_axes(regression):
    X, y = regression
    _assert_same_as_validation_curve(
        SVR(kernel="precomputed"),
        "C",
        [0.1, 1.0],
        X @ X.T,
        y,
        "squared_error",
        "neg_mean_squared_error",
    )


@pytest.mark.parametrize(
    "risk, scoring",
    [
        ("absolute_error", "neg_mean_absolute_error"),
        ("neg_median_absolute_error", "neg_median_absolute_error"),
        ("r2", "r2"),
        (
            make_scorer(mean_absolute_error, greater_is_better=False),
            "neg_mean_absolute_error",
        ),
        (mean_absolute_error, "neg_mean_absolute_error"),
    ],
)
def test_risks_of_regressors(regression, risk, scoring):
    X, y = regression
    curve = _assert_same_as_validation_curve(
        Ridge(), "alpha", [0.1, 10.0], X, y, risk, scoring, perfect=int(risk == "r2")
    )
    assert curve.interpolation_threshold_ is None


@pytest.mark.parametrize(
    ("risk", "label", "perfect"),
    [
        ("accuracy", "1 − accuracy", 1),
        ("roc_auc_ovr", "1 − roc auc ovr", 1),
        (make_scorer(fbeta_score, beta=2, average="macro"), "1 − fbeta score", 1),
        ("mutual_info_score", "negative mutual info score", 0),
        # A count, and not a share of the samples
        (make_scorer(accuracy_score, normalize=False), "negative accuracy score", 0),
        ("neg_log_loss", "log loss", 0),
    ],
)
def test_scores_become_risks_and_the_axis_says_so(classification, risk, label, perfect):
    X, y = classification
    curve = _assert_same_as_validation_curve(
        LogisticRegression(), "C", [0.01, 1.0], X, y, risk, risk, perfect
    )
    assert curve.plot().ax_.get_ylabel() == label
    named = clone(curve).set_params(risk={"mine": risk}).fit(X, y)
    assert named.summary().startswith(f"{label[0].upper()}{label[1:]} (mine) against")


def test_scores_are_no_risks(regression):
    curve = DoubleDescentCurve(Ridge(), "alpha", [1.0], risk=r2_score)
    with pytest.raises(ValueError, match="r2_score is a score, and of a risk low"):
        curve.fit(*regression)


def test_several_outputs():
    X, y = make_regression(80, 6, n_targets=3, noise=5.0, random_state=0)
    _assert_same_as_validation_curve(
        Ridge(), "alpha", [0.1, 10.0], X, y, "squared_error", "neg_mean_squared_error"
    )


def test_zero_one_error(classification):
    X, y = classification
    train, test = validation_curve(
        LogisticRegression(), X, y, param_name="C", param_range=[0.01, 1.0], cv=CV
    )
    curve = DoubleDescentCurve(
        LogisticRegression(), "C", [0.01, 1.0], cv=CV, risk="zero_one_error"
    ).fit(X, y.astype(str))
    np.testing.assert_allclose(curve.train_risk_, 1 - train, rtol=1e-10)
    np.testing.assert_allclose(curve.test_risk_, 1 - test, rtol=1e-10)


def test_brier_score_is_twice_that_of_one_class_when_there_are_two(classification):
    X, y = classification
    y = (y > 0).astype(int)
    curve = DoubleDescentCurve(LogisticRegression(), "C", [0.1], cv=CV).fit(X, y)
    for split, (train, test) in enumerate(CV.split(X)):
        model = LogisticRegression(C=0.1).fit(X[train], y[train])
        expected = 2 * brier_score_loss(y[test], model.predict_proba(X[test])[:, 1])
        assert curve.test_risk_[0, split] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_squared_error_of_a_classifier_without_probabilities(classification, n_classes):
    X, y = classification
    y = y % n_classes
    model = RidgeClassifier().fit(X, y)
    risk = resolve_risks("squared_error", classifier=True)["squared_error"]
    # What RidgeClassifier does: ridge on targets -1 and 1, one column for each class.
    signs = 2.0 * (y[:, None] == np.arange(n_classes)) - 1
    fitted = Ridge().fit(X, signs).predict(X)
    expected = np.mean(np.sum((fitted - signs) ** 2, axis=1)) / 4
    assert risk(Predictions(model, X), y) == pytest.approx(expected, rel=1e-10)


def test_a_label_not_seen_in_training_counts_as_fully_wrong():
    model = DummyClassifier(strategy="most_frequent").fit([[0], [0]], ["a", "b"])
    predictions = Predictions(model, [[0], [0]])
    brier = resolve_risks("squared_error", classifier=True)["squared_error"]
    absolute = resolve_risks("absolute_error", classifier=True)["absolute_error"]
    # "a" has probability one: right for "a", and 1 + 1 for the unseen "c".
    assert brier(predictions, np.array(["a", "c"])) == pytest.approx(1.0)
    assert absolute(predictions, np.array(["a", "c"])) == pytest.approx(1.0)


def test_several_risks_in_one_run_equal_separate_runs(regression):
    X, y = regression

    def worst(y_true, y_pred):
        return np.max(np.abs(y_true - y_pred))

    risks = ["absolute_error", "squared_error", "r2", worst]
    together = DoubleDescentCurve(Ridge(), "alpha", [0.1, 10.0], cv=CV, risk=risks)
    together.fit(X, y)
    names = ["absolute_error", "squared_error", "r2", "worst"]
    assert list(together.test_risks_) == names
    for risk, name in zip(risks, together.test_risks_, strict=True):
        alone = clone(together).set_params(risk=risk).fit(X, y)
        np.testing.assert_array_equal(alone.test_risk_, together.test_risks_[name])
        np.testing.assert_array_equal(alone.train_risk_, together.train_risks_[name])
    assert together.test_risk_ is together.test_risks_["absolute_error"]
    named = clone(together).set_params(risk={"mine": worst}).fit(X, y)
    np.testing.assert_array_equal(named.test_risk_, together.test_risks_["worst"])


def test_predict_is_called_once_for_each_set():
    calls = []

    class Counting(MinimumNorm):
        def predict(self, X):
            calls.append(len(X))
            return super().predict(X)

    X, y = make_regression(20, 3, random_state=0)
    risks = ["squared_error", "absolute_error", mean_absolute_error]
    DoubleDescentCurve(
        make_pipeline("passthrough", Counting()), "steps", [[("only", Counting())]],
        complexity=len, cv=[(range(15), range(15, 20))], risk=risks,
    ).fit(X, y)  # fmt: skip
    assert calls == [15, 5]


# Complexity


class Model:
    """Stands for a frozen model of some size."""

    def __init__(self, n_states):
        self.n_states = n_states

    def __len__(self):  # must not make an array of it
        return self.n_states

    def __sklearn_clone__(self):
        return self


class UsesModel(TransformerMixin, BaseEstimator):
    __skhmmdd_frozen__ = True

    def __init__(self, model=None):
        self.model = model

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X[:, : self.model.n_states]


@pytest.mark.parametrize("complexity", ["n_states", lambda model: model.n_states])
def test_objects_as_values(regression, complexity):
    X, y = regression
    models = [Model(5), Model(2), Model(8)]
    pipe = make_pipeline(UsesModel(), Ridge())
    curve = DoubleDescentCurve(
        pipe, "usesmodel__model", models, complexity=complexity, cv=CV
    ).fit(X, y)
    np.testing.assert_array_equal(curve.complexity_, [2, 5, 8])
    assert curve.param_range_ == [models[1], models[0], models[2]]
    for row, model in zip(curve.test_risk_, curve.param_range_, strict=True):
        plain = DoubleDescentCurve(Ridge(), "alpha", [1.0], cv=CV)
        plain.fit(X[:, : model.n_states], y)
        np.testing.assert_allclose(row, plain.test_risk_[0], rtol=1e-9)
    pipe.set_params(**{curve.param_name: curve.best_.param}).fit(X, y)
    assert curve.results_["param_usesmodel__model"][2] is models[2]


def test_points_are_in_order_of_complexity(regression):
    X, y = regression
    forward = DoubleDescentCurve(Ridge(), "alpha", [0.1, 1.0, 10.0], cv=CV).fit(X, y)
    shuffled = DoubleDescentCurve(
        Ridge(), "alpha", np.array([10.0, 0.1, 1.0]), cv=CV
    ).fit(X, y)
    assert shuffled.param_range_ == [0.1, 1.0, 10.0]
    np.testing.assert_array_equal(shuffled.test_risk_, forward.test_risk_)
    inverse = DoubleDescentCurve(
        Ridge(), "alpha", [0.1, 1.0, 10.0], cv=CV, complexity=lambda alpha: 1 / alpha
    ).fit(X, y)
    assert inverse.param_range_ == [10.0, 1.0, 0.1]
    np.testing.assert_array_equal(inverse.test_risk_, forward.test_risk_[::-1])


def test_a_value_that_is_an_estimator_is_not_fitted_in_place(regression):
    X, y = regression
    values = [Ridge(1.0), Ridge(5.0)]
    DoubleDescentCurve(
        make_pipeline(StandardScaler(), Ridge()), "ridge", values, complexity="alpha"
    ).fit(X, y)
    assert not any(hasattr(value, "coef_") for value in values)


# Frozen leading steps


@pytest.mark.parametrize("frozen", [LeadingColumns(30), Stateless(30)])
def test_one_transform_when_the_parameter_is_in_the_head(regression, frozen):
    X, y = regression
    counter = type(frozen)
    pipe = make_pipeline("passthrough", frozen, StandardScaler(), Ridge())
    curve = DoubleDescentCurve(pipe, "ridge__alpha", [0.1, 1.0, 10.0], cv=CV).fit(X, y)
    assert (counter.n_fits, counter.n_transforms) == (1, 1)
    expected = np.empty((3, 4))
    for i, alpha in enumerate(curve.param_range_):
        for j, (train, test) in enumerate(CV.split(X)):
            model = clone(pipe).set_params(ridge__alpha=alpha).fit(X[train], y[train])
            expected[i, j] = np.mean((model.predict(X[test]) - y[test]) ** 2)
    np.testing.assert_allclose(curve.test_risk_, expected, rtol=1e-10)


def test_one_transform_for_each_value_when_the_parameter_is_in_a_frozen_step(
    regression,
):
    X, y = regression
    pipe = make_pipeline(Stateless(), LeadingColumns(), MinimumNorm())
    DoubleDescentCurve(
        pipe, "leadingcolumns__n_components", [5, 20, 30], cv=CV
    ).fit(X, y)  # fmt: skip
    assert LeadingColumns.n_transforms == 3
    # What comes before that step is the same for all values.
    assert Stateless.n_transforms == 1


def test_a_frozen_estimator_is_transformed_once(regression):
    X, y = regression
    fitted = LeadingColumns(20).fit(X)
    pipe = Pipeline([("frozen", FrozenEstimator(fitted)), ("ridge", Ridge())])
    DoubleDescentCurve(pipe, "ridge__alpha", [1.0, 10.0], cv=CV).fit(X, y)
    assert LeadingColumns.n_transforms == 1


def test_which_steps_are_frozen():
    assert is_frozen(None) and is_frozen("passthrough")
    assert is_frozen(make_pipeline(FunctionTransformer(), "passthrough"))
    assert not is_frozen(make_pipeline(FunctionTransformer(), StandardScaler()))
    assert not is_frozen(PCA()) and not is_frozen(RBFSampler())
    # Cannot transform: left in the pipeline, which will complain.
    assert not is_frozen(FrozenEstimator(Ridge()))


def test_the_run_of_frozen_steps_ends_where_it_must():
    frozen, thawed = FunctionTransformer(), StandardScaler()
    pipe = Pipeline(
        [("a", frozen), ("b", frozen), ("c", thawed), ("d", frozen), ("e", Ridge())],
        memory="somewhere",
    )

    def split(name):
        lifted, rest = split_frozen(pipe, untouched_by=name)
        assert rest.memory == "somewhere"
        return [step for step, _ in lifted], list(rest.named_steps)

    assert split(None) == (["a", "b"], ["c", "d", "e"])
    assert split("e__alpha") == (["a", "b"], ["c", "d", "e"])
    assert split("b__func") == (["a"], ["b", "c", "d", "e"])
    assert split("steps") == ([], ["a", "b", "c", "d", "e"])
    assert len(pipe.steps) == 5
    assert split_frozen(make_pipeline(frozen))[0] == []


def test_ragged_sequences():
    rng = np.random.RandomState(0)
    X = [rng.randn(length) for length in rng.randint(1, 9, size=60)]
    y = np.array([np.sum(sequence) ** 3 for sequence in X])
    as_array = np.empty(60, dtype=object)
    as_array[:] = X
    pipe = make_pipeline(SumsOfSequences(), MinimumNorm())
    curves = [
        DoubleDescentCurve(pipe, "sumsofsequences__degree", [1, 2, 3], cv=CV).fit(
            some, y
        )
        for some in (X, as_array)
    ]
    assert curves[0].best_.param == curves[0].interpolation_threshold_ == 3
    assert not hasattr(curves[0], "n_features_in_")
    np.testing.assert_array_equal(curves[0].test_risk_, curves[1].test_risk_)


def test_three_dimensional_input_and_lists(regression):
    X, y = regression
    cube = X.reshape(80, 4, 2)
    flatten = FunctionTransformer(lambda X: np.reshape(X, (len(X), -1)))
    curve = DoubleDescentCurve(make_pipeline(flatten, Ridge()), "ridge__alpha", [1.0])
    expected = clone(curve).fit(X, y).test_risk_
    np.testing.assert_array_equal(curve.fit(cube, y).test_risk_, expected)
    assert not hasattr(curve, "n_features_in_")
    np.testing.assert_array_equal(curve.fit(X.tolist(), list(y)).test_risk_, expected)


# Parallel


@pytest.mark.parametrize("verbose", [0, 1])
@pytest.mark.parametrize("name", ["leadingcolumns__n_components", "pca__n_components"])
@pytest.mark.slow
def test_bit_equal_for_every_n_jobs_and_backend(regression, name, verbose):
    X, y = regression
    if name.startswith("pca"):
        pipe, values = make_pipeline(PCA(), Ridge()), [2, 5]
    else:
        pipe, values = make_pipeline(LeadingColumns(), MinimumNorm()), [10, 50, 120]
    curve = DoubleDescentCurve(pipe, name, values, cv=CV, verbose=verbose)
    risks = [clone(curve).set_params(n_jobs=1).fit(X, y).test_risk_]
    for backend in ("loky", "threading"):
        with joblib.parallel_config(backend=backend):
            risks.append(clone(curve).set_params(n_jobs=2).fit(X, y).test_risk_)
    np.testing.assert_array_equal(risks[0], risks[1])
    np.testing.assert_array_equal(risks[0], risks[2])


def test_progress_goes_to_the_error_stream(regression, capsys):
    X, y = regression
    curve = DoubleDescentCurve(Ridge(), "alpha", [0.1, 1.0], cv=3).fit(X, y)
    assert capsys.readouterr() == ("", "")
    curve.set_params(verbose=1).fit(X, y)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("[DoubleDescentCurve] 6/6 fits, elapsed ")
    assert err.endswith("remaining 0.0 s\n")


def test_progress_is_sparing(capsys):
    progress = Progress(100, verbose=1)
    for done in range(1, 100):
        progress.update(done)
    assert capsys.readouterr().err == ""
    progress._printed -= 1.1
    progress._start -= 10.0
    progress.update(50)
    err = capsys.readouterr().err
    assert "50/100 fits, elapsed 10.0 s, remaining 10.0 s" in err


# Threshold, peak, best


def test_double_descent_of_the_minimum_norm_head():
    X, y = make_regression(300, 10, n_informative=10, noise=50.0, random_state=0)
    curve = DoubleDescentCurve(
        make_pipeline(LeadingColumns(), MinimumNorm()),
        "leadingcolumns__n_components",
        [1, 5, 10, 20, 30, 38, 40, 42, 60, 100, 200],
        train_size=40,
        random_state=0,
    ).fit(X, y)
    assert (curve.n_train_, curve.n_splits_) == (40, 10)
    assert curve.interpolation_threshold_ == curve.peak_.complexity == 40
    assert isinstance(curve.best_, CurvePoint)
    assert curve.peak_.param == curve.param_range_[curve.peak_.index] == 40
    median = np.median(curve.test_risk_, axis=1)
    assert curve.best_.risk == pytest.approx(median.min())
    assert curve.peak_.risk == pytest.approx(median.max())
    # The threshold does not hang on which risk comes first.
    curve.set_params(risk=["r2", "squared_error"]).fit(X, y)
    assert curve.interpolation_threshold_ == 40


def test_threshold_of_a_classifier():
    X, y = load_digits(n_class=3, return_X_y=True)
    tree = DecisionTreeClassifier(random_state=0)
    curve = DoubleDescentCurve(
        tree, "max_depth", [1, 2, 30], train_size=200, cv=3, random_state=0
    )
    for risk in ("squared_error", "zero_one_error", "accuracy"):
        assert curve.set_params(risk=risk).fit(X, y).interpolation_threshold_ == 30


def test_find_threshold():
    complexity = np.array([1.0, 2.0, 3.0])
    train = np.array([[1.0, 1.0], [2e-6, 2e-6], [1e-9, 1e-9]])
    assert find_threshold(complexity, train, np.array([1.0, 1.0])) == (3.0, False)
    assert find_threshold(complexity, train, np.array([9.0, 9.0])) == (2.0, False)
    none = find_threshold(complexity[:2], train[:2], np.array([1.0, 1.0]))
    assert none == (None, False)
    # Along a penalty interpolation ends; a gap at the first threshold is none.
    penalty = train[[2, 2, 0]]
    assert find_threshold(complexity, penalty, np.ones(2)) == (2.0, True)
    assert find_threshold(complexity, train[[2, 0, 2]], np.ones(2)) == (1.0, False)


@pytest.mark.parametrize(
    "risk, index",
    [
        ([1.0, 2.0], None),
        ([1.0, 2.0, 3.0], None),
        ([3.0, 2.0, 1.0], None),
        ([3.0, 1.0, 3.0], None),
        ([1.0, 1.0, 1.0], None),
        ([1.0, 3.0, 2.0], 1),
        # 8 towers over one side only; 3 over both
        ([9.0, 8.0, 1.0, 3.0, 1.0], 3),
        ([2.0, 1.0, 5.0, np.inf, 4.0, 0.5], 3),
        ([np.inf, np.inf, 1.0], None),
        ([-0.9, -0.2, -0.8, -0.7, -1.0], 1),
        ([0.0, 3.0, 0.0, 5.0, 0.0], 3),
    ],
)
def test_find_peak(risk, index):
    assert find_peak(np.array(risk)) == index


def test_peak_and_best():
    risk = np.array([[2.0, 2.0], [1.0, 1.0], [7.0, 9.0], [1.0, 1.0]])
    peak, best = peak_and_best(np.array([1.0, 3.0, 5.0, 7.0]), risk, list("abcd"))
    assert peak == (5.0, 8.0, "c", 2)
    assert best == (3.0, 1.0, "b", 1)


@pytest.mark.parametrize("n_splits", [1, 4, 5])
@pytest.mark.parametrize("q", [0.0, 0.25, 0.4, 0.5, 1.0])
def test_quantiles(n_splits, q):
    risk = np.random.RandomState(0).rand(6, n_splits)
    expected = np.quantile(risk, q, axis=1)
    np.testing.assert_allclose(quantile_over_splits(risk, q), expected, rtol=1e-14)
    everywhere = quantile_over_splits(np.full((2, n_splits), np.inf), q)
    np.testing.assert_array_equal(everywhere, np.inf)


# Results and attributes


def test_results(regression):
    X, y = regression
    curve = DoubleDescentCurve(
        Ridge(), "alpha", [0.1, 1.0], cv=CV, risk=["squared_error", "r2"],
        quantiles=(0.1, 0.8),
    ).fit(X, y)  # fmt: skip
    frame = pd.DataFrame(curve.results_)
    assert len(frame) == 2
    assert list(frame["param_alpha"]) == list(frame["complexity"]) == [0.1, 1.0]
    for name, risk in curve.train_risks_.items():
        columns = {"median": 0.5, "lower": 0.1, "upper": 0.8}
        for column, q in columns.items():
            np.testing.assert_allclose(
                frame[f"train_{name}_{column}"], np.quantile(risk, q, axis=1)
            )
        np.testing.assert_array_equal(frame[f"split3_train_{name}"], risk[:, 3])
    assert (frame["fit_time_median"] > 0).all()
    assert curve.fit_time_.shape == curve.score_time_.shape == (2, 4)
    assert curve.strategy_ == "refit" and curve.strategy_reason_


def test_features_are_remembered_only_of_the_last_fit(regression):
    X, y = regression
    named = pd.DataFrame(X, columns=list("abcdefgh"))
    curve = DoubleDescentCurve(Ridge(), "alpha", [1.0]).fit(named, pd.Series(y))
    assert curve.n_features_in_ == 8
    assert list(curve.feature_names_in_) == list("abcdefgh")
    by_name = curve.test_risk_
    curve.fit(X, y)
    assert not hasattr(curve, "feature_names_in_")
    # A dataframe lays its columns out in another order: equal up to rounding.
    np.testing.assert_allclose(curve.test_risk_, by_name, rtol=1e-12)


def test_the_estimator_is_left_alone(regression):
    X, y = regression
    pipe = make_pipeline(FunctionTransformer(), StandardScaler(), Ridge())
    before = repr(pipe)
    DoubleDescentCurve(pipe, "ridge__alpha", [3.0]).fit(X, y)
    assert repr(pipe) == before
    assert not hasattr(pipe[-1], "coef_")


def test_representations(regression):
    curve = DoubleDescentCurve(Ridge(), "alpha", np.array([0.1, 1.0]), cv=3)
    assert repr(curve).startswith("DoubleDescentCurve(cv=3, estimator=Ridge()")
    curve.fit(*regression)
    with config_context(display="diagram"):
        html = curve._repr_html_()
    assert "DoubleDescentCurve" in html and "Ridge" in html


def test_random_state_draws_the_training_sets(regression):
    X, y = regression
    curve = DoubleDescentCurve(Ridge(), "alpha", [1.0], train_size=0.5, cv=3)
    first = clone(curve).set_params(random_state=0).fit(X, y)
    again = clone(curve).set_params(random_state=0).fit(X, y)
    other = clone(curve).set_params(random_state=1).fit(X, y)
    np.testing.assert_array_equal(first.test_risk_, again.test_risk_)
    assert np.all(first.test_risk_ != other.test_risk_)
    assert (first.n_train_, first.n_splits_) == (40, 3)
    assert clone(curve).set_params(cv=1).fit(X, y).n_splits_ == 1


def test_training_sets_of_classifiers_are_stratified():
    X, y = np.zeros((40, 1)), np.repeat([0, 1], [30, 10])
    seen = []

    class Watching(DummyClassifier):
        def fit(self, X, y):
            seen.append(np.bincount(y).tolist())
            return super().fit(X, y)

    DoubleDescentCurve(
        Watching(), "random_state", [0], train_size=20, cv=3, random_state=0
    ).fit(X, y)
    assert seen == [[15, 5]] * 3


def test_groups_and_sample_weight(regression):
    X, y = regression
    groups = np.repeat(np.arange(8), 10)
    weight = np.random.RandomState(0).rand(80)
    curve = DoubleDescentCurve(Ridge(), "alpha", [1.0], cv=GroupKFold(4))
    curve.fit(X, y, groups=groups, sample_weight=weight)
    for split, (train, test) in enumerate(GroupKFold(4).split(X, y, groups)):
        model = Ridge().fit(X[train], y[train], sample_weight=weight[train])
        expected = np.mean((model.predict(X[test]) - y[test]) ** 2)
        assert curve.test_risk_[0, split] == pytest.approx(expected, rel=1e-12)


def test_infinite_risk_is_kept():
    X, y = make_regression(20, 3, random_state=0)

    class Explodes(MinimumNorm):
        def __init__(self, size=1.0):
            self.size = size

        def predict(self, X):
            return np.full(len(X), self.size)

    curve = DoubleDescentCurve(Explodes(), "size", [1.0, 1e200, 2e200], cv=4).fit(X, y)
    assert np.isinf(curve.test_risk_[1:]).all()
    assert curve.best_.param == 1.0
    assert np.isinf(curve.results_["test_squared_error_upper"][1])


# What bad input gets


def _raises(message, X, y, error=ValueError, **params):
    defaults = {"estimator": Ridge(), "param_name": "alpha", "param_range": [1.0]}
    with pytest.raises(error, match=message):
        DoubleDescentCurve(**{**defaults, **params}).fit(X, y)


@pytest.mark.parametrize(
    "message, params",
    [
        ("param_range must hold at least one value", {"param_range": []}),
        (
            "param_name='width' is not a parameter of Ridge. Valid .*solver",
            {"param_name": "width"},
        ),
        (
            "'auto' is 'auto'. Give `complexity`",
            {"param_name": "solver", "param_range": ["auto"]},
        ),
        ("finite number; that of nan", {"param_range": [np.nan]}),
        ("finite number; that of True", {"param_range": [True]}),
        (
            "finite number, to have a place on the axis; that of inf is inf. Give it "
            r"one, e.g. by complexity=lambda value: min\(value, 1e9\)",
            {"param_range": [1.0, np.inf]},
        ),
        ("must be distinct, but 1 occurs", {"param_range": [1.0, 2.0, 1]}),
        ("'n_states' must be an attribute", {"complexity": "n_states"}),
        ("that of 1.0 is 'a'", {"complexity": lambda value: "a"}),
        ("the estimator is not a Pipeline", {"strategy": "path"}),
        ("risk='nonsense' is unknown", {"risk": "nonsense"}),
        ("must be distinct", {"risk": ["r2", "r2"]}),
        ("must be strings", {"risk": {1: "r2"}}),
        ("at least one risk", {"risk": []}),
        ("needs a classifier", {"risk": "zero_one_error"}),
        ("must be one number", {"risk": lambda y_true, y_pred: y_true}),
        (
            r"test risk 'halved' is NaN at alpha=1.0 in split 0",
            {"risk": {"halved": lambda t, p: np.nan if len(t) < 40 else 1.0}},
        ),
        ("quantiles must be", {"quantiles": (0.8, 0.2)}),
        ("quantiles must be", {"quantiles": (0.8,)}),
        ("train_size needs cv to be", {"train_size": 10, "cv": KFold(3)}),
        ("train_size", {"train_size": 80}),
        ("'train_size' parameter", {"train_size": 1.5}),
        ("'strategy' parameter", {"strategy": "quick"}),
        (r"that of 1000+\.\.\. is 10", {"param_range": [10**400]}),
        ("too long to write", {"param_range": [10**9000]}),
        ("param_range must hold several values", {"param_range": np.array(3.0)}),
        (r"quantiles must be .* \('a', 1\)", {"quantiles": ("a", 1)}),
        ("cv must give at least one split", {"cv": []}),
        ("cv must give at least one split", {"cv": iter([])}),
        (r"cv must give pairs .* split 1 is \[3\]", {"cv": [([0, 1], [2]), [3]]}),
        ("cv must give pairs .* split 0 is 7", {"cv": [7, 8]}),
        (r"test set of split 0 of cv .* \[0, 80\).* 80", {"cv": [([0, 1], [80])]}),
        ("training set of split 0 of cv .* got -81", {"cv": [([0, -81], [3])]}),
        ("test set of split 0 of cv .* vector of indices", {"cv": [([0, 1], [])]}),
        (r"training set .* got \[0.0, 1.0\]", {"cv": [([0.0, 1.0], [2])]}),
        ("training set .* got 'ab'", {"cv": [("ab", [2])]}),
        (r"training set .* \[0, \[1\]\]", {"cv": [([0, [1]], [2])]}),
        ("test set .* mask of the 80 samples", {"cv": [([0, 1], [True, False])]}),
        (
            "test set .* at least one sample",
            {"cv": [(np.ones(80, bool), np.zeros(80, bool))]},
        ),
        ("'twice' must be one number, got 'x'", {"risk": {"twice": lambda t, p: "x"}}),
        ("must be one number, got None", {"risk": lambda t, p: None}),
    ],
)
def test_bad_parameters(regression, message, params):
    _raises(message, *regression, **params)


def test_bad_data(regression):
    X, y = regression
    _raises("requires y to be passed", X, None)
    _raises("inconsistent numbers of samples", X, y[:-1])
    _raises("must be a str or a callable", X, y, error=TypeError, risk=[3])
    _raises("Input y contains NaN", X, np.append(y[:-1], np.nan))
    _raises("X must hold one entry a sample; got None", None, y)
    _raises("X must hold one entry a sample; got 3", 3, y, error=TypeError)
    _raises("y must hold one entry a sample; got 3.0", X, 3.0, error=TypeError)
    _raises("Complex data not supported: y is of dtype complex128", X, y + 1j)
    _raises("y must hold numbers or labels; got dtype datetime64", X, y.astype("M8[s]"))
    _raises("y must hold as many targets", X, [[1.0, 2.0], [3.0]] * (len(X) // 2))
    frozen = make_pipeline(FunctionTransformer(), Ridge())
    curve = DoubleDescentCurve(frozen, "ridge__alpha", [1.0])
    with pytest.raises(ValueError, match="step 'functiontransformer' is frozen"):
        curve.fit(X, y, functiontransformer__sample_weight=y)
    with pytest.raises(NotFittedError):
        curve.plot()


def test_numbers_as_large_as_floats_are_complexities(regression):
    X, y = regression
    curve = DoubleDescentCurve(Ridge(), "alpha", [2**70, 1.0]).fit(X, y)
    assert_array_equal(curve.complexity_, [1.0, 2.0**70])
    assert curve.param_range_ == [1.0, 2**70]


def test_masks_and_negative_indices_are_splits(regression):
    X, y = regression
    mask = np.arange(len(X)) < 50
    ways = [(mask, ~mask), (np.arange(50), np.arange(50 - len(X), 0))]
    risks = [
        DoubleDescentCurve(Ridge(), "alpha", [1.0], cv=[way]).fit(X, y).test_risk_
        for way in ways
    ]
    assert_array_equal(*risks)


def test_classifiers_that_squared_error_cannot_judge(classification):
    X, y = classification

    class LabelsOnly(BaseEstimator):
        classes_ = (0, 1)

    risk = resolve_risks("squared_error", classifier=True)["squared_error"]
    with pytest.raises(ValueError, match="need predict_proba or decision_function"):
        risk(Predictions(LabelsOnly(), X), y)
    _raises(
        "one class label for each sample", X, np.column_stack([y, y]),
        estimator=DecisionTreeClassifier(), param_name="max_depth", param_range=[2],
        cv=CV,
    )  # fmt: skip


def test_errors_and_warnings_of_a_fit_come_through(regression):
    X, y = regression

    class Complains(Ridge):
        def fit(self, X, y):
            if self.alpha == 2:
                raise RuntimeError("told so")
            warnings.warn("take care", UserWarning, stacklevel=1)
            return super().fit(X, y)

    curve = DoubleDescentCurve(Complains(), "alpha", [1.0, 2.0])
    with (
        pytest.warns(UserWarning, match="take care"),
        pytest.raises(RuntimeError, match="told so"),
    ):
        curve.fit(X, y)
