"""Any encoder as features: against plain NumPy, and each sample encoded once."""

import pickle
import sqlite3
from zlib import crc32

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from internal_checks import common_checks, internal_checks
from numpy.testing import assert_allclose, assert_array_equal
from random_models import random_hmm, random_sequences
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BaumWelch,
    DoubleDescentCurve,
    DoubleDescentFamily,
    FrozenFeatureTransformer,
    HeadRegressor,
    HMMFeatureTransformer,
    as_encoder,
)

POOLINGS = {
    "last": lambda steps: steps[-1],
    "mean": lambda steps: steps.mean(axis=0),
    "sum": lambda steps: steps.sum(axis=0),
    "max": lambda steps: steps.max(axis=0),
}
TEXTS = ["frozen", "head", "a", "double descent", "peak", "width"]


class Letters:
    """Steps of a text: for each letter its random row; counts what it is asked."""

    def __init__(self, width=7, seed=0):
        self.table = np.random.RandomState(seed).standard_normal((128, width))
        self.batches = []

    def __call__(self, texts):
        self.batches.append(list(texts))
        return [self.table[[ord(letter) for letter in text]] for text in texts]

    @property
    def n_encoded(self):
        return sum(map(len, self.batches))

    def weights_key(self):
        return joblib.hash(self.table)


class Lengths(Letters):
    """One row a text: that of its length."""

    def __call__(self, texts):
        self.batches.append(list(texts))
        return self.table[[len(text) for text in texts]]


class Hashed(Letters):
    """One row a text, at random, another for every text."""

    def __call__(self, texts):
        self.batches.append(list(texts))
        width = self.table.shape[1]
        seeds = [crc32(text.encode()) for text in texts]
        return [np.random.RandomState(s).standard_normal((1, width)) for s in seeds]


class Double:
    """Has a repr without an address, for the names of tests."""

    def __repr__(self):
        return "double"

    def __call__(self, rows):
        return 2 * np.asarray(rows, dtype=float)


double = Double()


