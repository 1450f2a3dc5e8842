"""Sequences that begin alike: what they share is walked once, nothing else changes."""

from types import SimpleNamespace

import numpy as np
import pytest
from joblib import parallel_config

from skhmmdd import CategoricalHMM, HMMFeatureTransformer, TokenEncoder, load_syllables
from skhmmdd.features import _transformer
from skhmmdd.hmm.inference import _prefixes
from skhmmdd.hmm.inference._prefixes import find_beginnings
from skhmmdd.hmm.sequences import _repeats
from skhmmdd.hmm.sequences._blocks import LONG
from skhmmdd.hmm.sequences._reading import read_symbols
from tests.random_models import random_hmm


@pytest.fixture
def eager(monkeypatch):
    """Beginnings are shared in small collections, under small models, however few.

    `depths` tells of each call how long they were.
    """
    depths, share = [], _transformer.share_beginnings

    def remember(*args):
        walked = share(*args)
        depths.append(walked and len(walked.reached.norms))
        return walked

    monkeypatch.setattr(_transformer, "share_beginnings", remember)
    monkeypatch.setattr(_prefixes, "_LEAST_SEQUENCES", 1)
    monkeypatch.setattr(_prefixes, "_LEAST_STATES", 1)
    monkeypatch.setattr(_prefixes, "_LEAST_SAVED", 0)
    return SimpleNamespace(depths=depths)


