"""Pretraining, features and curves on a Dask cluster of two worker processes."""

import os
import pickle
from contextlib import contextmanager

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from random_models import random_hmm
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BaumWelch,
    CategoricalHMM,
    DoubleDescentCurve,
    GaussianHMM,
    HeadRegressor,
    HMMFeatureTransformer,
    forecast_risk,
    pretrain_family,
)

distributed = pytest.importorskip(
    "dask.distributed", reason="needs the extra skhmmdd[dask]"
)

dask = pytest.importorskip("dask")

pytestmark = pytest.mark.slow

N_ITER = 3
# Dask moves data and drops copies as it thinks fit; what it is sent can then not be
# counted by what it unpickles.
STILL = {
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.active-memory-manager.start": False,
}


@pytest.fixture(scope="module")
def client():
    with (
        dask.config.set(STILL),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def on_dask(client):
    with parallel_config(backend="dask"):
        yield client


@contextmanager
def elsewhere():
    """What is done here without Dask, in a test whose fixture has it on."""
    with parallel_config(backend="threading", n_jobs=1):
        yield


def em(**options):
    return BaumWelch(**{"tol": 0, "max_iter": N_ITER, "random_state": 0} | options)


def symbols(n=400, n_steps=30):
    return random_hmm("categorical", 4, 20).sample(n, n_steps, random_state=0)[0]


def count_arrivals(dask_worker):
    """From now on, count the frozen weights and the blocks that are unpickled."""
    from skhmmdd.hmm.models import _frozen
    from skhmmdd.hmm.pretraining import _sources

    dask_worker.arrived = []
    for kind in (_frozen.FrozenValue, _sources.Piece):

        def init(self, *args, kind=kind, before=kind.__init__, **kwargs):
            dask_worker.arrived.append(kind.__name__)
            before(self, *args, **kwargs)

        init.before = kind.__init__
        kind.__init__ = init


def arrivals(dask_worker):
    """Process, what arrived since `count_arrivals`, and how many tasks it did."""
    from skhmmdd.hmm.models import _frozen
    from skhmmdd.hmm.pretraining import _sources

    for kind in (_frozen.FrozenValue, _sources.Piece):
        kind.__init__ = kind.__init__.before
    return os.getpid(), dask_worker.arrived


@pytest.mark.slow
def test_iterations_send_the_corpus_once_and_weights_once_each(client, monkeypatch):
    # 120 states: weights of some 130 kB, 10 blocks of 40 sequences.
    options, X = {"n_states": 120, "batch_size": 40}, symbols()
    here = em(**options).fit(X)
    n_bytes = sum(a.nbytes for a in here.hmm_._arrays().values())
    sent, submit = [], client.submit

    def measured(*args, tasks, **kwargs):
        sent.append((len(pickle.dumps(tasks)), len(tasks)))
        return submit(*args, tasks=tasks, **kwargs)

    client.run(count_arrivals)
    with parallel_config(backend="dask"), monkeypatch.context() as patch:
        patch.setattr(client, "submit", measured)
        there = em(**options).fit(X)
    found = client.run(arrivals)

    assert there.hmm_ == here.hmm_
    assert_array_equal(there.log_likelihoods_, here.log_likelihoods_)
    pids = {pid for pid, _ in found.values()}
    assert len(pids) == 2 and os.getpid() not in pids
    n_steps_of_em, n_blocks = N_ITER + 1, 10
    for _, names in found.values():
        # Both worked, and no worker was given the same twice.
        assert 0 < names.count("Piece") <= n_blocks
        assert names.count("FrozenValue") == n_steps_of_em
    assert sum(n for _, n in sent) == n_steps_of_em * n_blocks
    assert max(size / n for size, n in sent) < n_bytes / 50


@pytest.mark.parametrize("kind", ["diag", "full"])
def test_gaussian_em_with_weights_and_early_stopping(on_dask, kind):
    X = random_hmm(kind, 3, 2).sample(60, 15, random_state=0)[0]
    options = {"n_states": 3, "covariance_type": kind, "n_init": 2, "batch_size": 9}
    options |= {"validation_fraction": 0.2, "init": "kmeans"}
    weights = np.arange(60) % 4
    there = em(**options).fit(X, sample_weight=weights)
    with elsewhere():
        here = em(**options).fit(X, sample_weight=weights)
    assert there.hmm_ == here.hmm_
    assert isinstance(there.hmm_, GaussianHMM)
    assert_array_equal(
        there.validation_log_likelihoods_, here.validation_log_likelihoods_
    )


class Shard:
    """Sequences in a file, read where they are needed, by whoever signs for it."""

    def __init__(self, path):
        self.path = path

    def __iter__(self):
        with open(f"{self.path}.readers", "a") as file:
            file.write(f"{os.getpid()}\n")
        return iter(np.load(self.path))


def test_workers_read_the_shards(on_dask, tmp_path):
    X, shards = symbols(), []
    for i, some in enumerate(np.array_split(X, 8)):
        np.save(tmp_path / f"{i}.npy", some)
        shards.append(Shard(str(tmp_path / f"{i}.npy")))

    class Batches:
        def __iter__(self):
            return iter(shards)

    options = {"n_states": 4, "emission": "categorical", "validation_fraction": 0.2}
    there = em(**options).fit(Batches())
    signed = "".join(path.read_text() for path in tmp_path.glob("*.readers"))
    readers = set(map(int, signed.split()))
    # Not a single one was read here.
    assert len(readers) == 2
    assert os.getpid() not in readers
    with elsewhere():
        assert em(**options).fit(Batches()).hmm_ == there.hmm_


def test_partial_fit(on_dask):
    there, here = (em(n_states=5, n_symbols=20, batch_size=10) for _ in range(2))
    for batch in np.array_split(symbols(), 4):
        there.partial_fit(batch)
        with elsewhere():
            here.partial_fit(batch)
    assert there.hmm_ == here.hmm_


def test_impossible_sequences_are_told(on_dask):
    hmm = CategoricalHMM([1, 0], np.eye(2), np.eye(2))
    # One alone: of several the worker that is the first to fail names its own.
    X = [[0, 0]] * 40
    X[7] = [0, 1]
    with pytest.raises(ValueError, match="Sequence 7 is impossible"):
        em(init=hmm, batch_size=2).fit(X)


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_features(on_dask, pooling):
    X = symbols(200)
    transformer = HMMFeatureTransformer(
        random_hmm("categorical", 6, 20),
        50,
        pooling=pooling,
        batch_size=30,
        random_state=0,
    ).fit(X)
    there = transformer.transform(X)
    steps = transformer.transform_steps(X[:50])
    with elsewhere():
        assert_array_equal(transformer.transform(X), there)
        assert_array_equal(transformer.transform_steps(X[:50]), steps)


def test_a_family_and_its_curve(on_dask):
    X = symbols(80)
    y = (X == 3).sum(axis=1).astype(float)
    model = make_pipeline(HMMFeatureTransformer(random_state=0), HeadRegressor())

    def run():
        family = pretrain_family(X, [1, 2, 5], max_iter=3, random_state=0)
        curve = DoubleDescentCurve(
            model, "hmmfeaturetransformer__hmm", family, complexity="n_states", cv=3
        )
        return family, curve.fit(list(X), y).test_risk_

    family, risk = run()
    with elsewhere():
        here = run()
    assert here[0] == family
    assert_array_equal(here[1], risk)


@pytest.mark.parametrize(
    ("hmm", "name", "values"),
    [
        (random_hmm("categorical", 6, 20), "n_components", range(1, 60)),
        (em(n_states=2, batch_size=20), "hmm__n_states", [2, 3]),
    ],
    ids=["path", "refit"],
)
def test_curves(on_dask, capsys, hmm, name, values):
    X = symbols(80)
    y = (X == 3).sum(axis=1).astype(float)
    model = make_pipeline(
        HMMFeatureTransformer(hmm, 10, random_state=0), HeadRegressor()
    )
    curve = DoubleDescentCurve(
        model, f"hmmfeaturetransformer__{name}", values, cv=3, verbose=1
    )
    there = curve.fit(X, y)
    assert "elapsed" in capsys.readouterr().err
    with elsewhere():
        here = curve.set_params(verbose=0).fit(X, y)
    assert_array_equal(here.test_risk_, there.test_risk_)
    assert_array_equal(here.train_risk_, there.train_risk_)


def test_forecasts(on_dask):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((30, 50)), rng.standard_normal(30)
    there = forecast_risk(X, y)
    with elsewhere():
        assert_array_equal(forecast_risk(X, y).risk, there.risk)