@common_checks(
    [
        FrozenFeatureTransformer(double),
        FrozenFeatureTransformer(double, 5, readout="relu", batch_size=3),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@internal_checks
def test_scikit_learn_internal_checks(check):
    check(FrozenFeatureTransformer(double, 3, readout="linear"))


# Against plain NumPy


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_pooling(pooling, batch_size):
    encoder = Letters()
    features = FrozenFeatureTransformer(
        encoder, pooling=pooling, batch_size=batch_size
    ).fit_transform(TEXTS)
    want = [POOLINGS[pooling](steps) for steps in encoder(TEXTS)]
    assert_allclose(features, want, rtol=1e-13)


@pytest.mark.parametrize("readout", ["relu", "fourier", "linear"])
def test_readout(readout):
    transformer = FrozenFeatureTransformer(
        Letters(), 9, pooling="mean", readout=readout, random_state=3
    ).fit(TEXTS)
    pooled = np.array([steps.mean(axis=0) for steps in Letters()(TEXTS)])
    z = pooled @ transformer.directions_ + transformer.offsets_
    want = {"relu": np.maximum(z, 0), "fourier": np.sqrt(2) * np.cos(z), "linear": z}
    assert_allclose(transformer.transform(TEXTS), want[readout], rtol=1e-12)
    steps = transformer.transform_steps(TEXTS[:2])
    assert [s.shape for s in steps] == [(6, 9), (4, 9)]


@pytest.mark.parametrize("readout", ["relu", "fourier", "linear", "identity"])
def test_columns_are_nested(readout):
    def at(width):
        return FrozenFeatureTransformer(
            Letters(), width, readout=readout, random_state=0
        ).fit_transform(TEXTS)

    for k in (1, 3, 6):
        assert_array_equal(at(k), at(7)[:, :k])


def test_rows_need_no_pooling():
    encoder = Lengths()
    for pooling in POOLINGS:
        features = FrozenFeatureTransformer(encoder, pooling=pooling)
        assert_array_equal(features.fit_transform(TEXTS), encoder(TEXTS))
    with pytest.raises(ValueError, match="no steps: use transform"):
        features.transform_steps(TEXTS)


def test_a_list_of_rows_is_an_array_of_rows():
    def encode(texts):
        return [np.array([len(text), 1]) for text in texts]

    found = FrozenFeatureTransformer(encode).fit_transform(["ab", "c"])
    assert_array_equal(found, [[2, 1], [1, 1]])
    assert found.dtype == np.float64


def test_beliefs_are_those_of_the_hmm_transformer():
    hmm = random_hmm("categorical", size=4)
    X = random_sequences(hmm, [5, 2, 9, 1])
    for options in (
        {"pooling": "sum"},
        {"n_components": 3, "pooling": "mean"},
        {"n_components": 6, "readout": "relu", "random_state": 1},
    ):
        frozen = FrozenFeatureTransformer(hmm, **options)
        want = HMMFeatureTransformer(hmm, **{"readout": "identity"} | options)
        assert_array_equal(frozen.fit_transform(X), want.fit_transform(X))
        assert_array_equal(frozen.transform(X), want.transform(X))
        for one, other in zip(
            frozen.transform_steps(X), want.transform_steps(X), strict=True
        ):
            assert_array_equal(one, other)
    assert frozen.encoder_ is hmm
    assert_array_equal(frozen.directions_, want.directions_)
    frozen.set_output(transform="pandas")
    assert frozen.transform(X).columns[0] == "frozenfeaturetransformer0"


def test_dtype_and_out():
    frozen = FrozenFeatureTransformer(Letters(), dtype="float32").fit(TEXTS)
    found = frozen.transform(TEXTS)
    assert found.dtype == np.float32
    out = np.empty((len(TEXTS), 7), np.float32)
    assert frozen.transform(TEXTS, out=out) is out
    assert_array_equal(out, found)
    asked = frozen.encoder.n_encoded
    with pytest.raises(ValueError, match="out must have shape"):
        frozen.transform(TEXTS, out=np.empty((1, 7), np.float32))
    assert frozen.encoder.n_encoded == asked, "refused before anything is encoded"


# What samples may be


@pytest.mark.parametrize(
    "column",
    [
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        pd.Series(TEXTS),
        pd.Series(TEXTS, dtype="string"),
        pd.Series(TEXTS, dtype="category"),
        pd.DataFrame({"text": TEXTS}),
        pl.Series(TEXTS),
        pl.DataFrame({"text": TEXTS}),
    ],
    ids=lambda column: f"{type(column).__module__}.{type(column).__name__}",
)
def test_columns_of_text(column):
    check_column(column)


def test_columns_of_arrow():
    pa = pytest.importorskip("pyarrow", exc_type=ImportError)
    for column in (
        pa.array(TEXTS),
        pa.chunked_array([TEXTS[:2], TEXTS[2:]]),
        pa.table({"text": TEXTS}),
    ):
        check_column(column)
    frozen = FrozenFeatureTransformer(lambda X: np.array([[x.sum()] for x in X]))
    assert_array_equal(frozen.fit_transform(pa.array([[1, 2], [3]])), [[3], [3]])


def check_column(column):
    want = FrozenFeatureTransformer(Letters()).fit_transform(TEXTS)
    frozen = FrozenFeatureTransformer(Letters()).fit(column)
    assert_array_equal(frozen.transform(column), want)
    assert not hasattr(frozen, "n_features_in_")


def test_sequences_of_symbols_and_of_words():
    seen = []

    def encode(batch):
        seen.extend(batch)
        return np.array([[float(len(sequence))] for sequence in batch])

    frozen = FrozenFeatureTransformer(encode)
    sequences = [[1, 2, 3], np.array([4]), pd.Series([5, 6])]
    assert_array_equal(frozen.fit_transform(sequences), [[3], [1], [2]])
    assert all(s.dtype.kind == "i" for s in seen)
    assert_array_equal(frozen.transform([["to", "be"], ["or"]]), [[2], [1]])
    assert seen[-1] == ["or"]


def test_arrays_of_steps():
    def encode(batch):
        return batch.cumsum(axis=1)

    X = np.arange(24.0).reshape(2, 4, 3)
    frozen = FrozenFeatureTransformer(encode).fit(X)
    assert frozen.n_features_in_ == 3
    assert_array_equal(frozen.transform(X), X.sum(axis=1))
    assert_array_equal(frozen.transform_steps(X), X.cumsum(axis=1))
    with pytest.raises(ValueError, match=r"2 features a step, after 3"):
        frozen.transform(X[:, :, :2])


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        ([], ValueError, "0 sample"),
        ("a text", ValueError, "one text a sample"),
        (["a", None], ValueError, r"X\[1\] is missing"),
        (["a", np.nan], ValueError, r"X\[1\] is missing"),
        (pd.Series(["a", pd.NA]), ValueError, r"X\[1\] is missing"),
        (pl.Series(["a", None]), ValueError, r"X\[1\] is missing"),
        (
            pd.DataFrame({"id": [1, 2], "text": ["a", "b"]}),
            ValueError,
            r"table with texts in 'text': .* X\['text'\]",
        ),
        (["a", [1, 2]], ValueError, "mixes texts and others"),
        ([b"a"], ValueError, r"X\[0\]"),
        ([[1, 2], []], ValueError, r"X\[1\] is empty"),
        ([[1.0, np.nan]], ValueError, r"X\[0\] contains NaN"),
        ([[[1, 2], [3]]], ValueError, r"X\[0\] is no sequence"),
        ([["a", 1.5, None]], ValueError, "tokens that are all strings"),
        ([1.0, 2.0], ValueError, "one or two dimensions"),
        ([{"a": 1}], ValueError, "one or two dimensions"),
        (np.array([["a", "b"]]), ValueError, "one text a sample"),
        (np.arange(3.0), ValueError, "2D array"),
        ([[1j]], ValueError, "Complex"),
        (None, ValueError, "None"),
    ],
)
def test_bad_samples(X, error, words):
    for frozen in (
        FrozenFeatureTransformer(lambda batch: np.ones((len(batch), 2))),
        FrozenFeatureTransformer(Letters()).fit(TEXTS),
    ):
        with pytest.raises(error, match=words):
            frozen.fit_transform(X)
    with pytest.raises(error, match=words):
        frozen.transform(X)


