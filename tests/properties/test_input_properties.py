"""Every form of input reads as the same sequences, through every door."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from campaign import holds_for, note
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skhmmdd import BaumWelch, CategoricalHMM, GaussianHMM, HMMFeatureTransformer

try:
    import pyarrow as pa
except ImportError:  # the oldest supported NumPy has no pyarrow that goes with it
    pa = None

SYMBOLS = CategoricalHMM(
    [0.6, 0.4, 0.0],
    [[0.5, 0.5, 0.0], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]],
    [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]],
)
VALUES = GaussianHMM([0.5, 0.5], [[0.9, 0.1], [0.3, 0.7]], [0.0, 2.0], [1.0, 0.5])
VECTORS = GaussianHMM(
    [0.5, 0.5],
    [[0.9, 0.1], [0.3, 0.7]],
    [[0.0, 1.0], [2.0, -1.0]],
    [[1.0, 0.5], [0.3, 2.0]],
)


def answers(hmm, X):
    """What the model and the transformer make of X, as flat arrays."""
    rows = HMMFeatureTransformer(hmm, pooling="mean").fit_transform(X)
    filtered, smoothed, paths = hmm.filter(X), hmm.smooth(X), hmm.decode(X)
    return [
        np.asarray(rows),
        hmm.log_likelihood(X),
        hmm.predict_next(X),
        np.concatenate([s[s.any(axis=1)] for s in filtered]),
        np.concatenate([s[s.any(axis=1)] for s in smoothed]),
        np.concatenate([p[p >= 0] for p in paths]),
    ]


def same(hmm, form, reference, what):
    got = answers(hmm, form)
    for a, b in zip(got, reference, strict=True):
        assert a.shape == b.shape, (what, a.shape, b.shape)
        assert_allclose(a, b, rtol=1e-5 if "float32" in what else 1e-12, err_msg=what)


# Layouts ---------------------------------------------------------------------------


def layouts(table):
    """The same array in every layout that NumPy has."""
    wide = np.repeat(table, 2, axis=-1)
    locked = table.copy()
    locked.flags.writeable = False
    big = table.astype(table.dtype.newbyteorder())
    return {
        "C": np.ascontiguousarray(table),
        "Fortran": np.asfortranarray(table),
        "strided": wide[..., ::2],
        "reversed": table[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": locked,
        "other byte order": big,
        "nested lists": table.tolist(),
        "tuple of lists": tuple(table.tolist()),
        "list of arrays": list(table),
        "tuple of arrays": tuple(table),
        "list of strided": list(wide[..., ::2]) if table.ndim == 2 else list(table),
        "object array": table.astype(object),
        "1-D object array": _objects(table),
    }


def _objects(rows):
    out = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        out[i] = row
    return out


def frames(table):
    """The same table as frames of pandas, polars and pyarrow."""
    names = [f"step{t}" for t in range(table.shape[1])]
    columns = {name: table[:, t].copy() for t, name in enumerate(names)}
    found = {
        "pandas": pd.DataFrame(table, columns=names),
        "pandas, numbered columns": pd.DataFrame(table),
        "pandas, odd index": pd.DataFrame(table, index=range(7, 7 + len(table))),
        "pandas of objects": pd.DataFrame(table.astype(object), columns=names),
        "polars": pl.DataFrame(columns),
        "list of pandas Series": [
            pd.Series(row, index=range(3, 3 + len(row))) for row in table
        ],
        "list of polars Series": [pl.Series(row) for row in table],
    }
    if pa is not None:
        found["pyarrow"] = pa.table(columns)
    return found


def nulls(rows, kind):
    """A table with Nones as frames of libraries that have a null of their own."""
    names = [f"s{t}" for t in range(len(rows[0]))]
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    types = dict.fromkeys(names, getattr(pl, kind.capitalize()))
    found = {"polars with null": pl.DataFrame(columns, schema=types)}
    if pa is not None:
        type_ = getattr(pa, kind)()
        arrays = {name: pa.array(column, type_) for name, column in columns.items()}
        found["pyarrow with null"] = pa.table(arrays)
    return found


@st.composite
def tables(draw, of):
    n, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    gaps = draw(st.booleans())
    if of == "symbols":
        table = rng.integers(0, 3, (n, width))
        blank = -1
    elif of == "values":
        table, blank = rng.standard_normal((n, width)), np.nan
    else:
        table, blank = rng.standard_normal((n, width, 2)), np.nan
    if gaps:
        table[rng.random(table.shape) < 0.2] = blank
        for row in table:  # padding
            row[width - rng.integers(0, width) :] = blank
        table[:, 0] = 1
    return table


@holds_for(tables("symbols"), quick=6, campaign=250)
def test_tables_of_symbols(case):
    reference = answers(SYMBOLS, [np.array(r) for r in case])
    forms = layouts(case) | frames(case)
    has_gaps = bool((case < 0).any())
    kinds = ["int8", "int16", "int32", "int64", "float64", "float32"]
    if not has_gaps:
        kinds += ["uint8", "uint16", "uint32", "uint64"]
        if case.max() <= 1:
            kinds.append("bool")
    for kind in kinds:
        forms[f"dtype {kind}"] = case.astype(kind)
        forms[f"list of {kind}"] = [row.astype(kind) for row in case]
    holes = np.where(case < 0, np.nan, case)
    forms["NaN for missing"] = holes
    forms["float frame"] = pd.DataFrame(holes)
    forms["pandas Int64"] = pd.DataFrame(holes).astype("Int64")
    forms["masked"] = np.ma.masked_array(np.where(case < 0, 0, case), mask=case < 0)
    forms |= nulls([[None if s < 0 else int(s) for s in row] for row in case], "int64")
    wrong = _check_all(SYMBOLS, forms, reference)
    assert not wrong, "\n".join(wrong)
    note("input of symbols", *forms)


@holds_for(tables("values"), quick=6, campaign=250)
def test_tables_of_values(case):
    reference = answers(VALUES, [np.array(r) for r in case])
    forms = layouts(case) | frames(case)
    forms["dtype float32"] = case.astype("float32")
    forms["dtype longdouble"] = case.astype(np.longdouble)
    missing = np.isnan(case)
    forms["masked"] = np.ma.masked_array(np.where(missing, 0.0, case), mask=missing)
    forms["pandas Float64"] = pd.DataFrame(case).astype("Float64")
    nones = [[None if np.isnan(v) else float(v) for v in row] for row in case]
    forms |= nulls(nones, "float64")
    wrong = _check_all(VALUES, forms, reference)
    assert not wrong, "\n".join(wrong)
    note("input of values", *forms)


@holds_for(tables("vectors"), quick=6, campaign=250)
def test_arrays_of_vectors(case):
    reference = answers(VECTORS, [np.array(r) for r in case])
    forms = layouts(case)
    forms["dtype float32"] = case.astype("float32")
    missing = np.isnan(case)
    forms["masked"] = np.ma.masked_array(np.where(missing, 0.0, case), mask=missing)
    forms["list of pandas frames"] = [pd.DataFrame(x, columns=["a", "b"]) for x in case]
    forms["list of polars frames"] = [pl.DataFrame(x, schema=["a", "b"]) for x in case]
    if pa is not None:
        forms["list of pyarrow tables"] = [
            pa.table({"a": x[:, 0].copy(), "b": x[:, 1].copy()}) for x in case
        ]
    wrong = _check_all(VECTORS, forms, reference)
    assert not wrong, "\n".join(wrong)
    note("input of vectors", *forms)


def _check_all(hmm, forms, reference):
    """What goes wrong with each form; empty if nothing does."""
    wrong = []
    for what, form in forms.items():
        try:
            same(hmm, form, reference, what)
        except Exception as error:
            wrong.append(f"{what}: {type(error).__name__}: {str(error)[:300]}")
    return wrong


@st.composite
def ragged(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = draw(st.lists(st.integers(1, 6), min_size=2, max_size=5))
    return [rng.integers(0, 3, n) for n in lengths]


@holds_for(ragged(), quick=6, campaign=250)
def test_ragged_sequences(case):
    reference = answers(SYMBOLS, case)
    kinds = ["int8", "uint8", "int32", "float32", "int64", "float64"]
    forms = {
        "lists": [x.tolist() for x in case],
        "tuples": tuple(tuple(x.tolist()) for x in case),
        "mixed dtypes": [x.astype(kinds[i % 6]) for i, x in enumerate(case)],
        "mixed containers": [x.tolist() if i % 2 else x for i, x in enumerate(case)],
        "object array": _objects(case),
        "Series of arrays": pd.Series(case),
        "Series of lists": pd.Series([x.tolist() for x in case]),
        "pandas Series": [pd.Series(x) for x in case],
        "polars Series": [pl.Series(x) for x in case],
        "strided": [np.repeat(x, 2)[::2] for x in case],
        "reversed": [x[::-1].copy()[::-1] for x in case],
        "objects": [x.astype(object) for x in case],
        "padded at the end": [np.append(x, [-1, -1]) for x in case],
        "NaN at the end": [np.append(x.astype(float), np.nan) for x in case],
        "pandas Int64": [pd.Series(x, dtype="Int64") for x in case],
    }
    if pa is not None:
        forms["pyarrow arrays"] = [pa.array(x) for x in case]
    wrong = _check_all(SYMBOLS, forms, reference)
    assert not wrong, "\n".join(wrong)
    note("ragged input", *forms)


@st.composite
def malformed(draw):
    """Tables with something in them that no model may take."""
    bad = draw(
        st.sampled_from(
            ["infinity", "text", "complex", "date", "huge", "negative", "half", "empty"]
        )
    )
    n, width = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return bad, np.ones((n, width), int), draw(st.integers(0, n * width - 1))


@holds_for(malformed(), quick=10, campaign=200)
def test_malformed_input_is_named(case):
    bad, table, position = case
    wild = {
        "infinity": (float, np.inf),
        "text": (object, "a"),
        "complex": (complex, 1j),
        "huge": (float, 1e19),
        "negative": (int, -2),
        "half": (float, 0.5),
    }
    if bad == "date":
        X = table.astype("M8[s]")
    elif bad == "empty":
        X = table[:0]
    else:
        kind, value = wild[bad]
        X = table.astype(kind)
        X.flat[position] = value
    models = [SYMBOLS] if bad in ("huge", "negative", "half") else [SYMBOLS, VALUES]
    for hmm in models:
        for door in (
            hmm.filter,
            hmm.log_likelihood,
            hmm.decode,
            HMMFeatureTransformer(hmm).fit,
        ):
            for form in (X, pd.DataFrame(X)):
                with pytest.raises((ValueError, TypeError), match="X"):
                    door(form)
    if bad != "huge":
        emission = "categorical" if bad in ("negative", "half") else "gaussian"
        with pytest.raises((ValueError, TypeError), match="X"):
            BaumWelch(1, emission=emission, max_iter=1, tol=0).fit(X)
    note("malformed input", bad)
