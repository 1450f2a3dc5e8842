"""Pretraining against hmmlearn, enumeration, and EM written out in loops."""

import warnings
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from internal_checks import common_checks
from numpy.testing import assert_allclose, assert_array_equal
from oracle import brute_force
from random_models import KINDS as ALL_KINDS
from random_models import options_of, random_hmm, random_sequences
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV

from skhmmdd import (
    BaumWelch,
    CategoricalHMM,
    GaussianHMM,
    GaussianMixtureHMM,
    PoissonHMM,
)
from skhmmdd.hmm.pretraining._em_step import expected_counts

KINDS = ["categorical", "diag", "full"]
LENGTHS = (7, 1, 12, 3, 9, 12, 5)


def em(**options):
    """A fixed number of iterations."""
    return BaumWelch(**{"tol": 0, "max_iter": 1, "random_state": 0, **options})


def corpus(kind, seed=0, n=20, missing=0.0, size=3):
    """A ragged corpus from a random model of three states."""
    hmm = random_hmm(kind, n_states=3, size=size, seed=seed)
    lengths = np.random.RandomState(seed).randint(1, 12, n)
    return random_sequences(hmm, lengths, seed, missing)


def arrays_of(hmm):
    return hmm._arrays().values()


def assert_proper(hmm):
    """Finite distributions that sum to one, none of them with a zero."""
    distributions = [hmm.startprob[None], hmm.transmat]
    if isinstance(hmm, CategoricalHMM):
        distributions.append(hmm.emissionprob)
    if isinstance(hmm, GaussianMixtureHMM):
        distributions.append(hmm.weights)
        assert (hmm.covars > 0).all()
    if isinstance(hmm, PoissonHMM):
        assert (hmm.rates > 0).all()
    for distribution in distributions:
        assert (distribution > 0).all()
        assert_allclose(distribution.sum(axis=1), 1, rtol=1e-12)
    if isinstance(hmm, GaussianHMM):
        assert np.isfinite(hmm.means).all()
        if hmm.covariance_type == "full":
            assert (np.linalg.eigvalsh(hmm.covars) > 0).all()
        else:
            assert (hmm.covars > 0).all()


def not_for(estimator):
    """Checks that hand fractions to a model of counts."""
    name = "check_sample_weight_equivalence_on_dense_data"
    return {name: "fractions"} if estimator.emission == "poisson" else {}


