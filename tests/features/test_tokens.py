"""TokenEncoder: every kind of input, there and back, and what bad input gets."""

import pickle
import sys

import numpy as np
import pytest
from internal_checks import common_checks, internal_checks
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags

from skhmmdd import BaumWelch, HMMFeatureTransformer
from skhmmdd.features._tokens import TokenEncoder


@common_checks([TokenEncoder()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@internal_checks
def test_scikit_learn_internal_checks(check):
    check(TokenEncoder())


def test_tags_are_honest():
    tags = get_tags(TokenEncoder()).input_tags
    assert tags.two_d_array and tags.allow_nan and tags.categorical and tags.string
    assert not tags.sparse and not tags.one_d_array


def assert_sequences_equal(actual, expected):
    assert actual.dtype == object and actual.shape == (len(expected),)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def brute_force(X, vocabulary):
    """Symbols by looking each token up, one by one."""
    return [[list(vocabulary).index(token) for token in sequence] for sequence in X]


# --- strings


@pytest.mark.parametrize("container", [list, tuple, "object", "U", "pandas", "polars"])
def test_strings_in_every_container(container):
    words = ["double", "descent", "a", "hidden"]
    if container == "object":
        X = np.array(words, dtype=object)
    elif container == "U":
        X = np.array(words)
    elif isinstance(container, str):
        X = pytest.importorskip(container).Series(words)
    else:
        X = container(words)
    encoder = TokenEncoder().fit(X)
    assert encoder.vocabulary_.tolist() == sorted(set("".join(words)))
    assert encoder.n_symbols_ == len(encoder.vocabulary_)
    symbols = encoder.transform(X)
    assert {s.dtype for s in symbols} == {np.dtype(np.int32)}
    assert_sequences_equal(symbols, brute_force(words, encoder.vocabulary_))
    assert encoder.inverse_transform(symbols) == words


def test_unicode_round_trip():
    words = ["naïve", "日本語", "👩‍🚀 ok", "e\u0301", "\x00", "a\x00", "\ud800", "\t\n"]
    encoder = TokenEncoder()
    assert encoder.inverse_transform(encoder.fit_transform(words)) == words
    assert encoder.vocabulary_.tolist() == sorted(set("".join(words)))


def test_strings_of_equal_length_stay_sequences():
    symbols = TokenEncoder().fit_transform(["ab", "ba"])
    assert_sequences_equal(symbols, [[0, 1], [1, 0]])


def test_random_strings_against_brute_force():
    rng = np.random.RandomState(0)
    words = [
        "".join(map(chr, rng.randint(97, 123, size=rng.randint(1, 9))))
        for _ in range(300)
    ]
    encoder = TokenEncoder().fit(words[:200])
    symbols = encoder.transform(words[200:])
    assert_sequences_equal(symbols, brute_force(words[200:], encoder.vocabulary_))


# --- lists of tokens


def test_ragged_lists_round_trip():
    X = [["to", "be", "or"], ["not"], ("to", "be")]
    encoder = TokenEncoder().fit(X)
    assert encoder.vocabulary_.tolist() == ["be", "not", "or", "to"]
    assert_sequences_equal(encoder.transform(X), [[3, 0, 2], [1], [3, 0]])
    assert encoder.inverse_transform(encoder.transform(X)) == [list(x) for x in X]


def test_lists_of_words_of_equal_length_stay_sequences():
    symbols = TokenEncoder().fit_transform([["to", "be"], ["be", "to"]])
    assert_sequences_equal(symbols, [[1, 0], [0, 1]])


def test_numbers_in_lists():
    ragged = [[30, 10], [20]]
    encoder = TokenEncoder().fit(ragged)
    assert encoder.vocabulary_.dtype.kind == "i"
    assert_sequences_equal(encoder.transform(ragged), [[2, 0], [1]])
    # A list of lists of numbers of one length is a matrix ...
    matrix = encoder.transform([[10, 20], [30, 30]])
    np.testing.assert_array_equal(matrix, [[0, 1], [2, 2]])
    # ... that makes no claim on later lengths,
    assert encoder.transform([[10, 20, 30]]).shape == (1, 3)
    # and an object array never is one.
    X = np.empty(2, dtype=object)
    X[0], X[1] = [10, 20], [30, 30]
    assert_sequences_equal(encoder.transform(X), [[0, 1], [2, 2]])


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.float32, bool])
def test_lists_of_arrays(dtype):
    X = [np.array([1, 0, 1], dtype=dtype), np.array([0], dtype=dtype)]
    encoder = TokenEncoder().fit(X)
    assert_sequences_equal(encoder.transform(X), [[1, 0, 1], [0]])
    # NumPy's scalars and Python's are the same tokens.
    assert_sequences_equal(encoder.transform([[1, 0], [dtype(1)]]), [[1, 0], [1]])
    assert encoder.inverse_transform([[1, 0]]) == [[1, 0]]


