"""Counts and mixtures against hmmlearn and enumeration; what each family refuses."""

import ast
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracle import brute_force, component_densities
from random_models import KINDS, options_of, random_hmm, random_sequences
from scipy.stats import poisson

import skhmmdd
from skhmmdd import (
    BaumWelch,
    BeliefDisplay,
    GaussianMixtureHMM,
    HMMDisplay,
    HMMFeatureTransformer,
    PoissonHMM,
)
from skhmmdd.hmm.models._families import FAMILIES
from skhmmdd.hmm.pretraining._em_step import expected_counts, log_prior, maximise

NEW = ["gaussian_mixture", "poisson"]
CLOSE = {"rtol": 1e-10, "atol": 1e-12}
CHAIN = ([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]])


def em(**options):
    return BaumWelch(**{"tol": 0, "max_iter": 1, "random_state": 0, **options})


def test_the_registry_names_every_kind():
    assert {name: family.__name__ for name, family in FAMILIES.items()} == {
        "categorical": "CategoricalHMM",
        "gaussian": "GaussianHMM",
        "gaussian_mixture": "GaussianMixtureHMM",
        "poisson": "PoissonHMM",
    }


def test_nothing_else_chooses_by_family():
    # Each family's choices are its own; the engine runs those that pomegranate has.
    classes = {family.__name__ for family in FAMILIES.values()}
    package = Path(skhmmdd.__file__).parent
    for room in ("hmm/pretraining", "hmm/inference", "features", "inspection"):
        for path in sorted((package / room).glob("*.py")):
            if path.name == "_pomegranate_engine.py":
                continue
            names = {
                node.id
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.Name)
            }
            assert not names & classes, path


# The E-step and the M-step


@pytest.mark.parametrize("kind", NEW)
def test_a_step_equals_hmmlearn(kind):
    lib = pytest.importorskip("hmmlearn.hmm")
    start = random_hmm(kind, n_states=4, size=3, seed=1)
    truth = random_hmm(kind, n_states=4, size=3, seed=2)
    X = random_sequences(truth, (7, 1, 12, 3, 9, 12, 5) * 4)
    steps, lengths = np.concatenate(X), [len(x) for x in X]
    options = {"n_iter": 1, "tol": -np.inf, "init_params": ""}
    if kind == "poisson":
        peer = lib.PoissonHMM(4, **options)
        peer.lambdas_, steps = start.rates.copy(), steps.astype(int)
    else:
        # Its other priors are none by default.
        peer = lib.GMMHMM(4, 2, min_covar=0, **options)
        peer.weights_, peer.means_ = start.weights.copy(), start.means.copy()
        peer.covars_ = start.covars.copy()
    peer.startprob_, peer.transmat_ = start.startprob.copy(), start.transmat.copy()
    peer.fit(steps, lengths)
    model = em(init=start, pseudocount=0).fit(X)
    hmm = model.hmm_
    assert_allclose(hmm.startprob, peer.startprob_, **CLOSE)
    assert_allclose(hmm.transmat, peer.transmat_, **CLOSE)
    if kind == "poisson":
        assert_allclose(hmm.rates, peer.lambdas_, **CLOSE)
    else:
        assert_allclose(hmm.weights, peer.weights_, **CLOSE)
        assert_allclose(hmm.means, peer.means_, **CLOSE)
        # hmmlearn takes squares about the means before the step, EM about the new.
        moved = (peer.means_ - start.means) ** 2
        assert_allclose(hmm.covars, peer.covars_ - moved, rtol=1e-9)
    assert_allclose(model.log_likelihoods_[0], peer.monitor_.history[0], rtol=1e-12)