# scikit-learn's own tests of its estimators let them stop early, too.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@common_checks(
    [
        BaumWelch(),
        BaumWelch(n_states=2, covariance_type="full"),
        BaumWelch(n_states=2, emission="gaussian_mixture"),
        BaumWelch(n_states=2, emission="poisson"),
    ],
    expected_failed_checks=not_for,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# The E-step and the M-step


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_iter", [1, 5])
def test_steps_equal_hmmlearn(kind, n_iter):
    lib = pytest.importorskip("hmmlearn.hmm")
    start = random_hmm(kind, n_states=4, size=3, seed=1)
    X = random_sequences(random_hmm(kind, n_states=4, size=3, seed=2), LENGTHS * 4)
    options = {"n_iter": n_iter, "tol": -np.inf, "init_params": ""}
    if kind == "categorical":
        peer = lib.CategoricalHMM(4, **options)
        peer.n_features, peer.emissionprob_ = 3, start.emissionprob.copy()
    else:
        options |= {"covars_prior": 0, "covars_weight": 0, "min_covar": 0}
        peer = lib.GaussianHMM(4, kind, **options)
        peer.means_ = start.means.copy()
        peer._covars_ = start.covars.copy()
    peer.startprob_, peer.transmat_ = start.startprob.copy(), start.transmat.copy()
    stacked = np.concatenate(X).reshape(sum(map(len, X)), -1)
    peer.fit(stacked, [len(x) for x in X])
    ours = em(init=start, pseudocount=0, max_iter=n_iter).fit(X)
    close = {"rtol": 1e-12 if n_iter == 1 else 1e-9, "atol": 1e-12}
    assert_allclose(ours.hmm_.startprob, peer.startprob_, **close)
    assert_allclose(ours.hmm_.transmat, peer.transmat_, **close)
    if kind == "categorical":
        assert_allclose(ours.hmm_.emissionprob, peer.emissionprob_, **close)
    else:
        assert_allclose(ours.hmm_.means, peer.means_, **close)
        assert_allclose(ours.hmm_.covars, peer._covars_, **close)
    assert_allclose(ours.log_likelihoods_[:-1], peer.monitor_.history, rtol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_expected_counts_equal_enumeration(kind, missing):
    hmm = random_hmm(kind, n_states=3, size=3, seed=4)
    X = random_sequences(hmm, missing=missing)
    sequences = hmm._read(X)
    counts = expected_counts(hmm, sequences.block(sequences.blocks(10)[0]))
    truth = [brute_force(hmm, x) for x in X]
    close = {"rtol": 1e-11, "atol": 1e-12}
    assert_allclose(
        counts.log_likelihood, sum(t["log_likelihood"] for t in truth), **close
    )
    assert_allclose(counts.start, sum(t["smoothed"][0] for t in truth), **close)
    assert_allclose(counts.transitions, sum(t["transitions"] for t in truth), **close)
    gamma = np.concatenate([t["smoothed"] for t in truth])
    steps = np.concatenate(X)
    if kind == "categorical":
        want = [gamma[steps == v].sum(axis=0) for v in range(3)]
        assert_allclose(counts.emission[0], np.transpose(want), **close)
    elif kind == "diag":
        seen = ~np.isnan(steps)
        for d in range(3):
            g, x = gamma[seen[:, d]], steps[seen[:, d], d]
            for power, moment in enumerate(counts.emission):
                assert_allclose(moment[:, d], g.T @ x**power, **close)
    else:
        want = direct_moments(hmm, X, [t["smoothed"] for t in truth])
        for got, moment in zip(counts.emission, want, strict=True):
            assert_allclose(got, moment, **close)


def direct_moments(hmm, X, posteriors):
    """E[weight, x, xx'] for each state; what is missing by its distribution given x."""
    n_states, d = hmm.means.shape
    weight = np.zeros(n_states)
    first, second = np.zeros((n_states, d)), np.zeros((n_states, d, d))
    for sequence, gamma in zip(X, posteriors, strict=True):
        for x, row in zip(sequence, gamma, strict=True):
            a, b = np.flatnonzero(~np.isnan(x)), np.flatnonzero(np.isnan(x))
            if not len(a):
                continue
            for k in range(n_states):
                mean, covar = hmm.means[k], hmm.covars[k]
                inverse = np.linalg.inv(covar[np.ix_(a, a)])
                filled, spread = x.copy(), np.zeros((d, d))
                gain = covar[np.ix_(b, a)] @ inverse
                filled[b] = mean[b] + gain @ (x[a] - mean[a])
                spread[np.ix_(b, b)] = covar[np.ix_(b, b)] - gain @ covar[np.ix_(a, b)]
                weight[k] += row[k]
                first[k] += row[k] * filled
                second[k] += row[k] * (np.outer(filled, filled) + spread)
    return weight, first, second


@pytest.mark.parametrize("pseudocount", [0.0, 0.5])
def test_full_covariance_with_missing_features(pseudocount):
    truth = random_hmm("full", n_states=2, size=3, seed=3)
    X = random_sequences(truth, (9, 4, 7, 1, 8) * 4, missing=0.35)
    start = random_hmm("full", n_states=2, size=3, seed=8)
    model = em(init=start, pseudocount=pseudocount).fit(X)
    truth = [brute_force(start, x) for x in X]
    weight, first, second = direct_moments(start, X, [t["smoothed"] for t in truth])
    means = first / weight[:, None]
    outer = np.einsum("ki,kj->kij", means, means)
    scatter = second - weight[:, None, None] * outer
    prior = np.diag(np.nanvar(np.concatenate(X), axis=0))
    covars = scatter + pseudocount * prior
    covars /= (weight + pseudocount)[:, None, None]
    assert_allclose(model.hmm_.means, means, rtol=1e-10)
    assert_allclose(model.hmm_.covars, covars, rtol=1e-9, atol=1e-10)
    transitions = sum(t["transitions"] for t in truth) + pseudocount
    assert_allclose(
        model.hmm_.transmat,
        transitions / transitions.sum(axis=1, keepdims=True),
        rtol=1e-10,
    )
    starts = sum(t["smoothed"][0] for t in truth) + pseudocount
    assert_allclose(model.hmm_.startprob, starts / starts.sum(), rtol=1e-10)
    assert_allclose(
        model.log_likelihoods_[0], sum(t["log_likelihood"] for t in truth), rtol=1e-12
    )


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize("pseudocount", [0.0, 1e-3, 2.0])
def test_never_falls(kind, missing, pseudocount):
    X = corpus(kind, seed=2, n=60, missing=missing)
    options = options_of(kind)
    model = em(n_states=3, pseudocount=pseudocount, max_iter=40, **options).fit(X)
    slack = 1e-11 * np.abs(model.log_posteriors_).max()
    assert np.diff(model.log_posteriors_).min() >= -slack
    assert model.log_posteriors_[-1] > model.log_posteriors_[0] + 1
    assert model.log_likelihoods_.shape == model.log_posteriors_.shape == (41,)
    if pseudocount == 0:
        assert_array_equal(model.log_likelihoods_, model.log_posteriors_)
    assert_allclose(
        model.log_likelihoods_[-1], model.score_samples(X).sum(), rtol=1e-12
    )


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.slow
def test_ends_at_a_maximum_of_the_penalised_likelihood(kind):
    X = corpus(kind, seed=5, n=30)
    options = options_of(kind)
    model = em(n_states=2, pseudocount=3.0, max_iter=600, **options).fit(X)
    gains = np.diff(model.log_posteriors_)
    assert gains[-1] < 1e-7
    best = model.log_posteriors_[-1]
    rng = np.random.RandomState(0)
    for _ in range(20):
        moved = []
        for name, array in model.hmm_._arrays().items():
            if name in ("means", "covars", "rates"):
                moved.append(array * (1 + 1e-3 * rng.uniform(-1, 1)))
            else:
                array = array * np.exp(1e-2 * rng.standard_normal(array.shape))
                moved.append(array / array.sum(axis=-1, keepdims=True))
        near = em(init=type(model.hmm_)(*moved), pseudocount=3.0).fit(X)
        assert near.log_posteriors_[0] < best


# What it tells of the run


def test_convergence():
    X = corpus("categorical", n=40)
    model = BaumWelch(2, tol=1e-3, random_state=0).fit(X)
    assert model.converged_ is True
    assert model.n_iter_ < 100
    assert model.log_likelihoods_.shape == (model.n_iter_ + 1,)
    gains = np.diff(model.log_posteriors_) / sum(map(len, X))
    assert gains[-1] < 1e-3
    assert (gains[:-1] >= 1e-3).all()
    with pytest.warns(ConvergenceWarning, match=r"max_iter=2 .*tol=1e-12"):
        model = BaumWelch(2, tol=1e-12, max_iter=2, random_state=0).fit(X)
    assert model.converged_ is False
    assert model.n_iter_ == 2


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("n_states", [1, 2])
def test_no_tolerance_means_all_iterations(kind, n_states):
    # Where EM has come to rest rounding makes the likelihood rise and fall.
    X = corpus(kind, n=30)
    options = options_of(kind)
    options |= {"n_states": n_states, "pseudocount": 1.0, "max_iter": 60}
    for seed in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = em(random_state=seed, **options).fit(X)
        assert model.n_iter_ == 60
        assert model.converged_ is False
        assert np.diff(model.log_posteriors_)[-1] < 0.1


def test_verbose(capsys):
    X = corpus("categorical")
    em(max_iter=3, verbose=0).fit(X)
    assert capsys.readouterr().out == ""
    em(max_iter=3, n_init=2, verbose=1).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("BaumWelch start 2/2: 3 iterations, log-likelihood -")
    model = em(max_iter=3, verbose=2).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    for i in range(4):
        value = f"{model.log_likelihoods_[i]:.6g}"
        assert lines[i].startswith(f"  iteration {i}: log-likelihood {value}, ")


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_the_best_start_is_kept(kind):
    X = corpus(kind, n=30)
    options = options_of(kind)
    rng = np.random.RandomState(3)
    alone = [em(n_states=4, max_iter=8, random_state=rng, **options) for _ in range(5)]
    posteriors = [model.fit(X).log_posteriors_ for model in alone]
    best = max(posteriors, key=lambda p: p[-1])
    assert len({p[-1] for p in posteriors}) == 5
    rng = np.random.RandomState(3)
    model = em(n_states=4, max_iter=8, n_init=5, random_state=rng, **options).fit(X)
    assert_array_equal(model.log_posteriors_, best)
    kept = next(m for m in alone if m.log_posteriors_[-1] == best[-1])
    assert model.hmm_ == kept.hmm_


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.slow
def test_reproducible(kind):
    X = corpus(kind, n=50, missing=0.2)
    options = options_of(kind)
    options |= {"max_iter": 10, "n_states": 3}
    model = em(**options).fit(X)
    assert em(**options).fit(X).hmm_ == model.hmm_
    assert em(**options | {"random_state": 1}).fit(X).hmm_ != model.hmm_
    # Threads split the work, never the numbers.
    alone = em(batch_size=7, n_jobs=1, **options).fit(X)
    assert em(batch_size=7, n_jobs=2, **options).fit(X).hmm_ == alone.hmm_
    for batch_size in (1, 7, 1000):
        other = em(batch_size=batch_size, **options).fit(X).hmm_
        for a, b in zip(arrays_of(other), arrays_of(model.hmm_), strict=True):
            assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def test_order_of_sequences_does_not_matter():
    X = corpus("diag", n=30)
    start = random_hmm("diag", size=3)
    one = em(init=start, max_iter=5).fit(X).hmm_
    other = em(init=start, max_iter=5).fit(X[::-1]).hmm_
    for a, b in zip(arrays_of(one), arrays_of(other), strict=True):
        assert_allclose(a, b, rtol=1e-10, atol=1e-12)


# What it takes


@pytest.mark.parametrize(
    ("X", "kind"),
    [
        (np.array([[0, 1, 2], [2, 1, -1]]), "CategoricalHMM"),
        (np.array([[0, 1, 2]], dtype=np.uint8), "CategoricalHMM"),
        ([[0, 1, 2], [2]], "CategoricalHMM"),
        ([np.array([0, 1, 2]), (2, 1)], "CategoricalHMM"),
        (np.array([[0, 1, 2], [2]], dtype=object), "CategoricalHMM"),
        (pd.DataFrame([[0, 1, 2], [2, 1, -1]]), "CategoricalHMM"),
        (np.array([[0.0, 1.0, 2.0], [2.0, 1.0, np.nan]]), "GaussianHMM"),
        (np.array([[0, 1, -2]]), "GaussianHMM"),
        ([[0, 1, 2], [2.5]], "GaussianHMM"),
        (pd.DataFrame([[0.5, 1, 2], [2, 1, None]]), "GaussianHMM"),
        (np.arange(12.0).reshape(2, 3, 2), "GaussianHMM"),
        ([np.ones((2, 3)), np.zeros((1, 3))], "GaussianHMM"),
    ],
)
@pytest.mark.filterwarnings("ignore:X holds whole numbers and NaN")
def test_emission_is_inferred(X, kind):
    model = em(n_states=2).fit(X)
    assert type(model.hmm_).__name__ == kind
    assert np.isfinite(model.score(X))


def test_emission_is_told():
    X = np.array([[0, 1, 2], [2, 1, 0]])
    assert isinstance(em(emission="gaussian").fit(X).hmm_, GaussianHMM)
    model = em(emission="categorical").fit(X.astype(float))
    assert model.hmm_ == em().fit(X).hmm_


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint16, np.uint64, np.int64])
@pytest.mark.parametrize("n_symbols", [None, 127, 255, 256, 300])
def test_symbols_of_every_integer_type(dtype, n_symbols):
    X = np.array([[0, 3, 126, 3], [126, 126, 0, 1]])
    options = {"n_states": 2, "n_symbols": n_symbols, "max_iter": 3}
    model = em(**options).fit(X.astype(dtype))
    assert model.hmm_.n_symbols == (n_symbols or 127)
    assert model.hmm_ == em(**options).fit(X.tolist()).hmm_