def test_mixed_tokens_have_an_order():
    X = [["b", 2, ("x", 1)], [1, "a", frozenset({1}), b"c"]]
    encoder = TokenEncoder().fit(X)
    expected = [b"c", frozenset({1}), 1, 2, "a", "b", ("x", 1)]
    assert encoder.vocabulary_.tolist() == expected
    reversed_X = [sequence[::-1] for sequence in X[::-1]]
    assert TokenEncoder().fit(reversed_X).vocabulary_.tolist() == expected
    assert encoder.inverse_transform(encoder.transform(X)) == X


def test_partly_ordered_tokens_have_an_order():
    sets = [frozenset({1, 2}), frozenset({3}), frozenset({1})]
    for X in ([sets], [sets[::-1]]):
        found = TokenEncoder().fit(X).vocabulary_.tolist()
        assert found == sorted(sets, key=repr)


def test_strings_among_lists_are_lists_of_characters():
    encoder = TokenEncoder().fit(["ab", ["b", "cd"]])
    assert encoder.vocabulary_.tolist() == ["a", "b", "cd"]
    assert encoder.inverse_transform([[0, 1]]) == [["a", "b"]]


def test_equal_numbers_are_one_token():
    assert TokenEncoder().fit([[1, 1.0, True]]).n_symbols_ == 1


def test_tuples_and_big_integers_as_tokens():
    encoder = TokenEncoder().fit([[(1, 2), (0, 5)], [(1, 2)]])
    assert encoder.vocabulary_.shape == (2,)
    assert encoder.vocabulary_.tolist() == [(0, 5), (1, 2)]
    big = [[2**63, -1], [2**63 + 1]]
    encoder = TokenEncoder().fit(big)
    assert encoder.vocabulary_.tolist() == [-1, 2**63, 2**63 + 1]
    assert encoder.inverse_transform(encoder.transform(big)) == big


def test_bytes_are_sequences_of_integers():
    symbols = TokenEncoder().fit_transform([b"ab", b"ba"])
    assert_sequences_equal(symbols, [[0, 1], [1, 0]])


# --- tables


@pytest.mark.parametrize(
    "table",
    [
        np.array([[5, 7], [7, -3], [5, 5]]),
        np.array([[0.5, 7], [np.inf, -3], [5, 5]]),
        np.array([["ab", "c"], ["", "ab"]]),
        np.array([["ab", 1], [(2,), "ab"]], dtype=object),
        np.array([[True, False]]),
        np.asfortranarray([[1, 2, 3], [3, 1, 1]]),
    ],
    ids=["int", "float", "str", "object", "bool", "fortran"],
)
def test_table_round_trip(table):
    encoder = TokenEncoder().fit(table)
    assert encoder.n_features_in_ == table.shape[1]
    symbols = encoder.transform(table)
    assert symbols.dtype == np.int32
    np.testing.assert_array_equal(symbols, brute_force(table, encoder.vocabulary_))
    back = encoder.inverse_transform(symbols)
    np.testing.assert_array_equal(back, table)
    if table.dtype.kind not in "U":
        assert back.dtype == table.dtype