def test_text_where_symbols_are_due():
    with pytest.raises(ValueError, match="TokenEncoder"):
        FrozenFeatureTransformer(random_hmm("categorical", size=2)).fit(TEXTS)


# What an encoder may give


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (lambda n: np.ones((n + 1, 2)), ValueError, "gave 7 rows for 6 samples"),
        (lambda n: np.ones((n - 1, 2)), ValueError, "gave 5 rows for 6 samples"),
        (lambda n: [np.ones((2, 2 + i % 2)) for i in range(n)], ValueError, "ragged"),
        (lambda n: [np.ones(2 + i % 2) for i in range(n)], ValueError, "ragged"),
        (lambda n: np.full((n, 2), np.nan), ValueError, r"NaN or infinity for X\[0\]"),
        (lambda n: [np.full((1, 1), np.inf)] * n, ValueError, r"infinity for X\[0\]"),
        (lambda n: [np.empty((0, 2))] * n, ValueError, r"shape \(0, 2\)"),
        (lambda n: np.ones((n, 2, 2, 2)), ValueError, r"shape \(2, 2, 2\)"),
        (lambda n: np.ones((n, 0)), ValueError, r"no column for X\[0\]"),
        (lambda n: [[]] * n, ValueError, r"no column for X\[0\]"),
        (lambda n: np.ones(n), ValueError, r"shape \(\)"),
        (lambda n: np.array([["a"]] * n), TypeError, "real numbers"),
        (lambda n: np.full((n, 1), 1j), TypeError, "real numbers"),
        (lambda n: None, TypeError, "NoneType"),
    ],
)
def test_bad_encoders(given, error, words):
    frozen = FrozenFeatureTransformer(lambda batch: given(len(batch)))
    with pytest.raises(error, match=words):
        frozen.fit_transform(TEXTS)


