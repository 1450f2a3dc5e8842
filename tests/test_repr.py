"""Reprs on one line that tell what a thing is and dump no arrays."""

import numpy as np
import pytest

from skhmmdd import (
    CurvePoint,
    DoubleDescentCurve,
    HeadRegressor,
    HMMFamily,
    forecast_risk,
    make_hmm,
    width_path,
)
from skhmmdd._repr import short_repr
from skhmmdd.hmm.models._ending import EndingHMM

RNG = np.random.RandomState(0)
X, Y = RNG.randn(30, 500), RNG.randn(30)


@pytest.mark.parametrize(
    "result",
    [
        forecast_risk(X, Y),
        width_path(X, Y, X, Y, return_predictions=True),
        width_path(X, Y, X, return_effective_parameters=True),
        DoubleDescentCurve(HeadRegressor(), "alpha", [0.1, 1.0]).fit(X, Y).best_,
    ],
    ids=lambda result: type(result).__name__,
)
def test_named_results(result):
    text = repr(result)
    assert text.startswith(f"{type(result).__name__}({result._fields[0]}=")
    assert all(f"{name}=" in text for name in result._fields)
    assert len(text) < 600 and "\n" not in text


def test_numbers_are_short():
    point = CurvePoint(199.0, 2 / 3, np.int64(199), 198)
    assert (
        repr(point) == "CurvePoint(complexity=199, risk=0.6667, param=199, index=198)"
    )
    assert tuple(point) == (199.0, 2 / 3, 199, 198)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([[1.0, np.nan], [2.5, 0.0]]), "<shape (2, 2), 0 to 2.5>"),
        (np.full(9, np.nan), "<9 values>"),
        (np.zeros((0, 3)), "<shape (0, 3)>"),
        (np.array([]), "[]"),
        (np.array(list("abcdefgh")), "<8 values>"),
        (np.array([1.0, np.inf]), "[1, inf]"),
        ((1.0,), "(1,)"),
        ("word", "'word'"),
        (None, "None"),
    ],
)
def test_kinds_of_values(value, text):
    assert short_repr(CurvePoint(0, 0, value, 0)) == (
        f"CurvePoint(complexity=0, risk=0, param={text}, index=0)"
    )


def test_frozen_weights():
    hmm = make_hmm(3, n_symbols=5, random_state=0)
    assert repr(hmm) == "CategoricalHMM(n_states=3, n_symbols=5)"
    ending = EndingHMM(hmm, np.full(3, 0.1))
    assert repr(ending) == "EndingHMM(CategoricalHMM(n_states=3, n_symbols=5))"
    assert repr(HMMFamily([hmm, hmm])) == "HMMFamily(n_states=[3, 3])"
    many = HMMFamily([make_hmm(k, n_symbols=2, random_state=0) for k in range(1, 31)])
    assert repr(many) == "HMMFamily(n_states=[1, 2, 3, ..., 28, 29, 30])"
