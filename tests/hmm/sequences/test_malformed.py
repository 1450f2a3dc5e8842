"""What is no sequences is refused at every door, in words that name `X`."""

import collections
import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from random_models import random_hmm
from scipy import sparse

from skhmmdd import BaumWelch, HMMFeatureTransformer, LinearGaussianHMM
from skhmmdd.features import TokenEncoder

DAYS = np.array([["2020-01-01", "2020-01-02"]], dtype="M8[D]")
CYCLE: list = []
CYCLE.append(CYCLE)
RECORD = np.zeros((2, 2), dtype=[("a", int)])

# Neither sequences of numbers nor of tokens.
NO_SEQUENCES = {
    "None": None,
    "number": 3,
    "NumPy scalar": np.float64(3),
    "complex number": 1j,
    "Ellipsis": ...,
    "function": len,
    "class": list,
    "object": object(),
    "dict": {0: [0, 1]},
    "dict of text": {"a": [0, 1]},
    "dict with tuples": {(0, 1): 1},
    "Counter": collections.Counter("ab"),
    "set": {1, 2},
    "set of tuples": {(0, 1), (1, 2)},
    "frozenset": frozenset({(0, 1)}),
    "bytes": b"ab",
    "text": "word",
    "no text": "",
    "range": range(3),
    "0-d": np.array(3),
    "0-d of objects": np.array(None),
    "1-d": np.array([0, 1, 2]),
    "1-d of floats": np.array([0.5]),
    "1-d of booleans": np.array([True, False]),
    "1-d of dates": DAYS[0],
    "1-d of durations": np.diff(DAYS[0]),
    "1-d of complex": np.array([1j]),
    "1-d of records": RECORD[0],
    "1-d, empty": np.array([]),
    "1-d of objects, empty": np.array([], dtype=object),
    "2-d of complex": np.array([[1j, 0]]),
    "2-d of records": RECORD,
    "2-d, no row": np.zeros((0, 3)),
    "2-d, no column": np.zeros((3, 0)),
    "3-d, no step": np.zeros((2, 0, 1)),
    "3-d, no feature": np.zeros((2, 3, 0)),
    "4-d": np.zeros((1, 2, 3, 4)),
    "2-d with a dict": np.array([[{}, 1]], dtype=object),
    "2-d with a list": np.array([[[0, 1], [1]]], dtype=object),
    "list": [],
    "tuple": (),
    "list of None": [None, None],
    "list with None": [[0, 1], None],
    "list with NaN": [[0, 1], np.nan],
    "list with a number": [[0, 1], 3],
    "list of dicts": [{0: 1}],
    "list of sets": [{0, 1}],
    "list of generators": [(i for i in [0, 1])],
    "list of Ellipsis": [...],
    "list of nothing": [[]],
    "list of lists of nothing": [[[]]],
    "list of objects with a dict": [[{}]],
    "ragged steps": [[[0, 1], [2]]],
    "ragged steps of ragged sequences": [[[0], [1, 2]], [[0]]],
    "numbers and steps": [[0, 1], [[0], [1]]],
    "list of 3-d": [np.zeros((2, 2, 2))],
    "list of no feature": [np.zeros((2, 0))],
    "list of vectors of unequal size": [np.zeros((2, 2)), np.zeros((2, 3))],
    "list of sparse": [sparse.csr_array(np.eye(2))],
    "list in itself": CYCLE,
    "sparse matrix": sparse.csr_matrix(np.eye(2)),
    "sparse array": sparse.csr_array(np.eye(2)),
    "Series of numbers": pd.Series([0, 1]),
    "Series with None": pd.Series([[0, 1], None]),
    "Series of dates": pd.Series(DAYS[0]),
    "Series of nothing": pd.Series([], dtype=object),
    "nullable Series": pd.Series([0, None], dtype="Int64"),
    "frame of nothing": pd.DataFrame(),
    "frame of no row": pd.DataFrame(columns=["a", "b"]),
    "frame of lists of unequal length": pd.DataFrame({"a": [[0, 1]], "b": [[0]]}),
    "frame of lists and a number": pd.DataFrame({"a": [[0, 1]], "b": [0]}),
    "frame of lists and None": pd.DataFrame({"a": [[0, 1]], "b": [None]}),
    "frame of nested lists": pd.DataFrame({"a": [[[0, 1]]]}),
    "frame of complex": pd.DataFrame([[1j, 0]]),
}
# Tokens, but not numbers.
NO_NUMBERS = {
    "list of text": ["ab"],
    "list of bytes": [b"ab"],
    "lists of text": [["a", "b"]],
    "text among numbers": [[0, "a"]],
    "text that looks like numbers": np.array([["1", "2"]], dtype=object),
    "2-d of text": np.array([["a", "b"]]),
    "2-d of bytes": np.array([[b"a", b"b"]]),
    "2-d of dates": DAYS,
    "2-d of durations": DAYS - DAYS,
    "list of dates": [DAYS[0]],
    "list of durations": [DAYS[0] - DAYS[0]],
    "dates among numbers": [[0, 1], DAYS[0]],
    "list of Python's dates": [[datetime.date(2020, 1, 1)]],
    "list of Python's times": [[datetime.datetime(2020, 1, 1)]],
    "list of Python's durations": [[datetime.timedelta(1)]],
    "nanoseconds among objects": [[np.datetime64(1, "ns"), None]],
    "list of complex": [[1j, 0]],
    "complex among objects": np.array([[1j, None]], dtype=object),
    "Ellipsis as a step": [[...]],
    "object as a step": [[object()]],
    "an integer of 400 digits": [[0, 10**400]],
    "infinity": np.array([[0, np.inf]]),
    "infinity in a list": [[0, -np.inf], [1.0]],
    "infinity among decimals": [[Decimal("inf"), Decimal(1)]],
    "too large a long double": [np.array([0, np.finfo(np.longdouble).max])],
    "frame of text": pd.DataFrame([["a", "b"]]),
    "frame of strings": pd.DataFrame([["a", "b"]], dtype="string"),
    "frame of categories": pd.DataFrame([["a", "b"]]).astype("category"),
    "frame of dates": pd.DataFrame(DAYS),
    "frame of durations": pd.DataFrame(DAYS - DAYS),
    "frame of periods": pd.DataFrame({"a": pd.period_range("2020", periods=2)}),
    "frame of numbers and text": pd.DataFrame([[0, "a"]]),
}
if np.finfo(np.longdouble).max <= np.finfo(np.float64).max:
    del NO_NUMBERS["too large a long double"]  # where it is a double

