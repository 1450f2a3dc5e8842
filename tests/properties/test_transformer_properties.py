"""Pooled features of the transformer against plain log space, in both precisions."""

import numpy as np
from campaign import holds_for, note
from hypothesis import assume
from hypothesis import strategies as st

from properties.strategies import TAME, cases
from skhmmdd import HMMFeatureTransformer

FLOOR = 1e-12
KINDS = ["belief", "log_belief", "predictive", "smoothed"]
POOLINGS = ["last", "mean", "sum", "max"]


@st.composite
def features(draw):
    dtype = draw(st.sampled_from(["float64", "float64", "float32"]))
    odds = {} if dtype == "float64" else {"odds": TAME}
    case = draw(cases(most_steps=12, **odds))
    kind = draw(st.sampled_from(KINDS))
    return case, kind, draw(st.sampled_from(POOLINGS)), dtype


def represent(case, kind, interval):
    """The representation of beliefs in an interval: middle, and how far off."""
    low, high = interval
    if kind == "log_belief":
        low, high = (np.log(np.maximum(b, FLOOR)) for b in (low, high))
    middle, off = (low + high) / 2, (high - low) / 2
    if kind == "predictive":
        weights = case.arrays["transmat"] @ case.means
        # Where beliefs are certain, they still are rounded.
        return middle @ weights, off @ np.abs(weights)
    return middle, off


def pool(values, pooling):
    if pooling == "last":
        return values[-1]
    return getattr(values, pooling)(axis=0)


@holds_for(features(), quick=30, campaign=1500)
def test_transform(case):
    case, kind, pooling, dtype = case
    assume(not (kind == "predictive" and "endprob" in case.arrays))
    eps = float(np.finfo(dtype).eps)
    chain, exact = case.chain(eps), case.chain()
    if dtype == "float32":
        # Emissions are worked out in double precision whatever the recursion's.
        chain.eps = eps
    kept = [
        (x, emission._replace(size=emission.size * (exact.eps / eps)))
        for x in case.sequences
        if chain.is_possible(emission := case.emission(x), kind != "smoothed")
    ]
    assume(kept)
    transformer = HMMFeatureTransformer(
        case.model, representation=kind, pooling=pooling, dtype=dtype
    )
    X = [x for x, _ in kept]
    rows, steps = transformer.fit_transform(X), transformer.transform_steps(X)
    assert rows.dtype == dtype
    assert np.isfinite(rows).all()
    for row, step, (_, emission) in zip(rows, steps, kept, strict=True):
        beliefs = (chain.smoothed if kind == "smoothed" else chain.filtered)(emission)
        middle, off = represent(case, kind, beliefs)
        scale = np.abs(middle).max() + (
            np.abs(case.means).max() if kind == "predictive" else 1.0
        )
        floor = 64 * eps * len(middle) * scale
        if kind == "log_belief":
            # Of a belief near the floor of the logarithm, where it is rounded.
            floor = floor + 1e-9 + (1e-14 / FLOOR) * (middle < np.log(2 * FLOOR))
        # The least number that the features can hold, besides.
        off = off + floor + float(np.finfo(dtype).smallest_subnormal)
        assert (np.abs(step - middle) <= off).all(), (step, middle.astype(float))
        n_steps = len(middle)
        reach = off.sum(axis=0) if pooling == "sum" else off.max(axis=0)
        gap = np.abs(row - pool(middle, pooling))
        assert (gap <= reach + 8 * eps * n_steps * scale).all(), (row, middle)
    note(f"HMMFeatureTransformer {dtype}", f"{kind}-{pooling}")


@st.composite
def readouts(draw):
    case = draw(cases(["categorical", "diag"], odds=TAME))
    readout = draw(st.sampled_from(["relu", "fourier", "linear"]))
    width = draw(st.integers(1, 200))
    return case, readout, width, draw(st.integers(width, 300))


@holds_for(readouts(), quick=5, campaign=200)
def test_columns_are_nested(case):
    """The columns of a narrow map are the first of a wide one, to the last bit."""
    case, readout, narrow, wide = case
    chain = case.chain()
    X = [x for x in case.sequences if chain.is_possible(case.emission(x))]
    assume(X)
    options = {"readout": readout, "random_state": 0}
    few, many = (
        HMMFeatureTransformer(case.model, n, **options).fit_transform(X)
        for n in (narrow, wide)
    )
    assert (few == many[:, :narrow]).all()
    note("HMMFeatureTransformer", f"nested {readout}")
