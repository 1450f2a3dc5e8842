"""Risk of the value head: published limits, simulation, and where there is no peak."""

from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.utils import Bunch

from skhmmdd import LSTDHead, make_markov_reward_process
from skhmmdd.theory import LSTDRisk, lstd_risk

WIDTHS = np.array([10, 25, 49, 80, 200, 600])


@cache
def chain_of_the_figures():
    rng = np.random.RandomState(7)
    rng.standard_normal(20 * 50 * 2 + 20)  # what the figures drew before their chain
    return make_markov_reward_process(random_state=rng)[3]


def risk_of(truth, alpha, widths, n=None, **options):
    states = truth.states if n is None else truth.states[: n + 1]
    return lstd_risk(
        truth.kernel,
        truth.transmat,
        truth.state_rewards,
        states[:-1],
        states[1:],
        n_features=widths,
        discount=truth.discount,
        alpha=alpha,
        **options,
    )


def simulate(truth, alpha, widths, n_maps, seed=0, n=None):
    """The three errors of every map and width, shape (3, n_maps, n_widths)."""
    rng = np.random.RandomState(seed)
    states = truth.states if n is None else truth.states[: n + 1]
    here, there, gamma = states[:-1], states[1:], truth.discount
    head, errors = LSTDHead(alpha, discount=gamma), []
    for _ in range(n_maps):
        S = truth.kernel_root @ rng.standard_normal((len(truth.value), max(widths)))
        rewards = truth.state_rewards[here]
        v = head.predict_widths(S[here], rewards, S[there], S, widths=widths)
        empirical = (rewards + gamma * v[:, there] - v[:, here]) ** 2
        bellman = truth.state_rewards + gamma * v @ truth.transmat.T - v
        errors.append(
            [
                empirical.mean(axis=1),
                bellman**2 @ truth.stationary,
                (v - truth.value) ** 2 @ truth.stationary,
            ]
        )
    return np.swapaxes(errors, 0, 1)


def by_iteration(truth, lam, N):
    """Both Bellman errors by the published formulas, transitions by transitions."""
    s, g = truth.states, truth.discount
    visited = np.unique(s)
    m, n, n_states = len(visited), len(s) - 1, len(truth.value)
    U, V = (
        (visited[:, None] == which).astype(float) / np.sqrt(n)
        for which in (s[:-1], s[1:])
    )
    M, K = U - g * V, truth.kernel[np.ix_(visited, visited)]
    r = truth.state_rewards[s[:-1]]
    delta, moved = 1.0, 1.0
    while abs(moved) > 1e-13 * delta:
        f = N / m / (1 + delta)
        Q = np.linalg.inv(f * M.T @ K @ U + lam * np.eye(n))
        moved = 0.5 * (np.trace(K @ U @ Q @ M.T) / m - delta)
        delta += moved
    psi1, psi2 = f * U.T @ K @ U, f * M.T @ K @ M
    d = 1 - np.trace(psi1 @ Q @ psi2 @ Q.T) / N
    e1 = (Q @ r) @ psi1 @ (Q @ r) / d
    empirical = lam**2 / n * ((Q @ r) @ (Q @ r) + np.trace(Q @ psi2 @ Q.T) * e1 / N)
    K_S, R = truth.kernel[:, visited], np.eye(n_states)[visited]
    v = f / np.sqrt(n) * K_S @ U @ Q @ r
    G = g * truth.transmat - np.eye(n_states)
    GL = G @ (np.eye(n_states) - f * K_S @ U @ Q @ M.T @ R)
    spread = ((GL @ truth.kernel) * GL).sum(axis=1)
    true = truth.stationary @ (
        (truth.state_rewards + G @ v) ** 2 + f / N * e1 / n * spread
    )
    return empirical, true


@pytest.mark.parametrize("lam", [1e-3, 1e-5])
def test_limits_of_the_paper(lam):
    truth = chain_of_the_figures()
    risk = risk_of(truth, lam * 49 * 120, [10, 49, 200])
    for i, N in enumerate([10, 49, 200]):
        empirical, true = by_iteration(truth, lam, N)
        assert risk.empirical[i] == pytest.approx(empirical, rel=1e-7)
        assert risk.true[i] == pytest.approx(true, rel=1e-7)


