"""Pretraining at scale: weights, batches, stepwise EM, early stopping, checkpoints."""

import os
import signal
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
from joblib import parallel_config, register_parallel_backend
from joblib.parallel import ThreadingBackend
from numpy.testing import assert_allclose, assert_array_equal
from random_models import KINDS, options_of, random_hmm, random_sequences
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BaumWelch,
    DoubleDescentCurve,
    HeadRegressor,
    HMMFamily,
    HMMFeatureTransformer,
    TokenEncoder,
    load_syllables,
    pretrain_family,
)
from skhmmdd.hmm.pretraining._hmm_family import split_states


def em(kind="categorical", **options):
    """Four iterations of three states."""
    given = {"n_states": 3, "tol": 0, "max_iter": 4, "random_state": 0}
    return BaumWelch(**given | options_of(kind) | options)


def corpus(kind="categorical", n=30, missing=0.0, seed=0):
    lengths = np.random.RandomState(seed).randint(1, 12, n)
    hmm = random_hmm(kind, n_states=3, size=3, seed=seed)
    return random_sequences(hmm, lengths, seed, missing)


def spellings(n):
    """Random words of the shipped dictionary as symbols."""
    words, _ = load_syllables(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(words))[:n]
    return TokenEncoder().fit_transform(words[order])


def assert_close(a, b, **close):
    close = {"rtol": 1e-9, "atol": 1e-10, **close}
    for x, y in zip(a._arrays().values(), b._arrays().values(), strict=True):
        assert_allclose(x, y, **close)


class Batches:
    """Batches that can be read again and again."""

    def __init__(self, X, size):
        self.X, self.size, self.n_passes = X, size, 0

    def __iter__(self):
        self.n_passes += 1
        for a in range(0, len(self.X), self.size):
            yield self.X[a : a + self.size]


# Weights


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("init", [None, "kmeans"])
def test_weights_are_repetitions(kind, missing, init):
    if kind == "categorical" and init == "kmeans":
        init = random_hmm(kind, size=3, seed=5)
    X = corpus(kind, missing=missing)
    weights = np.random.RandomState(1).randint(0, 4, len(X))
    repeated = [x for x, w in zip(X, weights, strict=True) for _ in range(w)]
    one = em(kind, init=init).fit(X, sample_weight=weights)
    other = em(kind, init=init).fit(repeated)
    assert_close(one.hmm_, other.hmm_, rtol=1e-7)
    for name in ("log_likelihoods_", "log_posteriors_", "aic_", "bic_"):
        assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9)
    assert em(kind).fit(X, sample_weight=np.ones(len(X))).hmm_ == em(kind).fit(X).hmm_


def test_weights_of_long_and_impossible_sequences():
    start = random_hmm("categorical", size=3)
    X = random_sequences(start, [3000, 5])
    options = {"init": start, "pseudocount": 0}
    one = em(**options).fit(X, sample_weight=[2, 0.5])
    other = em(**options).fit([X[0]] * 4 + [X[1]])
    assert_close(one.hmm_, other.hmm_, rtol=1e-7)
    assert_allclose(2 * one.log_likelihoods_, other.log_likelihoods_, rtol=1e-9)
    # A sequence of weight zero is not looked at.
    assert em().fit([*X, [0, 9]], sample_weight=[1, 1, 0]).hmm_ == em().fit(X).hmm_


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 1], "inconsistent"),
        ([1, -1, 1], "sample_weight must be in"),
        ([0, 0, 0], "zero"),
        ([1, np.nan, 1], "NaN"),
        ([[1, 1, 1]], "1D array"),
    ],
)
def test_weights_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        em().fit([[0, 1], [1], [0]], sample_weight=weights)


# Batches and memory


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [4, 7, 100])
@pytest.mark.slow
def test_batches_equal_the_whole(kind, size):
    X = corpus(kind, missing=0.2)
    batches = Batches(X, size)
    one, other = em(kind).fit(batches), em(kind).fit(X)
    assert_close(one.hmm_, other.hmm_, rtol=1e-7)
    assert_allclose(one.log_posteriors_, other.log_posteriors_, rtol=1e-10)
    assert batches.n_passes > 4
    assert em(kind, n_jobs=2, n_init=2).fit(batches).log_likelihoods_.size == 5