LINEAR = LinearGaussianHMM([[0.9]], 0.19, [[1.0]], 0.5)
MODEL_DOORS = {
    "CategoricalHMM": random_hmm("categorical").log_likelihood,
    "GaussianHMM": random_hmm("diag", size=1).log_likelihood,
    "LinearGaussianHMM": LINEAR.filter,
    "BaumWelch.fit": BaumWelch().fit,
    "BaumWelch.partial_fit": BaumWelch().partial_fit,
    "symbols": BaumWelch(emission="categorical").fit,
    "HMMFeatureTransformer": HMMFeatureTransformer(LINEAR).fit,
}


def assert_refused(door, X):
    with pytest.raises((TypeError, ValueError), match=r"\bX\b"):
        door(X)


@pytest.mark.parametrize("door", MODEL_DOORS)
@pytest.mark.parametrize("name", [*NO_SEQUENCES, *NO_NUMBERS])
def test_models_and_estimators(name, door):
    assert_refused(MODEL_DOORS[door], {**NO_SEQUENCES, **NO_NUMBERS}[name])


@pytest.mark.parametrize("name", NO_SEQUENCES)
def test_token_encoder(name):
    assert_refused(TokenEncoder().fit, NO_SEQUENCES[name])
    if name != "list of nothing":  # an empty sequence has a code of its own
        assert_refused(TokenEncoder().fit([["a"]]).transform, NO_SEQUENCES[name])


@pytest.mark.parametrize("kind", [iter, lambda x: map(list, x)])
def test_what_is_read_only_once_is_no_corpus(kind):
    X = [[0, 1], [1, 2]]
    assert_refused(BaumWelch().fit, kind(X))
    assert_refused(BaumWelch().partial_fit, kind(X))
    assert_refused(TokenEncoder().fit, kind(X))
    hmm = random_hmm("categorical")
    assert hmm.log_likelihood(kind(X)).tolist() == hmm.log_likelihood(X).tolist()


def test_batches_are_no_batch():
    class Batches:
        def __iter__(self):
            yield [[0, 1]]

    assert_refused(BaumWelch().partial_fit, Batches())