def test_the_sample_with_nan_is_named():
    def encode(texts):
        return np.array([[np.log(len(text) - 1)] for text in texts])

    with (
        np.errstate(divide="ignore"),
        pytest.raises(ValueError, match=r"infinity for X\[2\]"),
    ):
        FrozenFeatureTransformer(encode, batch_size=2).fit_transform(TEXTS)


def test_widths_that_change_between_batches_and_calls():
    def encode(texts):
        return np.ones((len(texts), 2 + (texts[0] == "a")))

    frozen = FrozenFeatureTransformer(encode, batch_size=1)
    with pytest.raises(ValueError, match=r"ragged widths: 3 for X\[2\], 2 for X\[0\]"):
        frozen.fit_transform(TEXTS)
    with pytest.raises(ValueError, match="2 for the samples of fit"):
        frozen.fit(["b"]).transform(["a"])


def test_overflow_of_the_dtype_is_refused():
    frozen = FrozenFeatureTransformer(lambda X: 1e300 * X, dtype="float32")
    with pytest.raises(ValueError, match="set dtype=float64"):
        frozen.fit_transform(np.ones((2, 2)))


@pytest.mark.parametrize("encoder", [3, int, BaumWelch(), [1]])
def test_what_is_no_encoder(encoder):
    expected = NotFittedError if isinstance(encoder, BaumWelch) else TypeError
    with pytest.raises(expected, match=r"encoder|fitted"):
        FrozenFeatureTransformer(encoder).fit(TEXTS)


def test_too_many_columns():
    with pytest.raises(ValueError, match=r"n_components=8 .* 7 coordinates"):
        FrozenFeatureTransformer(Letters(), 8).fit(TEXTS)
    with pytest.raises(ValueError, match="dtype must be"):
        FrozenFeatureTransformer(Letters(), dtype="int8").fit(TEXTS)


# Each sample is encoded once


@pytest.fixture(scope="module")
def words():
    rng = np.random.RandomState(0)
    texts = ["".join(rng.choice(list("abcdefgh"), 8)) for _ in range(120)]
    assert len(set(texts)) == len(texts)
    return texts, rng.standard_normal(len(texts))


def curve_of(encoder, head=None, **options):
    frozen = FrozenFeatureTransformer(encoder, **options)
    return DoubleDescentCurve(
        make_pipeline(frozen, HeadRegressor() if head is None else head),
        "frozenfeaturetransformer__n_components",
        range(1, 385),
        cv=20,
        train_size=60,
        random_state=0,
    )


def test_once_for_a_curve(words):
    texts, y = words
    encoder = Hashed(width=384)
    curve = curve_of(encoder, pooling="sum").fit(texts, y)
    assert curve.strategy_ == "path"  # and that without a random_state
    assert encoder.batches == [texts]
    assert curve.peak_.complexity in range(57, 63)


def test_once_for_a_column_in_batches(words):
    texts, y = words
    for column in (pd.Series(texts), pl.Series(texts)):
        encoder = Hashed(width=384)
        curve_of(encoder, batch_size=50).fit(column, y)
        assert [len(batch) for batch in encoder.batches] == [50, 50, 20]


def test_once_for_a_family_of_three_heads(words):
    texts, y = words
    encoder = Hashed(width=384)
    family = DoubleDescentFamily(
        curve_of(encoder), "headregressor__alpha", [0.0, 0.1, 10.0]
    ).fit(texts, y)
    assert [curve.strategy_ for curve in family.curves_] == ["path"] * 3
    assert encoder.batches == [texts]


def test_once_for_three_curves(words, tmp_path):
    texts, y = words
    encoder = Hashed(width=384)
    for alpha in (0.0, 0.1, 10.0):
        curve_of(encoder, HeadRegressor(alpha), memory=tmp_path).fit(texts, y)
    assert encoder.batches == [texts]


def test_once_for_a_grid(words, tmp_path):
    texts, y = words
    encoder = Hashed(width=20)
    frozen = FrozenFeatureTransformer(encoder, memory=joblib.Memory(tmp_path))
    grid = {
        "frozenfeaturetransformer__n_components": [2, 5, 20],
        "headregressor__alpha": [0.0, 1.0, 10.0],
    }
    model = make_pipeline(frozen, HeadRegressor())
    GridSearchCV(model, grid, cv=4).fit(texts, y)
    assert sorted(text for batch in encoder.batches for text in batch) == sorted(texts)