@pytest.mark.parametrize(
    ("X", "options", "error", "message"),
    [
        (iter([[[0, 1]]]), {}, TypeError, "only once"),
        ((x for x in [[[0, 1]]]), {}, TypeError, "only once"),
        (Batches([], 2), {}, ValueError, "no batch"),
        (
            Batches([[0]] * 4, 2),
            {"validation_fraction": 1e-9},
            ValueError,
            "to hold out",
        ),
        (Batches([[0]] * 4, 2), {"validation_fraction": 1 - 1e-9}, ValueError, "learn"),
    ],
)
@pytest.mark.filterwarnings("ignore:Every sequence of X has one step")
def test_batches_refused(X, options, error, message):
    with pytest.raises(error, match=message):
        em(**options).fit(X)


def test_batches_must_stay_the_same():
    class Shrinking(Batches):
        def __iter__(self):
            self.X = self.X[:-1]
            return super().__iter__()

    with pytest.raises(ValueError, match="same in every pass"):
        em().fit(Shrinking(corpus(), 5))
    for n in (5, 7):
        with pytest.raises(ValueError, match="one array for each batch"):
            em().fit(Batches(corpus(), 5), sample_weight=[np.ones(5)] * n)
    with pytest.raises(ValueError, match="inconsistent"):
        em().fit(Batches(corpus(), 5), sample_weight=Batches(np.ones(30), 6))
    for weights in (iter([np.ones(5)] * 6), 1.0):
        with pytest.raises(ValueError, match="start again in every pass"):
            em().fit(Batches(corpus(), 5), sample_weight=weights)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_weights_of_batches(kind, n_jobs):
    X = corpus(kind, missing=0.2)
    weights = np.arange(len(X)) % 3
    weights[:8] = 0  # all of the first batch
    whole = em(kind).fit(X, sample_weight=weights)
    model = em(kind, n_jobs=n_jobs)
    model.fit(Batches(X, 7), sample_weight=Batches(weights, 7))
    assert_close(model.hmm_, whole.hmm_, rtol=1e-7)
    assert_allclose(model.log_posteriors_, whole.log_posteriors_, rtol=1e-10)
    assert model.bic_ == pytest.approx(whole.bic_)


def is_held_out(X, model, size):
    """Of which sequences `fit` takes the likelihood, but learns nothing."""
    before, found = model.fit(Batches(X, size)), []
    learned = before.log_likelihoods_[0]
    watched = before.validation_log_likelihoods_[0]
    for i in range(len(X)):
        other = [x if j != i else (x + 1) % 3 for j, x in enumerate(X)]
        model.fit(Batches(other, size))
        found.append(model.validation_log_likelihoods_[0] != watched)
        assert (model.log_likelihoods_[0] == learned) == found[-1]
    return np.array(found)


@pytest.mark.slow
def test_early_stopping_on_batches():
    X = corpus(n=40)
    start = random_hmm("categorical", n_states=5, size=3, seed=7)
    options = {"init": start, "validation_fraction": 0.3}
    held_out = is_held_out(X, em(**options, max_iter=1), 7)
    assert 4 < held_out.sum() < 20
    apart = [[x for x, h in zip(X, held_out, strict=True) if h == v] for v in (0, 1)]
    model = em(**options, max_iter=200, pseudocount=0.01).fit(Batches(X, 7))
    assert model.converged_
    curve = model.validation_log_likelihoods_
    assert len(curve) == model.n_iter_ + 1 < 200
    alone = em(init=start, pseudocount=0.01, max_iter=int(curve.argmax()))
    alone.fit(apart[0])
    assert_close(model.hmm_, alone.hmm_, rtol=1e-7)
    n_steps = sum(map(len, apart[1]))
    assert curve.max() == pytest.approx(alone.score_samples(apart[1]).sum() / n_steps)
    # Workers and a second fit draw the same; another seed does not.
    for n_jobs in (None, 2):
        assert em(**options, n_jobs=n_jobs).fit(Batches(X, 7)).hmm_ == (
            em(**options).fit(Batches(X, 7)).hmm_
        )
    other = is_held_out(X, em(**options, max_iter=1, random_state=1), 7)
    assert (other != held_out).any()