def test_more_symbols_than_seen():
    X = corpus("categorical")
    model = em(n_symbols=10, max_iter=5).fit(X)
    assert model.hmm_.n_symbols == 10
    assert_proper(model.hmm_)
    assert (model.hmm_.emissionprob[:, 3:].max(axis=0) < 0.05).all()
    assert np.isfinite(model.score([[9, 0, 4]]))
    with pytest.raises(ValueError, match="symbol 3 in sequence 1"):
        em().fit(X).score([[0, 1], [3]])


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_init(kind):
    start = random_hmm(kind, n_states=5, size=3, seed=7)
    X = corpus(kind)
    options = {"n_states": 2, "n_symbols": 9, "n_init": 3, "covariance_type": "diag"}
    model = em(init=start, **options).fit(X)
    assert_allclose(model.log_likelihoods_[0], start.log_likelihood(X).sum())
    assert repr(model.hmm_) == repr(start)
    assert model.init is start
    assert model.hmm_ == em(init=start, random_state=5).fit(X).hmm_


@pytest.mark.parametrize("factor", [2.0**-40, 2.0**30])
@pytest.mark.parametrize("covariance_type", ["diag", "full"])
def test_the_unit_of_measurement_does_not_matter(factor, covariance_type):
    X = corpus("full", n=30, missing=0.2)
    unit = np.array([1.0, factor, factor**-1])
    options = {"n_states": 3, "max_iter": 6, "covariance_type": covariance_type}
    plain, scaled = em(**options).fit(X), em(**options).fit([x * unit for x in X])
    assert_allclose(scaled.hmm_.means, plain.hmm_.means * unit, rtol=1e-9)
    if covariance_type == "full":
        unit = unit[:, None]
        square = unit * unit.T
    else:
        square = unit**2
    assert_allclose(
        scaled.hmm_.covars / square, plain.hmm_.covars, rtol=1e-7, atol=1e-9
    )
    assert_allclose(scaled.hmm_.transmat, plain.hmm_.transmat, rtol=1e-8)