def test_a_curve_is_the_curve_of_the_matrix(words):
    texts, y = words
    curve = curve_of(Hashed(width=384), pooling="mean").fit(texts, y)
    refit = curve_of(Hashed(width=384), pooling="mean")
    refit.set_params(strategy="refit", param_range=[1, 30, 200], cv=2).fit(texts, y)
    at = [list(curve.param_range_).index(width) for width in (1, 30, 200)]
    assert_allclose(curve.test_risk_[at, :2], refit.test_risk_, rtol=1e-8)


# Memory


def test_memory_gives_the_same_numbers(tmp_path):
    encoder = Letters()
    plain = FrozenFeatureTransformer(encoder, pooling="mean").fit_transform(TEXTS)
    kept = FrozenFeatureTransformer(encoder, pooling="mean", memory=str(tmp_path))
    first = kept.fit_transform(TEXTS[:3] + TEXTS[:3])
    assert_array_equal(first, plain[[0, 1, 2, 0, 1, 2]])
    asked = encoder.n_encoded
    assert_array_equal(kept.transform(TEXTS), plain)
    assert encoder.batches[-1] == TEXTS[3:]
    assert encoder.n_encoded == asked + 3


def test_memory_is_keyed_by_weights_pooling_and_dtype(tmp_path):
    found = [
        FrozenFeatureTransformer(
            Letters(seed=seed), pooling=pooling, dtype=dtype, memory=tmp_path
        ).fit_transform(TEXTS)
        for seed in (0, 1)
        for pooling in ("last", "sum")
        for dtype in ("float64", "float32")
        for _ in range(2)
    ]
    want = [
        FrozenFeatureTransformer(
            Letters(seed=seed), pooling=pooling, dtype=dtype
        ).fit_transform(TEXTS)
        for seed in (0, 1)
        for pooling in ("last", "sum")
        for dtype in ("float64", "float32")
        for _ in range(2)
    ]
    for one, other in zip(found, want, strict=True):
        assert one.dtype == other.dtype
        assert_array_equal(one, other)


def test_memory_tells_samples_apart(tmp_path):
    class Spell:
        weights_key = "spell"

        def __call__(self, batch):
            return np.array(
                [[len(str(sample)), sum(str(sample).encode())] for sample in batch]
            )

    samples = [np.array([1, 2]), np.array([1.0, 2.0]), np.array([[1, 2]])]
    samples += [["1", "2"], ["12"]]
    frozen = FrozenFeatureTransformer(Spell(), memory=tmp_path)
    for sample in samples:
        frozen.fit([sample])
    assert_array_equal(frozen.fit_transform(samples), Spell()(samples))