def plain(transformer, X):
    """The features of sequences none of which shares anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_prefixes, "_LEAST_SEQUENCES", np.inf)
        return transformer.transform(X)


def hostile(rng, n=100, header=(), top=3):
    """Sequences with gaps, repetitions, and prefixes of each other, some of one step.

    Some begin with a missing step; none ends in one, which would be padding.
    """
    words = [np.append(rng.randint(-1, top, rng.randint(9)), 1) for _ in range(n)]
    words = [np.append(header, word).astype(int) for word in words]
    words += [word[: rng.randint(1, len(word) + 1)] for word in words]
    words += [np.zeros(k, int) for k in range(1, 30)] + words[: n // 4]
    words = [word for word in words if word[-1] >= 0]
    return [words[i] for i in rng.permutation(len(words))]


def as_table(sequences):
    table = np.full((len(sequences), max(map(len, sequences)) + 2), -1)
    for row, sequence in zip(table, sequences, strict=True):
        row[: len(sequence)] = sequence
    return table


@pytest.mark.parametrize("form", [list, as_table])
@pytest.mark.parametrize("header", [(), (0, -1, 2, 2, 0)])
def test_nodes_are_the_distinct_beginnings(eager, form, header):
    X = hostile(np.random.RandomState(0), header=header)
    symbols, parents, nodes = find_beginnings(read_symbols(form(X)), 4)
    depth = len(symbols)
    assert depth > len(header)
    longer = [i for i, x in enumerate(X) if len(x) > depth]
    found = set()
    for i in longer:
        node, path = nodes[i], []
        for own, before in zip(symbols[::-1], parents[::-1], strict=True):
            path.append(own[node])
            node = before[node]
        assert path[::-1] == X[i][:depth].tolist()
        found.add(tuple(path))
    assert len({*nodes[longer]}) == len(found)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("pooling", ["last", "mean", "sum", "max"])
@pytest.mark.parametrize("representation", ["belief", "log_belief", "predictive"])
@pytest.mark.parametrize("header", [(0, -1, 2, 2, 0, 1, 1)])
def test_features_are_those_of_the_plain_walk(
    eager, header, representation, pooling, dtype
):
    rng = np.random.RandomState(1)
    hmm, X = random_hmm("categorical", 4, 3), hostile(rng, header=header)
    transformer = HMMFeatureTransformer(
        hmm,
        5,
        pooling=pooling,
        representation=representation,
        dtype=dtype,
        batch_size=50,
        random_state=0,
    ).fit(X)
    expected = plain(transformer, X)
    tolerance = 1e-12 if dtype == "float64" else 2e-4
    for form in (list, as_table):
        features = transformer.transform(form(X))
        assert eager.depths.pop() > len(header)
        assert features.dtype == dtype
        np.testing.assert_allclose(features, expected, rtol=tolerance, atol=tolerance)
    transformer.set_params(n_jobs=2)
    np.testing.assert_array_equal(transformer.transform(X), features)


def test_other_workers_and_what_looks_ahead(eager):
    X = hostile(np.random.RandomState(2))
    transformer = HMMFeatureTransformer(random_hmm("categorical", 3, 3)).fit(X)
    expected = transformer.transform(X)
    with parallel_config("multiprocessing", n_jobs=2):
        np.testing.assert_array_equal(transformer.transform(X), expected)
    assert all(eager.depths)
    del eager.depths[:]
    transformer.set_params(representation="smoothed").fit(X).transform(X)
    assert not eager.depths


def test_repeats_and_beginnings_together(eager, monkeypatch):
    monkeypatch.setattr(_repeats, "_LEAST_SEQUENCES", 1)
    monkeypatch.setattr(_repeats, "_LEAST_STATES", 1)
    X = hostile(np.random.RandomState(3)) * 5
    transformer = HMMFeatureTransformer(random_hmm("categorical", 3, 3)).fit(X)
    assert _repeats.find_repeats(read_symbols(X), 3) is not None
    features = transformer.transform(X)
    np.testing.assert_allclose(features, plain(transformer, X), rtol=0, atol=1e-12)
    assert eager.depths[0]


def test_empty_sequences(eager):
    hmm = random_hmm("categorical", 3, 3)
    X = [[], [1], [], [1, 2], [1, 2, 0], [1, 2, 2]] * 9
    transformer = HMMFeatureTransformer(hmm, handle_empty="prior").fit(X)
    features = transformer.transform(X)
    assert eager.depths == [2]
    np.testing.assert_allclose(features[:6:2][:2], [hmm.startprob] * 2, atol=1e-15)
    np.testing.assert_allclose(features, plain(transformer, X), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="Sequence 0 of X is empty"):
        transformer.set_params(handle_empty="error").transform(X)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("place", [0, 1, 4])
def test_what_underflows_is_walked_again(eager, place, pooling, dtype):
    # One step of symbol 2 is less likely than any number that a sum is divided by.
    hmm = CategoricalHMM(
        [0.9, 0.1], [[0.9, 0.1], [0.2, 0.8]], [[0.6, 0.4, 1e-309], [0.3, 0.7, 2e-309]]
    )
    X = [np.arange(6) % 2 for _ in range(40)]
    for x in X[::3]:
        x[place] = 2
    transformer = HMMFeatureTransformer(hmm, pooling=pooling, dtype=dtype).fit(X)
    features = transformer.transform(X)
    assert eager.depths[0]
    steps = [hmm.filter([x])[0] for x in X]
    pool = {"last": lambda s: s[-1], "mean": lambda s: s.mean(0)}.get(pooling, np.max)
    expected = [s.max(0) if pooling == "max" else pool(s) for s in steps]
    tolerance = 1e-12 if dtype == "float64" else 1e-6
    np.testing.assert_allclose(features, expected, rtol=0, atol=tolerance)


def test_states_that_come_in_one_order_alone_are_watched_from_the_start(eager):
    # A state that is all but ruled out alone explains the end.
    hmm = CategoricalHMM([0.5, 0.5], np.eye(2), [[1 - 1e-9, 1e-9], [1.0, 0.0]])
    X = [[0] * n + [1] * 60 + [0] for n in range(40)]
    transformer = HMMFeatureTransformer(hmm).fit(X)
    np.testing.assert_allclose(transformer.transform(X), [[1.0, 0.0]] * 40, atol=1e-12)
    assert eager.depths == [None]


@pytest.mark.parametrize("place", [0, 2, 9])
def test_the_impossible_is_named_as_ever(eager, place):
    hmm = CategoricalHMM(
        [0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5, 0.0], [0.3, 0.7, 0.0]]
    )
    X = [np.arange(12) % 2 for _ in range(50)]
    transformer = HMMFeatureTransformer(hmm).fit(X)
    for i in (7, 31):
        X[i][place] = 2
    with pytest.raises(ValueError) as expected:
        plain(transformer, X)
    with pytest.raises(ValueError, match=f"Sequence 7 .* its step {place} ") as found:
        transformer.transform(X)
    assert str(found.value) == str(expected.value)
    assert eager.depths[-1] > 1


def test_it_is_done_where_it_pays():
    spellings = TokenEncoder().fit_transform(load_syllables(return_X_y=True)[0])
    words, rng = read_symbols(spellings), np.random.RandomState(0)
    symbols, _, nodes = find_beginnings(words, 64)
    assert [len(own) for own in symbols] == [26, 467, 4273, 21743]
    assert len(np.unique(nodes[words.lengths > 4])) <= 21743
    # Too few sequences, steps that cost nothing, beginnings that would fill memory.
    assert find_beginnings(read_symbols(spellings[::50]), 64) is None
    assert find_beginnings(words, 4) is None
    assert find_beginnings(words, 10**6) is None
    # Much longer sequences share the same, and nothing that would be worth while; so do
    # those of a large alphabet.
    assert find_beginnings(read_symbols(rng.randint(26, size=(9000, 40))), 64) is None
    assert find_beginnings(read_symbols(rng.randint(2**30, size=(9000, 9))), 64) is None
    bits = find_beginnings(read_symbols(rng.randint(2, size=(9000, 16))), 64)
    assert len(bits.symbols) > 9
    # The long ones are cut into pieces, from their first step on.
    long = np.zeros((9000, LONG), np.int8)
    assert find_beginnings(read_symbols(long + 1), 64) is None
