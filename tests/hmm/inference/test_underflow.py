"""States that a scaled recursion underflows, against recursions in log space."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracle import log_emission, log_space
from random_models import random_hmm, random_sequences
from test_inference import hmmlearn_twin

from skhmmdd import CategoricalHMM, GaussianHMM, HMMFeatureTransformer
from skhmmdd.hmm.inference import _forward_backward, _log_space
from skhmmdd.hmm.inference._collectors import LastSteps, NoSteps
from skhmmdd.hmm.inference._forward_backward import (
    filter_block,
    smooth_block,
)
from skhmmdd.hmm.models._ending import EndingHMM
from skhmmdd.hmm.pretraining._em_step import expected_counts
from skhmmdd.hmm.sequences._blocks import LONG


def one_block(hmm, X):
    sequences = hmm._read(X)
    return sequences.block(np.argsort(-sequences.lengths, kind="stable"))


def left_right(n_states=3, stay=0.7, variance=0.01, n_features=1):
    transmat = stay * np.eye(n_states) + (1 - stay) * np.eye(n_states, k=1)
    transmat[-1, -1] = 1
    means = np.arange(n_states)[:, None] * np.ones(n_features)
    return GaussianHMM(
        np.full(n_states, 1 / n_states),
        transmat,
        means,
        np.full((n_states, n_features), variance),
    )


def check(hmm, X):
    """Every answer about a batch of sequences, each against its own truth."""
    truth = [log_space(hmm, x) for x in X]
    values = np.array([want["log_likelihood"] for want in truth])
    wide = {"rtol": 1e-10, "atol": 1e-10}
    assert_allclose(hmm.log_likelihood(X), values, rtol=1e-11)
    for name, answer in [("filtered", hmm.filter(X)), ("smoothed", hmm.smooth(X))]:
        for got, want in zip(answer, truth, strict=True):
            assert_allclose(got, want[name], rtol=0, atol=1e-9)
    for i, (got, want) in enumerate(zip(hmm.decode(X), truth, strict=True)):
        # Ties may be broken either way; the path's own probability may not differ.
        assert_allclose(path_log_joint(hmm, X[i], got), want["log_joint"], **wide)
    ahead = [want["filtered"][-1] @ hmm.transmat @ hmm._state_means for want in truth]
    assert_allclose(hmm.predict_next(X), ahead, rtol=0, atol=1e-9)
    weights = np.arange(1.0, len(X) + 1)
    block = one_block(hmm, X)
    for w in (np.ones(len(X)), weights):
        counts = expected_counts(hmm, block, weights=w[block.index])
        close = {"rtol": 1e-8, "atol": 1e-8 * w.sum()}
        assert_allclose(counts.log_likelihood, w @ values, rtol=1e-11)
        gamma = [a * want["smoothed"] for a, want in zip(w, truth, strict=True)]
        transitions = sum(
            a * want["transitions"] for a, want in zip(w, truth, strict=True)
        )
        assert_allclose(counts.start, sum(g[0] for g in gamma), **close)
        assert_allclose(counts.transitions, transitions, **close)
        steps, gamma = np.concatenate(X), np.concatenate(gamma)
        if isinstance(hmm, CategoricalHMM):
            want = [gamma[steps == v].sum(axis=0) for v in range(hmm.n_symbols)]
            assert_allclose(counts.emission[0], np.transpose(want), **close)
        elif hmm.covariance_type == "diag":
            steps = steps.reshape(len(steps), -1)
            want = gamma.T @ np.isfinite(steps), gamma.T @ np.nan_to_num(steps)
            assert_allclose(counts.emission[0], want[0], **close)
            assert_allclose(counts.emission[1], want[1], **close)


def path_log_joint(hmm, x, path):
    with np.errstate(divide="ignore"):
        start, transitions = np.log(hmm.startprob), np.log(hmm.transmat)
    b = log_emission(hmm, x)[np.arange(len(x)), path]
    return start[path[0]] + transitions[path[:-1], path[1:]].sum() + b.sum()


def test_state_that_comes_back():
    h = GaussianHMM([0.5, 0.5], np.eye(2), [0.0, 1.0], [1e-3, 1e-3])
    x = [np.array([0.0, 0, 1, 1, 1])]
    assert_allclose(h.filter(x)[0][-1], [0, 1], atol=1e-12)
    assert_allclose(h.log_likelihood(x), log_space(h, x[0])["log_likelihood"])
    assert_allclose(h.log_likelihood(x), -988.0, atol=0.05)
    assert_allclose(h.predict_next(x), [[1.0]], atol=1e-12)
    check(h, x)


def test_state_that_comes_back_seen_from_the_end():
    h = GaussianHMM([0.5, 0.5], np.eye(2), [0.0, -2.0], [0.0034] * 2)
    x = [np.array([-2.0, -1, 1, -2])]
    # Either state has two squared distances of 1 and 4, in another order.
    truth = log_space(h, x[0])["smoothed"]
    assert_allclose(h.smooth(x)[0], truth, atol=1e-9)
    check(h, x)


def test_many_features_left_to_right():
    rng = np.random.RandomState(0)
    means = 3 * rng.standard_normal((3, 39))
    transmat = [[0.6, 0.4, 0], [0, 0.6, 0.4], [0, 0, 1]]
    hmm = GaussianHMM([1, 0, 0], transmat, means, np.ones((3, 39)))
    states = [0, 1, 2, 2, 1, 0, 1, 1, 2]
    X = [means[states] + rng.standard_normal((len(states), 39))]
    want = hmmlearn_twin(hmm).score_samples(X[0])
    assert_allclose(hmm.log_likelihood(X), want[0], rtol=1e-11)
    assert_allclose(hmm.smooth(X)[0], want[1], atol=1e-9)
    check(hmm, X)


def out_of_order(n_sequences, seed, lengths=(4, 12)):
    rng = np.random.RandomState(seed)
    return [
        rng.randint(3, size=rng.randint(*lengths)) + 0.1 * rng.standard_normal()
        for _ in range(n_sequences)
    ]


def test_left_to_right_out_of_order():
    X = out_of_order(1500, seed=0)
    hmm = left_right(variance=3e-3)
    truth = [log_space(hmm, x) for x in X]
    want = [a["log_likelihood"] for a in truth]
    assert_allclose(hmm.log_likelihood(X), want, rtol=1e-11)
    got = [filtered[-1] for filtered in hmm.filter(X)]
    want = [a["filtered"][-1] for a in truth]
    assert_allclose(got, want, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_every_answer_out_of_order(seed):
    X = out_of_order(40, seed)
    for variance in (1e-3, 3e-3, 0.3):
        check(left_right(variance=variance), X)


def sparse_hmm(kind, seed, n_states=4):
    """Random weights with zeros and near zeros everywhere."""
    rng = np.random.RandomState(seed)

    def distribution(*shape):
        p = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
        p *= rng.choice([0.0, 1e-300, 1e-120, 1.0], p.shape, p=[0.3, 0.1, 0.1, 0.5])
        p[..., 0] += 1e-3
        return p / p.sum(axis=-1, keepdims=True)

    transmat = distribution(n_states, n_states)
    transmat = transmat[:, rng.permutation(n_states)]
    if kind == "categorical":
        return CategoricalHMM(
            distribution(n_states), transmat, distribution(n_states, 5)
        )
    means = rng.standard_normal((n_states, 2))
    covars = 10.0 ** rng.uniform(-4, 0, (n_states, 2))
    if kind == "full":
        covars = covars[:, :, None] * np.eye(2)
    return GaussianHMM(distribution(n_states), transmat, means, covars)


def possible_sequences(hmm, kind, seed, lengths):
    rng = np.random.RandomState(seed)
    X = []
    for n in lengths:
        x = (
            rng.randint(5, size=n)
            if kind == "categorical"
            else rng.standard_normal((n, 2))
        )
        gone = rng.uniform(size=n) < 0.2
        x[gone] = -1 if kind == "categorical" else np.nan
        x[-1] = 0
        if np.isfinite(log_space(hmm, x)["log_likelihood"]):
            X.append(x)
    return X


@pytest.mark.parametrize("kind", ["categorical", "diag", "full"])
@pytest.mark.parametrize("seed", range(12))
def test_zeros_and_near_zeros(kind, seed):
    hmm = sparse_hmm(kind, seed)
    X = possible_sequences(hmm, kind, seed, [3, 9, 1, 30, 30, 60, 5])
    if X:
        check(hmm, X)


@pytest.mark.parametrize("size", [0, 2**40])
def test_bands_and_plain_sums(size, monkeypatch):
    """Both ways of a step in log space, with transitions of every magnitude."""
    monkeypatch.setattr(_log_space, "_PLAIN_SIZE", size)
    X = out_of_order(40, 4)
    check(left_right(stay=1e-250, variance=1e-4), X)
    check(left_right(stay=1e-10, variance=1e-4), X)
    for seed in range(6):
        hmm = sparse_hmm("diag", seed)
        check(hmm, possible_sequences(hmm, "diag", seed, [30, 9, 1, 30]))


LONG_CHAINS = {
    "never moves": lambda: GaussianHMM([0.5, 0.5], np.eye(2), [0.0, 1.0], [0.05, 0.05]),
    "left-right": lambda: left_right(4, 0.999, 0.05),
    "one beginning": lambda: GaussianHMM(
        [1.0, 0.0], np.eye(2), [0.0, 1.0], [0.05, 0.05]
    ),
    "ergodic, well apart": lambda: GaussianHMM(
        [1.0, 0.0, 0.0],
        [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]],
        [0.0, 100.0, 200.0],
        [0.01] * 3,
    ),
    "many states": lambda: left_right(33, 0.99, 0.05),
}


@pytest.mark.parametrize("name", LONG_CHAINS)
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.slow
def test_long_sequences_that_are_cut(name, order):
    hmm = LONG_CHAINS[name]()
    n_steps = LONG + 100
    rng = np.random.RandomState(0)
    place = np.linspace(0, 1, n_steps)[::order] ** 0.7 * (hmm.n_states - 1)
    x = hmm.means[place.round().astype(int), 0]
    x = x + np.sqrt(hmm.covars[0, 0]) * rng.standard_normal(n_steps)
    check(hmm, [x])


def test_a_state_that_the_guess_before_a_cut_let_in():
    # State 1 is impossible, whatever the end of the sequence speaks for.
    hmm = GaussianHMM([1, 0], np.eye(2), [0.0, 1.0], [0.03, 0.03])
    x = np.zeros(LONG)
    x[LONG // 2 :] = 1.0
    assert_allclose(hmm.filter([x])[0], np.tile([1.0, 0.0], (LONG, 1)), atol=1e-12)


@pytest.mark.parametrize("collect", [LastSteps, NoSteps])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_collectors_and_precisions(collect, dtype):
    eps = np.finfo(dtype).eps
    for hmm in (left_right(), left_right(variance=1e-3), left_right(variance=1.0)):
        X = out_of_order(50, 3, (4, 60))
        block = one_block(hmm, X)
        got, log_likelihood = filter_block(hmm._chain, block, collect, dtype=dtype)
        truth = [log_space(hmm, X[i]) for i in block.index]
        want = [a["log_likelihood"] for a in truth]
        assert_allclose(log_likelihood, want, rtol=100 * eps, atol=1e4 * eps)
        if collect is LastSteps:
            want = [a["filtered"][-1] for a in truth]
            assert_allclose(got, want, atol=1e4 * eps)
        smoothed, _ = smooth_block(hmm._chain, block, LastSteps, dtype=dtype)
        want = [a["smoothed"][-1] for a in truth]
        assert_allclose(smoothed, want, atol=1e4 * eps)


def test_transitions_too_rare_for_single_precision():
    # The odds of 1e-60 are zero in single precision, and all that leads to state 1.
    hmm = CategoricalHMM([1, 0], [[1 - 1e-60, 1e-60], [0, 1]], [[1, 0], [0.5, 0.5]])
    block = one_block(hmm, [np.array([0, 0, 1, 0])])
    got, log_likelihood = filter_block(hmm._chain, block, dtype=np.float32)
    assert_allclose(got[:, 0], np.eye(2)[[0, 0, 1, 1]], atol=1e-6)
    want = log_space(hmm, [0, 0, 1, 0])["log_likelihood"]
    assert_allclose(log_likelihood, want, rtol=1e-5)


def test_norms_that_underflow_themselves():
    # Four steps unscaled are 1e-67, which no number in single precision divides by.
    hmm = CategoricalHMM([1.0], [[1.0]], [[1e-17, 1 - 1e-17]])
    X = [np.array([1, 0, 0, 0, 0, 1, 1, 1])]
    got, log_likelihood = filter_block(
        hmm._chain, one_block(hmm, X), LastSteps, dtype=np.float32
    )
    assert_array_equal(got, [[1.0]])
    assert_allclose(log_likelihood, 4 * np.log(1e-17), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("representation", ["belief", "log_belief", "smoothed"])
def test_features(representation, pooling, dtype):
    hmm = left_right(variance=3e-3)
    X = out_of_order(60, 1)
    model = HMMFeatureTransformer(
        hmm, representation=representation, pooling=pooling, dtype=dtype
    )
    got = model.fit_transform(X)
    kind = "smoothed" if representation == "smoothed" else "filtered"
    beliefs = [log_space(hmm, x)[kind] for x in X]
    if representation == "log_belief":
        beliefs = [np.log(np.maximum(b, 1e-12)) for b in beliefs]
    pool = {
        "last": lambda b: b[-1],
        "mean": lambda b: b.mean(0),
        "max": lambda b: b.max(0),
    }
    want = [pool[pooling](b) for b in beliefs]
    tolerance = {"float64": 1e-9, "float32": 3e-4}[dtype]
    assert_allclose(got, want, rtol=tolerance, atol=tolerance)
    steps = model.transform_steps(X)
    for got, want in zip(steps, beliefs, strict=True):
        assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def ending_truth(hmm, x):
    """Truth of a chain that may end: the last state ends it, no other does."""
    emission = log_emission(hmm.within, x)
    with np.errstate(divide="ignore"):
        emission[-1] += np.log(hmm.endprob)
    goes_on = (1 - hmm.endprob)[:, None] * hmm.transmat
    return log_space(hmm, x, emission, goes_on)


def test_chain_that_may_end():
    hmm = EndingHMM(left_right(variance=3e-3), [0.1, 0.0, 0.3])
    X = out_of_order(100, 2)
    truth = [ending_truth(hmm, x) for x in X]
    want = [a["log_likelihood"] for a in truth]
    assert_allclose(hmm.log_likelihood(X), want, rtol=1e-11)
    for got, a in zip(hmm.smooth(X), truth, strict=True):
        assert_allclose(got, a["smoothed"], atol=1e-9)
    goes_on = (1 - hmm.endprob)[:, None] * hmm.transmat
    for x, got, following in zip(X, hmm.filter(X), hmm.predict_next(X), strict=True):
        a = log_space(hmm, x, log_emission(hmm.within, x), goes_on)
        assert_allclose(got, a["filtered"], atol=1e-9)
        last = a["filtered"][-1] * (1 - hmm.endprob)
        want = last / last.sum() @ hmm.transmat @ hmm.within.means
        assert_allclose(following, want, atol=1e-9)


def test_what_goes_on_against_all_odds_has_a_next():
    # State 0 has to end; state 1 goes on, and is ruled out but for e^-800.
    within = GaussianHMM([0.5, 0.5], np.eye(2), [0.0, 40.0], [1.0, 1.0])
    hmm = EndingHMM(within, [1.0, 0.5])
    assert_allclose(hmm.predict_next([[0.0]]), [[40.0]])


def test_neighbours_are_left_alone():
    hmm = left_right()
    usual = [np.array([0.0, 0.1, 1.0, 2.0]), np.array([0.0, 1.1])]
    back = np.array([2.0, 2.0, 0.0, 0.0, 0.0])
    together, alone = hmm.filter([usual[0], back, usual[1]]), hmm.filter(usual)
    assert_array_equal(together[0], alone[0])
    assert_array_equal(together[2], alone[1])


def test_structural_zeros_stay_on_the_fast_path(monkeypatch):
    """What cannot be, or is re-entered at once, is no loss: no walk in log space."""

    def refuse(*args, **kwargs):
        raise AssertionError("walked in log space")

    for name in ("filter_in_logs", "posterior_in_logs"):
        monkeypatch.setattr(_forward_backward, name, refuse)
    rng = np.random.RandomState(0)
    transmat = np.eye(5) + np.eye(5, k=1) + np.eye(5, k=-4)
    hmm = CategoricalHMM(
        np.eye(5)[0],
        transmat / 2,
        np.eye(5) * 0.9 + 0.1 * np.eye(5, k=1) + 0.1 * np.eye(5, k=-4),
    )
    X = hmm.sample(20, 1000, random_state=0)[0]
    hmm.filter(X), hmm.smooth(X), hmm.log_likelihood(X)
    apart = LONG_CHAINS["ergodic, well apart"]()
    X = apart.sample(20, 1000, random_state=rng)[0]
    apart.filter(X), apart.smooth(X), apart.log_likelihood(X)
    in_order = left_right(10, 0.9, 0.01)
    X = in_order.sample(20, 100, random_state=rng)[0]
    in_order.filter(X), in_order.smooth(X), in_order.log_likelihood(X)


@pytest.mark.parametrize("seed", range(4))
def test_ordinary_models(seed):
    for kind in ("categorical", "diag", "full"):
        hmm = random_hmm(kind, 3, size=3, seed=seed)
        check(hmm, random_sequences(hmm, (20, 1, 60, 7), seed=seed, missing=0.2))


def test_beliefs_sum_to_one_however_far_the_observations():
    # Both paths explain one step and fail at the other, by half a billion nats.
    startprob, cycle = [0.25, 0.75], [[0, 1], [1, 0]]
    for variance in (1e-3, 1e-12):
        hmm = GaussianHMM(startprob, cycle, [0.0, 1000.0], [variance, variance])
        X = [np.zeros(2), np.array([0.0, 0.0, 1000.0])]
        for beliefs in (hmm.filter(X), hmm.smooth(X)):
            for belief in beliefs:
                assert_allclose(belief.sum(axis=1), 1, rtol=1e-14)
        counts = expected_counts(hmm, one_block(hmm, X))
        assert_allclose(counts.transitions.sum(), 3, rtol=1e-14)
        assert_allclose(counts.start.sum(), 2, rtol=1e-14)