@pytest.mark.parametrize("kind", NEW)
@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize("pseudocount", [0.0, 0.5])
def test_a_step_equals_enumeration(kind, missing, pseudocount):
    hmm = random_hmm(kind, n_states=3, size=2, seed=4)
    X = random_sequences(hmm, missing=missing)
    gamma = np.concatenate([brute_force(hmm, x)["smoothed"] for x in X])
    steps = np.concatenate(X)
    mean, variance = np.nanmean(steps, axis=0), np.nanvar(steps, axis=0)
    got = em(init=hmm, pseudocount=pseudocount).fit(X).hmm_
    sequences = hmm._read(X)
    counts = expected_counts(
        hmm, sequences.block(sequences.blocks(10)[0]), mean if kind != "poisson" else 0
    )
    assert_allclose(
        counts.transitions, sum(brute_force(hmm, x)["transitions"] for x in X), **CLOSE
    )
    seen = ~np.isnan(steps)
    for k in range(3):
        if kind == "poisson":
            for d in range(2):
                g, x = gamma[seen[:, d], k], steps[seen[:, d], d]
                rate = (g @ x + pseudocount * mean[d]) / (g.sum() + pseudocount)
                assert_allclose(got.rates[k, d], rate, rtol=1e-10)
            continue
        share = np.array([component_densities(hmm, k, x) for x in steps])
        share *= gamma[:, k, None] / share.sum(axis=1, keepdims=True)
        weights = share[seen.any(axis=1)].sum(axis=0) + pseudocount
        assert_allclose(got.weights[k], weights / weights.sum(), rtol=1e-10)
        for m in range(2):
            for d in range(2):
                g, x = share[seen[:, d], m], steps[seen[:, d], d]
                center = g @ x / g.sum()
                spread = g @ (x - center) ** 2 + pseudocount * variance[d]
                spread /= g.sum() + pseudocount
                assert_allclose(got.means[k, m, d], center, rtol=1e-9, atol=1e-10)
                assert_allclose(got.covars[k, m, d], spread, rtol=1e-8)


@pytest.mark.parametrize("kind", NEW)
def test_counts_of_a_long_sequence(kind):
    # It is cut into pieces, the last of which is shorter.
    hmm = random_hmm(kind, n_states=3, size=2)
    x = random_sequences(hmm, [2500], missing=0.2)[0]
    counts = expected_counts(hmm, hmm._read([x]).block(np.array([0])))
    gamma, seen = hmm.smooth([x])[0], ~np.isnan(x)
    weight, first = gamma.T @ seen, gamma.T @ np.where(seen, x, 0.0)
    if kind == "poisson":
        got_weight, got_first = counts.emission
    else:
        share, got_weight, got_first, _ = counts.emission
        assert_allclose(share.sum(axis=1), gamma.T @ seen.any(axis=1), rtol=1e-9)
        got_weight, got_first = got_weight.sum(axis=1), got_first.sum(axis=1)
    assert_allclose(got_weight, weight, rtol=1e-9)
    assert_allclose(got_first, first, rtol=1e-9)


@pytest.mark.parametrize(
    "kind", [pytest.param("gaussian_mixture", marks=pytest.mark.slow), "poisson"]
)
def test_the_step_maximises_what_the_prior_says(kind):
    # Weights near by have a lower expected log-likelihood plus log_prior.
    hmm = random_hmm(kind, n_states=2, size=2, seed=3)
    x = random_sequences(hmm, [60])[0]
    sequences = hmm._read([x])
    center, scale = x.mean(axis=0), x.var(axis=0)
    counts = expected_counts(hmm, sequences.block(np.array([0])), center)
    best = maximise(hmm, counts, 2.0, center, scale)

    def gain(weights):
        """Expected log-likelihood of the emission with its components, and prior."""
        smoothed = hmm.smooth([x])[0]
        if kind == "poisson":
            logs = poisson(weights.rates).logpmf(x[:, None]).sum(axis=2)
            total = (smoothed * logs).sum()
        else:
            total = 0.0
            for k in range(2):
                share = np.array([component_densities(hmm, k, step) for step in x])
                share *= smoothed[:, [k]] / share.sum(axis=1, keepdims=True)
                densities = [component_densities(weights, k, step) for step in x]
                total += (share * np.log(densities)).sum()
        return total + log_prior(weights, 2.0, center, scale)

    rng = np.random.RandomState(0)
    for _ in range(20):
        arrays = [best.startprob, best.transmat]
        for name, array in list(best._arrays().items())[2:]:
            array = array * np.exp(1e-3 * rng.standard_normal(array.shape))
            if name == "weights":
                array = array / array.sum(axis=1, keepdims=True)
            arrays.append(array)
        assert gain(type(best)(*arrays)) < gain(best)