def test_offset_does_not_cancel():
    X = corpus("full", n=30)
    options = {"n_states": 3, "max_iter": 6, "covariance_type": "full"}
    plain, moved = em(**options).fit(X), em(**options).fit([x + 2.0**20 for x in X])
    assert_allclose(moved.hmm_.means - 2.0**20, plain.hmm_.means, atol=1e-7)
    assert_allclose(moved.hmm_.covars, plain.hmm_.covars, rtol=1e-6, atol=1e-7)


# Little data


@pytest.mark.parametrize("covariance_type", ["diag", "full"])
@pytest.mark.parametrize("n_features", [1, 3])
def test_far_more_states_than_real_data_support(covariance_type, n_features):
    rng = np.random.RandomState(0)
    X = [rng.standard_normal((rng.randint(2, 7), n_features)) for _ in range(270)]
    X = [x[:, 0] for x in X] if n_features == 1 else X
    model = em(n_states=64, max_iter=25, covariance_type=covariance_type).fit(X)
    assert_proper(model.hmm_)
    assert np.isfinite(model.log_posteriors_).all()
    slack = 1e-11 * np.abs(model.log_posteriors_).max()
    assert np.diff(model.log_posteriors_).min() >= -slack
    assert_allclose(np.concatenate(model.hmm_.filter(X)).sum(axis=1), 1, rtol=1e-9)