def test_dates():
    dates = np.array([["2024-02-01", "2024-01-01"], ["NaT", "2024-02-01"]])
    dates = dates.astype("datetime64[ns]")
    encoder = TokenEncoder()
    np.testing.assert_array_equal(encoder.fit_transform(dates), [[1, 0], [-1, 1]])
    assert encoder.vocabulary_.tolist() == [dates[0, 1], dates[0, 0]]


def test_table_columns_must_agree():
    encoder = TokenEncoder().fit([[1, 2], [3, 4]])  # a list has no columns
    assert not hasattr(encoder, "n_features_in_")
    encoder.fit(np.array([[1, 2], [3, 4]]))
    with pytest.raises(ValueError, match="X has 1 features, but TokenEncoder is exp"):
        encoder.transform(np.array([[1]]))
    assert_sequences_equal(encoder.transform([[1, 2], [3]]), [[0, 1], [2]])
    encoder.fit([[1, 2], [3]])
    assert not hasattr(encoder, "n_features_in_")
    assert encoder.transform(np.array([[1]])).shape == (1, 1)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_dataframe(library):
    module = pytest.importorskip(library)
    frame = module.DataFrame({"t0": ["a", "b", None], "t1": ["b", "b", "c"]})
    encoder = TokenEncoder().fit(frame)
    assert encoder.vocabulary_.tolist() == ["a", "b", "c"]
    expected = [[0, 1], [1, 1], [-1, 2]]
    np.testing.assert_array_equal(encoder.transform(frame), expected)
    # scikit-learn 1.6 does not see the column names of polars 2.
    if library == "pandas" or hasattr(encoder, "feature_names_in_"):
        assert encoder.feature_names_in_.tolist() == ["t0", "t1"]
        with pytest.raises(ValueError, match="feature names"):
            encoder.transform(frame[["t1", "t0"]])
    # An encoder of lists knows no columns and takes the frame without a warning.
    encoder.fit(["abc"])
    np.testing.assert_array_equal(encoder.transform(frame), expected)


@pytest.mark.parametrize("dtype", ["category", "string", "Int64", object])
def test_pandas_dtypes(dtype):
    pd = pytest.importorskip("pandas")
    values = [[1, 2], [2, None]] if dtype == "Int64" else [["x", "y"], ["y", None]]
    frame = pd.DataFrame(values, columns=["t0", "t1"], dtype=object).astype(dtype)
    np.testing.assert_array_equal(
        TokenEncoder().fit_transform(frame), [[0, 1], [1, -1]]
    )


def test_pandas_mixed_columns():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"t0": ["x", "y"], "t1": [1, 2]})
    encoder = TokenEncoder().fit(frame)
    assert encoder.vocabulary_.tolist() == [1, 2, "x", "y"]


# --- missing and unknown tokens


def test_missing_tokens():
    pd = pytest.importorskip("pandas")
    X = [["a", None, "b"], [float("nan"), np.nan, pd.NA, pd.NaT, "a"]]
    encoder = TokenEncoder().fit(X)
    assert encoder.vocabulary_.tolist() == ["a", "b"]
    symbols = encoder.transform(X)
    assert_sequences_equal(symbols, [[0, -1, 1], [-1, -1, -1, -1, 0]])
    assert encoder.inverse_transform(symbols)[0] == ["a", None, "b"]
    # Missing tokens are no unknown tokens, even if fit saw none.
    assert_sequences_equal(TokenEncoder().fit(["ab"]).transform([[None]]), [[-1]])