@pytest.mark.parametrize("kind", ["categorical", "diag"])
def test_early_stopping_on_batches_resumes(monkeypatch, tmp_path, kind):
    X = Batches(corpus(kind), 7)
    options = {"validation_fraction": 0.3, "n_init": 2}
    interrupt(monkeypatch, em(kind, checkpoint=tmp_path / "a", **options), X, 3)
    resumed = em(kind, checkpoint=tmp_path / "a", **options).fit(X)
    plain = em(kind, **options).fit(X)
    assert resumed.hmm_ == plain.hmm_
    for name in ("log_likelihoods_", "validation_log_likelihoods_"):
        assert_array_equal(getattr(resumed, name), getattr(plain, name))


@pytest.mark.parametrize("fraction", [None, 0.2])
@pytest.mark.parametrize("dtype", [np.int64, np.float64])
@pytest.mark.slow
def test_one_batch_is_in_memory_at_a_time(dtype, fraction):
    shape = (5_000, 20)

    class Made:
        def __init__(self, n):
            self.n = n

        def __iter__(self):
            for seed in range(self.n):
                rng = np.random.RandomState(seed)
                yield rng.randint(5, size=shape).astype(dtype, copy=False)

    def peak(n):
        model = em(max_iter=1, n_states=2, validation_fraction=fraction)
        tracemalloc.start()
        model.fit(Made(n))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak(1)
    n_bytes = 8 * np.prod(shape)
    assert peak(6) - peak(1) < 0.5 * n_bytes


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_a_memory_map_is_not_copied(tmp_path, dtype):
    shape = (50_000, 20)
    rng = np.random.RandomState(0)
    table = np.memmap(tmp_path / "X", dtype=dtype, mode="w+", shape=shape)
    table[:] = rng.randint(5, size=shape)
    model = em(max_iter=1, n_states=2, batch_size=500)
    tracemalloc.start()
    model.fit(table)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.8 * table.nbytes


# Stepwise EM


