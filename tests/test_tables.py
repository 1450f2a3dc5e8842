"""Tables, columns and masked arrays through every door, against plain NumPy."""

import datetime
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from random_models import random_hmm
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BaumWelch,
    FisherScoreTransformer,
    FrozenFeatureTransformer,
    HMMFeatureTransformer,
    LeadingColumns,
    LinearGaussianHMM,
    forecast_risk,
)
from skhmmdd._tables import as_array, is_table
from skhmmdd.features import TokenEncoder

# More rows than columns: a table read along the wrong axis has another shape.
SYMBOLS = np.array([[0, 1, 2], [3, 1, 0], [2, 2, 1], [1, 0, 3], [0, 3, 3]])
GAPS = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)
LIBRARIES = ["pandas", "pandas nullable", "pandas arrow", "polars", "pyarrow", "batch"]


def make_table(library, values, gaps=None):
    """A table of `library` whose cells are empty at `gaps`."""
    gaps = np.zeros(values.shape, dtype=bool) if gaps is None else gaps
    columns = {
        f"t{j}": [None if gone else value for value, gone in zip(c, g, strict=True)]
        for j, (c, g) in enumerate(zip(values.T.tolist(), gaps.T.tolist(), strict=True))
    }
    if library == "polars":
        return pytest.importorskip("polars").DataFrame(columns)
    if library in ("pyarrow", "batch", "pandas arrow"):
        pa = pytest.importorskip("pyarrow", exc_type=ImportError)
        table = pa.table(columns)
        table = table.to_batches()[0] if library == "batch" else table
        if library == "pandas arrow":
            return table.to_pandas(types_mapper=pd.ArrowDtype)
        return table
    frame = pd.DataFrame(columns)
    if library == "pandas":
        return frame
    return frame.astype(
        {"i": "Int64", "f": "Float64", "U": "string"}[values.dtype.kind]
    )


def make_column(library, sequences):
    """A column of `library` with one list in each row."""
    if library == "pandas":
        return pd.Series(sequences)
    if library == "polars":
        return pytest.importorskip("polars").Series(sequences)
    pa = pytest.importorskip("pyarrow", exc_type=ImportError)
    if library == "pyarrow":
        return pa.array(sequences)
    if library == "chunks":
        kind = pa.array(sequences).type
        return pa.chunked_array([pa.array([s], kind) for s in sequences])
    return pd.Series(pa.array(sequences), dtype=pd.ArrowDtype(pa.array(sequences).type))


def hmms():
    linear = LinearGaussianHMM([[0.9, 0.1], [0.0, 0.7]], 0.3, [[1.0], [0.5]], 0.4)
    return [random_hmm("categorical"), random_hmm("diag", size=1), linear]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("gaps", [None, GAPS])
@pytest.mark.parametrize("hmm", hmms(), ids=lambda hmm: type(hmm).__name__)
def test_tables_at_a_frozen_model(hmm, gaps, library):
    numbers = SYMBOLS.astype(float)
    if gaps is not None:
        numbers[gaps] = np.nan
    frame = make_table(library, SYMBOLS, gaps)
    for method in ("log_likelihood", "filter", "smooth", "decode", "predict_next"):
        run = getattr(hmm, method)
        assert_array_equal(run(frame), run(numbers))


@pytest.mark.filterwarnings("ignore:X holds whole numbers and NaN")
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("gaps", [None, GAPS])
@pytest.mark.parametrize("dtype", [int, float])
def test_tables_at_an_estimator(dtype, gaps, library):
    values = SYMBOLS.astype(dtype)
    plain = values.copy()
    if gaps is not None:
        plain[gaps] = -1 if dtype is int else np.nan
    # pandas itself has no empty place among plain integers: it makes floats of them.
    if library == "pandas" and gaps is not None and dtype is int:
        plain = np.where(gaps, np.nan, values)
    frame = make_table(library, values, gaps)
    if not hasattr(frame, "shape"):
        pytest.skip("A record batch of this version of pyarrow is a plain array.")
    options = {"n_states": 2, "max_iter": 3, "tol": 0, "random_state": 0}
    fitted = BaumWelch(**options).fit(frame)
    assert fitted.hmm_ == BaumWelch(**options).fit(plain).hmm_
    assert fitted.n_features_in_ == 3
    assert_array_equal(fitted.score_samples(frame), fitted.hmm_.log_likelihood(plain))
    assert fitted.partial_fit(frame).n_batches_ > 0
    features = HMMFeatureTransformer(fitted.hmm_, 7, random_state=0)
    assert_array_equal(
        features.fit_transform(frame), features.fit(frame).transform(frame)
    )
    assert_array_equal(
        features.fit_transform(frame), np.asarray(features.fit_transform(plain))
    )
    # Names of columns, where scikit-learn sees them, are compared first.
    with pytest.raises(ValueError, match=r"X has 2 features, but|feature names should"):
        features.fit(frame).transform(make_table(library, values[:, :2]))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", ["U", "i"])