def test_missing_numbers_stay_nan():
    X = np.array([[0.5, np.nan], [1.5, 0.5]])
    encoder = TokenEncoder().fit(X)
    np.testing.assert_array_equal(encoder.transform(X), [[0, -1], [1, 0]])
    back = encoder.inverse_transform(encoder.transform(X))
    assert back.dtype == np.float64
    np.testing.assert_array_equal(back, X)
    back = TokenEncoder().fit(np.array([[1, 2]])).inverse_transform(np.array([[0, -1]]))
    assert back.tolist() == [[1, None]]


def test_unknown_error_names_tokens_and_sequence():
    encoder = TokenEncoder().fit(["ab"])
    with pytest.raises(ValueError, match=r"2 tokens .*: 'x', 'z'; .* X\[2\]"):
        encoder.transform(["a", "ba", "bz", "x"])
    with pytest.raises(ValueError, match=r"8 tokens .*'s', 't', \.\.\.; .* X\[0\]"):
        encoder.transform(["pqrstuvw"])
    table = TokenEncoder().fit(np.array([[1, 2]]))
    with pytest.raises(ValueError, match=r": 7; .* X\[1\]"):
        table.transform(np.array([[1, 2], [2, 7]]))


def test_unknown_missing():
    encoder = TokenEncoder(handle_unknown="missing").fit(["ab"])
    assert encoder.n_symbols_ == 2
    symbols = encoder.transform(["abc", "d"])
    assert_sequences_equal(symbols, [[0, 1, -1], [-1]])
    assert encoder.inverse_transform(symbols) == ["ab\ufffd", "\ufffd"]


def test_unknown_symbol():
    encoder = TokenEncoder(handle_unknown="symbol").fit([["a", "b"]])
    assert encoder.n_symbols_ == 3
    symbols = encoder.transform([["c", "a", None, "d"]])
    assert_sequences_equal(symbols, [[2, 0, -1, 2]])
    assert encoder.inverse_transform(symbols) == [[None, "a", None, None]]


@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize(
    ("X", "new"),
    [
        (["abba", "bab", "aab"], ["abz", "zz"]),
        ([["a", "b", "b"], ["b", "a"], ["b"]], [["a", "z"], ["z"]]),
        (np.array([["a", "b", "b"], ["b", "a", "b"]]), np.array([["z", "b", "z"]])),
        ([[5, 7, 5], [7, 7, 7]], [[5, 8, 8]]),
    ],
)
def test_pretraining_reserves_the_symbol(X, new, output):
    options = {"n_states": 2, "max_iter": 3, "tol": 0, "random_state": 0}
    model = make_pipeline(
        TokenEncoder(handle_unknown="symbol"),
        HMMFeatureTransformer(BaumWelch(**options)),
    )
    model.set_output(transform=output).fit(X)
    encoder, hmm = model[0], model[1].hmm_
    assert hmm.n_symbols == encoder.n_symbols_ == 3
    assert (hmm.emissionprob[:, -1] > 0).all()
    symbols = encoder.set_output(transform="default").fit_transform(X)
    assert hmm == BaumWelch(**options, n_symbols=3).fit(symbols).hmm_
    # The belief after an unknown token is Bayes' rule with its probability.
    last = np.array([hmm.filter([[*x]])[0][-1] for x in encoder.transform(new)])
    np.testing.assert_allclose(np.asarray(model.transform(new)), last, rtol=1e-12)
    assert np.isfinite(last).all()
    # Nothing is reserved where there is no such symbol, or another size is named.
    model.set_params(tokenencoder__handle_unknown="missing").fit(X)
    assert model[1].hmm_.n_symbols == 2
    model.set_params(tokenencoder__handle_unknown="symbol")
    model.set_params(hmmfeaturetransformer__hmm__n_symbols=5).fit(X)
    assert model[1].hmm_.n_symbols == 5