def test_stepwise_em_comes_near_to_em():
    X = spellings(4000)
    train, held_out = X[:3000], X[3000:]
    full = BaumWelch(8, n_symbols=26, tol=0, max_iter=40, random_state=0).fit(train)
    model = BaumWelch(8, n_symbols=26, random_state=1)
    rng = np.random.RandomState(0)
    for _ in range(8):
        for index in np.array_split(rng.permutation(len(train)), 150):
            model.partial_fit(train[index])
    assert model.n_batches_ == 1200
    assert model.score(held_out) > 1.01 * full.score(held_out)
    # After a fit it goes on from there.
    before = full.score(held_out)
    full.partial_fit(train[:100])
    assert full.n_batches_ == 41
    assert full.score(held_out) == pytest.approx(before, rel=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_step_is_a_step_of_em(kind):
    X = corpus(kind, missing=0.2)
    weights = np.arange(len(X)) % 3
    one = em(kind).partial_fit(X, sample_weight=weights)
    other = em(kind, max_iter=1).fit(X, sample_weight=weights)
    assert_close(one.hmm_, other.hmm_)
    # The same batch again is EM again: a mean of two steps is no step back.
    again = one.score(X)
    assert one.partial_fit(X).score(X) > again - 0.1


def test_partial_fit_refuses():
    with pytest.raises(TypeError, match="one batch"):
        em().partial_fit(Batches(corpus(), 5))
    with pytest.raises(ValueError, match="symbol 7"):
        em().partial_fit([[0, 1]]).partial_fit([[7]])
    with pytest.raises(ValueError, match="step_power"):
        em(step_power=0.5).partial_fit([[0, 1]])


# Choosing and watching


@pytest.mark.parametrize("kind", KINDS)
def test_early_stopping(kind):
    X = corpus(kind, n=40)
    options = {"n_states": 12, "max_iter": 200, "validation_fraction": 0.25}
    model = em(kind, pseudocount=0.01, **options).fit(X)
    curve = model.validation_log_likelihoods_
    assert model.converged_
    assert 5 < model.n_iter_ < 200
    assert curve.argmax() == model.n_iter_ - 5
    assert len(curve) == len(model.log_likelihoods_)
    # The weights that were best on what was held out.
    few = em(kind, pseudocount=0.01, **options | {"max_iter": int(curve.argmax())})
    assert few.fit(X).hmm_ == model.hmm_
    few.set_params(validation_fraction=None).fit(X)
    assert not hasattr(few, "validation_log_likelihoods_")
    with pytest.raises(ValueError, match="leaves none"):
        em(kind, validation_fraction=0.9).fit(X[:2])


@pytest.mark.parametrize("covariance_type", ["diag", "full"])
def test_kmeans_starts_well(covariance_type):
    truth = random_hmm(covariance_type, n_states=6, size=3, seed=3)
    X, _ = truth.sample(100, 20, random_state=0)
    kmeans, drawn = (
        em(covariance_type, n_states=6, init=init).fit(X) for init in ("kmeans", None)
    )
    assert kmeans.log_likelihoods_[0] > drawn.log_likelihoods_[0]
    assert kmeans.log_likelihoods_[-1] > drawn.log_likelihoods_[-1]
    assert em(covariance_type, n_states=6, init="kmeans").fit(X).hmm_ == kmeans.hmm_
    # More states than different steps.
    few = em(covariance_type, n_states=6, init="kmeans").fit(np.ones((3, 4)))
    assert np.isfinite(few.log_likelihoods_).all()
    with pytest.raises(ValueError, match="holds symbols"):
        em(init="kmeans").fit([[0, 1]])


@pytest.mark.parametrize(
    ("kind", "n"),
    [
        ("categorical", 14),
        ("diag", 26),
        ("full", 35),
        ("gaussian_mixture", 47),
        ("poisson", 17),
    ],
)
def test_criteria(kind, n):
    X = corpus(kind)
    model = em(kind).fit(X)
    log_likelihood = model.log_likelihoods_[-1]
    assert model.aic_ == pytest.approx(2 * n - 2 * log_likelihood)
    n_steps = sum(map(len, X))
    assert model.bic_ == pytest.approx(np.log(n_steps) * n - 2 * log_likelihood)
    assert 2 ** -(model.bits_per_step(X) * n_steps) == pytest.approx(
        np.exp(model.score_samples(X).sum())
    )


@pytest.mark.parametrize("kind", KINDS)
def test_starts_on_threads(kind):
    X = corpus(kind)
    one, two = (em(kind, n_init=4, n_jobs=n).fit(X) for n in (1, 2))
    assert one.hmm_ == two.hmm_
    assert_array_equal(one.log_likelihoods_, two.log_likelihoods_)


def test_time_left(capsys):
    em(verbose=2).fit(corpus())
    assert "at most 0.0 s left" in capsys.readouterr().out.splitlines()[4]


def test_progress(capsys, monkeypatch):
    pretrain_family(corpus(), [1, 2, 40], max_iter=2, random_state=0, verbose=1)
    told = capsys.readouterr()
    lines = told.err.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        f"[pretrain_family] {i}/3 sizes" for i in (1, 2, 3)
    ]
    assert lines[-1].endswith("remaining 0.0 s")
    assert told.out.count("BaumWelch start 1/1") >= 3
    # Passes over batches: the first learns how many there are.
    monkeypatch.setattr("skhmmdd.hmm.pretraining._sources._TELL_EVERY", 0.0)
    em(max_iter=1, verbose=2).fit(Batches(corpus(), 10))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("[BaumWelch] 1/3 batches, elapsed")
    em(verbose=2).partial_fit(corpus())
    assert "BaumWelch batch 1: log-likelihood -" in capsys.readouterr().out
    em(verbose=1).partial_fit(corpus()).fit(Batches(corpus(), 10))
    assert "batch" not in capsys.readouterr().err


# Checkpoints


class Interrupted(Exception):
    pass


