"""The random Markov reward process against its recipe, and its truth against sums."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skhmmdd import make_markov_reward_process
from skhmmdd.theory._lstd_risk import stationary_distribution


def by_recipe(rng, n_states=60, n_transitions=120):
    """Transitions, rewards, walk and covariance as seeds of the generator give them."""
    P = np.zeros((n_states, n_states))
    for i in range(n_states):
        reached = np.r_[
            (i + 1) % n_states, (i + 7) % n_states, rng.randint(n_states, size=2)
        ]
        P[i, reached] += rng.uniform(0.2, 1, 4)
    P /= P.sum(1, keepdims=True)
    rewards = rng.standard_normal(n_states)
    walk = [0]
    for _ in range(n_transitions):
        walk.append(rng.choice(n_states, p=P[walk[-1]]))
    Y = rng.standard_normal((n_states, 8))
    K = np.exp(-((Y[:, None] - Y[None]) ** 2).sum(-1) / 8)
    return P, rewards, np.array(walk), K


def test_recipe():
    X, rewards, X_next, truth = make_markov_reward_process(random_state=3)
    P, state_rewards, walk, K = by_recipe(np.random.RandomState(3))
    assert_array_equal(truth.transmat, P)
    assert_array_equal(truth.state_rewards, state_rewards)
    assert_array_equal(truth.states, walk)
    assert_allclose(truth.kernel, K, rtol=1e-13)
    assert_array_equal(truth.visited, np.unique(walk))
    assert_array_equal(rewards, state_rewards[walk[:-1]])
    assert_array_equal(X, truth.features[walk[:-1]])
    assert_array_equal(X_next, truth.features[walk[1:]])
    assert X.shape == X_next.shape == (120, 600)
    assert truth.discount == 0.95


def test_the_chain_of_the_figures():
    rng = np.random.RandomState(7)
    rng.standard_normal(20 * 50 * 2 + 20)  # what the figures drew before their chain
    *_, truth = make_markov_reward_process(random_state=rng)
    assert len(truth.visited) == 49


def test_truth():
    *_, truth = make_markov_reward_process(12, 5, 0.9, random_state=1)
    # value: the discounted sum of expected rewards, term by term
    value, ahead = np.zeros(12), truth.state_rewards
    for _ in range(400):
        value, ahead = value + ahead, 0.9 * truth.transmat @ ahead
    assert_allclose(truth.value, value, rtol=1e-12)
    assert_allclose(truth.stationary @ truth.transmat, truth.stationary, atol=1e-15)
    assert truth.stationary.sum() == pytest.approx(1, abs=1e-14)
    power = np.linalg.matrix_power(truth.transmat, 10_000)
    assert_allclose(truth.stationary, power[0], rtol=1e-9)
    assert_allclose(truth.kernel_root @ truth.kernel_root.T, truth.kernel, atol=1e-8)


def test_features_have_the_kernel_for_covariance():
    *_, truth = make_markov_reward_process(10, 5, n_features=40_000, random_state=2)
    covariance = truth.features @ truth.features.T / 40_000
    # standard error of an entry: at most sqrt(2 / 40000) = .007
    assert_allclose(covariance, truth.kernel, atol=0.035)


@pytest.mark.parametrize("n_states", [2, 3, 6, 7, 8])
def test_few_states(n_states):
    *_, truth = make_markov_reward_process(n_states, 4, random_state=0)
    assert_allclose(truth.transmat.sum(axis=1), 1)
    assert (truth.stationary > 0).all()


def test_widths_are_nested_and_a_longer_walk_goes_on():
    X, rewards, X_next, truth = make_markov_reward_process(random_state=5, n_features=9)
    wide = make_markov_reward_process(random_state=5, n_features=80)
    assert_allclose(wide[0][:, :9], X, rtol=1e-12, atol=1e-13)
    assert_allclose(wide[2][:, :9], X_next, rtol=1e-12, atol=1e-13)
    assert_array_equal(wide[1], rewards)
    assert_array_equal(wide[3].kernel, truth.kernel)
    longer = make_markov_reward_process(60, 300, random_state=5, n_features=9)[3]
    assert_array_equal(longer.states[:121], truth.states)
    assert_array_equal(longer.transmat, truth.transmat)


def test_discount_bears_on_the_value_alone():
    X, _, _, truth = make_markov_reward_process(random_state=5, discount=0)
    assert_array_equal(truth.value, truth.state_rewards)
    assert_array_equal(X, make_markov_reward_process(random_state=5)[0])


def test_signature():
    names = list(inspect.signature(make_markov_reward_process).parameters)
    assert names[:4] == ["n_states", "n_transitions", "discount", "random_state"]


@pytest.mark.parametrize(
    "argument, value",
    [
        ("n_states", 1),
        ("n_states", True),
        ("n_states", 2.0),
        ("n_transitions", 0),
        ("n_transitions", True),
        ("discount", 1.0),
        ("discount", -0.1),
        ("discount", np.nan),
        ("discount", "high"),
        ("n_features", 0),
        ("n_features", True),
        ("random_state", "seed"),
    ],
)
def test_bad_input(argument, value):
    with pytest.raises((TypeError, ValueError), match=argument):
        make_markov_reward_process(**{argument: value})


def test_several_stationary_distributions_are_refused():
    with pytest.raises(ValueError, match="more than one stationary"):
        stationary_distribution(np.eye(3))