def test_what_tells_of_the_reserved_symbol():
    encoder = TokenEncoder(handle_unknown="symbol").fit(["abb", "ba"])
    symbols = encoder.transform(["abb", "ba", "ab"])
    options = {"n_states": 2, "max_iter": 1, "tol": 0, "random_state": 0}
    through = [
        symbols[[2, 0]],
        list(symbols),
        pickle.loads(pickle.dumps(symbols)),
        clone(encoder).fit_transform(np.array([["a", "b"], ["b", "b"]])),
    ]
    for X in through:
        assert BaumWelch(**options).fit(X).hmm_.n_symbols == 3
        assert BaumWelch(**options).partial_fit(X).hmm_.n_symbols == 3
        assert BaumWelch(emission="categorical", **options).fit(X).hmm_.n_symbols == 3
    # To everything else they are plain integers.
    assert symbols[0].dtype == np.int32 and type(symbols[0]) is np.ndarray
    assert repr(symbols[0]) == "array([0, 1, 1], dtype=int32)"
    plain = [x.tolist() for x in symbols]
    assert BaumWelch(**options).fit(plain).hmm_.n_symbols == 2
    # Where more symbols are seen than were told of, all of them count.
    more = [np.append(symbols[0], 9).astype(symbols[0].dtype), *symbols]
    assert BaumWelch(**options).fit(more).hmm_.n_symbols == 10


def test_no_prior_leaves_the_symbol_impossible():
    hmm = BaumWelch(2, pseudocount=0, max_iter=2, tol=0, random_state=0)
    model = make_pipeline(
        TokenEncoder(handle_unknown="symbol"), HMMFeatureTransformer(hmm)
    ).fit(["abba", "ba"])
    with pytest.raises(ValueError, match=r"impossible|probability zero"):
        model.transform(["az"])
    model = make_pipeline(
        TokenEncoder(handle_unknown="symbol", min_count=2), HMMFeatureTransformer(hmm)
    ).fit(["abba", "bac"])
    assert np.isfinite(model.transform(["az"])).all()


@pytest.mark.parametrize(
    ("handle_unknown", "expected"),
    [("missing", [[0, 0, -1], [1, 1]]), ("symbol", [[0, 0, 2], [1, 1]])],
)
def test_min_count(handle_unknown, expected):
    encoder = TokenEncoder(handle_unknown=handle_unknown, min_count=2)
    assert_sequences_equal(encoder.fit_transform(["aac", "bb"]), expected)
    assert encoder.vocabulary_.tolist() == ["a", "b"]


def test_min_count_error():
    encoder = TokenEncoder(min_count=2).fit(["aac"])
    with pytest.raises(ValueError, match=r"'c'; .* fewer than min_count=2 times"):
        encoder.transform(["aac"])


def test_parameters_are_those_of_fit():
    encoder = TokenEncoder().fit(["ab"]).set_params(handle_unknown="symbol")
    assert encoder.n_symbols_ == 2
    with pytest.raises(ValueError, match="'c'"):
        encoder.transform(["c"])


# --- in scikit-learn's company


class Histogram(TransformerMixin, BaseEstimator):
    """How often each symbol occurs in a sequence."""

    def fit(self, X, y=None):
        self.n_symbols_ = 1 + max(np.max(x) for x in X)
        return self

    def transform(self, X):
        return np.array([np.bincount(x, minlength=self.n_symbols_) for x in X])


def test_pipeline_and_cross_validation():
    words = ["aab", "ab", "ba", "baa"] * 5 + ["ccd", "dc", "cdd", "cabd"] * 5
    y = [0] * 20 + [1] * 20
    model = make_pipeline(TokenEncoder(), Histogram(), DecisionTreeClassifier())
    for X in (words, np.array(words, dtype=object)):
        assert cross_val_score(model, X, y, cv=4).min() == 1.0