def test_tables_of_tokens(kind, library):
    words = SYMBOLS if kind == "i" else np.array(list("abcd"))[SYMBOLS]
    encoder = TokenEncoder().fit(make_table(library, words))
    assert encoder.vocabulary_.tolist() == sorted(set(words.ravel().tolist()))
    assert_array_equal(encoder.transform(make_table(library, words)), SYMBOLS)
    assert_array_equal(
        encoder.transform(make_table(library, words, GAPS)), np.where(GAPS, -1, SYMBOLS)
    )


@pytest.mark.parametrize(
    "library", ["pandas", "pandas arrow", "polars", "pyarrow", "chunks"]
)
def test_columns_of_sequences(library):
    ragged = [[0, 1, 2], [3], [2, None, 1, 0]]
    plain = [[0, 1, 2], [3], [2, -1, 1, 0]]
    column = make_column(library, ragged)
    hmm = random_hmm("categorical")
    assert_array_equal(hmm.log_likelihood(column), hmm.log_likelihood(plain))
    assert isinstance(hmm.filter(column), list)
    options = {"n_states": 2, "max_iter": 2, "tol": 0, "random_state": 0}
    assert BaumWelch(**options).fit(column).hmm_ == BaumWelch(**options).fit(plain).hmm_
    transformer = HMMFeatureTransformer(hmm).fit(column)
    assert_array_equal(transformer.transform(column), transformer.transform(plain))
    encoded = TokenEncoder().fit_transform(column)
    assert [s.tolist() for s in encoded] == plain

    gaussian = random_hmm("diag", size=1)
    column = make_column(library, [[0.5, None], [1.5, 2.5, 0.0]])
    plain = [[0.5, np.nan], [1.5, 2.5, 0.0]]
    assert_array_equal(gaussian.log_likelihood(column), gaussian.log_likelihood(plain))

    encoded = TokenEncoder().fit_transform(make_column(library, ["ab", "b"]))
    assert [s.tolist() for s in encoded] == [[0, 1], [1]]
    encoded = TokenEncoder().fit_transform(make_column(library, [["b", None], ["a"]]))
    assert [s.tolist() for s in encoded] == [[1, -1], [0]]

    with pytest.raises(ValueError, match=r"X.* item 1 is (None|<NA>)"):
        hmm.log_likelihood(make_column(library, [[0, 1], None]))


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_columns_of_sequences_of_vectors(library):
    hmm = random_hmm("full", size=2)
    x = [[[0.5, 1.0], [2.0, 0.0]], [[1.0, 1.0]]]
    column = make_column(library, x)
    assert_array_equal(hmm.log_likelihood(column), hmm.log_likelihood(x))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_masked_symbols_are_missing(dtype):
    hmm = random_hmm("categorical")
    # What stands behind the mask is not looked at.
    X = np.ma.array(np.where(GAPS, 99, SYMBOLS).astype(dtype), mask=GAPS)
    plain = np.where(GAPS, -1, SYMBOLS)
    assert_array_equal(hmm.filter(X), hmm.filter(plain))
    assert_array_equal(hmm.log_likelihood(list(X)), hmm.log_likelihood(plain))
    options = {"n_states": 2, "max_iter": 2, "tol": 0, "random_state": 0}
    assert BaumWelch(**options).fit(X).hmm_ == BaumWelch(**options).fit(plain).hmm_
    transformer = HMMFeatureTransformer(hmm).fit(X)
    assert_array_equal(transformer.transform(X), transformer.transform(plain))
    encoder = TokenEncoder().fit(SYMBOLS)
    assert_array_equal(encoder.transform(X), plain)
    back = encoder.inverse_transform(X)
    assert_array_equal(back == None, GAPS)  # noqa: E711
    assert_array_equal(back[~GAPS], SYMBOLS[~GAPS])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, int])
