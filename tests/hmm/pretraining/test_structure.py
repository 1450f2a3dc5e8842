"""Structure that pretraining keeps: zeros of the chain and parameters held fixed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracle import brute_force
from random_models import KINDS, random_hmm, random_sequences

from skhmmdd import BaumWelch, CategoricalHMM, GaussianHMM
from skhmmdd.hmm.pretraining._information_criteria import n_parameters

STRUCTURES = [{"fixed": ("transmat",)}, {"structural_zeros": True}]
LENGTHS = (7, 1, 6, 3, 5, 9, 5) * 4


def with_zeros(hmm):
    """The same emission on a chain that goes from left to right, one step or two."""
    n = hmm.n_states
    band = np.triu(np.tril(np.ones((n, n)), 1))
    startprob = np.eye(n)[0]
    if n > 2:
        startprob = (np.arange(n) < 2) / 2
    arrays = list(hmm._arrays().values())[2:]
    return type(hmm)(startprob, band / band.sum(axis=1, keepdims=True), *arrays)


def em(**options):
    return BaumWelch(**{"tol": 0, "max_iter": 5, "random_state": 0, **options})


def zeros_of(hmm):
    return hmm.startprob == 0, hmm.transmat == 0


def assert_keeps(hmm, start):
    for got, want in zip(zeros_of(hmm), zeros_of(start), strict=True):
        assert_array_equal(got, want)


def assert_never_falls(values):
    values = np.asarray(values)
    assert (np.diff(values) > -1e-9 * np.abs(values[1:])).all()


# Structural zeros


@pytest.mark.parametrize("pseudocount", [0.0, 0.3])
def test_left_right_model_equals_hmmlearn_after_50_iterations(pseudocount):
    lib = pytest.importorskip("hmmlearn.hmm")
    truth = GaussianHMM(
        [1, 0, 0, 0],
        [[0.9, 0.1, 0, 0], [0, 0.9, 0.1, 0], [0, 0, 0.9, 0.1], [0, 0, 0, 1]],
        [[-2.0, 0.0], [0.0, 1.0], [2.0, 0.0], [4.0, -1.0]],
        np.full((4, 2), 0.5),
    )
    X = random_sequences(truth, [60] * 10, seed=3)
    start = with_zeros(random_hmm("diag", n_states=4, size=2, seed=5))
    scale = np.concatenate(X).var(axis=0)
    peer = lib.GaussianHMM(
        4,
        "diag",
        startprob_prior=1 + pseudocount,
        transmat_prior=1 + pseudocount,
        # Weighed in the M-step as so many observations of that variance.
        covars_prior=pseudocount * scale,
        covars_weight=1 + pseudocount,
        min_covar=0,
        n_iter=50,
        tol=-np.inf,
        init_params="",
    )
    peer.startprob_, peer.transmat_ = start.startprob.copy(), start.transmat.copy()
    peer.means_, peer._covars_ = start.means.copy(), start.covars.copy()
    peer.fit(np.concatenate(X), [len(x) for x in X])
    ours = em(
        init=start, structural_zeros=True, pseudocount=pseudocount, max_iter=50
    ).fit(X)
    assert ours.n_iter_ == 50
    assert_keeps(ours.hmm_, start)
    close = {"rtol": 1e-7, "atol": 1e-10}
    assert_allclose(ours.hmm_.startprob, peer.startprob_, **close)
    assert_allclose(ours.hmm_.transmat, peer.transmat_, **close)
    assert_allclose(ours.hmm_.means, peer.means_, **close)
    assert_allclose(ours.hmm_.covars, peer._covars_, **close)


@pytest.mark.parametrize("kind", KINDS)
def test_zeros_stay_under_a_prior(kind):
    start = with_zeros(random_hmm(kind, seed=1))
    X = random_sequences(with_zeros(random_hmm(kind, seed=2)), LENGTHS)
    options = {"init": start, "pseudocount": 0.5, "max_iter": 12}
    kept = em(structural_zeros=True, **options).fit(X)
    assert_keeps(kept.hmm_, start)
    assert np.isfinite(kept.log_posteriors_).all()
    assert_never_falls(kept.log_posteriors_)
    # The contract of old, and the default: the prior fills them.
    filled = em(**options).fit(X).hmm_
    assert (filled.transmat > 0).all() and (filled.startprob > 0).all()


def test_zeros_stay_in_batches_online_and_in_parallel():
    start = with_zeros(random_hmm("categorical", seed=1))
    X = random_sequences(start, LENGTHS)
    weights = np.random.RandomState(0).uniform(0.5, 2, len(X))
    options = {"init": start, "structural_zeros": True, "pseudocount": 0.1}
    whole = em(**options).fit(X, sample_weight=weights)
    assert_keeps(whole.hmm_, start)

    class Batches:
        def __init__(self, items):
            self.items = items

        def __iter__(self):
            return iter([self.items[:10], self.items[10:]])

    streamed = em(n_jobs=2, **options).fit(Batches(X), sample_weight=Batches(weights))
    assert_keeps(streamed.hmm_, start)
    assert_allclose(streamed.hmm_.transmat, whole.hmm_.transmat, rtol=1e-10)
    online = em(**options)
    for batch in Batches(X):
        assert_keeps(online.partial_fit(batch).hmm_, start)
    assert_keeps(whole.partial_fit(X[:5]).hmm_, start)


def test_a_sequence_that_the_zeros_forbid_is_named():
    start = CategoricalHMM([1, 0], [[0.5, 0.5], [0, 1]], np.eye(2))
    with pytest.raises(ValueError, match=r"Sequence 1 is impossible .* its step 2"):
        em(init=start, structural_zeros=True).fit([[0, 1], [0, 1, 0]])


# What is fixed


NAMES = {
    "categorical": ["emissionprob"],
    "diag": ["means", "covars"],
    "full": ["means", "covars"],
    "gaussian_mixture": ["weights", "means", "covars"],
    "poisson": ["rates"],
}
CASES = [
    (kind, name)
    for kind, names in NAMES.items()
    for name in ("startprob", "transmat", *names)
]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_fixed_parameters_stay_and_the_rest_improves(kind, name):
    start = random_hmm(kind, size=3, seed=1)
    X = random_sequences(random_hmm(kind, size=3, seed=2), LENGTHS, missing=0.1)
    options = {"init": start, "pseudocount": 0.5, "max_iter": 8}
    held = em(fixed=(name,), **options).fit(X)
    for each, array in start._arrays().items():
        same = np.array_equal(held.hmm_._arrays()[each], array)
        assert same == (each == name), each
    assert_never_falls(held.log_posteriors_)
    assert held.log_posteriors_[-1] > held.log_posteriors_[0] + 1
    free = em(**options).fit(X)
    n_fixed = n_parameters(held.hmm_) - n_parameters(held.hmm_, (name,))
    assert_allclose(
        held.aic_ + 2 * held.log_likelihoods_[-1],
        free.aic_ + 2 * free.log_likelihoods_[-1] - 2 * n_fixed,
    )


@pytest.mark.parametrize("kind", ["diag", "full"])
def test_covariances_are_about_the_means_that_are_fixed(kind):
    start = random_hmm(kind, size=2, seed=1)
    X = random_sequences(random_hmm(kind, size=2, seed=2), LENGTHS[:7])
    got = em(init=start, fixed=("means",), pseudocount=0, max_iter=1).fit(X).hmm_
    gamma = np.concatenate([brute_force(start, x)["smoothed"] for x in X])
    off = np.concatenate(X)[:, None] - start.means
    want = np.einsum("nk,nki,nkj->kij", gamma, off, off)
    want /= gamma.sum(axis=0)[:, None, None]
    if kind == "diag":
        want = np.diagonal(want, axis1=1, axis2=2)
    assert_allclose(got.covars, want, rtol=1e-10)


def test_fixed_zeros_cost_nothing_in_the_posterior():
    start = CategoricalHMM([1, 0], [[0.8, 0.2], [0, 1]], [[0.9, 0.1, 0], [0, 0.5, 0.5]])
    X = random_sequences(start, LENGTHS)
    model = em(init=start, fixed=("startprob", "transmat", "emissionprob")).fit(X)
    assert model.hmm_ == start
    assert np.isfinite(model.log_posteriors_).all()
    assert_allclose(model.aic_, -2 * model.log_likelihoods_[-1])


def test_fixed_in_steps_and_from_several_starts():
    X = random_sequences(random_hmm("categorical", seed=2), LENGTHS)
    online = em(init=random_hmm("categorical", seed=1), fixed=["transmat"])
    for batch in (X[:10], X[10:]):
        online.partial_fit(batch)
    assert_array_equal(online.hmm_.transmat, online.init.transmat)
    # Each start keeps what it was drawn with: of more starts the best is no worse.
    few, more = (em(n_states=3, n_init=n, fixed=("transmat",)).fit(X) for n in (1, 3))
    assert more.log_posteriors_[-1] >= few.log_posteriors_[-1]


def test_criteria_count_what_is_free():
    start = with_zeros(random_hmm("diag", n_states=4, size=2, seed=1))
    X = random_sequences(start, LENGTHS)
    model = em(init=start, structural_zeros=True).fit(X)
    # One of the starts, three rows of two transitions, 4 states of 2 + 2 numbers.
    assert_allclose(model.aic_, 2 * (1 + 3 + 16) - 2 * model.log_likelihoods_[-1])


# What is tied


def test_tied_covariances_equal_hmmlearn():
    lib = pytest.importorskip("hmmlearn.hmm")
    truth = random_hmm("full", size=2, seed=2)
    X = random_sequences(truth, LENGTHS)
    start = GaussianHMM(
        truth.startprob, truth.transmat, truth.means + 0.3, [truth.covars[0]] * 3
    )
    peer = lib.GaussianHMM(
        3, "tied", n_iter=20, tol=-np.inf, init_params="", covars_prior=0, min_covar=0
    )
    peer.covars_weight = 0
    peer.startprob_, peer.transmat_ = start.startprob.copy(), start.transmat.copy()
    peer.means_, peer._covars_ = start.means.copy(), start.covars[0].copy()
    peer.fit(np.concatenate(X), [len(x) for x in X])
    ours = em(init=start, tied=("covars",), pseudocount=0, max_iter=20).fit(X).hmm_
    close = {"rtol": 1e-8, "atol": 1e-10}
    assert_allclose(ours.means, peer.means_, **close)
    assert_allclose(ours.transmat, peer.transmat_, **close)
    for covar in ours.covars:
        assert_allclose(covar, peer._covars_, **close)


@pytest.mark.parametrize("kind", ["diag", "full"])
@pytest.mark.parametrize("init", [None, "kmeans"])
@pytest.mark.parametrize("pseudocount", [0.0, 2.0])
def test_tied_covariances_from_any_start(kind, init, pseudocount):
    X = random_sequences(random_hmm(kind, size=2, seed=2), LENGTHS, missing=0.1)
    options = {"covariance_type": kind, "init": init, "pseudocount": pseudocount}
    model = em(n_states=3, tied=["covars"], max_iter=12, **options).fit(X)
    assert (model.hmm_.covars == model.hmm_.covars[0]).all()
    assert_never_falls(model.log_posteriors_)
    n_free = 2 + 6 + 6 + (2 if kind == "diag" else 3)
    assert_allclose(model.aic_, 2 * n_free - 2 * model.log_likelihoods_[-1])
    again = em(n_states=3, tied=["covars"], **options).partial_fit(X).partial_fit(X)
    assert (again.hmm_.covars == again.hmm_.covars[0]).all()
    # The means may be held fixed beside them.
    held = em(init=model.hmm_, tied=["covars"], fixed=["means"], pseudocount=0.5)
    held.fit(random_sequences(model.hmm_, LENGTHS))
    assert_array_equal(held.hmm_.means, model.hmm_.means)
    assert_never_falls(held.log_posteriors_)


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"tied": ("means",), "emission": "gaussian"},
            "GaussianHMM it may name covars",
        ),
        (
            {"tied": ("covars",), "emission": "poisson"},
            "PoissonHMM it may name nothing",
        ),
        ({"tied": ("covars",), "init": random_hmm("diag", size=1)}, "differ in init"),
        ({"tied": "covars"}, "'tied' parameter"),
        (
            {"tied": ("covars",), "emission": "gaussian", "engine": "pomegranate"},
            "tied",
        ),
    ],
)
def test_what_cannot_be_tied_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        em(**options).fit([[0.0, 1, 1], [1, 0]])


def test_unknown_names_are_refused():
    X = [[0, 1, 1], [1, 0]]
    for fit in ("fit", "partial_fit"):
        with pytest.raises(
            ValueError,
            match=r"fixed names 'means'; of .* startprob, transmat, emissionp",
        ):
            getattr(em(fixed=("means",)), fit)(X)
    with pytest.raises(ValueError, match="'fixed' parameter"):
        em(fixed="transmat").fit(X)
    with pytest.raises(ValueError, match="'structural_zeros' parameter"):
        em(structural_zeros=1).fit(X)


@pytest.mark.parametrize(
    "other", [{"fixed": ("transmat",)}, {"structural_zeros": True}]
)
def test_checkpoint_of_another_structure_is_refused(other, tmp_path, monkeypatch):
    start = with_zeros(random_hmm("categorical", seed=1))
    X = random_sequences(start, LENGTHS)
    options = {"init": start, "checkpoint": tmp_path / "state", "max_iter": 8}
    whole = em(**options, **other).fit(X).hmm_

    def stop_at(n):
        from skhmmdd.hmm.pretraining import _checkpoints

        save, calls = _checkpoints.Checkpoint.save, []

        def interrupted(self, *args):
            save(self, *args)
            calls.append(1)
            if len(calls) == n:
                raise KeyboardInterrupt

        return _checkpoints.Checkpoint, "save", interrupted

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(*stop_at(3))
        em(**options, **other).fit(X)
    with pytest.raises(ValueError, match="of other data or parameters"):
        em(**options).fit(X)
    assert em(**options, **other).fit(X).hmm_ == whole


@pytest.mark.parametrize(
    "option", [{"fixed": ("transmat",)}, {"structural_zeros": True}]
)
def test_pomegranate_refuses(option):
    with pytest.raises(ValueError, match="need engine='numpy'"):
        em(engine="pomegranate", **option).fit([[0, 1, 1], [1, 0]])