def test_verified_figures():
    truth = chain_of_the_figures()
    risk = risk_of(truth, 1e-5 * 49 * 120, WIDTHS)
    published = [1.11, 1.44, 8.6, 2.47, 1.525, 1.34]
    assert_allclose(risk.true, published, rtol=0.006)
    # 150 maps: 9.5 with a standard error of .5
    simulated = [1.11, 1.47, 9.5, 2.46, 1.53, 1.34]
    errors = simulate(truth, 1e-5 * 49 * 120, WIDTHS, n_maps=100)
    means, deviations = errors.mean(axis=1), errors.std(axis=1) / 10
    assert (abs(means[1] - simulated) < 5 * deviations[1]).all()
    assert (abs(means[1] - risk.true) < 4 * deviations[1] + 0.02 * risk.true).all()
    assert_allclose(means[0], risk.empirical, rtol=0.02)
    assert (abs(means[2] - risk.value) < 4 * deviations[2] + 0.02 * risk.value).all()


@pytest.mark.slow
def test_a_larger_penalty_leaves_no_peak():
    truth = chain_of_the_figures()
    alpha = 1e-3 * 49 * 120
    every = risk_of(truth, alpha, np.arange(1, 601))
    assert every.true[48] == pytest.approx(1.02, abs=0.005)
    # Past the narrowest widths nothing stands out, least of all the threshold.
    assert every.true[9:].max() < 1.3
    assert abs(every.true[9:].argmax() + 10 - 49) > 100
    # 400 maps: the empirical error at 49 has a standard error of .6 %
    errors = simulate(truth, alpha, [10, 49, 80], n_maps=400, seed=1)
    risk = risk_of(truth, alpha, [10, 49, 80])
    assert errors[1].mean(axis=0)[1] == pytest.approx(0.99, abs=0.1)
    assert_allclose(errors[0].mean(axis=0), risk.empirical, rtol=0.02)


@pytest.mark.slow
def test_second_chain_against_simulation():
    """90 states, half of them unseen, another discount, and no penalty at all."""
    *_, truth = make_markov_reward_process(90, 100, 0.8, random_state=11)
    left = len(np.unique(truth.states[:-1]))
    widths = np.array([5, 20, left - 12, left + 12, 150, 400])
    for alpha in (0.0, 0.5):
        risk = risk_of(truth, alpha, widths)
        errors = simulate(truth, alpha, widths, n_maps=80, seed=2)
        for limit, sample in zip(risk, errors, strict=True):
            deviation = sample.std(axis=0) / np.sqrt(80)
            gap = abs(sample.mean(axis=0) - limit)
            assert (gap < 4 * deviation + 0.03 * limit).all()


def test_the_peak_is_gone_when_all_states_were_left():
    *_, truth = make_markov_reward_process(60, 600, random_state=0)
    widths = np.arange(20, 201)
    few, all_ = (risk_of(truth, 1e-5 * 60 * n, widths, n=n) for n in (120, 600))
    assert len(np.unique(truth.states[:120])) == 49
    assert len(np.unique(truth.states[:600])) == 60
    assert widths[few.true.argmax()] in range(47, 53)
    assert few.true.max() > 3 * few.true[0]
    assert all_.true[widths >= 60].max() < 0.15 * all_.true[0]
    # Without a penalty nothing depends on the features any more, nor on how many.
    risk = risk_of(truth, 0.0, [60, 61, 100, 200], n=600)
    errors = simulate(truth, 0.0, [61, 200], n_maps=3, n=600)
    for limit, sample in zip(risk, errors, strict=True):
        assert_allclose(limit, limit[0], rtol=1e-9)
        assert_allclose(sample, limit[0], rtol=1e-8)


def test_threshold_without_a_penalty():
    *_, truth = make_markov_reward_process(random_state=0)
    left = len(np.unique(truth.states[:-1]))
    risk = risk_of(truth, 0.0, [left - 1, left, left + 1])
    assert np.isinf(risk.true[1]) and np.isinf(risk.value[1])
    # All next states were left, too: what was learned from is fitted alike by all.
    assert np.isin(truth.states[-1], truth.states[:-1])
    assert risk.empirical[1] == pytest.approx(risk.empirical[2], rel=1e-9)
    assert np.isfinite([risk.true[[0, 2]], risk.value[[0, 2]]]).all()


@pytest.mark.slow
def test_a_state_that_was_only_reached():
    *_, truth = make_markov_reward_process(30, 200, 0.9, random_state=4)
    first = np.flatnonzero(
        [s not in truth.states[:i] for i, s in enumerate(truth.states)]
    )
    n = int(first[first > 5][0])  # a walk that ends in a new state
    left = len(np.unique(truth.states[:n]))
    widths = np.array([3, left + 15, 100])
    for alpha in (0.0, 0.1):
        risk = risk_of(truth, alpha, widths, n=n)
        errors = simulate(truth, alpha, widths, n_maps=300, seed=3, n=n)
        deviation = errors[1].std(axis=0) / np.sqrt(300)
        gap = abs(errors[1].mean(axis=0) - risk.true)
        assert (gap[1:] < 4 * deviation[1:] + 0.05 * risk.true[1:]).all()