def test_an_interrupted_job_goes_on(tmp_path):
    class Failing(Letters):
        def __call__(self, texts):
            if len(self.batches) == 2:
                raise KeyboardInterrupt
            return super().__call__(texts)

    options = {"batch_size": 2, "memory": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        FrozenFeatureTransformer(Failing(), **options).fit_transform(TEXTS)
    encoder = Letters()
    FrozenFeatureTransformer(encoder, **options).fit_transform(TEXTS)
    assert encoder.batches == [TEXTS[4:]]


def test_memory_that_keeps_nothing_or_is_cleared(tmp_path):
    encoder = Letters()
    nothing = FrozenFeatureTransformer(encoder, memory=joblib.Memory(None))
    nothing.fit_transform(TEXTS)
    nothing.fit_transform(TEXTS)
    assert encoder.batches == [TEXTS, TEXTS]
    memory = joblib.Memory(tmp_path, verbose=0)
    kept = FrozenFeatureTransformer(encoder, memory=memory)
    kept.fit_transform(TEXTS)
    memory.clear(warn=False)
    kept.fit_transform(TEXTS)
    assert len(encoder.batches) == 4


def test_memory_needs_to_know_the_weights(tmp_path):
    def encode(texts):
        return np.ones((len(texts), 1))

    for encoder in (encode, len, lambda texts: encode(texts)):
        with pytest.raises(ValueError, match="`weights_key`"):
            FrozenFeatureTransformer(encoder, memory=tmp_path).fit(TEXTS)
    encode.weights_key = 3
    with pytest.raises(ValueError, match="must be a string"):
        FrozenFeatureTransformer(encode, memory=tmp_path).fit(TEXTS)
    encode.weights_key = "ones"
    FrozenFeatureTransformer(encode, memory=tmp_path).fit(TEXTS)


class Scale:
    """Without a key of its own, but of a state that pickle holds."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, rows):
        return self.factor * rows


def test_memory_hashes_what_pickle_holds(tmp_path):
    X = np.ones((3, 2))
    for factor in (2.0, 3.0):
        frozen = FrozenFeatureTransformer(Scale(factor), memory=tmp_path)
        assert_array_equal(frozen.fit_transform(X), factor * X)
        assert_array_equal(frozen.fit_transform(X), factor * X)


def test_damaged_memory(tmp_path):
    frozen = FrozenFeatureTransformer(Letters(), memory=tmp_path)
    frozen.fit_transform(TEXTS)
    (path,) = tmp_path.rglob("*.sqlite")
    for row in (b"123", b"", None, "text", np.full(7, np.nan).tobytes()):
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE encodings SET row = ?", (row,))
        connection.close()
        with pytest.raises(ValueError, match="damaged or foreign"):
            frozen.fit_transform(TEXTS)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE encodings SET row = ? WHERE rowid = 1", (bytes(8),))
        connection.execute("UPDATE encodings SET row = ? WHERE rowid > 1", (bytes(16),))
    connection.close()
    with pytest.raises(ValueError, match="ragged"):
        frozen.fit_transform(TEXTS)
    path.write_bytes(b"not of SQLite" * 100)
    with pytest.raises(ValueError, match="damaged or foreign"):
        frozen.fit_transform(TEXTS)
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match="cannot use"):
        frozen.fit_transform(TEXTS)


# Clones, pickles, workers, words


def test_clones_share_the_encoder():
    encoder = Letters()
    frozen = FrozenFeatureTransformer(encoder, 3, verbose=0).fit(TEXTS)
    twin = clone(frozen)
    assert twin.encoder is encoder
    assert twin.get_params() == frozen.get_params()
    with pytest.raises(NotFittedError):
        twin.transform(TEXTS)
    pipeline = clone(make_pipeline(frozen, HeadRegressor()))
    assert pipeline[0].encoder is encoder
    model = as_encoder({"a": [1.0]})
    assert clone(FrozenFeatureTransformer(model)).encoder is model


def test_encoder_is_not_touched():
    encoder = Letters()
    before = encoder.table.copy()
    FrozenFeatureTransformer(encoder, 4, readout="relu").fit(TEXTS).transform(TEXTS)
    assert_array_equal(encoder.table, before)


def test_pickle():
    frozen = FrozenFeatureTransformer(Letters(), 4, readout="relu").fit(TEXTS)
    again = pickle.loads(pickle.dumps(frozen))
    assert_array_equal(again.transform(TEXTS), frozen.transform(TEXTS))


def test_workers_change_nothing():
    texts = TEXTS * 7
    alone, together = (
        FrozenFeatureTransformer(Letters(), batch_size=5, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    assert_array_equal(alone.fit_transform(texts), together.fit_transform(texts))


def test_progress(capfd):
    FrozenFeatureTransformer(Letters(), batch_size=4, verbose=1).fit_transform(TEXTS)
    err = capfd.readouterr().err
    assert "[FrozenFeatureTransformer] 6/6 samples, elapsed" in err
    assert "remaining 0.0 s" in err
    FrozenFeatureTransformer(Letters()).fit_transform(TEXTS)
    assert not capfd.readouterr().err


def test_html_repr():
    for encoder in (
        Letters(),
        random_hmm("categorical", size=2),
        as_encoder({"a": [1]}),
    ):
        frozen = FrozenFeatureTransformer(encoder, 3)
        assert "FrozenFeatureTransformer" in frozen._repr_html_()
        assert "n_components=3" in repr(frozen)
