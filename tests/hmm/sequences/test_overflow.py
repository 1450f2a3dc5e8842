"""Numbers near the ends of a double: right to rounding, or refused by name."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from random_models import random_hmm

from skhmmdd import (
    BaumWelch,
    CategoricalHMM,
    GaussianHMM,
    HMMFeatureTransformer,
    LinearGaussianHMM,
)

METHODS = ["log_likelihood", "filter", "smooth", "decode", "predict_next"]
TRANSMAT = [[0.9, 0.1], [0.2, 0.8]]
# A power of two: numbers scaled by it are rounded as they were.
HUGE = 2.0**490


def scaled(hmm, factor):
    """The model of observations in another unit."""
    covars = np.array(hmm.covars) * factor * factor
    return GaussianHMM(hmm.startprob, hmm.transmat, hmm.means * factor, covars)


@pytest.mark.parametrize("kind", ["diag", "full"])
@pytest.mark.parametrize("factor", [HUGE, 1 / HUGE])
def test_another_unit_changes_nothing_but_the_density(kind, factor):
    hmm = random_hmm(kind, size=2)
    X = hmm.sample(4, 6, random_state=0)[0]
    other = scaled(hmm, factor)
    for method in ("filter", "smooth"):
        assert_allclose(
            getattr(other, method)(X * factor), getattr(hmm, method)(X), rtol=1e-9
        )
    assert_array_equal(other.decode(X * factor), hmm.decode(X))
    shift = 2 * 6 * np.log(factor)
    assert_allclose(
        other.log_likelihood(X * factor), hmm.log_likelihood(X) - shift, rtol=1e-9
    )
    predicted = other.predict_next(X * factor) / factor
    assert_allclose(predicted, hmm.predict_next(X), rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["diag", "full", "gaussian_mixture"])
@pytest.mark.parametrize("value", [1e155, -1e200, 1.7e308])
def test_densities_below_the_smallest_double(value, kind, method):
    hmm = random_hmm(kind, size=2)
    X = np.zeros((3, 4, 2))
    X[1, 2, 0] = value
    message = rf"X holds {value:g} in sequence 1: its log-density".replace("+", r"\+")
    with pytest.raises(ValueError, match=message):
        getattr(hmm, method)(X)
    with pytest.raises(ValueError, match=message):
        getattr(hmm, method)(list(X))
    with pytest.raises(ValueError, match=message):
        HMMFeatureTransformer(hmm).fit(np.zeros((1, 2, 2))).transform(X)


def test_log_likelihoods_that_sum_to_less_than_a_double():
    hmm = GaussianHMM([1.0], [[1.0]], [0.0], [1.0])
    x = np.full(30, 1e154)
    assert np.isfinite(hmm.log_likelihood([x[:2]])).all()
    with pytest.raises(ValueError, match=r"X holds 1e\+154 in sequence 1: its log"):
        hmm.log_likelihood([x[:2], x])


def test_a_state_that_is_far_is_left_out():
    wide = 1e300
    hmm = GaussianHMM([0.5, 0.5], TRANSMAT, [0.0, 0.0], [1.0, wide])
    X = np.array([[1e155, -2e155, 1e155]])
    belief = np.array([[[0.0, 1.0]] * 3])
    assert_array_equal(hmm.filter(X), belief)
    assert_array_equal(hmm.smooth(X), belief)
    assert_array_equal(hmm.decode(X), [[1, 1, 1]])
    chain = np.log(0.5) + 2 * np.log(0.8)
    z = X[0] / np.sqrt(wide)
    density = -0.5 * (z @ z + 3 * (np.log(wide) + np.log(2 * np.pi)))
    assert_allclose(hmm.log_likelihood(X), chain + density, rtol=1e-12)


@pytest.mark.parametrize("p", [1, 3])
def test_linear_gaussian_filter_is_linear_to_the_end(p):
    rng = np.random.RandomState(0)
    hmm = LinearGaussianHMM(0.5 * np.eye(2), 0.3, rng.standard_normal((2, p)), 0.5)
    X = rng.standard_normal((3, 5, p))
    X[0, 2] = np.nan
    for factor in (HUGE, HUGE**2, 1 / HUGE):
        for method in ("filter", "smooth", "decode", "predict_next"):
            truth = getattr(hmm, method)(X)
            answer = getattr(hmm, method)(X * factor) / factor
            assert_allclose(answer, truth, rtol=1e-9, atol=1e-12)


def test_linear_gaussian_overflow():
    hmm = LinearGaussianHMM([[0.9]], 0.19, [[1.0]], 0.5)
    X = np.zeros((3, 4))
    X[1, 2] = 1e155
    with pytest.raises(ValueError, match=r"X holds 1e\+155 in sequence 1: its log-d"):
        hmm.log_likelihood(X)
    assert np.isfinite(hmm.smooth(X)).all()
    X[1, 2] = -1.7e308
    X[1, 3] = 1.7e308
    for method in ("filter", "smooth", "decode", "predict_next"):
        with pytest.raises(ValueError, match=r"X holds .*1.7e\+308 in sequence 1"):
            getattr(hmm, method)(X)


def test_features_overflow_single_precision():
    hmm = LinearGaussianHMM([[0.9]], 0.19, [[1.0]], 0.5)
    X = np.full((1, 3), 1e100)
    assert np.isfinite(HMMFeatureTransformer(hmm).fit_transform(X)).all()
    single = HMMFeatureTransformer(hmm, dtype="float32")
    for method in (single.fit_transform, single.fit(X).transform_steps):
        with pytest.raises(ValueError, match=r"X holds 1e\+100 in sequence 0.*float32"):
            method(X)
    far = GaussianHMM([0.5, 0.5], TRANSMAT, [-1e100, 1e100], [1e200, 1e200])
    single = HMMFeatureTransformer(far, 4, representation="predictive", dtype="float32")
    for method in (single.fit(X).transform, single.transform_steps):
        with pytest.raises(ValueError, match="features of X overflow float32"):
            method(X)
    far = GaussianHMM([0.5, 0.5], TRANSMAT, [-1e200, 1e200], [1e300, 1e300])
    with pytest.raises(ValueError, match="representation='predictive' of hmm"):
        HMMFeatureTransformer(far, 4, representation="predictive").fit([[0.0]])


def fit(X, sample_weight=None, **options):
    options = {"n_states": 2, "max_iter": 5, "tol": 0, "random_state": 0, **options}
    return BaumWelch(**options).fit(X, sample_weight=sample_weight).hmm_


@pytest.mark.parametrize("covariance_type", ["diag", "full"])
@pytest.mark.parametrize("factor", [2.0**390, 2.0**-390])
def test_pretraining_in_another_unit(covariance_type, factor):
    X = random_hmm("diag", size=2).sample(10, 8, random_state=1)[0]
    options = {"covariance_type": covariance_type}
    one, other = fit(X, **options), fit(X * factor, **options)
    assert_allclose(other.means / factor, one.means, rtol=1e-6)
    assert_allclose(other.covars / factor / factor, one.covars, rtol=1e-6)
    assert_allclose(other.transmat, one.transmat, rtol=1e-6)


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        (1e130, r"X holds .*e\+130 in sequence \d: pretraining takes numbers up to"),
        (1e200, r"X holds .*e\+200 in sequence \d"),
        (1e-200, r"Feature 0 of X varies so little"),
        (1e-320, r"Feature 0 of X varies so little"),
    ],
)
def test_pretraining_refuses_units(factor, message):
    X = np.random.RandomState(0).standard_normal((6, 5)) * factor
    for door in (fit, BaumWelch().partial_fit):
        with pytest.raises(ValueError, match=message):
            door(X)


def test_pretraining_from_weights_too_far_away():
    init = GaussianHMM([0.5, 0.5], TRANSMAT, [0.0, 1.0], [1e-200, 1e-200])
    X = np.array([[0.0, 1.0], [0.5, 1e100]])
    for door in (BaumWelch(init=init).fit, BaumWelch(init=init).partial_fit):
        with pytest.raises(ValueError, match=r"X holds 1e\+100 in sequence 1: its log"):
            door(X)


@pytest.mark.parametrize("weight", [1e308, 1e60, 1e-200, 1e-320])
@pytest.mark.parametrize("X", [[[0, 1], [1, 1]], [[0.5, 1.0], [2.0, 0.0]]])
def test_weights_that_overflow_or_vanish(X, weight):
    for door in (fit, BaumWelch().partial_fit):
        with pytest.raises(
            ValueError,
            match=f"sample_weight must .* got {weight:g}".replace("+", r"\+"),
        ):
            door(X, sample_weight=[weight, weight])


@pytest.mark.parametrize("weight", [2.0**60, 2.0**-190])
@pytest.mark.parametrize("kind", ["categorical", "diag", "full"])
def test_a_common_weight_changes_nothing(kind, weight):
    X = random_hmm(kind, size=3).sample(10, 8, random_state=1)[0]
    # No pseudocount, which weighs the same whatever the sequences weigh.
    options = {"pseudocount": 0.0, "init": random_hmm(kind, size=3, seed=5)}
    one, other = fit(X, **options), fit(X, np.full(10, weight), **options)
    for name in one._array_names:
        assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["startprob", "transmat", "emissionprob"])
def test_probabilities_are_at_most_one(name):
    distribution = {
        "startprob": [0.5, 0.5],
        "transmat": TRANSMAT,
        "emissionprob": TRANSMAT,
    }
    distribution[name] = np.full(np.shape(distribution[name]), 1e308)
    with pytest.raises(ValueError, match=rf"{name} must .*in \[0, 1\].*1e\+308"):
        CategoricalHMM(**distribution)


@pytest.mark.parametrize(
    "name", ["transition", "transition_cov", "emission", "emission_cov", "start_cov"]
)
def test_linear_gaussian_weights_are_bounded(name):
    weights = {
        "transition": [[0.9]],
        "transition_cov": [[0.2]],
        "emission": [[1.0]],
        "emission_cov": [0.5],
        "start_cov": [[1.0]],
    }
    weights[name] = np.full_like(weights[name], 1e200)
    with pytest.raises(ValueError, match=rf"{name} must be at most 1e\+100"):
        LinearGaussianHMM(**weights)


def test_an_unstable_model_outgrows_a_double():
    hmm = LinearGaussianHMM([[10.0]], 1.0, [[1.0]], 1.0, start_cov=1.0)
    assert np.isfinite(hmm.sample(2, 100, random_state=0)[0]).all()
    with pytest.raises(ValueError, match="n_steps=500 is too long for a transition"):
        hmm.sample(2, 500, random_state=0)
