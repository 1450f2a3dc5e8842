"""The exact width path against the head refitted at every width."""

import numpy as np
import pytest
from internal_checks import common_checks
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skhmmdd import (
    BaumWelch,
    DoubleDescentCurve,
    HeadClassifier,
    HeadRegressor,
    HMMFeatureTransformer,
    LeadingColumns,
    make_hmm_classification,
    make_hmm_regression,
    width_path,
)
from skhmmdd.theory import effective_parameters

N_TEST = 30


@common_checks([LeadingColumns()])
def test_leading_columns_is_an_estimator(estimator, check):
    check(estimator)


def test_leading_columns_refuses_more_than_there_are():
    X = np.eye(3)
    assert_array_equal(LeadingColumns(2).fit_transform(X), X[:, :2])
    assert_array_equal(LeadingColumns().fit_transform(X), X)
    with pytest.raises(ValueError, match="n_components=4 is more than the 3 columns"):
        LeadingColumns(4).fit(X)


def draw(n, width, n_outputs, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n + N_TEST, width))
    signal = X[:, :3]
    y = signal @ rng.standard_normal((signal.shape[1], n_outputs))
    y += 0.5 * rng.standard_normal(y.shape)
    return X, y[:, 0] if n_outputs == 1 else y


def check_against_head(X, y, rtol=1e-8, **options):
    """The path beside the head at every width; wholly where X is well-conditioned."""
    n = len(X) - N_TEST
    path = width_path(X[:n], y[:n], X[n:], y[n:], return_predictions=True, **options)
    options.pop("widths", None)
    for i, width in enumerate(path.widths):
        head = HeadRegressor(**options).fit(X[:n, :width], y[:n])
        predicted = head.predict(X[n:, :width])
        size = np.abs(predicted).max() + np.abs(y).max()
        assert_allclose(path.predictions[i], predicted, rtol=0, atol=rtol * size)
        trained = head.predict(X[:n, :width])
        assert_allclose(path.train_predictions[i], trained, rtol=0, atol=rtol * size)
        test_risk = ((predicted - y[n:]) ** 2).mean()
        train_risk = ((trained - y[:n]) ** 2).mean()
        assert_allclose(path.test_risk[i], test_risk, rtol=10 * rtol)
        assert_allclose(path.train_risk[i], train_risk, rtol=10 * rtol, atol=1e-14)
        assert_allclose(path.coef_norm[i], head.coef_norm_, rtol=1e-6, atol=1e-12)
    return path


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 1e-6, 0.1, 100.0])
@pytest.mark.parametrize(
    ("n", "width", "n_outputs"), [(20, 90, 1), (30, 25, 2), (24, 24, 1), (5, 60, 3)]
)
def test_equals_the_head_at_every_width(n, width, n_outputs, alpha, fit_intercept):
    X, y = draw(n, width, n_outputs)
    path = check_against_head(X, y, alpha=alpha, fit_intercept=fit_intercept)
    assert_array_equal(path.widths, np.arange(1, width + 1))


def test_many_blocks_and_a_subset_of_widths():
    X, y = draw(60, 700, 1)
    widths = [700, 3, 58, 59, 60, 61, 75, 300, 300, 512]
    path = check_against_head(X, y, widths=widths)
    assert_array_equal(path.widths, sorted(set(widths)))


@pytest.mark.parametrize("alpha", [0.0, 0.1])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_rank_deficient_widths(alpha, fit_intercept):
    X, y = draw(25, 70, 1)
    options = {"alpha": alpha, "fit_intercept": fit_intercept}
    deficient = X.copy()
    deficient[:, [7, 20]] = X[:, [3, 4]]
    deficient[:, 9], deficient[:, 0] = 1.0, 0.0
    check_against_head(deficient, y, **options)
    low_rank = X[:, :6] @ np.random.RandomState(0).standard_normal((6, 50))
    check_against_head(low_rank, y, **options)
    repeated = X[np.arange(len(X)) // 2 * 2]
    check_against_head(repeated, y, **options)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [1e-16, 1e-12, 1e-9, 1e-6])