def test_clone_and_pickle():
    encoder = TokenEncoder(handle_unknown="missing", dtype=np.int8).fit(["ab"])
    copy = clone(encoder)
    assert not hasattr(copy, "vocabulary_")
    assert copy.get_params() == encoder.get_params()
    copy = pickle.loads(pickle.dumps(encoder))
    assert_sequences_equal(copy.transform(["bc"]), [[1, -1]])


def test_set_output_wraps_tables_only():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"t0": ["a"], "t1": ["b"]}, index=[9])
    encoder = TokenEncoder().set_output(transform="pandas")
    out = encoder.fit_transform(table)
    pd.testing.assert_frame_equal(
        out, pd.DataFrame({"t0": [0], "t1": [1]}, index=[9], dtype=np.int32)
    )
    assert_sequences_equal(encoder.transform(["ab", "b"]), [[0, 1], [1]])
    encoder.fit(["ab", "b"])
    assert_sequences_equal(encoder.transform(["ab", "b"]), [[0, 1], [1]])
    assert isinstance(encoder.transform(table), np.ndarray)
    with config_context(transform_output="pandas"):
        assert_sequences_equal(TokenEncoder().fit_transform(["ab"]), [[0, 1]])
        assert isinstance(TokenEncoder().fit_transform(table), pd.DataFrame)


def test_feature_names_out():
    assert TokenEncoder().fit(["ab"]).get_feature_names_out().tolist() == ["sequence"]
    encoder = TokenEncoder().fit(np.array([[1, 2]]))
    assert encoder.get_feature_names_out().tolist() == ["x0", "x1"]
    assert encoder.get_feature_names_out(["u", "v"]).tolist() == ["u", "v"]


@pytest.mark.parametrize("dtype", [np.int8, "int16", np.dtype(np.int64), int])
def test_dtype(dtype):
    encoder = TokenEncoder(dtype=dtype)
    assert encoder.fit_transform(["ab"])[0].dtype == np.dtype(dtype)
    assert encoder.fit_transform(np.array([[1, 2]])).dtype == np.dtype(dtype)


def test_input_is_left_alone():
    X = [["b", np.int64(3)], ["a", None, "b"]]
    copy = [list(sequence) for sequence in X]
    TokenEncoder().fit_transform(X)
    assert X == copy


def test_empty_sequences():
    encoder = TokenEncoder().fit(["ab", "", "b"])
    for X in (["", "ba"], [""]):
        symbols = encoder.transform(X)
        assert all(one.dtype == np.int32 for one in symbols)
        assert [len(one) for one in symbols] == [len(one) for one in X]
        assert encoder.inverse_transform(symbols) == X
    encoder = TokenEncoder().fit([["a"], [], ["b", "a"]])
    assert_sequences_equal(encoder.transform([[], ["b"]]), [[], [1]])
    assert_sequences_equal(encoder.transform([[], []]), [[], []])
    assert encoder.inverse_transform([[0], [], [1]]) == [["a"], [], ["b"]]


# --- what bad input gets


@pytest.mark.parametrize(
    ("X", "error", "match"),
    [
        ("word", ValueError, "single str 'word'"),
        (b"word", ValueError, "single bytes"),
        ([], ValueError, "at least one sequence"),
        (["", ""], ValueError, "vocabulary would be empty"),
        ([[], []], ValueError, "vocabulary would be empty"),
        (["ab", None], ValueError, r"X\[1\] is None of type NoneType\. Drop the"),
        (["ab", np.nan], ValueError, r"X\[1\] is nan of type float\. Drop the"),
        ([1, 2], ValueError, r"X\[0\] is 1 of type int.*\[X\]"),
        ([{"a", "b"}], ValueError, r"X\[0\] is .* of type set"),
        ([np.zeros((2, 2))], ValueError, r"(?s)X\[0\] is array.* of type ndarray"),
        ([[["a"], ["b"]]], TypeError, "hashable.*unhashable type: 'list'"),
        ([[None, np.nan]], ValueError, "vocabulary would be empty"),
        (np.arange(3), ValueError, "Expected 2D array, got 1D array"),
        (np.zeros((2, 2, 2)), ValueError, "array with dim 3"),
        (np.zeros((0, 2)), ValueError, "0 sample"),
        (np.zeros((2, 0)), ValueError, "0 feature"),
        (np.ones((2, 2), dtype=complex), ValueError, "Complex data not supported"),
        (sparse.csr_array(np.eye(2)), TypeError, "Sparse data was passed"),
        (sparse.coo_array(np.ones(3)), TypeError, "Sparse data was passed"),
        (None, ValueError, "Expected 2D array, got scalar array"),
    ],
)
def test_bad_input(X, error, match):
    with pytest.raises(error, match=match):
        TokenEncoder().fit(X)


