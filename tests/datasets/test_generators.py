import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skhmmdd import make_hmm, make_hmm_classification, make_hmm_regression


def test_every_state_of_a_random_model_is_equally_frequent():
    hmm = make_hmm(7, 4, random_state=0)
    assert_allclose(hmm.startprob @ hmm.transmat, hmm.startprob, rtol=1e-12)
    assert_allclose(hmm.startprob, 1 / 7)
    assert hmm == make_hmm(7, 4, random_state=0)
    assert hmm != make_hmm(7, 4, random_state=1)


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("target_step", ["last", "first"])
def test_regression_tells_its_truth(target_step, n_targets):
    X, y, truth = make_hmm_regression(
        4000,
        preset="first_minimum",
        n_steps=6,
        n_targets=n_targets,
        target_step=target_step,
        random_state=0,
    )
    beliefs = truth.hmm.filter(X) if target_step == "last" else truth.hmm.smooth(X)
    posterior = beliefs[:, -1 if target_step == "last" else 0]
    assert_allclose(truth.posterior, posterior, rtol=1e-12)
    assert y.shape == ((4000,) if n_targets == 1 else (4000, 3))
    mean = (posterior @ truth.coef + truth.intercept).reshape(y.shape)
    assert_allclose(truth.mean, mean, rtol=1e-9, atol=1e-12)
    # Of 4,000 draws: a variance is off by some 2 %, thrice that at most.
    assert_allclose(truth.mean.var(axis=0), 1, rtol=0.1)
    assert_allclose((y - truth.mean).var(axis=0), truth.noise_var, rtol=0.1)
    assert truth.noise_var == 0.25


def test_arguments_win_over_the_preset():
    X, _, truth = make_hmm_regression(30, n_states=4, n_symbols=3, noise=0)
    assert (truth.hmm.n_states, truth.hmm.n_symbols) == (4, 3)
    assert X.max() <= 2
    assert truth.noise_var == 0


def test_classification_tells_its_truth():
    X, y, truth = make_hmm_classification(
        3000, n_classes=3, flip_y=0.3, density=0.4, n_steps=6, random_state=0
    )
    posterior = truth.hmm.smooth(X)[:, 0]
    scores = (posterior - 1 / truth.hmm.n_states) @ truth.coef
    assert_array_equal(truth.label, scores.argmax(axis=1))
    # A flip draws any of the three classes, the true one included.
    share = (y != truth.label).mean()
    assert abs(share - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 3000)
    drawn = (truth.coef != 0).mean()
    assert abs(drawn - 0.4) < 4 * np.sqrt(0.4 * 0.6 / truth.coef.size)


@pytest.mark.parametrize(
    ("make", "argument", "value", "must"),
    [
        (make_hmm, "n_states", 0, "at least 1"),
        (make_hmm, "n_symbols", 0, "at least 1"),
        (make_hmm, "transition_temperature", 0, "in (0, inf)"),
        (make_hmm, "emission_temperature", -1.0, "in (0, inf)"),
        (make_hmm_regression, "noise", -0.5, "in [0, inf)"),
        (make_hmm_regression, "n_samples", 0, "at least 1"),
        (make_hmm_regression, "n_targets", 0, "at least 1"),
        (make_hmm_regression, "preset", "third", "one of"),
        (make_hmm_regression, "target_step", "middle", "'last' or 'first'"),
        (make_hmm_classification, "n_classes", 1, "at least 2"),
        (make_hmm_classification, "density", 0, "in (0, 1]"),
        (make_hmm_classification, "flip_y", 1.5, "in [0, 1]"),
        (make_hmm_classification, "n_steps", 0, "at least 1"),
    ],
)
def test_bad_input_is_named(make, argument, value, must):
    with pytest.raises(ValueError, match=f"{argument} must be") as raised:
        make(**{argument: value})
    assert must in str(raised.value)
    assert repr(value) in str(raised.value)