@pytest.mark.parametrize("pseudocount", [0.0, 1e-3])
def test_far_more_states_than_symbols_support(pseudocount):
    X = [[0, 1, 1], [2, 0], [1], [0, 0, 2, 1]]
    model = em(n_states=64, max_iter=60, pseudocount=pseudocount).fit(X)
    for distribution in (
        model.hmm_.startprob,
        model.hmm_.transmat,
        model.hmm_.emissionprob,
    ):
        assert_allclose(distribution.sum(axis=-1), 1, rtol=1e-12)
    if pseudocount:
        assert_proper(model.hmm_)
    assert np.diff(model.log_posteriors_).min() >= -1e-9
    assert np.isfinite(model.score_samples(X)).all()


@pytest.mark.parametrize("pseudocount", [0.0, 1e-3])
@pytest.mark.parametrize("kind", ALL_KINDS)
def test_states_without_data_keep_a_proper_distribution(kind, pseudocount):
    # Nothing starts in the last state and nothing moves there.
    base = random_hmm(kind, n_states=3, size=2)
    arrays = [np.array(a) for a in arrays_of(base)]
    arrays[0] = np.array([0.5, 0.5, 0.0])
    arrays[1][:2, 2] = 0
    arrays[1] /= arrays[1].sum(axis=1, keepdims=True)
    start = type(base)(*arrays)
    X = random_sequences(start, LENGTHS * 3)
    model = em(init=start, pseudocount=pseudocount, max_iter=1).fit(X)
    if pseudocount == 0:
        assert model.hmm_.startprob[2] == 0
        for a, b in zip(arrays_of(model.hmm_), arrays_of(start), strict=True):
            if a.ndim > 1:
                assert_array_equal(a[2], b[2])
    else:
        assert_proper(model.hmm_)
        assert_allclose(model.hmm_.transmat[2], 1 / 3)
        if kind == "categorical":
            assert_allclose(model.hmm_.emissionprob[2], 0.5)
        elif kind == "poisson":
            mean = np.mean(np.concatenate(X), axis=0)
            assert_allclose(model.hmm_.rates[2], mean)
        else:
            variance = np.var(np.concatenate(X), axis=0)
            covar = model.hmm_.covars[2]
            covar = np.diag(covar) if kind == "full" else covar
            assert_allclose(covar, np.broadcast_to(variance, covar.shape))
            assert_array_equal(model.hmm_.means[2], start.means[2])