def test_bad_input_to_transform():
    encoder = TokenEncoder().fit(["ab"])
    with pytest.raises(TypeError, match="hashable"):
        encoder.transform([[["a"]]])


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"handle_unknown": "ignore"}, "'handle_unknown' parameter"),
        ({"min_count": 0}, "'min_count' parameter"),
        ({"min_count": 1.5}, "'min_count' parameter"),
        ({"min_count": 3}, "min_count=3"),
        ({"dtype": np.uint8}, "signed integer type.*got uint8"),
        ({"dtype": float}, "signed integer type.*got float64"),
    ],
)
def test_bad_parameters(parameters, match):
    with pytest.raises(ValueError, match=match):
        TokenEncoder(**parameters).fit(["ab", "b"])


def test_dtype_too_small():
    alphabet = "".join(map(chr, range(48, 48 + 129)))
    assert TokenEncoder(dtype=np.int8).fit([alphabet[:128]]).n_symbols_ == 128
    with pytest.raises(ValueError, match="hold 129 symbols; got int8"):
        TokenEncoder(dtype=np.int8).fit([alphabet])


@pytest.mark.parametrize(
    ("X", "match"),
    [
        ([[0, 1], [2]], r"in \[-1, 1\], got 2 in X\[1\]"),
        (np.array([[0], [-2]]), r"got -2 in X\[1\]"),
        ([[0.0]], "must be integers, got float64"),
        ([0, 1], "of type ndarray"),
    ],
)
def test_bad_symbols(X, match):
    with pytest.raises(ValueError, match=match):
        TokenEncoder().fit(["ab"]).inverse_transform(X)


def test_inverse_of_a_matrix_of_symbols():
    symbols = np.array([[0, 1], [1, 1]], dtype=np.int16)
    assert TokenEncoder().fit(["ab"]).inverse_transform(symbols) == ["ab", "bb"]
    encoder = TokenEncoder().fit([["x", "y"]])
    assert encoder.inverse_transform(symbols) == [["x", "y"], ["y", "y"]]
    encoder = TokenEncoder().fit(np.array([["x", "y"]]))
    assert encoder.inverse_transform([[0], [1, 1]]) == [["x"], ["y", "y"]]


def test_many_words_share_one_lookup():
    # Python takes some steps for each word, but none for each character.
    words = ["abcdefghij" * 10] * 2000
    steps = 0

    def count(frame, event, argument):
        nonlocal steps
        steps += 1

    encoder = TokenEncoder()
    sys.setprofile(count)
    try:
        encoder.fit_transform(words)
    finally:
        sys.setprofile(None)
    assert steps < len("".join(words)) / 2


def test_one_column_of_strings_is_told():
    pd = pytest.importorskip("pandas")
    for as_table in (np.asarray, pd.DataFrame):
        words = as_table([["ab"], ["ba"], ["ab"]])
        with pytest.warns(UserWarning, match="each sequence is a single token such as"):
            encoder = TokenEncoder().fit(words)
        assert encoder.vocabulary_.tolist() == ["ab", "ba"]
        assert len(TokenEncoder().fit(as_table([["a"], ["b"]])).vocabulary_) == 2