def test_a_mixture_of_one_is_a_gaussian():
    X = random_sequences(random_hmm("diag", size=2), (9, 4, 12, 30), missing=0.2)
    options = {"n_states": 3, "max_iter": 5}
    for init in (None, "kmeans"):
        one = em(emission="gaussian", init=init, **options).fit(X)
        two = em(emission="gaussian_mixture", n_components=1, init=init, **options)
        two.fit(X)
        # Where the one offset was drawn, the chain starts elsewhere.
        two = em(
            init=GaussianMixtureHMM(
                one.hmm_.startprob,
                one.hmm_.transmat,
                np.ones((3, 1)),
                one.hmm_.means[:, None],
                one.hmm_.covars[:, None],
            ),
            max_iter=3,
        ).fit(X)
        one = em(init=one.hmm_, max_iter=3).fit(X)
        assert_allclose(two.log_likelihoods_, one.log_likelihoods_, rtol=1e-12)
        assert_allclose(two.log_posteriors_, one.log_posteriors_, rtol=1e-12)
        assert_allclose(two.hmm_.means[:, 0], one.hmm_.means, rtol=1e-9)


# Recovery and starts


def test_recovers_rates():
    truth = PoissonHMM(*CHAIN, [[1.0, 8.0], [6.0, 2.0]])
    X, _ = truth.sample(100, 30, random_state=0)
    for init in (None, "kmeans"):
        model = em(n_states=2, emission="poisson", init=init, max_iter=30).fit(X)
        found = model.hmm_.rates[np.argsort(model.hmm_.rates[:, 0])]
        assert_allclose(found, truth.rates, rtol=0.05)
        assert (model.hmm_.rates > 0).all()


def test_recovers_a_mixture():
    # No Gaussian of one state has these two humps, with the other state's between.
    truth = GaussianMixtureHMM(
        *CHAIN,
        [[0.5, 0.5], [0.3, 0.7]],
        [[-6.0, 6.0], [-1.0, 1.0]],
        [[1.0, 1.0], [0.3, 0.3]],
    )
    X, _ = truth.sample(100, 30, random_state=0)
    model = em(n_states=2, emission="gaussian_mixture", n_init=4, max_iter=60).fit(X)
    assert model.log_likelihoods_[-1] > truth.log_likelihood(X).sum() - 5
    order = np.argsort(np.abs(model.hmm_.means).max(axis=(1, 2)))[::-1]
    found = np.sort(model.hmm_.means[order, :, 0], axis=1)
    assert_allclose(found, truth.means[:, :, 0], atol=0.15)


def test_a_feature_without_counts_stays_possible():
    X = np.zeros((5, 6, 2))
    X[:, :, 1] = np.random.RandomState(0).poisson(3.0, (5, 6))
    model = em(n_states=2, emission="poisson", max_iter=5).partial_fit(X)
    assert (model.hmm_.rates > 0).all()
    X[0, 2, 0] = 1
    assert np.isfinite(model.partial_fit(X).score(X))
    # Without a prior a rate of zero is the maximum, and the count impossible.
    model = em(n_states=1, emission="poisson", pseudocount=0).fit(X[1:])
    assert model.hmm_.rates[0, 0] == 0
    assert_array_equal(model.score_samples(X) == -np.inf, [True] + [False] * 4)
    assert_allclose(
        model.score_samples(X[1:]),
        poisson(model.hmm_.rates[0, 1]).logpmf(X[1:, :, 1]).sum(axis=1),
        rtol=1e-12,
    )