def interrupt(monkeypatch, model, X, after):
    """Fit until so many states were saved."""
    from skhmmdd.hmm.pretraining import _checkpoints

    save, calls = _checkpoints.save_weights, []

    def counted(*args):
        save(*args)
        calls.append(1)
        if len(calls) == after:
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(_checkpoints, "save_weights", counted)
        with pytest.raises(Interrupted):
            model.fit(X)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "after", [1, 5, 14, *(pytest.param(n, marks=pytest.mark.slow) for n in (4, 7))]
)
@pytest.mark.parametrize("seed", [0, "state"])
@pytest.mark.parametrize("validation_fraction", [None, 0.3])
def test_resumes(monkeypatch, tmp_path, kind, after, seed, validation_fraction):
    path, X = tmp_path / "state", corpus(kind)

    def model(checkpoint, seed=seed):
        state = np.random.RandomState(3) if seed == "state" else seed
        return em(
            kind,
            n_init=3,
            random_state=state,
            checkpoint=checkpoint,
            validation_fraction=validation_fraction,
        )

    plain = model(None).fit(X)
    interrupt(monkeypatch, model(path), X, after)
    resumed = model(path)
    if seed == "state":
        resumed.set_params(random_state=np.random.RandomState(99))
    resumed.fit(X)
    assert resumed.hmm_ == plain.hmm_
    for name in ("log_likelihoods_", "log_posteriors_", "bic_"):
        assert_array_equal(getattr(resumed, name), getattr(plain, name))
    assert len(resumed.starts_) == 3
    assert repr(resumed.starts_) == repr(plain.starts_)
    for mine, theirs in zip(resumed.starts_, plain.starts_, strict=True):
        assert_array_equal(mine.log_likelihoods, theirs.log_likelihoods)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("validation_fraction", [None, 0.3])
def test_every_start_is_told(validation_fraction):
    X = corpus("categorical")
    options = {"n_init": 4, "validation_fraction": validation_fraction}
    model = em("categorical", **options).fit(X)
    merits = [
        start.log_likelihoods[-1]
        if validation_fraction is None
        else max(start.validation_log_likelihoods)
        for start in model.starts_
    ]
    kept = model.starts_[np.argmax(merits)]
    assert [start.kept for start in model.starts_].count(True) == 1
    assert kept.kept
    assert_array_equal(kept.log_likelihoods, model.log_likelihoods_)
    assert kept.converged == model.converged_
    if validation_fraction is None:
        assert kept.validation_log_likelihoods is None
        assert model.n_observed_ == sum(map(len, X))
    else:
        assert_array_equal(
            kept.validation_log_likelihoods, model.validation_log_likelihoods_
        )
        assert model.n_observed_ < sum(map(len, X))


def test_checkpoint_of_something_else_or_cut_short(monkeypatch, tmp_path):
    path, X = tmp_path / "state", corpus()
    interrupt(monkeypatch, em(checkpoint=path), X, 2)
    whole = path.read_bytes()
    refused = [
        (em(checkpoint=path), X[:-1]),
        (em(checkpoint=path, n_states=4), X),
        (em(checkpoint=path, pseudocount=0.1), X),
        (em(checkpoint=path, random_state=1), X),
        (em(checkpoint=path, init=random_hmm("categorical", size=3)), X),
    ]
    for model, data in refused:
        with pytest.raises(ValueError, match="other data or parameters"):
            model.fit(data)
    with pytest.raises(ValueError, match="other data or parameters"):
        em(checkpoint=path).fit(X, sample_weight=np.arange(len(X)))
    assert path.read_bytes() == whole
    for n in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match=r"cannot be read.*left as it is"):
            em(checkpoint=path).fit(X)
        assert path.read_bytes() == whole[:n]
    path.write_bytes(whole)
    em(checkpoint=str(path), n_jobs=2, verbose=0).fit(X)
    assert not path.exists()