def test_masked_observations_are_missing(dtype):
    x = (10 * np.random.RandomState(0).standard_normal((5, 3, 2))).astype(dtype)
    gone = np.zeros(x.shape, dtype=bool)
    gone[1, 0, 1] = gone[2, 1] = gone[3, 2] = True
    X = np.ma.array(np.where(gone, 50, x), mask=gone)
    plain = np.where(gone, np.nan, x.astype(float))
    for hmm in (
        random_hmm("diag", size=2),
        random_hmm("full", size=2),
        LinearGaussianHMM([[0.9]], 0.2, [[1.0, 2.0]], 0.5),
    ):
        assert_array_equal(hmm.filter(X), hmm.filter(plain))
        assert_array_equal(hmm.log_likelihood(list(X)), hmm.log_likelihood(plain))
    options = {"emission": "gaussian", "max_iter": 2, "tol": 0, "random_state": 0}
    assert (
        BaumWelch(2, **options).fit(X).hmm_ == BaumWelch(2, **options).fit(plain).hmm_
    )
    assert_array_equal(np.ma.getdata(X)[gone], 50)


def test_cells_of_many_types():
    hmm = random_hmm("categorical")
    plain = np.array([[0, -1, 1], [2, 3, -1]])
    for cells in (
        [[0, None, 1], [2, 3, np.nan]],
        [[0, pd.NA, 1], [2, 3, pd.NaT]],
        [[Decimal(0), None, np.int8(1)], [2.0, np.float32(3), None]],
        [[False, None, True], [2, 3, None]],
    ):
        for X in (cells, np.array(cells, dtype=object), pd.DataFrame(cells)):
            assert_array_equal(hmm.log_likelihood(X), hmm.log_likelihood(plain))


def test_integers_keep_all_their_digits():
    wide = 2**53 + 1
    frame = pd.DataFrame({"a": [wide, None], "b": [1, 2]}, dtype="Int64")
    array = as_array(frame)
    assert array[0, 0] == wide and array.dtype == np.int64
    assert array.mask.tolist() == [[False, False], [True, False]]


def test_mixed_columns_share_a_type():
    frame = pd.DataFrame({"a": [1, 2], "b": [True, False], "c": [0.5, None]})
    assert_array_equal(as_array(frame), [[1, 1, 0.5], [2, 0, np.nan]])
    frame = pd.DataFrame([[1, 2], [3, 4]], columns=["same", "same"])
    assert_array_equal(as_array(frame), [[1, 2], [3, 4]])
    category = pd.DataFrame({"a": pd.Categorical([3, None]), "b": [1, 2]})
    assert as_array(category).tolist() == [[3, 1], [None, 2]]
    sparse = pd.DataFrame(np.eye(2)).astype(pd.SparseDtype(float, 0))
    assert_array_equal(as_array(sparse), np.eye(2))


def test_dates_are_tokens_and_no_numbers():
    pl = pytest.importorskip("polars")
    day = datetime.date(2020, 1, 1)
    frames = [
        pl.DataFrame({"a": [day, None], "b": [day, day]}),
        pd.DataFrame(
            {"a": pd.to_datetime([day, None]), "b": pd.to_datetime([day] * 2)}
        ),
    ]
    for frame in frames:
        assert_array_equal(TokenEncoder().fit_transform(frame), [[0, 0], [-1, 0]])
        with pytest.raises(ValueError, match="X must hold numbers, got dates of type"):
            random_hmm("categorical").log_likelihood(frame)


def test_structures_are_no_numbers():
    frame = pytest.importorskip("polars").DataFrame({"a": [{"x": 1}]})
    with pytest.raises(TypeError, match=r"X must hold numbers, got \{'x': 1\}"):
        random_hmm("categorical").log_likelihood(frame)


def test_empty_places_of_a_dictionary():
    pa = pytest.importorskip("pyarrow", exc_type=ImportError)
    table = pa.table({"a": pa.array(["x", "y", None]).dictionary_encode()})
    assert_array_equal(TokenEncoder().fit_transform(table), [[0], [1], [-1]])


def test_lazy_frames_are_refused():
    lazy = pytest.importorskip("polars").DataFrame({"a": [0, 1]}).lazy()
    assert not is_table(lazy)
    with pytest.raises(TypeError, match="X must be an array or a list"):
        random_hmm("categorical").log_likelihood(lazy)


def test_nothing_is_copied_without_need():
    X = np.zeros((3, 2))
    assert as_array(X) is X
    frame = pd.DataFrame(X)
    assert np.shares_memory(as_array(frame), frame.to_numpy())