@pytest.mark.parametrize("value", [0.0, 1.0, -1e8, 1e-12])
@pytest.mark.parametrize("covariance_type", ["diag", "full"])
def test_constant_data(value, covariance_type):
    X = np.full((5, 4), value)
    model = em(n_states=3, max_iter=10, covariance_type=covariance_type).fit(X)
    assert_proper(model.hmm_)
    size = abs(value) or 1.0
    assert_allclose(model.hmm_.means, value, atol=1e-4 * size)
    assert np.isfinite(model.score(X))
    both = np.stack([X, np.random.RandomState(0).standard_normal(X.shape)], axis=2)
    model = em(n_states=3, max_iter=10, covariance_type=covariance_type).fit(both)
    assert_proper(model.hmm_)
    assert_allclose(model.hmm_.means[:, 0], value, atol=1e-4 * size)


def test_constant_symbols():
    model = em(n_states=3, max_iter=10).fit(np.zeros((5, 4), dtype=int))
    assert model.hmm_.n_symbols == 1
    assert_array_equal(model.hmm_.emissionprob, 1)
    assert_allclose(model.log_likelihoods_, 0, atol=1e-12)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_single_sequence(kind):
    X = random_sequences(random_hmm(kind, size=3), [30])
    options = options_of(kind)
    assert_proper(em(n_states=2, max_iter=20, **options).fit(X).hmm_)


