"""Filtering, smoothing, likelihood and Viterbi against enumeration and hmmlearn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracle import brute_force
from random_models import KINDS, random_hmm, random_sequences

from skhmmdd import CategoricalHMM, GaussianHMM, GaussianMixtureHMM, PoissonHMM
from skhmmdd.hmm.inference._forward_backward import filter_block
from skhmmdd.hmm.inference._log_posterior import posterior_of_rows


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_equals_enumeration_of_every_path(kind, missing, seed):
    hmm = random_hmm(kind, n_states=2 + seed % 3, size=3, seed=seed)
    X = random_sequences(hmm, seed=seed, missing=missing)
    truth = [brute_force(hmm, x) for x in X]
    for name, answer in [("filtered", hmm.filter(X)), ("smoothed", hmm.smooth(X))]:
        for got, want in zip(answer, truth, strict=True):
            assert_allclose(got, want[name], rtol=0, atol=1e-12)
    likelihoods = [want["log_likelihood"] for want in truth]
    assert_allclose(hmm.log_likelihood(X), likelihoods, rtol=1e-12)
    for got, want in zip(hmm.decode(X), truth, strict=True):
        assert_array_equal(got, want["path"])
    for x, want in zip(X, truth, strict=True):
        block = hmm._read([x]).block(np.array([0]))
        ((_, smoothed, _, transitions),) = posterior_of_rows(
            hmm._chain, block, np.array([0])
        )
        assert_allclose(smoothed[:, 0], want["smoothed"], rtol=0, atol=1e-12)
        assert_allclose(transitions, want["transitions"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_predict_next_is_the_distribution_of_the_next_step(kind):
    hmm = random_hmm(kind, size=3)
    X = random_sequences(hmm)
    for x, got in zip(X, hmm.predict_next(X), strict=True):
        state = brute_force(hmm, x)["filtered"][-1] @ hmm.transmat
        if kind == "categorical":
            base = brute_force(hmm, x)["log_likelihood"]
            want = [
                np.exp(brute_force(hmm, np.append(x, v))["log_likelihood"] - base)
                for v in range(3)
            ]
        else:
            means = hmm.rates if kind == "poisson" else hmm.means
            if kind == "gaussian_mixture":
                means = (hmm.weights[:, :, None] * means).sum(axis=1)
            want = sum(p * mean for p, mean in zip(state, means, strict=True))
        assert_allclose(got, want, rtol=1e-11)


def hmmlearn_twin(hmm):
    lib = pytest.importorskip("hmmlearn.hmm")
    if isinstance(hmm, PoissonHMM):
        twin = lib.PoissonHMM(hmm.n_states, implementation="log")
        twin.n_features, twin.lambdas_ = hmm.n_features, np.array(hmm.rates)
    elif isinstance(hmm, GaussianMixtureHMM):
        twin = lib.GMMHMM(hmm.n_states, hmm.n_components, implementation="log")
        twin.n_features, twin.weights_ = hmm.n_features, np.array(hmm.weights)
        twin.means_, twin.covars_ = np.array(hmm.means), np.array(hmm.covars)
    elif isinstance(hmm, CategoricalHMM):
        twin = lib.CategoricalHMM(hmm.n_states, implementation="log")
        twin.n_features, twin.emissionprob_ = hmm.n_symbols, np.array(hmm.emissionprob)
    else:
        kind = hmm.covariance_type
        twin = lib.GaussianHMM(hmm.n_states, kind, implementation="log")
        twin.n_features, twin.means_ = hmm.n_features, np.array(hmm.means)
        twin.covars_ = np.array(hmm.covars)
    twin.startprob_, twin.transmat_ = np.array(hmm.startprob), np.array(hmm.transmat)
    return twin


@pytest.mark.parametrize("kind", KINDS)
def test_equals_hmmlearn(kind):
    hmm = random_hmm(kind, n_states=7, size=3, seed=5)
    twin = hmmlearn_twin(hmm)
    X = random_sequences(hmm, lengths=(40, 3, 100, 17))
    for i, x in enumerate(X):
        x2 = x.reshape(len(x), -1)
        x2 = x2.astype(int) if kind == "poisson" else x2
        log_likelihood, posterior = twin.score_samples(x2)
        assert_allclose(hmm.smooth(X)[i], posterior, rtol=0, atol=1e-10)
        assert_allclose(hmm.log_likelihood(X)[i], log_likelihood, rtol=1e-10)
        assert_array_equal(hmm.decode(X)[i], twin.decode(x2)[1])


def test_textbook_umbrella():
    # Russell and Norvig, Artificial Intelligence: rain and umbrellas.
    hmm = CategoricalHMM([0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], [[0.1, 0.9], [0.8, 0.2]])
    X = np.array([[1, 1, 0, 1, 1]])
    assert_allclose(hmm.filter(X[:, :2])[0, :, 0], [0.818, 0.883], atol=5e-4)
    assert_allclose(hmm.smooth(X[:, :2])[0, 0, 0], 0.883, atol=5e-4)
    assert_array_equal(hmm.decode(X)[0], [0, 0, 1, 0, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_causal_bit_for_bit(kind):
    hmm = random_hmm(kind, n_states=5, size=4)
    X, _ = hmm.sample(20, 12, random_state=0)
    before = hmm.filter(X)
    X[:, 7:] = hmm.sample(20, 5, random_state=1)[0]
    after = hmm.filter(X)
    assert_array_equal(before[:, :7], after[:, :7])
    assert not np.array_equal(before[:, 7:], after[:, 7:])


def test_padded_array_and_list_agree(hmm):
    X = random_sequences(hmm, missing=0.3)
    shape = (len(X), 8, *X[0].shape[1:])
    blank = -1 if isinstance(hmm, CategoricalHMM) else np.nan
    padded = np.full(shape, blank, dtype=X[0].dtype)
    for i, x in enumerate(X):
        padded[i, : len(x)] = x
    assert_array_equal(hmm.log_likelihood(padded), hmm.log_likelihood(X))
    for method in (hmm.filter, hmm.smooth):
        as_list, as_array = method(X), method(padded)
        assert as_array.shape == (len(X), 8, hmm.n_states)
        for i, x in enumerate(X):
            assert_array_equal(as_array[i, : len(x)], as_list[i])
            assert_array_equal(as_array[i, len(x) :], 0)
    for i, x in enumerate(X):
        assert_array_equal(hmm.decode(padded)[i, : len(x)], hmm.decode(X)[i])
        assert_array_equal(hmm.decode(padded)[i, len(x) :], -1)


def test_long_sequence_neither_under_nor_overflows():
    hmm = random_hmm("categorical", n_states=2, size=3)
    X, _ = hmm.sample(1, 1_000_000, random_state=0)
    beliefs = hmm.filter(X)[0]
    assert_allclose(beliefs.sum(axis=1), 1, rtol=1e-12)
    # Entropy rates add up: a hundredth of the sequence has a hundredth of the surprise.
    per_step = hmm.log_likelihood(X)[0] / X.shape[1]
    per_part = hmm.log_likelihood(X.reshape(100, -1)).mean() / (X.shape[1] / 100)
    assert_allclose(per_step, per_part, rtol=1e-3)
    assert_allclose(hmm.smooth(X[:, :200_000])[0].sum(axis=1), 1, rtol=1e-12)


def hidden_detour(q, p):
    """Symbol 1 comes from state 2 alone, and there only by way of state 1."""
    transmat = [[1 - q, q, 0], [0, 0, 1], [0, 0, 1]]
    emissionprob = [[1, 0, 0], [p, 0, 1 - p], [0, 1, 0]]
    return CategoricalHMM([1, 0, 0], transmat, emissionprob)


def test_underflow_is_rescued_in_log_space():
    # After (0, 0) state 1 has probability 1e-350, below the least double.
    hmm = hidden_detour(1e-200, 1e-150)
    X = [np.array([0, 0, 0]), np.array([0, 0, 1, 1]), np.array([0, 0])]
    assert_allclose(hmm.filter(X)[1], np.eye(3)[[0, 0, 2, 2]], atol=1e-12)
    assert_allclose(hmm.smooth(X)[1], np.eye(3)[[0, 1, 2, 2]], atol=1e-12)
    assert_array_equal(hmm.decode(X)[1], [0, 1, 2, 2])
    expected = [0, np.log(1e-200) + np.log(1e-150), 0]
    assert_allclose(hmm.log_likelihood(X), expected, rtol=1e-12)
    tight = GaussianHMM([0.5, 0.5], np.eye(2), [0.0, 100.0], [1e-2, 1e-2])
    x = np.array([[0.0, 100.0, 100.0]])
    assert_allclose(tight.filter(x)[0], [[1, 0], [0.5, 0.5], [0, 1]], atol=1e-9)
    assert_allclose(tight.smooth(x)[0, :, 1], 1, atol=1e-12)


def test_impossible_sequence_is_named():
    hmm = CategoricalHMM([1, 0], [[0.5, 0.5], [0, 1]], [[1, 0], [0, 1]])
    X = [np.array([0, 0, 1]), np.array([0, 1, 0, 0])]
    assert_allclose(hmm.log_likelihood(X), [np.log(0.25), -np.inf])
    for method in (hmm.filter, hmm.smooth, hmm.decode, hmm.predict_next):
        with pytest.raises(ValueError, match=r"Sequence 1 is impossible.*step 2"):
            method(X)


def test_single_precision():
    hmm = random_hmm("categorical", n_states=6)
    sequences = hmm._read(hmm.sample(30, 25, random_state=0)[0])
    block = sequences.block(sequences.blocks(30)[0])
    single, _ = filter_block(hmm._chain, block, dtype=np.float32)
    double, _ = filter_block(hmm._chain, block)
    assert single.dtype == np.float32
    assert_allclose(single, double, atol=2e-6)
    # What single precision loses is found again in log space.
    lost = hidden_detour(1e-25, 1e-25)._read([[0, 0, 1, 1]])
    block = lost.block(lost.blocks(1)[0])
    got, _ = filter_block(hidden_detour(1e-25, 1e-25)._chain, block, dtype=np.float32)
    assert_allclose(got[:, 0], np.eye(3)[[0, 0, 2, 2]], atol=1e-6)


def moments_by_hand(hmm, state):
    """Mean and covariance of what a state of counts or of a mixture emits."""
    if isinstance(hmm, PoissonHMM):
        return hmm.rates[state], np.diag(hmm.rates[state])
    weights, means = hmm.weights[state], hmm.means[state]
    mean = weights @ means
    second = sum(
        w * (np.outer(m, m) + np.diag(v))
        for w, m, v in zip(weights, means, hmm.covars[state], strict=True)
    )
    return mean, second - np.outer(mean, mean)


def test_sample_follows_the_weights(hmm):
    X, states = hmm.sample(4000, 6, random_state=0)
    assert X.shape[:2] == states.shape == (4000, 6)
    frequency = np.bincount(states[:, 0], minlength=hmm.n_states) / 4000
    assert_allclose(frequency, hmm.startprob, atol=0.03)
    for i in range(hmm.n_states):
        transitions = states[:, 1:][states[:, :-1] == i]
        distribution = np.bincount(transitions, minlength=hmm.n_states) / len(
            transitions
        )
        assert_allclose(distribution, hmm.transmat[i], atol=0.03)
        seen = X[states == i]
        if isinstance(hmm, CategoricalHMM):
            distribution = np.bincount(seen, minlength=hmm.n_symbols) / len(seen)
            assert_allclose(distribution, hmm.emissionprob[i], atol=0.03)
        elif isinstance(hmm, GaussianHMM):
            covar = hmm.covars[i]
            covar = covar if covar.ndim == 2 else np.diag(covar)
            assert_allclose(seen.mean(axis=0), hmm.means[i], atol=0.15)
            assert_allclose(np.cov(seen.T), covar, atol=0.25)
        else:
            mean, covar = moments_by_hand(hmm, i)
            off = seen - mean
            products = off[:, :, None] * off[:, None, :]
            for got, want in [(seen, mean), (products, covar)]:
                error = 5 * got.std(axis=0) / np.sqrt(len(got))
                assert (np.abs(got.mean(axis=0) - want) < error).all()
            assert_allclose(hmm._state_covars[i], covar, rtol=1e-12, atol=1e-12)
    again, _ = hmm.sample(4000, 6, random_state=0)
    assert_array_equal(X, again)
    with pytest.raises(ValueError, match="n_steps must be at least 1, got 0"):
        hmm.sample(1, 0)