def string_columns():
    """Columns of strings of pyarrow, pandas and polars, in all their types."""
    words = ["ab", "ba", "b"]
    columns = {
        "category": pd.Series(words, dtype="category"),
        "string": pd.Series(words, dtype="string"),
        "index": pd.Index(words),
        "extension": pd.array(words, dtype="string"),
    }
    pl = pytest.importorskip("polars")
    columns |= {
        "polars categorical": pl.Series(words, dtype=pl.Categorical),
        "polars enum": pl.Series(words, dtype=pl.Enum(words)),
    }
    pa = pytest.importorskip("pyarrow", exc_type=ImportError)
    columns |= {
        "array": pa.array(words),
        "large": pa.array(words, pa.large_string()),
        "dictionary": pa.array(words).dictionary_encode(),
        "chunks": pa.chunked_array([words[:1], words[1:]]),
        "chunks of a dictionary": pa.chunked_array([words]).dictionary_encode(),
        "pandas arrow": pd.Series(words, dtype=pd.ArrowDtype(pa.string())),
    }
    return columns


def test_columns_of_strings():
    plain = ["ab", "ba", "b"]
    for column in string_columns().values():
        encoded = TokenEncoder().fit_transform(column)
        assert [one.tolist() for one in encoded] == [[0, 1], [1, 0], [1]]
        frozen = FrozenFeatureTransformer(lambda texts: [[len(t)] for t in texts])
        assert_array_equal(frozen.fit_transform(column), [[len(t)] for t in plain])
    pa = pytest.importorskip("pyarrow", exc_type=ImportError)
    for column in (
        pa.array(["ab", None]),
        pa.chunked_array([["ab"], [None]]),
        pd.Series(["ab", None], dtype="string"),
        pytest.importorskip("polars").Series(["ab", None]),
    ):
        with pytest.raises(ValueError, match=r"X\[1\] is None .* Drop the samples"):
            TokenEncoder().fit(column)


def test_columns_of_lists_of_one_length():
    sequences = [[0, None, 1], [1, 2, 0]]
    pl = pytest.importorskip("polars")
    columns = [pl.Series(sequences, dtype=pl.Array(pl.Int64, 3)), pl.Series(sequences)]
    pa = pytest.importorskip("pyarrow", exc_type=ImportError)
    columns += [
        pa.array(sequences, pa.list_(pa.int8(), 3)),
        pa.array(sequences, pa.large_list(pa.int64())),
    ]
    hmm = random_hmm("categorical")
    for column in columns:
        assert_array_equal(hmm.log_likelihood(column), hmm.log_likelihood(sequences))
        # Integers with an empty place are symbols yet.
        fitted = BaumWelch(2, max_iter=1, tol=0, random_state=0).fit(column)
        assert fitted.hmm_.n_symbols == 3