@pytest.mark.filterwarnings("ignore:Every sequence of X has one step")
@pytest.mark.parametrize("kind", ALL_KINDS)
def test_sequences_of_one_step_are_a_mixture(kind):
    start = random_hmm(kind, n_states=3, size=3, seed=1)
    X = random_sequences(random_hmm(kind, size=3), [1] * 40)
    model = em(init=start, pseudocount=0).fit(X)
    # Nothing moves, so nothing is learnt of transitions.
    assert_array_equal(model.hmm_.transmat, start.transmat)
    gamma = np.concatenate(start.filter(X))
    assert_allclose(model.hmm_.startprob, gamma.mean(axis=0), rtol=1e-12)
    if kind in ("diag", "full"):
        means = (gamma.T @ np.concatenate(X)) / gamma.sum(axis=0)[:, None]
        assert_allclose(model.hmm_.means, means, rtol=1e-10)
    assert_proper(em(init=start, pseudocount=1e-3, max_iter=5).fit(X).hmm_)
    assert_proper(em(n_states=2).fit(X[:1]).hmm_)


def test_one_state_gives_the_frequencies():
    X = corpus("categorical")
    model = em(n_states=1, pseudocount=0).fit(X)
    frequency = np.bincount(np.concatenate(X)) / sum(map(len, X))
    assert_allclose(model.hmm_.emissionprob[0], frequency, rtol=1e-12)
    X = corpus("full", missing=0.0)
    model = em(n_states=1, pseudocount=0, covariance_type="full").fit(X)
    steps = np.concatenate(X)
    assert_allclose(model.hmm_.means[0], steps.mean(axis=0), rtol=1e-12)
    assert_allclose(model.hmm_.covars[0], np.cov(steps.T, bias=True), rtol=1e-10)


# Its use


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_score(kind):
    X, new = corpus(kind), corpus(kind, seed=1)
    options = options_of(kind)
    model = em(n_states=3, n_symbols=3, max_iter=5, **options).fit(X)
    assert_array_equal(model.score_samples(new), model.hmm_.log_likelihood(new))
    assert model.score(new) == pytest.approx(model.score_samples(new).mean())
    assert model.score_samples(new).shape == (len(new),)
    for method in ("score", "score_samples"):
        with pytest.raises(NotFittedError):
            getattr(em(), method)(X)


def test_grid_search_finds_the_number_of_states():
    distribution = np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])
    X, _ = CategoricalHMM([1 / 3] * 3, distribution, distribution).sample(
        150, 20, random_state=0
    )
    model = BaumWelch(tol=1e-3, n_init=2, random_state=0)
    search = GridSearchCV(model, {"n_states": [1, 2, 3]}, cv=3)
    for data in (X, list(X)):
        search.fit(data)
        assert search.best_params_ == {"n_states": 3}
        assert search.best_estimator_.hmm_.n_states == 3


def test_recovers_the_truth():
    transmat = [[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.2, 0.1, 0.7]]
    emission = [[0.8, 0.1, 0.05, 0.05], [0.05, 0.05, 0.8, 0.1], [0.1, 0.6, 0.1, 0.2]]
    symbols = CategoricalHMM([0.6, 0.3, 0.1], transmat, emission)
    points = GaussianHMM(
        [0.6, 0.3, 0.1],
        transmat,
        [[0, 0], [3, 0], [0, 4]],
        [[[1, 0.5], [0.5, 1]], [[0.5, 0], [0, 2]], [[1, -0.3], [-0.3, 0.6]]],
    )
    for truth in (symbols, points):
        X, _ = truth.sample(400, 40, random_state=0)
        model = BaumWelch(3, covariance_type="full", n_init=2, tol=1e-6, max_iter=300)
        found = model.set_params(random_state=0).fit(X).hmm_

        def distance(order, found=found, truth=truth):
            order = list(order)
            emitted = (found._state_means[order], truth._state_means)
            moved = (found.transmat[np.ix_(order, order)], truth.transmat)
            started = (found.startprob[order], truth.startprob)
            return max(np.abs(a - b).max() for a, b in (emitted, moved, started))

        best = min(permutations(range(3)), key=distance)
        assert distance(best) < 0.08
        if isinstance(truth, GaussianHMM):
            assert_allclose(found.covars[list(best)], truth.covars, atol=0.15)
        assert model.log_likelihoods_[-1] > truth.log_likelihood(X).sum()


