"""Annealed EM: passes of stepwise EM before full EM."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skhmmdd import BaumWelch, CategoricalHMM, TokenEncoder, load_syllables
from skhmmdd.hmm.pretraining import _annealed


def symbols(n=600, n_states=3, seed=0):
    rng = np.random.RandomState(seed)
    truth = CategoricalHMM(
        np.full(n_states, 1 / n_states),
        0.7 * np.eye(n_states) + 0.3 / n_states,
        rng.dirichlet(np.full(6, 0.3), n_states),
    )
    return [
        x[: 3 + i % 8] for i, x in enumerate(truth.sample(n, 10, random_state=1)[0])
    ]


class Batches:
    """A corpus that is read anew in every pass."""

    def __init__(self, X, size=300):
        self.X, self.size = X, size

    def __iter__(self):
        return (self.X[i : i + self.size] for i in range(0, len(self.X), self.size))


def arrays(hmm):
    return [getattr(hmm, name) for name in hmm._array_names]


def fit(X, n_states=3, *, weights=None, **options):
    options = {"max_iter": 3, "tol": 0, "random_state": 0, **options}
    return BaumWelch(n_states, algorithm="annealed", **options).fit(
        X, sample_weight=weights
    )


def test_full_em_follows_and_never_falls():
    model = fit(symbols(), max_iter=6)
    assert len(model.log_posteriors_) == 7
    rises = np.diff(model.log_posteriors_)
    assert (rises > -1e-9 * abs(model.log_posteriors_[-1])).all()
    again = BaumWelch(3, init=fit(symbols(), max_iter=1).hmm_, max_iter=5, tol=0)
    again.fit(symbols())
    for one, other in zip(arrays(model.hmm_), arrays(again.hmm_), strict=True):
        assert_allclose(one, other, rtol=1e-8, atol=1e-12)


@pytest.mark.slow
def test_reproducible_and_the_same_for_every_n_jobs():
    X = symbols()
    one, two = fit(X, n_init=2), fit(X, n_init=2, n_jobs=2)
    for a, b in zip(arrays(one.hmm_), arrays(two.hmm_), strict=True):
        assert_array_equal(a, b)
    other = fit(X, random_state=1)
    assert not np.allclose(one.hmm_.transmat, other.hmm_.transmat, atol=1e-6)


def test_equal_weights_are_no_weights(monkeypatch):
    # Rounding grows along the directions in which EM is slow: few steps of it.
    monkeypatch.setattr(_annealed, "_N_PASSES", 1)
    X = symbols(1500)
    start = BaumWelch(3, max_iter=1, tol=0, random_state=0).fit(X).hmm_
    one = fit(X, init=start, pseudocount=0)
    two = fit(X, init=start, pseudocount=0, weights=np.full(len(X), 2.0))
    for a, b in zip(arrays(one.hmm_), arrays(two.hmm_), strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    # What weighs nothing is not there, also where a batch holds nothing else.
    weights = np.zeros(len(X))
    weights[:40] = 1.0
    fit(X, weights=weights)


def test_small_corpora_get_no_passes():
    X = symbols(19)
    one, two = fit(X), BaumWelch(3, max_iter=3, tol=0, random_state=0).fit(X)
    for a, b in zip(arrays(one.hmm_), arrays(two.hmm_), strict=True):
        assert_array_equal(a, b)
    start = BaumWelch(3, max_iter=1, tol=0, random_state=0).fit(symbols(40))
    assert fit(symbols(40), max_iter=1).log_likelihoods_[0] > start.log_likelihoods_[0]


@pytest.mark.parametrize("emission", ["gaussian", "gaussian_mixture", "poisson"])
def test_every_family(emission):
    rng = np.random.RandomState(0)
    X = rng.poisson(3.0, (300, 6, 2)).astype(float)
    X[::2] += 5
    X[3, 2:] = np.nan
    model = fit(X, 2, emission=emission)
    plain = BaumWelch(2, emission=emission, max_iter=3, tol=0, random_state=0).fit(X)
    assert model.log_likelihoods_[-1] > plain.log_likelihoods_[-1] - 1e-3 * abs(
        plain.log_likelihoods_[-1]
    )


@pytest.mark.slow
def test_batches_held_out_sequences_and_structure():
    X = symbols()
    streamed, whole = fit(Batches(X)), fit(X)
    gap = streamed.log_likelihoods_[-1] / whole.log_likelihoods_[-1] - 1
    assert abs(gap) < 0.01
    early = fit(X, validation_fraction=0.2, max_iter=5)
    assert len(early.validation_log_likelihoods_) == 6
    banded = CategoricalHMM(
        [1.0, 0.0, 0.0],
        [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]],
        np.random.RandomState(0).dirichlet(np.ones(6), 3),
    )
    kept = fit(X, init=banded, structural_zeros=True, fixed=("startprob",)).hmm_
    assert_array_equal(kept.transmat == 0, banded.transmat == 0)
    assert_array_equal(kept.startprob, banded.startprob)


@pytest.mark.slow
def test_resumes_without_its_passes(tmp_path, monkeypatch):
    X, path = symbols(), tmp_path / "fit.npz"
    whole = fit(X, n_init=2)
    real, calls = _annealed.anneal, []
    from skhmmdd.hmm.pretraining import _restarts
    from skhmmdd.hmm.pretraining._checkpoints import Checkpoint

    save, n_saved = Checkpoint.save, []

    def save_and_break(self, *args):
        save(self, *args)
        n_saved.append(1)
        if len(n_saved) == 2:
            raise KeyboardInterrupt

    def count(*args):
        calls.append(1)
        return real(*args)

    monkeypatch.setattr(_restarts, "anneal", count)
    monkeypatch.setattr(Checkpoint, "save", save_and_break)
    with pytest.raises(KeyboardInterrupt):
        fit(X, n_init=2, checkpoint=path)
    resumed = fit(X, n_init=2, checkpoint=path)
    assert len(calls) == 2  # not again for the start that was at work
    for a, b in zip(arrays(whole.hmm_), arrays(resumed.hmm_), strict=True):
        assert_array_equal(a, b)
    assert_array_equal(whole.log_likelihoods_, resumed.log_likelihoods_)


def test_pomegranate_runs_full_em_only():
    with pytest.raises(ValueError, match="algorithm='annealed' needs engine='numpy'"):
        fit(symbols(30), engine="pomegranate")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_worse_than_many_iterations_of_full_em(seed):
    words, _ = load_syllables(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(words))[:9000]
    spellings = TokenEncoder().fit_transform(words[order])
    train, held_out = spellings[:8000], spellings[8000:]
    options = {"tol": 0, "random_state": seed}
    plain = BaumWelch(16, max_iter=200, **options).fit(train).hmm_
    annealed = BaumWelch(16, max_iter=5, algorithm="annealed", **options).fit(train)
    scores = [hmm.log_likelihood(held_out).sum() for hmm in (plain, annealed.hmm_)]
    # Another maximum each, of which the annealed ones are the better on average: here
    # none may be more than .5 % short. (Log-likelihoods are negative.)
    assert scores[1] > scores[0] * 1.005
