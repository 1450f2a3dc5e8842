"""The Bayesian head against densities, Gaussian processes and fixed-point iteration."""

import pickle

import numpy as np
import pytest
from internal_checks import common_checks
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal, norm
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct, WhiteKernel
from sklearn.linear_model import BayesianRidge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BayesianHead,
    DoubleDescentCurve,
    HeadRegressor,
    HMMFeatureTransformer,
    LeadingColumns,
    make_hmm_regression,
)
from skhmmdd.heads.solvers._evidence import (
    TargetStatistics,
    best_log_alpha,
    best_noise_var,
    log_evidence,
)
from skhmmdd.theory import log_evidence as theory_log_evidence


@common_checks(
    [
        BayesianHead(),
        BayesianHead(alpha=1.0, noise_var=0.5),
        BayesianHead(alpha=0.0),
        BayesianHead(temperature=1e-3, noise_var=2.0),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def make(n=50, p=20, q=None, seed=0, noise=1.0):
    """The Gaussian data of the figures, at these sizes."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, p))
    Y = X @ (0.3 * rng.standard_normal((p, q or 1)))
    Y += noise * rng.standard_normal((n, q or 1))
    return X, (Y if q else Y[:, 0])


def contrasts(n):
    """Orthonormal rows that know of no mean, from a QR decomposition."""
    rng = np.random.RandomState(n)
    return np.linalg.qr(np.c_[np.ones(n), rng.standard_normal((n, n - 1))])[0][:, 1:].T


def direct_prediction(X, y, X_test, alpha, noise_var, temperature, fit_intercept):
    """Mean and variance by the formula of kernels, with an explicit inverse."""
    n = len(X)
    x_mean = X.mean(axis=0) if fit_intercept else 0.0
    y_mean = y.mean(axis=0) if fit_intercept else 0.0
    Xc, rows = X - x_mean, X_test - x_mean
    inverse = np.linalg.inv(Xc @ Xc.T + temperature * alpha * np.eye(n))
    mean = rows @ Xc.T @ inverse @ (y - y_mean) + y_mean
    reduction = rows @ Xc.T
    variance = (rows**2).sum(axis=1) - ((reduction @ inverse) * reduction).sum(axis=1)
    variance *= noise_var / alpha
    return mean, variance + noise_var * (1 + fit_intercept / n)


# What the evidence chooses


def test_verified_figures():
    X, y = make()
    head = BayesianHead(fit_intercept=False).fit(X, y)
    assert head.alpha_ == pytest.approx(6.215575871, rel=1e-7)
    assert head.noise_var_ == pytest.approx(0.584167551, rel=1e-7)
    assert head.log_evidence_ == pytest.approx(-77.69959818, abs=1e-8)
    head = BayesianHead().fit(X, y)
    assert head.alpha_ == pytest.approx(6.212118, rel=1e-6)
    assert head.noise_var_ == pytest.approx(0.592872, rel=1e-6)


def test_is_the_fixed_point_of_bayesian_ridge():
    X, y = make()
    priors = dict.fromkeys(["alpha_1", "alpha_2", "lambda_1", "lambda_2"], 0.0)
    peer = BayesianRidge(
        fit_intercept=False, max_iter=10_000, tol=1e-13, compute_score=True, **priors
    ).fit(X, y)
    head = BayesianHead(fit_intercept=False).fit(X, y)
    assert head.alpha_ == pytest.approx(peer.lambda_ / peer.alpha_, rel=1e-7)
    assert head.noise_var_ == pytest.approx(1 / peer.alpha_, rel=1e-7)
    assert head.log_evidence_ == pytest.approx(peer.scores_[-1], rel=1e-10)
    assert_allclose(head.coef_, peer.coef_, rtol=1e-7)
    new = np.random.RandomState(1).standard_normal((10, 20))
    for ours, theirs in zip(
        head.predict(new, return_std=True),
        peer.predict(new, return_std=True),
        strict=True,
    ):
        assert_allclose(ours, theirs, rtol=1e-7)


@pytest.mark.parametrize("p", [20, 50, 90])
def test_is_a_gaussian_process(p):
    X, y = make(p=p)
    head = BayesianHead(fit_intercept=False).fit(X, y)
    signal_var = head.noise_var_ / head.alpha_
    kernel = DotProduct(0.0, "fixed") * signal_var + WhiteKernel(head.noise_var_)
    peer = GaussianProcessRegressor(kernel, optimizer=None, alpha=0).fit(X, y)
    assert head.log_evidence_ == pytest.approx(
        peer.log_marginal_likelihood_value_, rel=1e-10
    )
    new = np.random.RandomState(1).standard_normal((30, p))
    for ours, theirs in zip(
        head.predict(new, return_std=True),
        peer.predict(new, return_std=True),
        strict=True,
    ):
        assert_allclose(ours, theirs, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("q", [None, 3])
@pytest.mark.parametrize("n, p", [(30, 5), (30, 29), (30, 30), (12, 40), (2, 3)])
def test_no_other_choice_has_higher_evidence(n, p, q, fit_intercept):
    X, y = make(n, p, q, seed=n + p)
    head = BayesianHead(fit_intercept=fit_intercept).fit(X, y)
    grid = np.geomspace(1e-8, 1e8, 400)
    values = theory_log_evidence(
        X, y, grid[:, None], np.geomspace(1e-4, 1e2, 300), fit_intercept=fit_intercept
    )
    assert head.log_evidence_ >= values.max() - 1e-9
    # Of one variance at a time, with the other given.
    for given in (1e-2, 1.0, 30.0):
        one = BayesianHead(noise_var=given, fit_intercept=fit_intercept).fit(X, y)
        values = theory_log_evidence(X, y, grid, given, fit_intercept=fit_intercept)
        assert one.noise_var_ == given
        assert one.log_evidence_ >= values.max() - 1e-9
        one = BayesianHead(alpha=given, fit_intercept=fit_intercept).fit(X, y)
        values = theory_log_evidence(
            X, y, given, np.geomspace(1e-4, 1e4, 999), fit_intercept=fit_intercept
        )
        assert one.alpha_ == given
        assert one.log_evidence_ >= values.max() - 1e-9
        both = BayesianHead(
            alpha=given, noise_var=one.noise_var_, fit_intercept=fit_intercept
        ).fit(X, y)
        assert both.log_evidence_ == pytest.approx(one.log_evidence_, rel=1e-12)


@pytest.mark.parametrize("seed", range(150))
def test_the_highest_of_several_maxima(seed):
    rng = np.random.RandomState(seed)
    r, outside, q = rng.randint(1, 8), rng.randint(0, 3), rng.randint(1, 4)
    values = np.sort(10 ** rng.uniform(-4, 4, r))[::-1]
    energy = 10 ** rng.uniform(-6, 4, r) * rng.choice([0, 1], r, p=[0.1, 0.9])
    rss = 10 ** rng.uniform(-8, 3) if outside else 0.0
    statistics = TargetStatistics(values, energy, rss, r + outside, q, 0.0, 1e-25)
    given = None if seed % 3 else 10 ** rng.uniform(-5, 3)

    def height(log_alpha):
        noise_var = given or best_noise_var(statistics, log_alpha)
        return log_evidence(statistics, log_alpha, noise_var)

    everywhere = height(np.append(np.linspace(-110, 60, 9001), np.inf))
    found = height(best_log_alpha(statistics, given))
    assert found >= everywhere.max() - 1e-9


def test_two_maxima_and_the_higher_is_taken():
    # A strong direction far from a weak one: either may be the signal.
    values = np.array([1e3] * 10 + [1.0] * 10)
    for strong, weak in [(1e8, 1e2), (1.2, 1e3)]:
        energy = np.array([strong] * 10 + [weak] * 10)
        statistics = TargetStatistics(values, energy, 30.0, 50, 1, 0.0, 1e-30)
        logs = np.linspace(-15, 25, 4001)
        noise = best_noise_var(statistics, logs)
        heights = log_evidence(statistics, logs, noise)
        best = best_log_alpha(statistics)
        assert best == pytest.approx(logs[heights.argmax()], abs=0.011)


def test_no_signal_is_an_infinite_penalty():
    rng = np.random.RandomState(3)
    X, y = rng.standard_normal((60, 5)), rng.standard_normal(60)
    y -= X @ np.linalg.lstsq(X, y, rcond=None)[0]  # no feature explains anything
    head = BayesianHead().fit(X - X.mean(axis=0), y)
    assert head.alpha_ == np.inf
    assert_array_equal(head.coef_, np.zeros(5))
    assert (head.coef_norm_, head.effective_dof_) == (0.0, 1.0)
    assert head.noise_var_ == pytest.approx(y.var(ddof=1), rel=1e-12)
    assert head.log_evidence_ == pytest.approx(
        norm.logpdf(contrasts(60) @ y, scale=y.std(ddof=1)).sum(), rel=1e-12
    )
    mean, std = head.predict(X, return_std=True)
    assert_allclose(mean, y.mean(), atol=1e-15)
    assert_allclose(std, y.std(ddof=1) * np.sqrt(1 + 1 / 60), rtol=1e-12)
    cold = BayesianHead(temperature=1e-200).fit(X - X.mean(axis=0), y)
    assert_array_equal(cold.coef_, np.zeros(5))


def test_where_no_penalty_matters_there_is_no_signal():
    # One contrast, equal singular values, and features that are constant.
    flat = [
        (np.array([[0.0], [1.0]]), np.array([0.0, 3.0])),
        (np.ones((5, 3)), np.arange(5.0)),
    ]
    for X, y in flat:
        head = BayesianHead().fit(X, y)
        assert head.alpha_ == np.inf
        assert head.noise_var_ == pytest.approx(y.var(ddof=1), rel=1e-12)
        assert_allclose(head.predict(X), y.mean())
    head = BayesianHead(fit_intercept=False).fit(3 * np.eye(6), np.arange(6.0))
    assert head.alpha_ == np.inf


@pytest.mark.parametrize("p", [3, 40])
def test_targets_without_noise(p):
    # Directions of many sizes, or noise would explain as much as they do.
    X, _ = make(20, p)
    X *= np.geomspace(1, 1e-3, p)
    y = X @ np.random.RandomState(1).standard_normal(p)
    head = BayesianHead().fit(X, y)
    assert 0 < head.noise_var_ < 1e-28 * y.var()
    assert_allclose(head.predict(X), y, atol=1e-12)
    # The prior variance of what it takes to explain them is not lost with the noise.
    coef = HeadRegressor().fit(X, y).coef_
    assert head.noise_var_ / head.alpha_ == pytest.approx(
        coef @ coef / min(p, 19), rel=1e-6
    )
    assert np.isfinite(head.log_evidence_)
    std = head.predict(X, return_std=True)[1]
    assert (std < 1e-12).all()


@pytest.mark.parametrize("scale_x", [1e-120, 1e-3, 1e120])
@pytest.mark.parametrize("scale_y", [1e-60, 1e60])
def test_units(scale_x, scale_y):
    X, y = make(30, 12)
    one = BayesianHead().fit(X, y)
    other = BayesianHead().fit(scale_x * X, scale_y * y)
    assert other.alpha_ == pytest.approx(one.alpha_ * scale_x**2, rel=1e-9)
    assert other.noise_var_ == pytest.approx(one.noise_var_ * scale_y**2, rel=1e-9)
    assert other.log_evidence_ == pytest.approx(
        one.log_evidence_ - 29 * np.log(scale_y), rel=1e-9
    )
    for ours, theirs in zip(
        other.predict(scale_x * X, return_std=True),
        one.predict(X, return_std=True),
        strict=True,
    ):
        assert_allclose(ours, scale_y * theirs, rtol=1e-9)


def test_units_beyond_floats_are_refused():
    X, y = make(30, 12)
    with pytest.raises(ValueError, match=r"alpha of highest evidence, 1e39., exceeds"):
        BayesianHead().fit(1e196 * X, y)
    head = BayesianHead(alpha=1.0, noise_var=0.5).fit(X, y)
    std = head.predict(1e160 * X, return_std=True)[1]
    assert np.isfinite(std).all()  # their squares are not
    with pytest.raises(ValueError, match="standard deviations exceed"):
        BayesianHead(alpha=1e-300, noise_var=0.5).fit(X[:5], y[:5]).predict(
            1e190 * X, return_std=True
        )
    with pytest.raises(ValueError, match=r"log evidence exceeds .* noise_var=1e-300"):
        BayesianHead(noise_var=1e-300).fit(X, 1e10 * y)
    tiny = BayesianHead(alpha=1.0, noise_var=1e-250).fit(X, 1e-98 * y)
    with pytest.raises(ValueError, match="log densities exceed"):
        tiny.predict_log_density(X, 1e99 * y)


# Predictions


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("temperature", [1e-3, 1.0, 20.0])
@pytest.mark.parametrize("n, p", [(40, 6), (15, 15), (10, 30)])
@pytest.mark.parametrize("q", [None, 2])
def test_predictions_are_those_of_the_formula(n, p, q, temperature, fit_intercept):
    X, y = make(n, p, q)
    X, y = X + 2.0, y + 5.0
    new = 2.0 + np.random.RandomState(1).standard_normal((20, p))
    head = BayesianHead(
        alpha=0.7, noise_var=0.4, temperature=temperature, fit_intercept=fit_intercept
    ).fit(X, y)
    expected, variance = direct_prediction(
        X, y, new, 0.7, 0.4, temperature, fit_intercept
    )
    mean, std = head.predict(new, return_std=True)
    assert mean.shape == std.shape == expected.shape
    assert_allclose(mean, expected, rtol=1e-8)
    assert_allclose(std.T, np.tile(np.sqrt(variance), (q or 1, 1)).reshape(std.T.shape))
    assert_array_equal(head.predict(new), mean)
    ridge = HeadRegressor(temperature * 0.7, fit_intercept=fit_intercept).fit(X, y)
    # Another route: a coefficient that is nearly zero has the rounding of the largest.
    gap = np.abs(head.coef_ - ridge.coef_).max()
    assert gap < 1e-12 * np.abs(ridge.coef_).max()
    assert head.effective_dof_ == pytest.approx(ridge.effective_dof_, rel=1e-12)
    assert head.rank_ == ridge.rank_
    assert head.coef_norm_ == pytest.approx(ridge.coef_norm_, rel=1e-12)


@pytest.mark.parametrize("p", [6, 30])
def test_variances_without_cancellation(p):
    # At a tiny penalty the formula subtracts equal numbers; the classical one does not.
    X, y = make(20, p)
    head = BayesianHead(alpha=1e-24, noise_var=1.0).fit(X, y)
    std = head.predict(X, return_std=True)[1]
    basis = np.c_[np.ones(20), X] if p < 19 else np.eye(20)
    leverage = np.diag(basis @ np.linalg.pinv(basis))
    if p < 19:
        assert_allclose(std**2, 1 + leverage, rtol=1e-9)
    else:
        # What rounding takes for unseen is of the order of eps^2 / alpha.
        assert (std**2 >= 1 + leverage - 1e-9).all()
    unseen = np.zeros((1, p))
    far = head.predict(unseen + 1e8, return_std=True)[1]
    assert (far > std.max()).all()


def test_directions_without_a_sample_keep_the_prior():
    X, y = make(40, 6)
    X[:, 4:] = 0.0
    head = BayesianHead(alpha=2.0, noise_var=0.5).fit(X, y)
    centre = X.mean(axis=0)
    away = centre + np.array([0, 0, 0, 0, 3.0, 4.0])
    std = head.predict([centre, away], return_std=True)[1]
    assert_allclose(std**2, [0.5 * (1 + 1 / 40), 0.5 * (1 + 1 / 40) + 25 * 0.25])


def test_log_density_is_that_of_a_normal_distribution():
    X, y = make(40, 6, 2)
    head = BayesianHead().fit(X[:30], y[:30])
    mean, std = head.predict(X[30:], return_std=True)
    expected = norm.logpdf(y[30:], mean, std).sum(axis=1)
    assert_allclose(head.predict_log_density(X[30:], y[30:]), expected, rtol=1e-12)
    single = BayesianHead().fit(X[:30], y[:30, 0])
    assert single.predict_log_density(X[30:], y[30:, 0]).shape == (10,)
    with pytest.raises(ValueError, match=r"shape of the predictions, \(10,\); got"):
        single.predict_log_density(X[30:], y[30:])


def test_temperature_changes_no_evidence():
    X, y = make()
    one, cold = BayesianHead().fit(X, y), BayesianHead(temperature=1e-4).fit(X, y)
    assert one.alpha_ == cold.alpha_
    assert one.log_evidence_ == cold.log_evidence_
    assert cold.coef_norm_ > one.coef_norm_
    minimum_norm = HeadRegressor().fit(X, y)
    coldest = BayesianHead(temperature=1e-300).fit(X, y)
    assert_allclose(coldest.coef_, minimum_norm.coef_, rtol=1e-10)


def test_several_outputs_share_their_variances():
    X, y = make(30, 8, 3)
    head = BayesianHead().fit(X, y)
    stacked = BayesianHead(fit_intercept=False).fit(
        np.kron(np.eye(3), contrasts(30) @ X), (contrasts(30) @ y).T.ravel()
    )
    assert head.alpha_ == pytest.approx(stacked.alpha_, rel=1e-9)
    assert head.noise_var_ == pytest.approx(stacked.noise_var_, rel=1e-9)
    assert head.log_evidence_ == pytest.approx(stacked.log_evidence_, rel=1e-9)
    assert_allclose(head.coef_.ravel(), stacked.coef_, rtol=1e-7, atol=1e-10)
    column = BayesianHead().fit(X, y[:, :1])
    assert column.predict(X, return_std=True)[1].shape == (30, 1)


# Weights


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("p", [4, 40])
@pytest.mark.parametrize("q", [None, 2])
def test_counts_are_repeated_samples(p, q, fit_intercept):
    X, y = make(25, p, q)
    # With fewer distinct samples than features their noise would be none.
    noise_var = "evidence" if p < 25 else 0.5
    counts = np.random.RandomState(0).randint(0, 4, 25)
    head = BayesianHead(noise_var=noise_var, fit_intercept=fit_intercept)
    weighted = clone(head).fit(X, y, counts)
    repeated = clone(head).fit(
        np.repeat(X, counts, axis=0), np.repeat(y, counts, axis=0)
    )
    for name in ("alpha_", "noise_var_", "log_evidence_", "effective_dof_"):
        assert getattr(weighted, name) == pytest.approx(
            getattr(repeated, name), rel=1e-8
        )
    new = np.random.RandomState(1).standard_normal((10, p))
    for ours, theirs in zip(
        weighted.predict(new, return_std=True),
        repeated.predict(new, return_std=True),
        strict=True,
    ):
        assert_allclose(ours, theirs, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("p", [4, 40])
def test_floating_weights_are_precisions(p, fit_intercept):
    n = 20
    X, y = make(n, p)
    weights = np.random.RandomState(0).uniform(0.2, 3, n)
    head = BayesianHead(alpha=0.8, noise_var=0.6, fit_intercept=fit_intercept)
    head.fit(X, y, weights)
    turn = contrasts(n) if fit_intercept else np.eye(n)
    cov = 0.6 * (np.diag(1 / weights) + X @ X.T / 0.8)
    expected = multivariate_normal(np.zeros(len(turn)), turn @ cov @ turn.T)
    assert head.log_evidence_ == pytest.approx(expected.logpdf(turn @ y), rel=1e-9)
    # The intercept is a feature of its own, whose prior is next to flat.
    wide = np.c_[X, np.full(n, 1e4)] if fit_intercept else X
    new = np.random.RandomState(1).standard_normal((5, p))
    wide_new = np.c_[new, np.full(5, 1e4)] if fit_intercept else new
    inner = np.linalg.inv(
        wide.T @ (weights[:, None] * wide) + 0.8 * np.eye(wide.shape[1])
    )
    mean = wide_new @ inner @ wide.T @ (weights * y)
    variance = 0.6 * (1 + np.sum(wide_new @ inner * wide_new, axis=1))
    for ours, theirs in zip(
        head.predict(new, return_std=True),
        (mean, np.sqrt(variance)),
        strict=True,
    ):
        assert_allclose(ours, theirs, rtol=1e-6)
    # Units of the weights are those of the noise.
    ours = BayesianHead(fit_intercept=fit_intercept).fit(X, y, weights)
    scaled = BayesianHead(fit_intercept=fit_intercept).fit(X, y, 1e6 * weights)
    assert scaled.noise_var_ == pytest.approx(1e6 * ours.noise_var_, rel=1e-8)
    assert scaled.log_evidence_ == pytest.approx(ours.log_evidence_, rel=1e-9)


def test_repeated_samples_that_are_interpolated_have_no_noise():
    X, y = make(25, 40)
    heads = [
        BayesianHead().fit(X, y, np.full(25, 2)),
        BayesianHead().fit(np.vstack([X, X]), np.append(y, y)),
    ]
    for head in heads:
        assert 0 < head.noise_var_ < 1e-27 * y.var()
        assert_allclose(head.predict(X), y, atol=1e-12)
    assert heads[0].log_evidence_ == pytest.approx(heads[1].log_evidence_, rel=1e-2)


def test_weights_of_one_and_zero():
    X, y = make(25, 4)
    plain = BayesianHead().fit(X[:20], y[:20])
    for dtype in (int, float, bool):
        weights = (np.arange(25) < 20).astype(dtype)
        head = BayesianHead().fit(X, y, weights)
        assert head.log_evidence_ == pytest.approx(plain.log_evidence_, rel=1e-12)
        assert head.alpha_ == pytest.approx(plain.alpha_, rel=1e-9)


# Paths


@pytest.mark.parametrize("p", [10, 60])
@pytest.mark.parametrize(
    ("name", "settings", "values"),
    [
        ("alpha", {"temperature": 0.1}, [3.0, 0.0, 1e-6, 1e4]),
        ("temperature", {}, [1.0, 1e-6, 1e3]),
        ("temperature", {"alpha": 2.0, "noise_var": 1.0}, [0.5, 2.0]),
        ("temperature", {"alpha": np.inf}, [0.5, 2.0]),
        ("temperature", {"noise_var": 1.0, "fit_intercept": False}, [0.5, 2.0]),
    ],
)
@pytest.mark.parametrize("q", [None, 2])
def test_paths_are_refits(name, settings, values, p, q):
    X, y = make(40, p, q)
    head = BayesianHead(**settings)
    assert head._why_no_path(name, values) is None
    path = head._path(X[:30], y[:30], X[30:], name, values, count_parameters=True)
    for i, value in enumerate(values):
        refit = clone(head).set_params(**{name: value}).fit(X[:30], y[:30])
        expected = refit.predict(X[30:]).reshape(10, -1)
        assert_allclose(path.predictions[i], expected, rtol=1e-8, atol=1e-10)
        assert path.coef_norm[i] == pytest.approx(refit.coef_norm_, rel=1e-8)
        counts = refit._effective_parameters(X[:30], X[30:])
        assert path.effective_parameters.test[i] == pytest.approx(counts.test, rel=1e-8)


@pytest.mark.parametrize("alpha", [2.0, np.inf])
def test_path_along_the_widths(alpha):
    X, y = make(40, 60)
    head, widths = BayesianHead(alpha=alpha, temperature=0.1), [50, 3, 29]
    path = head._path(X[:30], y[:30], X[30:], "n_features", widths)
    for i, width in enumerate(widths):
        refit = clone(head).fit(X[:30, :width], y[:30])
        assert_allclose(
            path.predictions[i, :, 0], refit.predict(X[30:, :width]), rtol=1e-8
        )


def test_curves_take_the_paths():
    X, y = make(60, 40)
    model = make_pipeline(LeadingColumns(), BayesianHead(alpha=1e-3))
    found = {}
    for strategy in ("auto", "refit"):
        found[strategy] = [
            DoubleDescentCurve(
                model, name, values, strategy=strategy, cv=3, random_state=0
            ).fit(X, y)
            for name, values in (
                ("leadingcolumns__n_components", [2, 39, 40]),
                ("bayesianhead__temperature", [1e-3, 1.0, 1e3]),
                ("bayesianhead__alpha", [1e-3, 1.0, 1e3]),
            )
        ]
    for path, refit in zip(*found.values(), strict=True):
        assert (path.strategy_, refit.strategy_) == ("path", "refit")
        assert_allclose(path.test_risk_, refit.test_risk_, rtol=1e-8)


@pytest.mark.parametrize(
    ("settings", "name", "values", "reason"),
    [
        ({}, "n_features", [1, 2], "alpha='evidence' chooses another penalty"),
        ({"alpha": 1.0}, "n_features", [0.5], "not widths"),
        ({}, "alpha", ["evidence", 1.0], "not penalties"),
        ({}, "temperature", [0.0], "not positive"),
        ({}, "temperature", ["1"], "not penalties"),
        ({}, "noise_var", [1.0], "no path along 'noise_var'"),
    ],
)
def test_no_path(settings, name, values, reason):
    assert reason in BayesianHead(**settings)._why_no_path(name, values)


@pytest.mark.parametrize("name", ["alpha", "temperature", "n_features"])
def test_paths_refuse_what_refits_do(name):
    head = BayesianHead(alpha=1.0)
    with pytest.raises(ValueError, match="y that is constant, nor"):
        head._path(np.eye(4), np.ones(4), np.eye(4), name, [1, 2])


# Bad input


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0}, r"'temperature' .* in the range \(0.0, inf\). Got 0.0"),
        ({"temperature": -1}, "'temperature' .* Got -1"),
        ({"temperature": np.nan}, "'temperature' .* Got nan"),
        ({"temperature": np.inf}, "'temperature' .* Got inf"),
        ({"temperature": "1"}, "'temperature' .* Got '1'"),
        ({"temperature": 10**400}, r"temperature must be in .*an integer beyond"),
        ({"alpha": -1.0}, r"'alpha' .* \[0.0, inf\] or a str among {'evidence'}"),
        ({"alpha": "loo"}, "'alpha' .* Got 'loo'"),
        ({"alpha": np.nan}, "'alpha' .* Got nan"),
        ({"noise_var": np.inf}, "'noise_var' .* Got inf"),
        ({"alpha": 10**400}, r"alpha must be in \[0, .*an integer beyond"),
        ({"noise_var": 0.0}, r"'noise_var' .* \(0.0, inf\) or .* Got 0.0"),
        ({"noise_var": "loo"}, "'noise_var' .* Got 'loo'"),
        ({"noise_var": 10**400}, r"noise_var must be in .*an integer beyond"),
        ({"fit_intercept": "yes"}, "'fit_intercept'"),
        ({"rcond": 1.0}, "'rcond'"),
    ],
)
def test_bad_parameters(settings, message):
    with pytest.raises(ValueError, match=message):
        BayesianHead(**settings).fit(*make())


@pytest.mark.parametrize("alpha", ["evidence", 0.0, 1.0])
@pytest.mark.parametrize("level", [0.0, 0.1, 1e10])
def test_constant_targets(alpha, level):
    X, y = make(30, 4)[0], np.full(30, level)
    with pytest.raises(ValueError, match=r"y that is constant, .* unbounded as"):
        BayesianHead(alpha=alpha).fit(X, y)
    head = BayesianHead(noise_var=0.3).fit(X, y)
    assert head.alpha_ == np.inf
    assert_allclose(head.predict(X), level)
    if not level:
        with pytest.raises(ValueError, match="zeros without an intercept"):
            BayesianHead(alpha=alpha, fit_intercept=False).fit(X, y)
    else:
        BayesianHead(fit_intercept=False).fit(X, y)


def test_one_sample():
    with pytest.raises(ValueError, match=r"at least 2 samples .* got n_samples = 1"):
        BayesianHead().fit([[1.0]], [2.0])
    with pytest.raises(ValueError, match="noise_var='evidence' needs at least 2"):
        BayesianHead(alpha=1.0).fit([[1.0]], [2.0])
    head = BayesianHead(alpha=1.0, noise_var=0.5).fit([[1.0]], [2.0])
    mean, std = head.predict([[1.0], [3.0]], return_std=True)
    assert_allclose(mean, 2.0)
    assert_allclose(std**2, [1.0, 1.0 + 4 * 0.5])
    assert head.log_evidence_ == 0.0  # of no contrast


def test_a_flat_prior():
    X, y = make(30, 4)
    head = BayesianHead(alpha=0.0).fit(X, y)
    plain = HeadRegressor().fit(X, y)
    assert_allclose(head.coef_, plain.coef_)
    residuals = y - plain.predict(X)
    assert head.noise_var_ == pytest.approx(residuals @ residuals / 29, rel=1e-10)
    assert head.log_evidence_ == -np.inf
    for ask in (
        lambda: head.predict(X, return_std=True),
        lambda: head.predict_log_density(X, y),
    ):
        with pytest.raises(ValueError, match=r"return_std needs alpha in \(0, inf\)"):
            ask()
    assert np.isfinite(BayesianHead(alpha=0.0).fit(*make(10, 30)).coef_).all()


def test_hostile_designs():
    X, y = make(20, 6)
    twice = np.hstack([X, X])
    for design in (
        twice,
        np.hstack([X, np.ones((20, 3))]),
        np.vstack([X[:10], X[:10]]),
        X[:, :1],
        X * np.geomspace(1e-150, 1, 6),
    ):
        head = BayesianHead().fit(design, y)
        mean, std = head.predict(design, return_std=True)
        assert np.isfinite(mean).all()
        assert (std >= np.sqrt(head.noise_var_)).all()
    # Columns twice are one column of twice the prior variance.
    one, two = BayesianHead().fit(X, y), BayesianHead().fit(twice, y)
    assert two.alpha_ == pytest.approx(2 * one.alpha_, rel=1e-9)
    assert two.log_evidence_ == pytest.approx(one.log_evidence_, rel=1e-12)
    assert_allclose(
        two.predict(twice, return_std=True)[1],
        one.predict(X, return_std=True)[1],
        rtol=1e-9,
    )


# As an estimator


def test_searches_and_copies():
    X, y = make(40, 10)
    grid = {
        "alpha": ["evidence", 0.1, 10.0],
        "noise_var": ["evidence", 1.0],
        "temperature": [0.1, 1.0],
    }
    search = GridSearchCV(BayesianHead(), grid, cv=3).fit(X, y)
    assert set(search.best_params_) == set(grid)
    head = search.best_estimator_
    assert head.score(X, y) == pytest.approx(search.score(X, y))
    again = pickle.loads(pickle.dumps(head))
    assert_array_equal(
        again.predict(X, return_std=True)[1], head.predict(X, return_std=True)[1]
    )
    assert clone(head).get_params() == head.get_params()
    assert repr(BayesianHead(temperature=0.1)) == "BayesianHead(temperature=0.1)"

    def log_density(estimator, X, y):
        return estimator.predict_log_density(X, y).mean()

    search = GridSearchCV(
        BayesianHead(), {"temperature": [1e-4, 1.0]}, scoring=log_density, cv=4
    )
    assert search.fit(X, y).best_params_ == {"temperature": 1.0}


def test_tables_and_names():
    pandas = pytest.importorskip("pandas")
    X, y = make(30, 3)
    table = pandas.DataFrame(X, columns=["a", "b", "c"])
    head = BayesianHead().fit(table, pandas.Series(y))
    assert list(head.feature_names_in_) == ["a", "b", "c"]
    plain = BayesianHead().fit(X, y)
    assert_array_equal(
        head.predict(table, return_std=True)[1], plain.predict(X, return_std=True)[1]
    )
    with pytest.raises(ValueError, match="feature names"):
        head.predict(table[["c", "b", "a"]], return_std=True)


# Along the widths of frozen features


@pytest.mark.slow
def test_evidence_and_calibration_along_the_widths():
    X, y, truth = make_hmm_regression(3000, noise=0.5, random_state=0)
    Z = HMMFeatureTransformer(truth.hmm, 800, random_state=0).fit_transform(X)
    widths = [2, 20, 99, 120, 800]
    measured = []
    for seed in range(16):
        order = np.random.RandomState(seed).permutation(3000)
        train, test = order[:100], order[100:]
        for width in widths:
            head = BayesianHead().fit(Z[train, :width], y[train])
            cold = BayesianHead(
                temperature=1e-4, alpha=head.alpha_, noise_var=head.noise_var_
            )
            cold.fit(Z[train, :width], y[train])
            measured.append(
                [
                    -head.log_evidence_ / 99,
                    *(
                        -one.predict_log_density(Z[test, :width], y[test]).mean()
                        for one in (head, cold)
                    ),
                ]
            )
    found = np.median(np.reshape(measured, (16, 5, 3)), axis=0).T
    assert_allclose(found[0], [1.473, 1.375, 1.309, 1.269, 1.188], atol=1e-3)
    assert_allclose(found[1], [1.505, 1.345, 1.208, 1.155, 1.044], atol=1e-3)
    assert_allclose(found[2, [0, 1, 4]], [1.51, 1.42, 1.32], atol=1e-2)
    assert 12.5 / 2 < found[2, 2] < 12.5 * 2
    assert_allclose(found[2, 3], 4.8, atol=0.1)
    assert (np.diff(found[:2], axis=1) < 0).all()
    assert found[2].argmax() == 2
