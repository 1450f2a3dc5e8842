"""Repeated sequences are walked once, and nobody can tell."""

import numpy as np
import pytest

from skhmmdd import CategoricalHMM, HMMFeatureTransformer
from skhmmdd.hmm.sequences import _repeats
from skhmmdd.hmm.sequences._blocks import Sequences
from skhmmdd.hmm.sequences._reading import read_symbols
from skhmmdd.hmm.sequences._repeats import find_repeats
from tests.random_models import random_hmm


@pytest.fixture
def eager(monkeypatch):
    """Repeats are looked for in small collections, and under small models."""
    monkeypatch.setattr(_repeats, "_LEAST_SEQUENCES", 1)
    monkeypatch.setattr(_repeats, "_LEAST_STATES", 1)
    monkeypatch.setattr(_repeats, "_FILLED", 7)


def hostile(rng, n_kinds=6, n=120):
    """Sequences with gaps, prefixes of each other and of a missing first step."""
    kinds = [rng.randint(-1, 3, rng.randint(1, 9)) for _ in range(n_kinds)]
    kinds += [kinds[0][:1], np.append(kinds[0], 0), np.array([-1, 2]), np.array([0])]
    kinds = [np.append(kind, 1) for kind in kinds]
    kinds += [np.zeros(2, int), np.zeros(3, int)]
    return [kinds[i] for i in rng.randint(len(kinds), size=n)]


def as_table(sequences):
    table = np.full((len(sequences), max(map(len, sequences)) + 2), -1, np.int8)
    for row, sequence in zip(table, sequences, strict=True):
        row[: len(sequence)] = sequence
    return table


@pytest.mark.parametrize("form", [list, as_table])
@pytest.mark.parametrize("seed", range(5))
def test_groups_are_those_of_a_dictionary(eager, form, seed):
    X = hostile(np.random.RandomState(seed))
    sequences = read_symbols(form(X))
    first_of = {}
    same = [first_of.setdefault(tuple(x), i) for i, x in enumerate(X)]
    repeats = find_repeats(sequences, 2)
    assert repeats.first.tolist() == sorted(first_of.values())
    assert repeats.rows.tolist() == [i for i, j in enumerate(same) if i != j]
    assert repeats.of.tolist() == [j for i, j in enumerate(same) if i != j]
    walked = np.concatenate(sequences.blocks(5, repeats))
    assert sorted(walked) == repeats.first.tolist()


@pytest.mark.parametrize("form", [list, as_table])
@pytest.mark.parametrize("pooling", ["last", "mean", "sum", "max"])
@pytest.mark.parametrize("representation", ["belief", "smoothed", "predictive"])
def test_features_are_those_of_each_sequence_alone(
    eager, form, pooling, representation
):
    rng = np.random.RandomState(1)
    hmm, X = random_hmm("categorical", 4, 3), hostile(rng)
    transformer = HMMFeatureTransformer(
        hmm, 5, pooling=pooling, representation=representation, random_state=0
    ).fit(X)
    alone = np.vstack([transformer.transform([x]) for x in X])
    out = np.empty((len(X), 5))
    assert transformer.transform(form(X), out=out) is out
    np.testing.assert_allclose(out, alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", ["filter", "smooth", "decode"])
def test_every_step_is_that_of_each_sequence_alone(eager, method):
    rng = np.random.RandomState(2)
    hmm, X = random_hmm("categorical", 4, 3), hostile(rng)
    run = getattr(hmm, method)
    lists, table = run(X), run(as_table(X))
    for x, steps, row in zip(X, lists, table, strict=True):
        alone = run([x])[0]
        np.testing.assert_allclose(steps, alone, rtol=0, atol=1e-12)
        np.testing.assert_allclose(row[: len(x)], alone, rtol=0, atol=1e-12)
        assert (row[len(x) :] == (-1 if method == "decode" else 0)).all()
    # Each has an array of its own.
    lists[0][:] = -7
    assert not any((steps == -7).any() for steps in lists[1:])


def test_likelihoods_and_what_is_next(eager):
    rng = np.random.RandomState(3)
    hmm, X = random_hmm("categorical", 4, 3), hostile(rng)
    for run in (hmm.log_likelihood, hmm.predict_next):
        alone = np.concatenate([run([x]) for x in X])
        np.testing.assert_allclose(run(X), alone, rtol=1e-12, atol=1e-12)


def test_underflow_and_the_impossible(eager):
    # A state that is all but ruled out alone explains the end; symbol 2 is impossible.
    hmm = CategoricalHMM(
        [0.5, 0.5], np.eye(2), [[1 - 1e-9, 1e-9, 0.0], [1.0, 0.0, 0.0]]
    )
    X = [[0] * 30, [1] * 60 + [0], [0, 2], [0] * 30, [1]] * 10
    value = hmm.log_likelihood(X)
    assert np.isneginf(value[2::5]).all()
    np.testing.assert_allclose(value[1::5], np.log(0.5) + 60 * np.log(1e-9), rtol=1e-7)
    with pytest.raises(ValueError, match=r"[Ss]equence 2 "):
        hmm.filter(X)


def test_a_false_match_of_hashes_is_seen(eager, monkeypatch):
    X = hostile(np.random.RandomState(4))
    real = _repeats._hashes

    def clashing(values, starts, lengths):
        return real(values, starts, lengths) % np.uint64(2)

    monkeypatch.setattr(_repeats, "_hashes", clashing)
    assert find_repeats(read_symbols(X), 64) is None
    # Nor is it enough to be as long.
    assert find_repeats(read_symbols(np.eye(16, dtype=int)[:, ::-1] + 1), 64) is None


def test_it_is_done_where_it_pays():
    rng = np.random.RandomState(5)
    kinds = np.arange(20_000)[:, None] // 10 ** np.arange(5) % 10
    assert find_repeats(read_symbols(kinds), 64) is None
    some = np.append(np.arange(15_000), rng.randint(15_000, size=5_000))
    assert find_repeats(read_symbols(kinds[some]), 64) is None
    many = read_symbols(kinds[rng.randint(4_000, size=20_000)])
    assert len(find_repeats(many, 64).first) <= 4_000
    # One sequence that is a tenth of all is no reason yet, two thirds of all are.
    often = kinds.copy()
    often[:2_000] = 0
    assert find_repeats(read_symbols(often), 64) is None
    often[:14_000] = 0
    assert len(find_repeats(read_symbols(often), 64).first) == 6_001
    # Small collections, small models and vectors are walked as they are.
    assert find_repeats(read_symbols(np.zeros((100, 3), int)), 64) is None
    assert find_repeats(many, 8) is None
    vectors = Sequences(many.values[:, None] + 0.0, *many[1:])
    assert find_repeats(vectors, 64) is None