class Column(Sequence):
    """What `datasets.Dataset` has for a column: read an item at a time."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def dataset_columns(**columns):
    yield {name: Column(items) for name, items in columns.items()}
    try:
        from datasets import Dataset
    except ImportError:
        return
    dataset = Dataset.from_dict(columns)
    for kind in (None, "numpy", "arrow", "pandas", "polars"):
        yield dataset.with_format(kind)


def test_columns_of_a_dataset():
    columns = {
        "text": ["ab", "ba", "b"],
        "tokens": [["a", "b"], ["b", "a"], ["b"]],
        "symbols": [[0, 1], [1, 0], [1]],
        "vectors": [[[0.5, 1.0], [2.0, 0.0]], [[1.0, 1.0]], [[0.0, 3.0]]],
    }
    symbolic, gaussian = random_hmm("categorical"), random_hmm("full", size=2)
    options = {"n_states": 2, "max_iter": 2, "tol": 0, "random_state": 0}
    for dataset in dataset_columns(**columns):
        for name in ("text", "tokens"):
            encoded = TokenEncoder().fit_transform(dataset[name])
            assert [one.tolist() for one in encoded] == columns["symbols"]
        for name, hmm in (("symbols", symbolic), ("vectors", gaussian)):
            plain, column = columns[name], dataset[name]
            assert_array_equal(hmm.log_likelihood(column), hmm.log_likelihood(plain))
            fitted = BaumWelch(**options).fit(column)
            assert fitted.hmm_ == BaumWelch(**options).fit(plain).hmm_
            assert_array_equal(
                HMMFeatureTransformer(hmm).fit_transform(column),
                HMMFeatureTransformer(hmm).fit_transform(plain),
            )
        frozen = FrozenFeatureTransformer(lambda texts: [[len(t)] for t in texts])
        assert_array_equal(frozen.fit_transform(dataset["text"]), [[2], [2], [1]])
        turned = [np.transpose(x).tolist() for x in columns["vectors"]]
        panel = HMMFeatureTransformer(gaussian, channels_first=True)
        assert_array_equal(
            panel.fit_transform(Column(turned)),
            HMMFeatureTransformer(gaussian).fit_transform(dataset["vectors"]),
        )


# --- pandas in, pandas out

INDEX = pd.Index([7, 3, 9, 3], name="patient")  # unordered, and one of them twice


def indexed():
    """What a user joins to his table: each with the transformers that take it."""
    hmm = random_hmm("categorical")
    of_symbols = [
        HMMFeatureTransformer(hmm, 5, random_state=0),
        FisherScoreTransformer(hmm),
        FrozenFeatureTransformer(hmm),
        FrozenFeatureTransformer(lambda batch: [[len(x), 1.0] for x in batch]),
        HMMFeatureTransformer(BaumWelch(2, max_iter=1, tol=0)),
    ]
    words = ["ab", "b", "aab", "ba"]
    of_words = [
        make_pipeline(TokenEncoder(), *after)
        for after in (of_symbols[:1], of_symbols[1:2], of_symbols[2:3], of_symbols[4:])
    ]
    table = pd.DataFrame(SYMBOLS[:4], index=INDEX)
    yield table, [*of_symbols[:3], TokenEncoder()]
    yield pd.Series([[0, 1], [2], [3, 3], [1]], index=INDEX), of_symbols
    yield pd.Series(words, index=INDEX, name="text"), of_words
    yield pd.Series(words, index=INDEX, dtype="string"), of_words
    yield pd.Series(list(map(list, words)), index=INDEX), of_words
    yield pd.DataFrame({"text": words}, index=INDEX), [of_symbols[3]]
    frame = pd.DataFrame([[0.5, 1.0], [2.0, 0.0], [1.0, 1.0], [0.0, 1.0]], index=INDEX)
    yield frame, [LeadingColumns(1)]
    yield table.astype(str), [make_pipeline(TokenEncoder(), of_symbols[0])]


@pytest.mark.filterwarnings("ignore:Baum-Welch did not converge")
def test_index_is_kept():
    for X, transformers in indexed():
        for transformer in transformers:
            plain = np.asarray(clone(transformer).fit_transform(X))
            transformer = clone(transformer).set_output(transform="pandas")
            for found in (transformer.fit_transform(X), transformer.transform(X)):
                assert isinstance(found, pd.DataFrame)
                assert found.index.equals(INDEX) and found.index.name == "patient"
                assert list(found.columns) == list(transformer.get_feature_names_out())
                if "BaumWelch" not in repr(transformer):
                    assert_array_equal(found, plain)
            # A list has no index to keep, nor has any other container.
            if X.ndim == 1:
                found = transformer.transform(X.tolist())
                assert found.index.equals(pd.RangeIndex(4))
    encoder = TokenEncoder().set_output(transform="pandas")
    words = pd.Series(["ab", "b"], index=[5, 2])
    assert encoder.fit_transform(words).index.tolist() == [5, 2]
    assert isinstance(encoder.fit_transform(["ab", "b"]), np.ndarray)
    assert isinstance(TokenEncoder().fit_transform(words), np.ndarray)


def test_polars_output():
    pl = pytest.importorskip("polars")
    hmm = random_hmm("categorical")
    model = make_pipeline(TokenEncoder(), HMMFeatureTransformer(hmm))
    for words in (pl.Series(["ab", "b"]), pd.Series(["ab", "b"], index=[5, 2])):
        plain = model.set_output(transform="default").fit_transform(words)
        found = model.set_output(transform="polars").fit_transform(words)
        assert isinstance(found, pl.DataFrame)
        assert_array_equal(found.to_numpy(), plain)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_columns_of_texts_are_named(library):
    columns = {"age": [1.0, 2.0, 3.0], **{f"t{i}": ["a", "b", None] for i in range(7)}}
    make = {"pandas": "DataFrame", "polars": "DataFrame", "pyarrow": "table"}[library]
    table = getattr(pytest.importorskip(library, exc_type=ImportError), make)(columns)
    message = "X must hold numbers.*'t0', 't1', 't2', 't3', 't4' and 2 more. Drop"
    with pytest.raises(ValueError, match=message):
        forecast_risk(table, [1.0, 2.0, 3.0])