# What they refuse


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[0, 1], [-1, 2]], r"Negative values .* as X: .*counts.* got -1\.0"),
        (np.array([[0.0, 1.5]]), r"as X: it must hold counts.* got 1\.5"),
        (np.array([[1.0, 1e17]]), r"too large to count .* got 1e\+17"),
        ([[np.nan, 1.0], [np.inf, 2.0]], "infinity"),
    ],
)
def test_poisson_takes_counts_only(X, message):
    for method in (em(emission="poisson").fit, PoissonHMM(*CHAIN, [1, 2]).filter):
        with pytest.raises(ValueError, match=message):
            method(X)


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ([1.0, -1.0], r"rates must be in \[0, inf\), got values from -1"),
        ([1.0, np.inf], r"rates must be in \[0, inf\)"),
        ([1.0, np.nan], r"rates must be in \[0, inf\)"),
        ([1.0, 2.0, 3.0], r"rates must have shape .* got \(3, 1\)"),
        (np.ones((2, 0)), "rates must have shape"),
    ],
)
def test_poisson_refuses(rates, message):
    with pytest.raises(ValueError, match=message):
        PoissonHMM(*CHAIN, rates)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": [[0.5, 0.5], [0.5, 0.6]]}, "weights row 1 must sum to one"),
        ({"weights": [0.5, 0.5]}, "weights must have shape"),
        ({"means": np.zeros((2, 3, 1))}, r"means must have shape .*\(2, 2, 1\)"),
        ({"covars": np.ones((2, 2, 2))}, r"covars must have shape .*\(2, 2, 1\)"),
        ({"covars": [[1, 1], [1, 0]]}, "covars must be positive, got 0"),
        ({"means": [[0, np.nan], [1, 2]]}, "must be finite"),
    ],
)
def test_mixture_refuses(changes, message):
    good = {"weights": [[0.5, 0.5]] * 2, "means": np.eye(2), "covars": np.ones((2, 2))}
    with pytest.raises(ValueError, match=message):
        GaussianMixtureHMM(*CHAIN, **good | changes)


def test_parameters_of_a_mixture_are_refused():
    X = np.random.RandomState(0).standard_normal((4, 5))
    with pytest.raises(ValueError, match=r"covariance_type must be 'diag'.*'full'"):
        em(emission="gaussian_mixture", covariance_type="full").fit(X)
    with pytest.raises(ValueError, match="'n_components' parameter"):
        em(emission="gaussian_mixture", n_components=0).fit(X)


@pytest.mark.parametrize("kind", NEW)
def test_pomegranate_is_refused(kind):
    X = random_sequences(random_hmm(kind, size=2))
    with pytest.raises(ValueError, match=r"engine=.pomegranate. runs a Categorical"):
        em(n_states=2, engine="pomegranate", **options_of(kind)).fit(X)


# What is built on them


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "representation", ["belief", "log_belief", "predictive", "smoothed"]
)
def test_features(kind, representation):
    X = random_sequences(random_hmm(kind, size=3), (9, 4, 12, 5), missing=0.2)
    pretraining = em(n_states=3, max_iter=3, **options_of(kind))
    transformer = HMMFeatureTransformer(pretraining, representation=representation)
    features = transformer.fit_transform(X)
    hmm = transformer.hmm_
    want = {
        "belief": lambda: [beliefs[-1] for beliefs in hmm.filter(X)],
        "log_belief": lambda: [np.log(beliefs[-1]) for beliefs in hmm.filter(X)],
        "predictive": lambda: hmm.predict_next(X),
        "smoothed": lambda: [beliefs[-1] for beliefs in hmm.smooth(X)],
    }[representation]()
    want = np.maximum(want, np.log(1e-12)) if representation == "log_belief" else want
    assert_allclose(features, want, rtol=1e-9, atol=1e-10)
    mapped = transformer.set_params(n_components=5, random_state=0).fit_transform(X)
    assert np.isfinite(mapped).all()


@pytest.mark.parametrize("kind", NEW)
def test_displays(kind):
    hmm = random_hmm(kind, size=2)
    display = HMMDisplay.from_hmm(hmm, order="index")
    assert_allclose(display.emission, hmm._state_means)
    assert_allclose(display.covars, hmm._state_covars)
    display.plot()
    assert display.frame().shape == (9 + 6, 4)
    x = random_sequences(hmm, [6], missing=0.3)[0]
    BeliefDisplay.from_hmm(hmm, x, order="index").plot(show_path=True)


def test_components_without_weight_stay_so():
    hmm = GaussianMixtureHMM(
        *CHAIN, [[1.0, 0.0], [0.5, 0.5]], np.eye(2), np.ones((2, 2))
    )
    X = [[0.3, 1.2, -0.5], [2.0, 0.1]]
    assert np.isfinite(hmm.log_likelihood(X)).all()
    model = em(init=hmm, pseudocount=0).fit(X)
    assert_array_equal(model.hmm_.weights[0], [1, 0])
    assert_array_equal(model.hmm_.means[0, 1], hmm.means[0, 1])