def test_a_table_keeps_its_columns():
    X = pd.DataFrame(
        np.random.RandomState(0).standard_normal((6, 4)), columns=[*"abcd"]
    )
    model = em(n_states=2).fit(X)
    assert model.n_features_in_ == 4
    assert list(model.feature_names_in_) == [*"abcd"]
    with pytest.raises(ValueError, match="feature names should match"):
        model.score(X[[*"abdc"]])
    with pytest.raises(ValueError, match="feature names should match"):
        model.score(X[[*"abc"]])
    # A later fit on a list forgets the table.
    model.fit(list(X.to_numpy()))
    assert not hasattr(model, "n_features_in_")
    assert not hasattr(model, "feature_names_in_")
    assert np.isfinite(model.score(X.to_numpy()[:, :3]))


# What it refuses


@pytest.mark.parametrize(
    ("X", "options", "error", "message"),
    [
        ([], {}, ValueError, "no sequence"),
        ([[0, 1], []], {}, ValueError, "Sequence 1 of X is empty"),
        ([[0, 1], [-1, -1]], {}, ValueError, "Sequence 1 of X is empty"),
        (
            np.array([[0.0, 1.0], [np.nan, np.nan]]),
            {},
            ValueError,
            "Sequence 1 of X is empty",
        ),
        (np.array([[0.0, np.inf]]), {}, ValueError, "infinity"),
        ([[0.0, -np.inf], [1.0]], {}, ValueError, "infinity"),
        ([[0, 5]], {"n_symbols": 5}, ValueError, "symbol 5 in sequence 0.*at most 4"),
        ([[0, -2]], {"emission": "categorical"}, ValueError, "symbol -2"),
        ([[0, 0.5]], {"emission": "categorical"}, ValueError, "integer symbols.* 0.5"),
        (["word"], {}, ValueError, "TokenEncoder"),
        (5, {}, TypeError, "got int"),
        (None, {}, TypeError, "got NoneType"),
        (sparse.dia_matrix(np.eye(3)), {}, TypeError, "Sparse"),
        (
            np.full((2, 3, 2), [1.0, np.nan]),
            {},
            ValueError,
            "Feature 1 of X is never observed",
        ),
        (
            [[0, 4]],
            {"init": random_hmm("categorical")},
            ValueError,
            "symbol 4 in sequence 0.*at most 3",
        ),
        (
            [[0.5, 1.0]],
            {"init": random_hmm("categorical")},
            ValueError,
            "must hold integer symbols.*got 0.5",
        ),
        (
            [[0.5, 1.0]],
            {"init": random_hmm("diag", size=2)},
            ValueError,
            "steps of 1 features.*made for 2",
        ),
        (
            [[0, 0], [0, 1]],
            {"init": CategoricalHMM([1], [[1]], [[1, 0]])},
            ValueError,
            "Sequence 1 is impossible",
        ),
        (np.ones((3, 2)), {"pseudocount": 0}, ValueError, "raise pseudocount"),
        ([[0]], {"n_states": 0}, ValueError, "'n_states' parameter"),
        ([[0]], {"init": "random"}, ValueError, "'init' parameter"),
        ([[0]], {"emission": "binomial"}, ValueError, "'emission' parameter"),
        ([[0]], {"pseudocount": -1.0}, ValueError, "'pseudocount' parameter"),
        ([[0]], {"tol": -1.0}, ValueError, "'tol' parameter"),
        ([[0]], {"batch_size": 0}, ValueError, "'batch_size' parameter"),
    ],
)
@pytest.mark.filterwarnings("ignore:X holds whole numbers and NaN")
def test_refused(X, options, error, message):
    with pytest.raises(error, match=message):
        em(**options).fit(X)
