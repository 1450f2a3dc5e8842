"""How sequences are read: forms, padding, blocks, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from skhmmdd.hmm.sequences._reading import (
    infer_emission,
    read_observations,
    read_symbols,
)


def as_lists(sequences):
    ends = sequences.starts + sequences.lengths
    return [
        sequences.values[a:b].tolist()
        for a, b in zip(sequences.starts, ends, strict=True)
    ]


@pytest.mark.parametrize(
    "X",
    [
        np.array([[0, 1, -1, 2], [2, -1, -1, -1]]),
        np.array([[0, 1, np.nan, 2], [2, np.nan, np.nan, np.nan]]),
        pd.DataFrame([[0, 1, None, 2], [2, None, None, None]]),
        [[0, 1, -1, 2], [2]],
        [np.array([0, 1, -1, 2], dtype=np.int8), (2, -1)],
        np.array([[0, 1, -1, 2], [2]], dtype=object),
        pd.Series([[0, 1, -1, 2], [2]]),
        [[[0], [1], [-1], [2]], [[2]]],
    ],
)
def test_symbols_in_every_form(X):
    assert as_lists(read_symbols(X, 3)) == [[0, 1, -1, 2], [2]]


def test_unsigned_symbols_are_not_copied():
    X = np.array([[0, 1], [2, 3]], dtype=np.uint8)
    assert np.shares_memory(read_symbols(X, 4).values, X)


def test_observations_in_every_form():
    nan = np.nan
    ragged = [np.array([0.5, nan, 1.0]), np.array([2.0, nan])]
    table = np.array([[0.5, nan, 1.0, nan], [2.0, nan, nan, nan]])
    for X in (ragged, table, table[:, :, None], [r[:, None] for r in ragged]):
        read = read_observations(X)
        assert read.lengths.tolist() == [3, 1]
        assert_array_equal(read.observed()[:, 0], [0.5, nan, 1.0, 2.0])
    partly = read_observations(np.array([[[1.0, nan], [nan, nan]]]))
    assert partly.lengths.tolist() == [1]


def test_blocks_cover_every_sequence_once():
    rng = np.random.RandomState(0)
    X = [rng.randint(5, size=rng.randint(1, 9)) for _ in range(50)]
    read = read_symbols(X, 5)
    blocks = read.blocks(8)
    assert max(map(len, blocks)) == 8
    assert sorted(np.concatenate(blocks)) == list(range(50))
    for index in blocks:
        block = read.block(index)
        assert_array_equal(block.lengths, [len(X[i]) for i in index])
        for row, i in enumerate(index):
            assert_array_equal(block.values[: len(X[i]), row], X[i])


def test_infer_emission():
    assert infer_emission(np.array([[0, 1], [2, -1]])) == "categorical"
    assert infer_emission([[0, 1], [2]]) == "categorical"
    assert infer_emission(np.array([[0, -2]])) == "gaussian"
    assert infer_emission(np.array([[0.0, 1.0]])) == "gaussian"
    assert infer_emission([[0, 1], [0.5]]) == "gaussian"
    # What is missing among integers is a symbol that was not seen.
    assert infer_emission([[0, None, 1], [2]]) == "categorical"
    assert infer_emission(np.ma.array([[0, -9]], mask=[[0, 1]])) == "categorical"
    assert infer_emission([[0, -2, None]]) == "gaussian"
    assert infer_emission([np.array([0, 1], np.uint64), [-1, 2]]) == "categorical"


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([[0, 1], [2, 7, 1]], ValueError, "symbol 7 in sequence 1.*at most 3"),
        (np.array([[0, 1], [-2, 1]]), ValueError, "symbol -2 in sequence 1"),
        ([[0.5, 1]], ValueError, "must hold integer symbols.*0.5"),
        (["word"], ValueError, "TokenEncoder"),
        ([["a", "b"]], ValueError, "TokenEncoder"),
        ([[0, 1], []], ValueError, "Sequence 1 of X is empty"),
        ([[0, 1], [-1, -1]], ValueError, "Sequence 1 of X is empty"),
        (np.array([[-1, -1], [0, 1]]), ValueError, "Sequence 0 of X is empty"),
        ([], ValueError, "no sequence"),
        (np.zeros((2, 0), int), ValueError, "0 feature"),
        ([0, 1, 1], ValueError, "Reshape your data"),
        (np.array([0, 1, 1]), ValueError, "Reshape your data"),
        (5, TypeError, "must be an array or a list of sequences, got int"),
        (sparse.csr_matrix(np.eye(3)), TypeError, "Sparse"),
        (np.zeros((1, 2, 3, 4)), ValueError, "has 4 dimensions"),
        (np.zeros((2, 3, 2), int), ValueError, "2 features.*one integer symbol a step"),
        ([[0, 1], [[0], [1]]], ValueError, "all have shape"),
        ([[0, 1e19]], ValueError, "symbol 10000000000000000000 in sequence 0"),
        ([[1], [0, -1e19]], ValueError, "symbol -10000000000000000000 in sequence 1"),
        (np.array([[0, 2**64 - 1]], np.uint64), ValueError, f"symbol {2**64 - 1} in"),
        ([np.array([2**63], np.uint64), [-1, 0]], ValueError, f"symbol {2**63} in"),
        ([[0, 2**70]], ValueError, f"symbol {2**70} in sequence 0"),
        ([[0, 10**400]], ValueError, "X must hold numbers.*in sequence 0"),
        ([[0, 1], [2, "a"]], ValueError, "in sequence 1 of X.*TokenEncoder"),
        ([[0], [1, 1j]], ValueError, "Complex data not supported.*sequence 1"),
        ([[0], [1, {}]], TypeError, "X must hold numbers, got {} in sequence 1"),
    ],
)
def test_symbols_refused(X, error, message):
    with pytest.raises(error, match=message):
        read_symbols(X, 4)


@pytest.mark.parametrize("symbol", [2**31, 1e19, 2**63])
def test_an_alphabet_has_an_end(symbol):
    with pytest.raises(ValueError, match=f"symbol {int(symbol)} in sequence 0"):
        read_symbols([[0, symbol]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_symbols_as_floats_of_any_width(dtype):
    X = np.array([[0, 3, np.nan], [1, np.nan, 2]], dtype)
    assert as_lists(read_symbols(X)) == [[0, 3], [1, -1, 2]]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.array([[0.0, np.inf]]), "infinity"),
        ([[0.0, -np.inf], [1.0]], "infinity"),
        (np.full((2, 2), np.nan), "Sequence 0 of X is empty"),
        (np.zeros((2, 3, 2)), "steps of 2 features, but the HMM was made for 1"),
        (np.array([["a", "b"]], dtype=object), "could not convert"),
    ],
)
def test_observations_refused(X, message):
    with pytest.raises(ValueError, match=message):
        read_observations(X, 1)