def test_many_features_are_the_kernel():
    truth = chain_of_the_figures()
    here, there, g, alpha = truth.states[:-1], truth.states[1:], 0.95, 0.3 * 1e7
    risk = risk_of(truth, alpha, 1e7)
    K = truth.kernel
    system = K[np.ix_(here, here)] - g * K[np.ix_(there, here)]
    weights = np.linalg.solve(system + 0.3 * np.eye(120), truth.state_rewards[here])
    v = K[:, here] @ weights
    bellman = truth.state_rewards + g * truth.transmat @ v - v
    assert risk.true == pytest.approx(truth.stationary @ bellman**2, rel=1e-4)
    assert risk.value == pytest.approx(
        truth.stationary @ (v - truth.value) ** 2, rel=1e-4
    )


def test_extreme_penalties():
    truth = chain_of_the_figures()
    risk = risk_of(truth, [1e-300, 1e-30, 1e300], 80)
    assert_allclose(risk.true[:2], risk_of(truth, 0.0, 80).true, rtol=1e-8)
    # the head is zero, and all of the rewards are missed
    assert risk.true[2] == pytest.approx(truth.stationary @ truth.state_rewards**2)


def test_shapes_weights_and_scales():
    truth = chain_of_the_figures()
    one = risk_of(truth, 0.1, 80)
    assert isinstance(one, LSTDRisk) and isinstance(one.true, float)
    grid = risk_of(truth, [[0.1], [1.0]], [10, 80])
    assert grid.true.shape == (2, 2)
    assert grid.true[0, 1] == pytest.approx(one.true)
    again = risk_of(truth, 0.1, 80, weights=1e200 * truth.stationary)
    assert_allclose(again, one)
    for scale in (1e-60, 1e60):
        scaled = Bunch(**(truth | {"kernel": scale * truth.kernel}))
        assert_allclose(risk_of(scaled, 0.1 * scale, 80), one)


def test_a_single_transition():
    risk = lstd_risk(
        np.eye(2), [[0, 1], [1, 0]], [1, 2], [0], [1], n_features=5, discount=0.5
    )
    assert np.isfinite(risk).all()


@pytest.mark.parametrize(
    "argument, value, match",
    [
        ("kernel", np.ones((2, 3)), "kernel must be square"),
        ("kernel", [[1, 2], [2, 1]], "kernel must be positive"),
        ("kernel", np.ones((2, 2)), "kernel must be positive definite"),
        ("kernel", np.full((2, 2), np.nan), "kernel must be finite"),
        ("transmat", np.eye(3), "transmat must have shape"),
        ("transmat", [[0.5, 0.6], [1, 0]], "row 0 sums to 1.1"),
        ("transmat", [[-0.5, 1.5], [1, 0]], "transmat must be in"),
        ("transmat", np.eye(2), "more than one stationary"),
        ("rewards", [1, 2, 3], "rewards must have shape"),
        ("rewards", [1, np.inf], "rewards must be finite"),
        ("states", [0], "one entry for each transition"),
        ("states", [0, 2], r"states must be in \[0, 1\]"),
        ("states", [0.0, 1.0], "states must be a vector of integers"),
        ("states", [True, False], "states must be a vector of integers"),
        ("next_states", [0, -1], r"next_states must be in \[0, 1\]"),
        ("next_states", [], "next_states must be a vector of integers"),
        ("n_features", 0, "n_features must be in"),
        ("discount", 1, r"discount must be in \[0, 1\)"),
        ("discount", -0.1, r"discount must be in \[0"),
        ("discount", [0.5, 0.6], "discount must be in"),
        ("alpha", -1, "alpha must be in"),
        ("weights", [1, -1], "weights must be in"),
        ("weights", [0, 0], "weights must be positive"),
        ("weights", [1, 1, 1], "weights must have shape"),
    ],
)
def test_bad_input(argument, value, match):
    arguments = {
        "kernel": np.eye(2),
        "transmat": [[0, 1], [1, 0]],
        "rewards": [1, 2],
        "states": [0, 1],
        "next_states": [1, 0],
        "n_features": 3,
        "discount": 0.5,
    }
    with pytest.raises(ValueError, match=match):
        lstd_risk(**(arguments | {argument: value}))


def test_transitions_without_a_limit_are_refused():
    # nine times out of ten a jump to a state that is hardly ever left
    with pytest.raises(ValueError, match="negative real part"):
        lstd_risk(
            [[1, 2], [2, 4.5]],
            [[0, 1], [1, 0]],
            [1, 1],
            [0] * 9 + [1],
            [1] * 9 + [1],
            n_features=3,
            discount=0.95,
        )