@pytest.mark.slow
def test_small_penalties_on_dependent_rows_and_columns(alpha, fit_intercept):
    # The targets lie far outside the span of the design. What rounding leaves in its
    # null space is cut off by singular values, but not by a penalty as small as this.
    X, y = draw(25, 70, 2)
    options = {"alpha": alpha, "fit_intercept": fit_intercept, "rtol": 1e-6}
    check_against_head(X[np.arange(len(X)) // 2 * 2], y, **options)
    low_rank = X[:, :6] @ np.random.RandomState(0).standard_normal((6, 70))
    check_against_head(low_rank, y, **options)
    check_against_head(X, y, **options)


@pytest.mark.parametrize("scale", [1e4, 1e6])
@pytest.mark.parametrize("n", [1, 2, 6])
@pytest.mark.parametrize("alpha", [0.0, 1e-3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.slow
def test_columns_that_grow(n, scale, alpha, fit_intercept):
    # A later column in a smaller unit takes over: the head shrinks by its scale, and
    # its norm must not be what rounding leaves of the norm before.
    X, y = draw(n, 30, 1)
    X[:, 15:] *= scale
    check_against_head(X, y, alpha=alpha, fit_intercept=fit_intercept)
    path = width_path(X[:n], y[:n], alpha=alpha, fit_intercept=fit_intercept)
    for i, width in enumerate(path.widths):
        head = HeadRegressor(alpha, fit_intercept=fit_intercept).fit(
            X[:n, :width], y[:n]
        )
        assert_allclose(path.coef_norm[i], head.coef_norm_, rtol=1e-9)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_training_risk_is_that_of_the_predictions(alpha, fit_intercept):
    rng = np.random.RandomState(3)
    X = rng.standard_normal((25, 40))
    # Exact but for noise of 1e-7 from width 6 on: a remainder that must not cancel.
    y = X[:, :6] @ rng.standard_normal((6, 2)) + 1e-7 * rng.standard_normal((25, 2))
    options = {"alpha": alpha, "fit_intercept": fit_intercept}
    with_predictions = width_path(X, y, return_predictions=True, **options)
    expected = np.mean((with_predictions.train_predictions - y) ** 2, axis=(1, 2))
    for path in (width_path(X, y, **options), with_predictions):
        assert_allclose(path.train_risk, expected, rtol=1e-6, atol=1e-26)


@pytest.mark.parametrize("alpha", [0.0, 1e-3])
def test_explicit_rcond_truncates_as_the_head_does(alpha):
    X, y = draw(25, 70, 1)
    X = X * 0.7 ** np.arange(70)
    check_against_head(X, y, rcond=1e-2, alpha=alpha)
    check_against_head(X, y, rcond=0.0, widths=range(1, 20), rtol=1e-6)


def test_ill_conditioned_threshold_does_not_spoil_what_follows():
    # Smooth features of few inputs: the condition number at the threshold is 1e9.
    rng = np.random.RandomState(0)
    inputs = rng.standard_normal((60 + N_TEST, 4))
    X = np.cos(inputs @ rng.standard_normal((4, 400)) + rng.uniform(0, 6, 400))
    y = inputs[:, 0] + 0.1 * rng.standard_normal(len(inputs))
    n = 60
    path = width_path(X[:n], y[:n], X[n:], y[n:])
    tested = 0
    for i in range(400):
        design = X[:n, : i + 1] - X[:n, : i + 1].mean(axis=0)
        sizes = np.linalg.svd(design, compute_uv=False)[: min(n - 1, i + 1)]
        if sizes[0] < 1e6 * sizes[-1]:
            head = HeadRegressor().fit(X[:n, : i + 1], y[:n])
            risk = ((head.predict(X[n:, : i + 1]) - y[n:]) ** 2).mean()
            assert_allclose(path.test_risk[i], risk, rtol=1e-8)
            tested += 1
    assert tested > 300


def test_one_sample_and_one_column():
    X, y = draw(1, 5, 1)
    check_against_head(X, y)
    check_against_head(X, y, fit_intercept=False)
    X, y = draw(8, 1, 2)
    check_against_head(X, y)


def test_without_test_rows():
    X, y = draw(20, 40, 1)
    path = width_path(X, y)
    assert path.test_risk is None
    assert path.predictions is None
    only_rows = width_path(X, y, X[:3], return_predictions=True)
    assert only_rows.test_risk is None
    assert only_rows.predictions.shape == (40, 3)
    assert_allclose(only_rows.train_risk, path.train_risk, rtol=1e-9, atol=1e-20)


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_without_test_rows_beyond_the_threshold(alpha):
    X, y = draw(10, 90, 1)
    alone = width_path(X[:10], y[:10], alpha=alpha)
    beside = width_path(X[:10], y[:10], X[10:], y[10:], alpha=alpha)
    assert_allclose(alone.train_risk, beside.train_risk, rtol=1e-9, atol=1e-20)
    assert_allclose(alone.coef_norm, beside.coef_norm, rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": [0, 3]}, r"widths must be in \[1, 40\].*0 to 3"),
        ({"widths": [41]}, r"widths must be in \[1, 40\]"),
        ({"widths": [1.5]}, "widths must be integers"),
        ({"widths": []}, "widths must be integers"),
        (
            {"widths": [[1], [2, 3]]},
            r"must be integers, got \[\[1\], \[2, 3\]\]",
        ),
        ({"alpha": 10**400}, r"alpha must be in \[0, .*an integer beyond"),
        ({"X": np.ones(3)}, "X: Expected 2D array"),
        ({"X_test": "a"}, "X_test: could not convert"),
        ({"y": ["a"] * 20}, "y must hold numbers"),
        ({"alpha": -1.0}, "alpha"),
        ({"rcond": 1.0}, "rcond"),
        ({"X_test": np.ones((3, 2))}, "X_test has 2 columns, but X has 40"),
        ({"X_test": None}, "y_test was given without X_test"),
        ({"y_test": np.ones((20, 2))}, "y_test has shape"),
        ({"y_test": np.ones(4)}, "inconsistent numbers of samples"),
        ({"y": np.full(20, np.nan)}, "y contains NaN"),
        ({"X": np.full((20, 40), np.inf)}, "X contains infinity"),
    ],
)
def test_bad_input(changes, message):
    X, y = draw(20, 40, 1)
    good = {"X": X[:20], "y": y[:20], "X_test": X[:20], "y_test": y[:20]}
    with pytest.raises(ValueError, match=message):
        width_path(**{**good, **changes})


# The curve takes the path by itself --------------------------------------------


def check_both_strategies(model, name, values, X, y, **options):
    cv = ShuffleSplit(3, train_size=40, random_state=0)
    curves = [
        DoubleDescentCurve(model, name, values, cv=cv, strategy=strategy, **options)
        for strategy in ("auto", "refit")
    ]
    path, refit = (curve.fit(X, y) for curve in curves)
    assert path.strategy_ == "path"
    assert refit.strategy_ == "refit"
    for risk in refit.test_risks_:
        assert_allclose(path.test_risks_[risk], refit.test_risks_[risk], rtol=1e-6)
        assert_allclose(
            path.train_risks_[risk], refit.train_risks_[risk], rtol=1e-6, atol=1e-12
        )
    assert path.interpolation_threshold_ == refit.interpolation_threshold_
    assert path.best_.complexity == refit.best_.complexity
    return path


@pytest.mark.parametrize("n_targets", [1, 2])
def test_curve_on_frozen_features(n_targets):
    X, y, truth = make_hmm_regression(150, n_targets=n_targets, random_state=0)
    model = make_pipeline(
        HMMFeatureTransformer(truth.hmm, random_state=0), HeadRegressor()
    )
    name = "hmmfeaturetransformer__n_components"
    widths = [1, 5, 20, 38, 39, 40, 60, 200]
    curve = check_both_strategies(
        model, name, widths, X, y, risk=["squared_error", "absolute_error"]
    )
    # One column fewer than samples, and one more if a unit is dead on the sample.
    assert curve.interpolation_threshold_ in (39, 40)
    ragged = check_both_strategies(model, name, widths, [row[:15] for row in X], y)
    assert not np.array_equal(ragged.test_risk_, curve.test_risk_)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_curve_of_a_classifier(n_classes):
    X, y, truth = make_hmm_classification(
        150, n_classes=n_classes, n_steps=8, random_state=1
    )
    features = HMMFeatureTransformer(truth.hmm, readout="fourier", random_state=0)
    model = make_pipeline(features, HeadClassifier(0.01))
    labels = np.array(["a", "b", "c"])[y]
    check_both_strategies(
        model,
        "hmmfeaturetransformer__n_components",
        [1, 10, 30, 100],
        X,
        labels,
        risk=["squared_error", "zero_one_error"],
    )


def test_curve_on_other_nested_features():
    X, y = draw(120, 60, 1)
    widths = [1, 5, 20, 38, 39]
    check_both_strategies(
        make_pipeline(LeadingColumns(), HeadRegressor()),
        "leadingcolumns__n_components",
        [*widths, 45, 60],
        X,
        y,
    )
    check_both_strategies(
        make_pipeline(StandardScaler(), PCA(svd_solver="full"), HeadRegressor()),
        "pca__n_components",
        widths,
        X,
        y,
    )
    unfrozen = HMMFeatureTransformer(
        BaumWelch(3, max_iter=3, tol=0), readout="fourier", random_state=0
    )
    check_both_strategies(
        make_pipeline(unfrozen, HeadRegressor(0.1)),
        "hmmfeaturetransformer__n_components",
        [1, 5, 60],
        np.round(2 * X).clip(0).astype(int)[:, :10],
        y,
    )


@pytest.mark.parametrize(
    ("model", "changes", "reason"),
    [
        (make_pipeline(LeadingColumns(), Ridge()), {}, "the last step is a Ridge"),
        (make_pipeline(LeadingColumns(), HeadRegressor("loo")), {}, "alpha='loo'"),
        (make_pipeline(LeadingColumns(), HeadRegressor()), {"risk": "r2"}, "scorers"),
        (make_pipeline(PCA(), HeadRegressor()), {}, "nested only with svd_solver"),
    ],
)
def test_otherwise_it_refits_and_says_why(model, changes, reason):
    X, y = draw(20, 8, 1)
    name = f"{model.steps[0][0]}__n_components"
    curve = DoubleDescentCurve(model, name, [1, 3], cv=3, **changes)
    curve.fit(X, y)
    assert curve.strategy_ == "refit"
    assert reason in curve.strategy_reason_
    with pytest.raises(ValueError, match="strategy='path' is not possible here"):
        curve.set_params(strategy="path").fit(X, y)


def test_a_map_drawn_anew_at_every_fit_is_refitted():
    X, y, truth = make_hmm_regression(60, n_steps=5, random_state=0)
    model = make_pipeline(HMMFeatureTransformer(truth.hmm), HeadRegressor())
    curve = DoubleDescentCurve(
        model, "hmmfeaturetransformer__n_components", [1, 3], cv=2
    ).fit(X, y)
    assert curve.strategy_ == "refit"
    assert "give it a random_state" in curve.strategy_reason_
    # Leading coordinates are no draw; those of a model pretrained anew are.
    model[0].set_params(readout="identity")
    assert curve.fit(X, y).strategy_ == "path"
    model[0].set_params(hmm=BaumWelch(n_states=3, max_iter=2, tol=0))
    assert curve.fit(X, y).strategy_ == "refit"


def test_path_does_not_depend_on_n_jobs():
    X, y = draw(120, 300, 1)
    model = make_pipeline(LeadingColumns(), HeadRegressor())
    risks = [
        DoubleDescentCurve(
            model,
            "leadingcolumns__n_components",
            range(1, 301),
            cv=4,
            n_jobs=n_jobs,
        )
        .fit(X, y)
        .test_risk_
        for n_jobs in (1, 2)
    ]
    assert_array_equal(*risks)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 1e-10, 1e-4, 0.5, 1e8])
@pytest.mark.parametrize("design", ["plain", "repeated columns", "decaying", "tiny"])
def test_effective_parameters_equal_those_of_one_decomposition(
    alpha, fit_intercept, design
):
    X, y = draw(20, 60, 2)
    if design == "repeated columns":
        X[:, 5], X[:, 30:40] = X[:, 2], X[:, :10]
        X[:, 7] = 0.0
    elif design == "decaying":
        X *= np.geomspace(1, 1e-3, X.shape[1])
    elif design == "tiny":
        X *= 1e-40
        alpha *= 1e-80
    n, options = 20, {"alpha": alpha, "fit_intercept": fit_intercept}
    path = width_path(X[:n], y[:n], X[n:], return_effective_parameters=True, **options)
    for i, width in enumerate(path.widths):
        truth = effective_parameters(X[:n, :width], X[n:, :width], **options)
        assert_allclose(path.effective_parameters.train[i], truth.train, rtol=1e-8)
        assert_allclose(path.effective_parameters.test[i], truth.test, rtol=1e-8)


def test_effective_parameters_of_one_new_row_and_of_none():
    X, y = draw(20, 60, 2)
    options = {"widths": [3, 19, 40], "return_effective_parameters": True}
    one, none = (width_path(X[:20], y[:20], rows, **options) for rows in (X[-1:], None))
    assert_allclose(one.effective_parameters.train, [4, 20, 20])
    assert_allclose(none.effective_parameters.train, [4, 20, 20])


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_the_path_follows_the_scale_of_its_data(alpha, fit_intercept):
    # Powers of two, so that the scaled data are the same to the last bit.
    X, y = draw(12, 30, 2)
    n = len(X) - N_TEST

    def path(x_scale, y_scale):
        return width_path(
            X[:n] * x_scale,
            y[:n] * y_scale,
            X[n:] * x_scale,
            y[n:] * y_scale,
            alpha=alpha * x_scale**2,
            fit_intercept=fit_intercept,
            return_predictions=True,
            return_effective_parameters=True,
        )

    plain = path(1.0, 1.0)
    for x_exponent, y_exponent in [(-510, 0), (500, 0), (0, 300), (0, -300)]:
        x_scale, y_scale = 2.0**x_exponent, 2.0**y_exponent
        scaled = path(x_scale, y_scale)
        assert_allclose(scaled.predictions, plain.predictions * y_scale, rtol=1e-9)
        assert_allclose(scaled.test_risk, plain.test_risk * y_scale**2, rtol=1e-9)
        norm = plain.coef_norm * y_scale / x_scale
        assert_allclose(scaled.coef_norm, norm, rtol=1e-9)
        for which in (0, 1):
            expected = plain.effective_parameters[which]
            assert_allclose(scaled.effective_parameters[which], expected, rtol=1e-7)


@pytest.mark.parametrize("alpha", [1e-320, 1e-200, 1e50, 1e200, 1e308])
def test_penalties_far_from_the_design(alpha):
    X, y = draw(12, 30, 1)
    path = check_against_head(X, y, alpha=alpha, rtol=1e-7)
    head = HeadRegressor(alpha).fit(X[:12], y[:12])
    assert_allclose(path.coef_norm[-1], head.coef_norm_, rtol=1e-7)


def test_numbers_whose_squares_are_none_are_refused():
    X, y = draw(12, 30, 1)
    n = len(X) - N_TEST
    refused = [
        ((X[:n] * 1e-320, y[:n]), r"value in X must be 0 or in \[1e-200, 1e\+200\]"),
        ((X[:n], y[:n] * 1e200), r"value in y must be 0 or in \[1e-100, 1e\+100\]"),
        ((X[:n], y[:n], X[n:] * 1e300), r"in X_test must be 0 or in \[0, 1e\+200\]"),
        ((X[:n], y[:n], X[n:], y[n:] * 1e200), "value in y_test must be"),
        ((X[:n] * 1e-199, y[:n], X[n:] * 1e199, y[n:]), "exceed .* float at width 1:"),
    ]
    for arguments, message in refused:
        with pytest.raises(ValueError, match=message):
            width_path(*arguments)
    with pytest.raises(ValueError, match=r"exceed .* float at width 1:"):
        width_path(*refused[-1][0][:3], return_predictions=True)
    # Rows to predict may be as small as they like, and their risk may be infinite.
    assert np.isfinite(width_path(X[:n], y[:n], X[n:] * 1e-300, y[n:]).test_risk).all()
    assert np.isinf(width_path(X[:n], y[:n], X[n:] * 1e190, y[n:]).test_risk).all()


def test_a_curve_refuses_targets_whose_squares_are_none():
    X, y = draw(40, 4, 1)
    model = make_pipeline(LeadingColumns(), Ridge())
    for scale in (1e200, 1e-200):
        curve = DoubleDescentCurve(model, "leadingcolumns__n_components", [1, 2])
        with pytest.raises(ValueError, match=r"in y must be .* Rescale y"):
            curve.fit(X, y * scale)