KILLED = """
import sys
import numpy as np
from skhmmdd import BaumWelch
X = np.random.RandomState(0).randint(6, size=(400, 30))
model = BaumWelch(12, tol=0, max_iter=int(sys.argv[2]), random_state=0)
model.set_params(checkpoint=sys.argv[1]).fit(X)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
@pytest.mark.slow
def test_resumes_after_a_kill(tmp_path):
    path, n_iter = tmp_path / "state", 150
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path), str(n_iter)])
    began = time.monotonic()
    while not path.exists() and time.monotonic() - began < 60:
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert path.exists()
    X = np.random.RandomState(0).randint(6, size=(400, 30))
    options = {"n_states": 12, "max_iter": n_iter}
    assert em(checkpoint=str(path), **options).fit(X).hmm_ == em(**options).fit(X).hmm_
    assert not path.exists()


# Families


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("split", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_family_grows(tmp_path, kind, split):
    X = corpus(kind, n=60)
    options = options_of(kind) | {"split": split, "random_state": 0}
    family = pretrain_family(X, [1, 2, 3, 6, 7], **options)
    assert family.n_states == (1, 2, 3, 6, 7)
    assert len(family) == 5
    for model, value in zip(family, family.log_likelihoods, strict=True):
        assert model.log_likelihood(X).sum() == pytest.approx(value)
    if split:
        assert (np.diff(family.log_likelihoods) > 0).all()
    family.save(tmp_path / "here")
    assert HMMFamily.load(tmp_path / "here") == family
    assert family[1:3].n_states == (2, 3)
    assert family[-1] is family.models[4]
    assert pretrain_family(X, [1, 2, 3, 6, 7], n_jobs=2, **options) == family
    assert pretrain_family(X, [1, 2, 3, 6, 7], **options)[:2] == family[:2]


@pytest.mark.parametrize("kind", KINDS)
def test_split_states(kind):
    hmm = random_hmm(kind, n_states=3, size=3)
    X = corpus(kind)
    near = split_states(hmm, 8, random_state=0)
    assert near.n_states == 8
    assert_allclose(
        near.log_likelihood(X).sum(), hmm.log_likelihood(X).sum(), rtol=0.05
    )


def test_a_family_is_a_range_of_parameters():
    X = corpus(n=40)
    y = np.array([len(x) for x in X], dtype=float)
    family = pretrain_family(X, [1, 2, 4], random_state=0)
    chain = make_pipeline(HMMFeatureTransformer(random_state=0), HeadRegressor())
    search = GridSearchCV(chain, {"hmmfeaturetransformer__hmm": family}, cv=2).fit(X, y)
    assert search.best_params_["hmmfeaturetransformer__hmm"] in family
    curve = DoubleDescentCurve(
        chain, "hmmfeaturetransformer__hmm", family, complexity="n_states", cv=2
    )
    assert_array_equal(curve.fit(X, y).complexity_, [1, 2, 4])


def test_family_refused(tmp_path):
    for sizes in ([], [0], [2, 1], [2, 2], [1.5]):
        with pytest.raises(ValueError, match="n_states must"):
            pretrain_family([[0, 1]], sizes)
    with pytest.raises(FileNotFoundError):
        HMMFamily.load(tmp_path)
    family = pretrain_family([[0, 1, 1]], [1, 2], random_state=0)
    family.save(tmp_path)
    (tmp_path / "family.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"family\.npz"):
        HMMFamily.load(tmp_path)


# Other workers


@pytest.mark.parametrize("n_init", [1, 2])
@pytest.mark.slow
def test_worker_processes_give_the_same(n_init):
    X = corpus(n=40)
    options = {"batch_size": 10, "n_init": n_init}
    with parallel_config("loky", n_jobs=2):
        model = em(**options).fit(X)
    assert model.hmm_ == em(**options).fit(X).hmm_


class AllAtOnce(ThreadingBackend):
    """Gives no result before the last, as the backend of Ray does."""

    supports_return_generator = False
    supports_sharedmem = False


register_parallel_backend("all at once", AllAtOnce)


@pytest.mark.parametrize("backend", ["loky", "all at once"])
def test_families_and_streams_by_worker_processes(backend):
    X = corpus(n=40)
    options = {"batch_size": 10, "max_iter": 2, "random_state": 0}
    with parallel_config(backend, n_jobs=2):
        family = pretrain_family(X, [1, 3], **options)
        model = em(validation_fraction=0.2).fit(Batches(X, 9))
    assert family == pretrain_family(X, [1, 3], **options)
    assert model.hmm_ == em(validation_fraction=0.2).fit(Batches(X, 9)).hmm_


def test_worker_processes_do_not_lose_what_is_written():
    hmm = random_hmm("categorical")
    X, _ = hmm.sample(3000, 40, random_state=0)
    with parallel_config("loky", n_jobs=2):
        beliefs = hmm.filter(X)
    assert_array_equal(beliefs, hmm.filter(X))
