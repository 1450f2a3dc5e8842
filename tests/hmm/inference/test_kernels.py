"""Fast kernels against plain recursions; blocks, pieces, precision, memory, threads."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from plain import plain_filter, plain_smooth
from random_models import random_hmm, random_sequences

from skhmmdd import CategoricalHMM, GaussianHMM, HMMFeatureTransformer
from skhmmdd.hmm.inference import _forward_backward, _segments
from skhmmdd.hmm.inference._collectors import LastSteps, NoSteps, copy_rows
from skhmmdd.hmm.inference._forward_backward import (
    filter_block,
    smooth_block,
    walk_block,
)
from skhmmdd.hmm.inference._recursions import block_rows, split_runs
from skhmmdd.hmm.inference._underflow import run_length
from skhmmdd.hmm.pretraining._em_step import _sum_products, expected_counts
from skhmmdd.hmm.sequences._blocks import LONG

CLOSE = {"rtol": 0, "atol": 1e-12}
LENGTHS = (60, 1, 17, 60, 33, 2, 60, 9)


def one_block(hmm, X):
    sequences = hmm._read(X)
    return sequences.block(np.argsort(-sequences.lengths, kind="stable"))


def check_against_plain(hmm, X):
    filtered, smoothed = hmm.filter(X), hmm.smooth(X)
    likelihoods = hmm.log_likelihood(X)
    following = hmm.predict_next(X)
    for i, x in enumerate(X):
        beliefs, _, log_likelihood = plain_filter(hmm, x)
        assert_allclose(filtered[i], beliefs, **CLOSE)
        assert_allclose(smoothed[i], plain_smooth(hmm, x)[0], **CLOSE)
        assert_allclose(likelihoods[i], log_likelihood, rtol=1e-12)
        distribution = beliefs[-1] @ hmm.transmat @ hmm._state_means
        assert_allclose(following[i], distribution, rtol=1e-11, atol=1e-12)


def check_counts_against_plain(hmm, X):
    sequences = hmm._read(X)
    counts = [expected_counts(hmm, sequences.block(i)) for i in sequences.blocks(4)]
    total = counts[0]
    for more in counts[1:]:
        total = total + more
    plain = [plain_smooth(hmm, x) for x in X]
    log_likelihood = sum(plain_filter(hmm, x)[2] for x in X)
    close = {"rtol": 1e-9, "atol": 1e-9}
    assert_allclose(total.log_likelihood, log_likelihood, rtol=1e-12)
    assert_allclose(total.start, sum(gamma[0] for gamma, _ in plain), **close)
    assert_allclose(
        total.transitions, sum(transitions for _, transitions in plain), **close
    )
    gamma = np.concatenate([gamma for gamma, _ in plain])
    steps = np.concatenate(X)
    if isinstance(hmm, CategoricalHMM):
        want = [gamma[steps == v].sum(axis=0) for v in range(hmm.n_symbols)]
        assert_allclose(total.emission[0], np.transpose(want), **close)
    elif not np.isnan(steps).any():
        assert_allclose(total.emission[1], gamma.T @ steps, **close)


@pytest.mark.parametrize("n_states", [1, 2, 13, 40])
@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("kind", ["categorical", "diag", "full"])
@pytest.mark.slow
def test_ragged_batches(kind, missing, n_states):
    hmm = random_hmm(kind, n_states, size=3, seed=n_states)
    X = random_sequences(hmm, LENGTHS, missing=missing)
    check_against_plain(hmm, X)
    check_counts_against_plain(hmm, X)


def test_results_do_not_depend_on_the_company_kept():
    hmm = random_hmm("categorical", 6)
    X = random_sequences(hmm, LENGTHS, missing=0.2)
    together = hmm.filter(X), hmm.smooth(X), hmm.log_likelihood(X)
    for i, x in enumerate(X):
        alone = hmm.filter([x]), hmm.smooth([x]), hmm.log_likelihood([x])
        for a, b in zip(together, alone, strict=True):
            assert_allclose(a[i], b[0], rtol=1e-13, atol=1e-14)


def test_lost_rows_leave_their_neighbours_alone():
    # Symbol 2 of state 2 is reached by way of state 1 alone, at odds below the least
    # double; or not at all.
    hmm = CategoricalHMM(
        [1, 0, 0],
        [[1, 1e-200, 0], [0, 0, 1], [0, 0, 1]],
        [[0.5, 0.5, 0], [1e-150, 1, 0], [0, 0, 1]],
    )
    usual = [np.array([0, 1, 1, 0]), np.array([1, 0]), np.array([0])]
    lost = np.array([0, 0, 2, 2, 2])
    impossible = np.array([0, 2])
    X = [usual[0], lost, usual[1], usual[2]]
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = walk_block(hmm._chain, one_block(hmm, X)).lost
    assert rows.tolist() == [0]
    check_against_plain(hmm, usual)
    for method in (hmm.filter, hmm.smooth):
        together, alone = method(X), method(usual)
        for i, j in [(0, 0), (2, 1), (3, 2)]:
            assert_allclose(together[i], alone[j], **CLOSE)
        assert_allclose(together[1][[0, 2, 3, 4]], np.eye(3)[[0, 2, 2, 2]], **CLOSE)
    for collect in (LastSteps, NoSteps):
        block = one_block(hmm, [*X, impossible])
        _, got = filter_block(hmm._chain, block, collect, strict=False)
        assert np.isfinite(got[block.index != 4]).all()
        assert got[block.index == 4] == -np.inf
    # Once from each state: the lost sequence moves 0, (0), 1, 2, 2.
    counts = expected_counts(hmm, one_block(hmm, [lost]))
    assert_allclose(counts.transitions, [[0, 1, 0], [0, 0, 1], [0, 0, 2]], **CLOSE)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ends_alone_are_the_ends(dtype):
    hmm = random_hmm("categorical", 5, size=6)
    block = one_block(hmm, random_sequences(hmm, LENGTHS, missing=0.2))
    every, log_likelihood = filter_block(hmm._chain, block, dtype=dtype)
    last, again = filter_block(hmm._chain, block, LastSteps, dtype=dtype)
    eps = np.finfo(dtype).eps
    assert_allclose(again, log_likelihood, rtol=20 * eps)
    ends = every[block.lengths - 1, np.arange(len(last))]
    assert_allclose(last, ends, rtol=50 * eps)


@pytest.mark.parametrize("length", [1, 4, 8, 100])
def test_runs_end_where_sequences_end(length):
    lengths = np.sort(LENGTHS)[::-1]
    counts = (lengths > np.arange(lengths[0])[:, None]).sum(axis=1)
    runs = split_runs(counts, length)
    starts, stops, n = np.transpose(runs)
    assert_array_equal(starts, np.append(0, stops[:-1]))
    assert stops[-1] == len(counts)
    assert set(lengths) <= set(stops)
    for run, rows in zip(runs, n, strict=True):
        assert (counts[run.start : run.stop] == rows).all()
        assert run.start // length == (run.stop - 1) // length


def run_lengths(monkeypatch):
    """The run lengths of walks of which all steps are kept, as they are made."""
    lengths, original = [], _forward_backward.split_runs

    def split(counts, length):
        lengths.append(length)
        return original(counts, length)

    monkeypatch.setattr(_forward_backward, "split_runs", split)
    return lengths


def refuse_logs(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("walked in log space")

    for name in ("filter_in_logs", "posterior_in_logs"):
        monkeypatch.setattr(_forward_backward, name, refuse)


@pytest.mark.parametrize("n_states", [1, 2, 17])
@pytest.mark.parametrize("lengths", [LENGTHS, (1,), (8, 8), (9, 7), (LONG + 77,)])
def test_runs_against_the_plain_recursion(lengths, n_states, monkeypatch):
    lengths_of_runs = run_lengths(monkeypatch)
    hmm = random_hmm("categorical", n_states, size=5, seed=n_states)
    X = random_sequences(hmm, lengths, missing=0.2)
    check_against_plain(hmm, X)
    check_counts_against_plain(hmm, X)
    assert set(lengths_of_runs) == {8}


@pytest.mark.parametrize("n_steps", [40, LONG + 40])
@pytest.mark.parametrize("rare", [1e-30, 1e-60, 1e-200])
def test_runs_too_unlikely_to_be_left_unscaled(rare, n_steps, monkeypatch):
    """Runs of a norm that no double holds are walked again, every step scaled."""
    refuse_logs(monkeypatch)
    lengths = run_lengths(monkeypatch)
    hmm = CategoricalHMM(
        [0.5, 0.5],
        [[0.9, 0.1], [0.2, 0.8]],
        [[1 - 3 * rare, 3 * rare], [1 - rare, rare]],
    )
    x = np.zeros(n_steps, int)
    # Where the norm of a run is zero, or only of a part of it; usual ones about it.
    x[5:7] = x[16:24] = x[-9:] = 1
    check_against_plain(hmm, [x, np.array([0, 1, 0])])
    check_counts_against_plain(hmm, [x, np.array([0, 1, 0])])
    assert set(lengths) == ({8} if rare > 1e-31 else {8, 1})


def test_runs_are_shorter_the_more_there_is_to_see():
    safe = 1e-26
    lengths = [run_length(safe, np.log(n), np.float32) for n in (1, 10, 1000, 10**6)]
    assert lengths == [8, 8, 4, 2]
    assert run_length(1e-286, np.log(10**6), np.float64) == 8
    # Where no norm is safe, and where nothing at all is likely.
    assert run_length(np.inf, 1.0, np.float32) == 8
    assert run_length(safe, 1e9, np.float32) == 1
    chain = random_hmm("categorical", 3, size=6)._chain
    assert 0 < chain.emission.surprise < np.log(6)


def test_large_alphabets_in_single_precision(monkeypatch):
    refuse_logs(monkeypatch)
    rng = np.random.RandomState(0)
    hmm = CategoricalHMM(
        np.full(4, 0.25),
        rng.dirichlet(np.ones(4), 4),
        rng.dirichlet(np.ones(5000), 4),
    )
    X = hmm.sample(20, 50, random_state=1)[0]
    block = one_block(hmm, X)
    for run in (filter_block, smooth_block):
        single, log_likelihood = run(hmm._chain, block, dtype=np.float32)
        double, want = run(hmm._chain, block)
        assert_allclose(single, double, atol=2e-5)
        assert_allclose(log_likelihood, want, rtol=1e-6)


@pytest.mark.parametrize("n_columns", [1, 2, 3, 8])
@pytest.mark.parametrize("dtypes", [("f8", "f8"), ("f4", "f4"), ("f8", "f4")])
def test_rows_are_copied_whatever_their_layout(dtypes, n_columns):
    rng = np.random.RandomState(0)
    rows = rng.standard_normal((5, 7, n_columns)).astype(dtypes[0])
    rows[0, 0] = -0.0
    layouts = [
        np.empty((7, 5, n_columns), dtypes[1]).swapaxes(0, 1),
        np.empty((5, 7, n_columns), dtypes[1]),
        np.empty((n_columns, 5, 7), dtypes[1]).transpose(1, 2, 0),
        np.empty((5, 7, 2 * n_columns), dtypes[1])[:, :, ::2],
    ]
    for out in layouts:
        for source in (rows, np.asfortranarray(rows), rows[::-1, ::-1]):
            copy_rows(source, out)
            assert_array_equal(out, source.astype(dtypes[1]))


@pytest.mark.parametrize("n", [0, 1, 1023, 1024, 5000])
@pytest.mark.parametrize("n_states", [1, 3, 16, 17])
def test_sums_of_products(n, n_states):
    before, after = np.random.RandomState(0).uniform(size=(2, n, n_states))
    want = np.einsum("ti,tj->ij", before, after)
    assert_allclose(_sum_products(before, after), want, rtol=1e-13)


def test_rare_symbols_in_single_precision_are_scaled_in_time():
    emission = np.full((2, 3), 1e-9)
    emission[:, 2] = 1 - 2e-9
    hmm = CategoricalHMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], emission)
    X = np.zeros((3, 20), int)
    got, log_likelihood = filter_block(
        hmm._chain, one_block(hmm, X), LastSteps, dtype=np.float32
    )
    assert_allclose(got, hmm.filter(X)[:, -1], rtol=1e-5)
    assert_allclose(log_likelihood, 20 * np.log(1e-9), rtol=1e-5)


# Long sequences ---------------------------------------------------------------------


def sticky(n_states, stay=0.9999):
    """A chain that remembers for ten thousand steps and is seen through a haze."""
    transmat = np.full((n_states, n_states), (1 - stay) / max(n_states - 1, 1))
    np.fill_diagonal(transmat, stay)
    transmat /= transmat.sum(axis=1, keepdims=True)
    haze = np.random.RandomState(0).dirichlet(np.full(4, 200.0), n_states)
    return CategoricalHMM(np.eye(n_states)[0], transmat, haze)


def left_right(n_states):
    """Never goes back: a filter that no start can be forgotten by."""
    transmat = 0.998 * np.eye(n_states) + 0.002 * np.eye(n_states, k=1)
    transmat[-1, -1] = 1
    distribution = np.random.RandomState(1).dirichlet(np.full(4, 20.0), n_states)
    return CategoricalHMM(np.eye(n_states)[0], transmat, distribution)


def cyclic(n_states):
    """Goes round without a doubt; where it began shows in no symbol but one."""
    transmat = np.roll(np.eye(n_states), 1, axis=1)
    distribution = np.full((n_states, 2), 0.5)
    distribution[0] = [0.4, 0.6]
    return CategoricalHMM(np.full(n_states, 1 / n_states), transmat, distribution)


CHAINS = {
    "forgets": lambda: random_hmm("categorical", 4, size=3),
    "two states": lambda: random_hmm("categorical", 2, size=3),
    "diag": lambda: random_hmm("diag", 5, size=2),
    "full": lambda: random_hmm("full", 3, size=2),
    "sticky": lambda: sticky(3),
    "left-right": lambda: left_right(6),
    "cyclic": lambda: cyclic(5),
    "many states": lambda: random_hmm("categorical", 50, size=4),
    "many sticky states": lambda: sticky(40),
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("n_steps", [LONG, 128 * 20 + 1, 6000])
@pytest.mark.slow
def test_long_sequences(name, n_steps):
    hmm = CHAINS[name]()
    X = random_sequences(hmm, (n_steps,), missing=0.1, seed=3)
    assert walk_block(hmm._chain, one_block(hmm, X)).is_cut == (
        name != "many sticky states"
    )
    check_against_plain(hmm, X)
    check_counts_against_plain(hmm, X)


@pytest.mark.parametrize("representation", ["belief", "log_belief", "smoothed"])
@pytest.mark.parametrize("readout", ["relu", "identity"])
def test_features_of_a_long_sequence(representation, readout, monkeypatch):
    monkeypatch.setattr(_forward_backward, "_SPAN_SIZE", 400)
    hmm = random_hmm("categorical", 4, size=3)
    (x,) = X = random_sequences(hmm, (LONG + 333,), missing=0.1)
    assert walk_block(hmm._chain, one_block(hmm, X)).is_cut
    options = {"representation": representation, "readout": readout}
    options |= {"n_components": 3, "random_state": 0}
    steps = HMMFeatureTransformer(hmm, **options).fit(X).transform_steps(X)[0]
    with monkeypatch.context() as plainly:
        plainly.setattr(_forward_backward, "_walk_cut", lambda *args: None)
        uncut = HMMFeatureTransformer(hmm, **options).fit(X).transform_steps(X)[0]
    assert_allclose(steps, uncut, **CLOSE)
    pooled = {
        "max": lambda values: values.max(axis=0),
        "mean": lambda values: values.mean(axis=0),
        "sum": lambda values: values.sum(axis=0),
    }
    if representation == "smoothed":
        values = plain_smooth(hmm, x)[0]
    else:
        values = plain_filter(hmm, x)[0]
    if representation == "log_belief":
        values = np.log(values)
    for pooling, pool in pooled.items():
        model = HMMFeatureTransformer(
            hmm, representation=representation, pooling=pooling
        )
        assert_allclose(model.fit_transform(X)[0], pool(values), rtol=1e-11)


@pytest.mark.parametrize("length", [100, 101, 128, 500, 999])
def test_pieces_of_every_length(length, monkeypatch):
    hmm = random_hmm("categorical", 3)
    monkeypatch.setattr(_segments, "_PIECE", length)
    check_against_plain(hmm, random_sequences(hmm, (2000,), missing=0.1))


def test_few_long_among_many_short():
    hmm = random_hmm("categorical", 3, size=5)
    X = random_sequences(hmm, (7, 3000, 1500, 40, 2999, 1, 40), missing=0.1)
    sizes = [len(index) for index in hmm._read(X).blocks(256)]
    assert sizes == [1, 1, 1, 4]
    check_against_plain(hmm, X)
    check_counts_against_plain(hmm, X)
    # So many of one length are better off side by side.
    many = np.zeros((300, 2000), np.uint8)
    assert len(hmm._read(many).blocks(1000)) == 1


@pytest.mark.parametrize("name", ["forgets", "sticky", "left-right"])
def test_long_sequences_are_causal_bit_for_bit(name):
    hmm = CHAINS[name]()
    X = hmm.sample(1, 5000, random_state=0)[0]
    before = hmm.filter(X)
    X[:, 3500:] = hmm.sample(1, 1500, random_state=1)[0]
    after = hmm.filter(X)
    assert_array_equal(before[:, :3500], after[:, :3500])
    assert not np.array_equal(before[:, 3500:], after[:, 3500:])


def test_long_sequence_that_is_lost_or_impossible():
    hmm = GaussianHMM([0.5, 0.5], np.eye(2), [0.0, 100.0], [1.0, 1.0])
    X = np.zeros((1, 2000))
    X[0, 1500:] = 100.0
    # To the end state 0 is the better by a factor of e^5,000,000; it is what the last
    # 500 steps speak against, each by e^5,000.
    assert_allclose(hmm.filter(X)[0, :, 0], 1, **CLOSE)
    assert_allclose(hmm.smooth(X)[0, :, 0], 1, **CLOSE)
    dead = CategoricalHMM([1, 0], [[0.5, 0.5], [0, 1]], [[1, 0], [0, 1]])
    x = np.r_[np.zeros(900, int), np.ones(300, int), 0]
    with pytest.raises(ValueError, match=r"Sequence 0 is impossible.*step 1200"):
        dead.filter([x])
    with pytest.raises(ValueError, match="impossible"):
        dead.smooth([x])
    assert dead.log_likelihood([x]) == -np.inf


# Single precision -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["forgets", "diag", "sticky"])
@pytest.mark.parametrize("lengths", [LENGTHS, (2500,)])
def test_single_precision(name, lengths):
    hmm = CHAINS[name]()
    block = one_block(hmm, random_sequences(hmm, lengths, missing=0.1))
    walk = walk_block(hmm._chain, block, np.float32)
    assert walk.filtered.dtype == walk.norms.dtype == np.float32
    assert walk.likelihood(0, 1).dtype == np.float32
    for run in (lambda **k: filter_block(hmm._chain, block, **k)[0], None):
        run = run or (lambda **k: smooth_block(hmm._chain, block, **k)[0])
        single = run(dtype=np.float32)
        assert single.dtype == np.float32
        assert_allclose(single, run(dtype=np.float64), atol=2e-4)


# Memory, threads, targets -----------------------------------------------------------


def test_blocks_fit_the_cache():
    rows = [block_rows(k) for k in (1, 8, 32, 128, 512, 4096)]
    assert rows == sorted(rows, reverse=True)
    assert rows[0] <= 4096
    assert rows[-1] >= 256


@pytest.mark.parametrize("readout", ["relu", "identity"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_features_are_written_where_asked(tmp_path, readout, dtype):
    hmm = random_hmm("categorical", 5)
    X = hmm.sample(50, 12, random_state=0)[0]
    transformer = HMMFeatureTransformer(
        hmm, 5, readout=readout, dtype=dtype, batch_size=7, random_state=0
    ).fit(X)
    want = transformer.transform(X)
    target = np.lib.format.open_memmap(
        tmp_path / "features.npy", "w+", dtype=dtype, shape=(50, 5)
    )
    assert transformer.transform(X, out=target) is target
    assert_array_equal(np.load(tmp_path / "features.npy"), want)
    columns = np.zeros((5, 50), dtype).T
    assert_array_equal(transformer.transform(X, out=columns), want)


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (np.empty((3, 4)), ValueError, r"shape \(2, 4\) and dtype float64, got .*3, 4"),
        (np.empty((2, 4), np.float32), ValueError, "dtype float64, got .* float32"),
        ([[0.0]], TypeError, "out must be a NumPy array, got list"),
        (np.broadcast_to(0.0, (2, 4)), ValueError, "out must be writeable"),
    ],
)
def test_bad_targets_are_refused(out, error, message):
    hmm = random_hmm("categorical", 3)
    X = np.zeros((2, 3), int)
    transformer = HMMFeatureTransformer(hmm, 4, random_state=0).fit(X)
    with pytest.raises(error, match=message):
        transformer.transform(X, out=out)


def test_memory_is_bounded_by_the_batch(tmp_path):
    hmm = random_hmm("categorical", 16)
    rng = np.random.RandomState(0)
    peaks = []
    for n in (5_000, 40_000):
        X = rng.randint(4, size=(n, 20)).astype(np.uint8)
        transformer = HMMFeatureTransformer(
            hmm, 100, dtype="float32", batch_size=256, random_state=0
        ).fit(X[:10])
        target = np.lib.format.open_memmap(
            tmp_path / f"{n}.npy", "w+", dtype="float32", shape=(n, 100)
        )
        transformer.transform(X[:300], out=target[:300])
        tracemalloc.start()
        transformer.transform(X, out=target)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Whatever grows with n is of the size of the input: where sequences start, how
    # long they are. Features of 40,000 sequences would take 16 MB, their beliefs 100.
    assert peaks[1] - peaks[0] < 35_000 * 100
    assert peaks[1] < 8_000_000


@pytest.mark.parametrize("pooling", ["last", "mean"])
@pytest.mark.parametrize("representation", ["belief", "smoothed"])
def test_threads_change_no_bit(pooling, representation):
    hmm = random_hmm("categorical", 20, size=6)
    rng = np.random.RandomState(0)
    X = [rng.randint(6, size=rng.randint(1, 40)) for _ in range(300)]
    options = {
        "representation": representation,
        "pooling": pooling,
        "batch_size": 32,
        "random_state": 0,
    }
    one, two = (
        HMMFeatureTransformer(hmm, 50, n_jobs=n_jobs, **options).fit_transform(X)
        for n_jobs in (1, 2)
    )
    assert_array_equal(one, two)
