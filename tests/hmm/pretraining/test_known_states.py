"""Pretraining on sequences of which some hidden states are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracle import enumerate_paths
from random_models import KINDS, options_of, random_hmm, random_sequences

from skhmmdd import BaumWelch, CategoricalHMM, GaussianHMM
from skhmmdd.hmm.pretraining._corpus import make_part
from skhmmdd.hmm.pretraining._sources import counts_of, log_likelihood_of

LENGTHS = (5, 1, 3, 6, 5)


def em(**options):
    return BaumWelch(**{"tol": 0, "max_iter": 5, "random_state": 0, **options})


def labelled(kind, share=0.4, lengths=LENGTHS, seed=0, missing=0.0, n_states=3):
    """A model, sequences from it, and their states, -1 where they are hidden."""
    hmm = random_hmm(kind, n_states=n_states, size=3, seed=seed)
    rng = np.random.RandomState(seed)
    X = random_sequences(hmm, lengths, seed, missing)
    states = [rng.randint(n_states, size=len(x)) for x in X]
    for one in states:
        one[rng.uniform(size=len(one)) >= share] = -1
    return hmm, X, states


class Batches:
    def __init__(self, items, size=9):
        self.items, self.size = items, size

    def __iter__(self):
        for a in range(0, len(self.items), self.size):
            yield self.items[a : a + self.size]


def by_enumeration(hmm, x, states):
    """Log-likelihood, smoothed beliefs and transitions of the paths that are left."""
    paths, joint = enumerate_paths(hmm, x)
    joint = joint * ((paths == states) | (states < 0)).all(axis=1)
    share = joint / joint.sum()
    smoothed = np.zeros((len(x), hmm.n_states))
    transitions = np.zeros((hmm.n_states, hmm.n_states))
    for path, p in zip(paths, share, strict=True):
        smoothed[np.arange(len(x)), path] += p
        np.add.at(transitions, (path[:-1], path[1:]), p)
    return np.log(joint.sum()), smoothed, transitions


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_expected_counts_equal_enumeration(kind, missing):
    hmm, X, states = labelled(kind, missing=missing)
    weights = np.array([1.0, 2.0, 0.5, 1.0, 3.0])
    part = make_part(hmm._read(X), weights, states, 3)
    center = 0.0
    pieces = part.pieces(3, batch_size=3)
    got = sum(
        (counts_of(p, hmm, center) for p in pieces[1:]),
        counts_of(pieces[0], hmm, center),
    )
    truth = [by_enumeration(hmm, x, s) for x, s in zip(X, states, strict=True)]
    close = {"rtol": 1e-10, "atol": 1e-12}
    values, smoothed, transitions = zip(*truth, strict=True)
    assert_allclose(got.log_likelihood, weights @ values, **close)
    assert_allclose(
        sum(log_likelihood_of(p, hmm) for p in pieces), weights @ values, **close
    )
    assert_allclose(
        got.start,
        sum(w * s[0] for w, s in zip(weights, smoothed, strict=True)),
        **close,
    )
    assert_allclose(
        got.transitions, np.einsum("n,nij->ij", weights, transitions), **close
    )
    gamma = np.concatenate([w * s for w, s in zip(weights, smoothed, strict=True)])
    want = hmm._count(np.concatenate(X), gamma, center)
    for one, other in zip(got.emission, want, strict=True):
        assert_allclose(one, other, **close)


@pytest.mark.parametrize("kind", KINDS)
def test_all_known_states_are_counted(kind):
    _, X, states = labelled(kind, share=1.0, lengths=(20, 1, 33, 8) * 3, seed=4)
    start = random_hmm(kind, n_states=3, size=3, seed=9)
    got = em(init=start, pseudocount=0, max_iter=1).fit(X, states=states).hmm_
    starts = np.bincount([s[0] for s in states], minlength=3)
    transitions = np.zeros((3, 3))
    for s in states:
        np.add.at(transitions, (s[:-1], s[1:]), 1)
    assert_allclose(got.startprob, starts / starts.sum(), rtol=1e-12)
    assert_allclose(
        got.transmat, transitions / transitions.sum(1, keepdims=True), rtol=1e-12
    )
    x, s = np.concatenate(X), np.concatenate(states)
    of_state = [x[s == k] for k in range(3)]
    if kind == "categorical":
        want = [np.bincount(one, minlength=3) / len(one) for one in of_state]
        assert_allclose(got.emissionprob, want, rtol=1e-12, atol=1e-15)
    elif kind == "poisson":
        assert_allclose(got.rates, [one.mean(axis=0) for one in of_state], rtol=1e-12)
    elif kind != "gaussian_mixture":
        assert_allclose(got.means, [one.mean(axis=0) for one in of_state], rtol=1e-10)
        want = [np.cov(one.T, bias=True) for one in of_state]
        if kind == "diag":
            want = [one.var(axis=0) for one in of_state]
        assert_allclose(got.covars, want, rtol=1e-10, atol=1e-12)
    # A second iteration changes nothing, but that mixtures go on within states.
    if kind != "gaussian_mixture":
        again = em(init=got, pseudocount=0, max_iter=1).fit(X, states=states)
        assert_allclose(
            again.log_likelihoods_[1], again.log_likelihoods_[0], rtol=1e-12
        )


@pytest.mark.parametrize("kind", KINDS)
def test_likelihood_never_falls_and_none_known_is_plain_em(kind):
    _, X, states = labelled(kind, share=0.3, lengths=(12, 1, 30, 7) * 5, seed=2)
    options = {"n_states": 3, "max_iter": 15, **options_of(kind)}
    if kind == "categorical":
        options["emission"] = kind
    model = em(**options).fit(X, states=states)
    gains = np.diff(model.log_posteriors_)
    assert (gains > -1e-9 * np.abs(model.log_posteriors_[1:])).all()
    assert gains.sum() > 1
    plain = em(**options).fit(X)
    nothing = em(**options).fit(X, states=[np.full(len(x), -1) for x in X])
    assert_allclose(nothing.log_likelihoods_, plain.log_likelihoods_, rtol=1e-11)
    assert_allclose(nothing.hmm_.transmat, plain.hmm_.transmat, rtol=1e-7)
    # What is known is a part of what is told, under the same start.
    assert model.log_likelihoods_[0] < plain.log_likelihoods_[0]


def test_forms_of_states_are_one():
    hmm = random_hmm("categorical", n_states=3, size=3, seed=1)
    X = hmm.sample(12, 6, random_state=0)[0]
    states = np.random.RandomState(0).randint(-1, 3, X.shape)
    X[3, 4:] = -1
    states[3, 4:] = -1
    states[5] = -1
    want = em(init=hmm).fit(X, states=states).hmm_
    lists = [x[x >= 0] for x in X]
    ragged = [s[: len(x)] for x, s in zip(lists, states, strict=True)]
    with_none = [None if i == 5 else list(s) for i, s in enumerate(ragged)]
    floats = np.where(states < 0, np.nan, states)
    masked = np.ma.masked_less(states, 0)
    for sequences, known in [
        (X, ragged),
        (X, with_none),
        (X, floats),
        (X, masked),
        (lists, states),
        (lists, ragged),
    ]:
        assert em(init=hmm).fit(sequences, states=known).hmm_ == want


def test_batches_weights_workers_and_steps_agree():
    hmm, X, states = labelled("diag", lengths=(9, 4, 12) * 10)
    weights = np.random.RandomState(1).uniform(0, 2, len(X))
    weights[[0, 7]] = 0
    whole = em(init=hmm).fit(X, sample_weight=weights, states=states)
    kept = np.flatnonzero(weights)
    fewer = em(init=hmm, n_jobs=2, batch_size=4).fit(
        [X[i] for i in kept],
        sample_weight=weights[kept],
        states=[states[i] for i in kept],
    )
    streamed = em(init=hmm, n_jobs=2).fit(
        Batches(X), sample_weight=Batches(weights), states=Batches(states)
    )
    for other in (fewer, streamed):
        assert_allclose(other.log_likelihoods_, whole.log_likelihoods_, rtol=1e-11)
        assert_allclose(other.hmm_.transmat, whole.hmm_.transmat, rtol=1e-9)
    # The first batch online is one iteration without batches.
    online = em(init=hmm).partial_fit(X, sample_weight=weights, states=states)
    once = em(init=hmm, max_iter=1).fit(X, sample_weight=weights, states=states)
    assert_allclose(online.hmm_.means, once.hmm_.means, rtol=1e-10)
    online.partial_fit(X[:5], states=states[:5])
    assert np.isfinite(online.hmm_.transmat).all()


def test_states_stay_with_their_sequences_when_some_are_held_out():
    hmm, _, states = labelled("categorical", share=1.0, lengths=(9, 4, 12) * 10)
    # Sequences that are possible only in their own states.
    sure = CategoricalHMM(hmm.startprob, hmm.transmat, np.eye(3))
    model = em(init=sure, validation_fraction=0.3, pseudocount=0.1)
    model.fit(states, states=states)
    assert np.isfinite(model.validation_log_likelihoods_).all()


def test_long_sequences_in_pieces_and_in_log_space():
    rng = np.random.RandomState(0)
    start = GaussianHMM(
        [1, 0, 0], [[0.9, 0.1, 0], [0, 0.9, 0.1], [0.1, 0, 0.9]], [0, 1, 2], [1, 1, 1]
    )
    x, z = start.sample(1, 3000, random_state=1)
    known = np.where(rng.uniform(size=z.shape) < 0.02, z, -1)
    pieces = em(init=start).fit(x, states=known)
    # Beside a copy of itself the sequence is walked step by step.
    twice = em(init=start, pseudocount=0).fit([x[0]] * 2, states=[known[0]] * 2)
    once = em(init=start, pseudocount=0).fit(x, states=known)
    assert np.isfinite(pieces.log_likelihoods_).all()
    assert_allclose(twice.log_likelihoods_, 2 * once.log_likelihoods_, rtol=1e-9)
    # A known state that the observations speak against by some thousand nats.
    far = np.array([[0.0, 60.0, 0.0, 60.0]])
    near = em(
        init=GaussianHMM([0.5, 0.5], [[0.5, 0.5]] * 2, [0.0, 60.0], [1, 1]), max_iter=1
    )
    near.fit(far, states=[[1, 0, 1, 0]])
    want = 4 * (np.log(0.5) - 60**2 / 2 - np.log(2 * np.pi) / 2)
    assert_allclose(near.log_likelihoods_[0], want, rtol=1e-12)


def test_labels_tell_the_states_apart():
    truth = GaussianHMM([0.5, 0.5], [[0.8, 0.2], [0.3, 0.7]], [0.0, 0.4], [1.0, 1.0])
    X, states = truth.sample(300, 20, random_state=0)
    known = np.where(np.arange(300)[:, None] < 60, states, -1)
    model = em(init=truth, max_iter=20).fit(X, states=known).hmm_
    assert_allclose(model.transmat, truth.transmat, atol=0.08)
    assert_allclose(model.means, truth.means, atol=0.08)
    swapped = em(init=truth, max_iter=20).fit(
        X, states=np.where(known < 0, -1, 1 - known)
    )
    assert_allclose(swapped.hmm_.means, truth.means[::-1], atol=0.12)


# What is refused


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ([[0, 1, 0]], "one entry for each of the 2 sequences of X, got 1"),
        ([[0, 1], [0, 1]], "tells 2 of sequence 0 of X, which has 3"),
        ([[0, 1, 0], [0, 1, 1]], "tells 3 of sequence 1 of X, which has 2"),
        ([[0, 1, 2], [0, 1]], r"state 2 in sequence 0; states must be .* at most 1"),
        ([[0, 1, 0], [0, -2]], "state -2 in sequence 1"),
        ([[0, 0.5, 1], [0, 1]], "integer states .* got 0.5"),
        ([["a", "b", "a"], ["a", "b"]], "could not convert the text"),
        ([np.zeros((3, 2)), np.zeros((2, 2))], "2 features, but there is one state"),
        (7, "array or a list of sequences"),
    ],
)
@pytest.mark.parametrize("fit", ["fit", "partial_fit"])
def test_states_that_do_not_fit_are_refused(states, message, fit):
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(em(n_states=2), fit)([[0, 1, 1], [1, 0]], states=states)


def test_states_past_the_end_of_a_sequence_are_refused():
    X = np.array([[0, 1, 1], [1, 0, -1]])
    with pytest.raises(ValueError, match="tells 3 of sequence 1 of X, which has 2"):
        em(n_states=2).fit(X, states=[[0, 1, 0], [0, 1, 1]])


def test_impossible_labels_are_named():
    start = CategoricalHMM(
        [1, 0, 0], [[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 1]], np.full((3, 2), 0.5)
    )
    X = [[0, 1, 1], [1, 0, 1, 1]]
    fit = em(init=start, structural_zeros=True).fit
    for states, step in [
        ([None, [-1, -1, 1, 0]], 3),
        ([None, [-1, 2, -1, -1]], 1),
        ([None, [1, -1, -1, -1]], 0),
    ]:
        with pytest.raises(
            ValueError,
            match=rf"Sequence 1 is impossible under .* with the states that are given: "
            rf"its step {step}",
        ):
            fit(X, states=states)
    assert np.isfinite(fit(X, states=[None, [0, 0, 1, 2]]).log_likelihoods_).all()


def test_batches_of_states_are_checked():
    hmm, X, states = labelled("categorical", lengths=(4,) * 20)
    model = em(init=hmm)
    with pytest.raises(ValueError, match="states must hold one array for each batch"):
        model.fit(Batches(X), states=iter(states))
    with pytest.raises(ValueError, match=r"states must hold .* ends after 2"):
        model.fit(Batches(X), states=Batches(states[:18]))
    with pytest.raises(ValueError, match=r"states must hold .* ends after 2"):
        model.fit(Batches(X[:18]), states=Batches(states))


def test_pomegranate_and_checkpoints(tmp_path, monkeypatch):
    hmm, X, states = labelled("categorical", share=1.0, lengths=(4,) * 20)
    with pytest.raises(ValueError, match="nor states"):
        em(init=hmm, engine="pomegranate").fit(X, states=states)
    from skhmmdd.hmm.pretraining import _checkpoints

    path = tmp_path / "state"
    whole = em(init=hmm, checkpoint=path).fit(X, states=states).hmm_
    save = _checkpoints.Checkpoint.save

    def interrupted(self, *args):
        save(self, *args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(_checkpoints.Checkpoint, "save", interrupted)
        em(init=hmm, checkpoint=path).fit(X, states=states)
    for other in (None, [*states[:-1], np.full(4, -1)]):
        with pytest.raises(ValueError, match="of other data or parameters"):
            em(init=hmm, checkpoint=path).fit(X, states=other)
    assert em(init=hmm, checkpoint=path).fit(X, states=states).hmm_ == whole


def test_states_are_routed_by_scikit_learn():
    from sklearn import config_context
    from sklearn.model_selection import cross_validate

    _, X, states = labelled("categorical", share=1.0, lengths=(6,) * 30)
    X, states = np.array(X), np.array(states)
    with config_context(enable_metadata_routing=True):
        model = em(n_states=3).set_fit_request(states=True)
        found = cross_validate(
            model, X, params={"states": states}, cv=3, return_estimator=True
        )
    for fitted, held in zip(
        found["estimator"], np.split(np.arange(30), 3), strict=True
    ):
        kept = np.setdiff1d(np.arange(30), held)
        alone = em(n_states=3).fit(X[kept], states=states[kept])
        assert fitted.hmm_ == alone.hmm_
        assert_array_equal(fitted.log_likelihoods_, alone.log_likelihoods_)
