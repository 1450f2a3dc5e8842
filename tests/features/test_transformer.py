"""Features against plain loops; nesting, causality and frozenness bit for bit."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from internal_checks import common_checks, internal_checks
from numpy.testing import assert_allclose, assert_array_equal
from random_models import random_hmm, random_sequences
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BaumWelch,
    CategoricalHMM,
    FisherScoreTransformer,
    GaussianHMM,
    HeadRegressor,
    HMMFeatureTransformer,
    LinearGaussianHMM,
    TokenEncoder,
    as_hmm,
)
from skhmmdd.hmm.models._ending import EndingHMM

KINDS = ["categorical", "diag", "full"]
REPRESENTATIONS = ["belief", "log_belief", "predictive", "smoothed"]
POOLINGS = ["last", "mean", "sum", "max"]
READOUTS = ["relu", "fourier", "linear", "identity"]
RANDOM = ["relu", "fourier", "linear"]


# scikit-learn's own tests of its estimators let them stop early, too.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@common_checks(
    [
        HMMFeatureTransformer(),
        HMMFeatureTransformer(n_components=5),
        HMMFeatureTransformer(
            BaumWelch(n_states=3), n_components=4, readout="fourier", pooling="mean"
        ),
        HMMFeatureTransformer(
            GaussianHMM([0.4, 0.6], [[0.7, 0.3], [0.2, 0.8]], [0.0, 2.0], [1.0, 1.0]),
            n_components=6,
            representation="predictive",
        ),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@internal_checks
def test_scikit_learn_internal_checks(check):
    check(HMMFeatureTransformer(n_components=3))


# Against plain loops


def plain_steps(hmm, x, representation):
    """The representation at every step of one sequence."""
    steps = []
    for belief in (hmm.smooth if representation == "smoothed" else hmm.filter)([x])[0]:
        if representation == "log_belief":
            belief = [np.log(max(b, 1e-12)) for b in belief]
        elif representation == "predictive":
            emitted = hmm.emissionprob if hasattr(hmm, "n_symbols") else hmm.means
            ahead = [
                sum(belief[i] * hmm.transmat[i, k] for i in range(hmm.n_states))
                for k in range(hmm.n_states)
            ]
            belief = sum(p * row for p, row in zip(ahead, emitted, strict=True))
        steps.append(np.asarray(belief))
    return steps


def plain_pool(steps, pooling):
    if pooling == "last":
        return steps[-1]
    if pooling == "max":
        return np.array([max(column) for column in zip(*steps, strict=True)])
    total = sum(steps)
    return total / len(steps) if pooling == "mean" else total


def plain_standard(hmm, value, representation, pooling):
    m = len(value)
    if representation == "log_belief":
        center, spread = np.full(m, np.log(1 / m)), np.ones(m)
    elif representation == "predictive" and hasattr(hmm, "means"):
        # The long run of the chain, started anew once in 1e8 steps.
        chain = (1 - 1e-8) * hmm.transmat + 1e-8 * hmm.startprob
        distribution = np.linalg.matrix_power(chain, 2000)[0]
        center = distribution @ hmm.means
        spread = np.sqrt(distribution @ (hmm.means - center) ** 2)
    else:
        center, spread = np.full(m, 1 / m), np.full(m, m**-0.5)
    return (value if pooling == "sum" else value - center) / spread


def plain_columns(u, transformer, readout):
    columns = []
    for j in range(transformer.n_components):
        z = transformer.directions_[:, j] @ u + transformer.offsets_[j]
        if readout == "relu":
            z = max(z, 0)
        elif readout == "fourier":
            z = 2**0.5 * np.cos(z)
        columns.append(z)
    return np.array(columns)


def plain_features(hmm, X, transformer, representation, pooling, readout):
    rows = []
    for x in X:
        value = plain_pool(plain_steps(hmm, x, representation), pooling)
        if readout == "identity":
            rows.append(value[: transformer.n_components])
        else:
            u = plain_standard(hmm, value, representation, pooling)
            rows.append(plain_columns(u, transformer, readout))
    return np.array(rows)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("representation", REPRESENTATIONS)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("readout", READOUTS)
def test_equals_plain_loops(kind, representation, pooling, readout):
    hmm = random_hmm(kind, n_states=5, size=4)
    X = random_sequences(hmm, lengths=(5, 1, 3, 6, 5, 9), missing=0.2)
    transformer = HMMFeatureTransformer(
        hmm,
        4,
        representation=representation,
        pooling=pooling,
        readout=readout,
        random_state=0,
    )
    got = transformer.fit_transform(X)
    want = plain_features(hmm, X, transformer, representation, pooling, readout)
    assert_allclose(got, want, rtol=1e-11, atol=1e-12)
    unmapped = clone(transformer).set_params(n_components=None).fit_transform(X)
    width = 5 if representation != "predictive" else 4
    assert unmapped.shape == (6, width)
    want = [plain_pool(plain_steps(hmm, x, representation), pooling) for x in X]
    assert_allclose(unmapped, want, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("representation", REPRESENTATIONS)
@pytest.mark.parametrize("readout", READOUTS)
def test_steps_equal_plain_loops(kind, representation, readout):
    hmm = random_hmm(kind, n_states=5, size=4)
    X = random_sequences(hmm, missing=0.2)
    transformer = HMMFeatureTransformer(
        hmm, 4, representation=representation, readout=readout, random_state=0
    ).fit(X)
    answers = transformer.transform_steps(X)
    assert isinstance(answers, list)
    for x, got in zip(X, answers, strict=True):
        assert got.shape == (len(x), 4)
        for t, value in enumerate(plain_steps(hmm, x, representation)):
            if readout == "identity":
                want = value[:4]
            else:
                u = plain_standard(hmm, value, representation, "last")
                want = plain_columns(u, transformer, readout)
            assert_allclose(got[t], want, rtol=1e-11, atol=1e-12)
    last = [steps[-1] for steps in answers]
    assert_allclose(transformer.transform(X), last, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_long_sequences_equal_plain_loops(kind, representation):
    hmm = random_hmm(kind, n_states=3, size=4)
    X = random_sequences(hmm, lengths=(2500, 3, 40), missing=0.1)
    for pooling in POOLINGS:
        options = {"representation": representation, "pooling": pooling}
        got = HMMFeatureTransformer(hmm, **options).fit_transform(X)
        want = [plain_pool(plain_steps(hmm, x, representation), pooling) for x in X]
        assert_allclose(got, want, rtol=1e-9, atol=1e-11)
    steps = HMMFeatureTransformer(hmm, **options).fit(X).transform_steps(X)
    for x, got in zip(X, steps, strict=True):
        want = plain_steps(hmm, x, representation)
        assert_allclose(got, want, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("representation", REPRESENTATIONS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_underflow_is_rescued(representation, dtype):
    # Symbol 1 comes from state 2 alone, there only by way of state 1; and after (0, 0)
    # state 1 has a probability below the least number.
    tiny = 1e-200 if dtype == "float64" else 1e-30
    hmm = CategoricalHMM(
        [1, 0, 0],
        [[1 - tiny, tiny, 0], [0, 0, 1], [0, 0, 1]],
        [[1, 0, 0], [tiny, 0, 1 - tiny], [0, 1, 0]],
    )
    X = [[0, 0, 0], [0, 0, 1, 1], [0, 0]]
    forward, backward = np.eye(3)[[0, 0, 2, 2]], np.eye(3)[[0, 1, 2, 2]]
    assert_allclose(hmm.filter(X)[1], forward, atol=1e-12)
    beliefs = backward if representation == "smoothed" else forward
    if representation == "log_belief":
        beliefs = np.log(np.maximum(beliefs, 1e-12))
    elif representation == "predictive":
        beliefs = beliefs @ hmm.transmat @ hmm.emissionprob
    options = {"representation": representation, "dtype": dtype}
    for pooling in POOLINGS:
        transformer = HMMFeatureTransformer(hmm, pooling=pooling, **options).fit(X)
        want = plain_pool(list(beliefs), pooling)
        assert_allclose(transformer.transform(X)[1], want, rtol=1e-6, atol=1e-6)
    steps = transformer.transform_steps(X)
    assert_allclose(steps[1], beliefs, rtol=1e-6, atol=1e-6)
    padded = transformer.transform_steps(
        np.array([[0, 0, 0, -1], [0, 0, 1, 1], [0, 0, -1, -1]])
    )
    assert_allclose(padded[1], beliefs, rtol=1e-6, atol=1e-6)
    for i, length in enumerate((3, 4, 2)):
        assert_allclose(padded[i, :length], steps[i], rtol=1e-6)
        assert_array_equal(padded[i, length:], 0)


def test_log_belief_has_a_floor():
    hmm = CategoricalHMM([1, 0], [[1, 0], [0, 1]], [[0.5, 0.5], [0.5, 0.5]])
    transformer = HMMFeatureTransformer(hmm, representation="log_belief")
    assert_allclose(transformer.fit_transform([[0, 1]]), [[0, np.log(1e-12)]])
    transformer.set_params(dtype="float32")
    assert_allclose(
        transformer.fit_transform([[0, 1]]), [[0, np.log(1e-12)]], rtol=1e-6
    )


def test_the_sum_of_beliefs_counts_the_steps(hmm):
    X = random_sequences(hmm)
    counts = HMMFeatureTransformer(hmm, pooling="sum").fit_transform(X)
    assert_allclose(counts.sum(axis=1), [len(x) for x in X], rtol=1e-12)


@pytest.mark.parametrize("readout", RANDOM)
def test_the_map_follows_its_distribution(readout):
    hmm = random_hmm("categorical", n_states=40)
    transformer = HMMFeatureTransformer(hmm, 3000, readout=readout, random_state=0)
    transformer.fit([[0, 1]])
    directions, offsets = transformer.directions_, transformer.offsets_
    assert directions.shape == (40, 3000)
    assert offsets.shape == (3000,)
    assert abs(directions.mean()) < 5 / np.sqrt(40 * 3000)
    assert_allclose(directions.var(), 1, atol=5 * np.sqrt(2 / (40 * 3000)))
    assert abs(np.corrcoef(directions[0, 1:], directions[0, :-1])[0, 1]) < 0.1
    if readout == "relu":
        assert abs(offsets.mean()) < 5 / np.sqrt(3000)
        assert_allclose(offsets.var(), 1, atol=5 * np.sqrt(2 / 3000))
    elif readout == "fourier":
        assert offsets.min() >= 0
        assert offsets.max() < 2 * np.pi
        quarters = np.histogram(offsets, 4, (0, 2 * np.pi))[0]
        assert_allclose(quarters, 750, atol=5 * np.sqrt(3000 * 3 / 16))
    else:
        assert_array_equal(offsets, 0)


def test_the_map_does_not_depend_on_the_data():
    hmm = random_hmm("categorical")
    one = HMMFeatureTransformer(hmm, 7, random_state=3).fit([[0, 1, 2]])
    other = HMMFeatureTransformer(hmm, 7, random_state=3).fit([[3], [1, 1]])
    assert_array_equal(one.directions_, other.directions_)
    assert_array_equal(one.offsets_, other.offsets_)
    other.set_params(random_state=4).fit([[0]])
    assert not np.array_equal(one.directions_, other.directions_)
    for options in ({"n_components": None}, {"n_components": 2, "readout": "identity"}):
        unmapped = clone(one).set_params(**options).fit([[0]])
        assert unmapped.directions_ is None
        assert unmapped.offsets_ is None


# Nesting, causality, precision


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("n_sequences", [1, 40])
def test_nested_bit_for_bit(readout, dtype, n_sequences):
    hmm = random_hmm("categorical", n_states=64, size=6)
    X, _ = hmm.sample(n_sequences, 7, random_state=0)
    options = {"readout": readout, "dtype": dtype, "random_state": 0}
    widths = [1, 2, 64, 127, 128, 129, 500]
    if readout == "identity":
        widths = [1, 2, 63, 64]
    wide = HMMFeatureTransformer(hmm, 700, **options)
    if readout == "identity":
        wide.set_params(n_components=None)
    features, steps = wide.fit_transform(X), wide.transform_steps(X)
    for k in widths:
        narrow = HMMFeatureTransformer(hmm, k, **options)
        assert_array_equal(narrow.fit_transform(X), features[:, :k])
        assert_array_equal(narrow.transform_steps(X), steps[:, :, :k])
        if readout != "identity":
            assert_array_equal(narrow.directions_, wide.directions_[:, :k])
            assert_array_equal(narrow.offsets_, wide.offsets_[:k])


@pytest.mark.parametrize("representation", REPRESENTATIONS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_nested_for_every_representation_and_pooling(representation, pooling):
    hmm = random_hmm("full", n_states=9, size=3)
    X = random_sequences(hmm, lengths=(3, 8, 1, 12))
    options = {
        "representation": representation,
        "pooling": pooling,
        "random_state": 0,
    }
    wide = HMMFeatureTransformer(hmm, 300, **options).fit_transform(X)
    for k in (1, 130):
        narrow = HMMFeatureTransformer(hmm, k, **options)
        assert_array_equal(narrow.fit_transform(X), wide[:, :k])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("representation", REPRESENTATIONS)
@pytest.mark.parametrize("n_components", [None, 30])
def test_causal_bit_for_bit(kind, representation, n_components):
    hmm = random_hmm(kind, n_states=6, size=4)
    X, _ = hmm.sample(20, 12, random_state=0)
    transformer = HMMFeatureTransformer(
        hmm, n_components, representation=representation, random_state=0
    ).fit(X)
    before = transformer.transform_steps(X)
    X[:, 7:] = hmm.sample(20, 5, random_state=1)[0]
    after = transformer.transform_steps(X)
    assert not np.array_equal(before[:, 7:], after[:, 7:])
    same = np.array_equal(before[:, :7], after[:, :7])
    assert same == (representation != "smoothed")


@pytest.mark.parametrize("representation", ["belief", "log_belief", "predictive"])
def test_a_prefix_has_the_features_of_its_steps(representation):
    hmm = random_hmm("diag", n_states=6, size=2)
    X, _ = hmm.sample(8, 12, random_state=0)
    transformer = HMMFeatureTransformer(
        hmm, 9, representation=representation, random_state=0
    ).fit(X)
    steps = transformer.transform_steps(X)
    for t in (1, 5, 12):
        got = transformer.transform(X[:, :t])
        assert_allclose(got, steps[:, t - 1], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("representation", REPRESENTATIONS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_single_precision(kind, representation, pooling):
    hmm = random_hmm(kind, n_states=8, size=4)
    X = random_sequences(hmm, lengths=(5, 1, 30, 6), missing=0.2)
    for n_components in (None, 20):
        options = {
            "n_components": n_components,
            "representation": representation,
            "pooling": pooling,
            "random_state": 0,
        }
        double = HMMFeatureTransformer(hmm, **options).fit_transform(X)
        transformer = HMMFeatureTransformer(hmm, dtype=np.float32, **options)
        single = transformer.fit_transform(X)
        assert double.dtype == np.float64
        assert single.dtype == np.float32
        assert_allclose(single, double, rtol=1e-3, atol=1e-4 * np.abs(double).max())
        assert transformer.transform_steps(X)[0].dtype == np.float32


# Frozen, or pretrained


def regression(hmm, n=40, seed=0):
    """Ragged sequences and a target that their beliefs tell something of."""
    lengths = np.random.RandomState(seed).randint(1, 12, n)
    X = random_sequences(hmm, lengths, seed)
    y = np.array([steps[-1, 0] for steps in hmm.filter(X)])
    return X, y + 0.1 * np.random.RandomState(seed).standard_normal(n)


def head_search(hmm, grid=None):
    pipeline = make_pipeline(
        HMMFeatureTransformer(hmm, n_components=4, random_state=0), HeadRegressor(1e-3)
    )
    grid = grid or {"hmmfeaturetransformer__n_components": [2, 8]}
    return GridSearchCV(pipeline, grid, cv=3)


@pytest.mark.parametrize("kind", KINDS)
def test_frozen_weights_are_the_very_object(kind):
    hmm = random_hmm(kind, n_states=4)
    before = [np.array(array) for array in hmm._arrays().values()]
    X, y = regression(hmm)
    search = head_search(hmm).fit(X, y)
    step = search.best_estimator_[0]
    assert step.hmm is hmm
    assert step.hmm_ is hmm
    assert clone(step).hmm is hmm
    assert step.fit_transform(X).shape == (40, step.n_components)
    for array, old in zip(hmm._arrays().values(), before, strict=True):
        assert_array_equal(array, old)


def test_a_fitted_baum_welch_is_not_refitted():
    truth = random_hmm("categorical", n_states=3)
    X, y = regression(truth)
    model = BaumWelch(3, tol=0, max_iter=3, random_state=0)
    model.fit(truth.sample(30, 8, random_state=1)[0])
    weights = model.hmm_
    before = [np.array(array) for array in weights._arrays().values()]
    search = head_search(model).fit(X, y)
    assert search.best_estimator_[0].hmm is model
    assert search.best_estimator_[0].hmm_ is weights
    assert clone(search.best_estimator_)[0].hmm is model
    assert model.hmm_ is weights
    for array, old in zip(weights._arrays().values(), before, strict=True):
        assert_array_equal(array, old)
    direct = HMMFeatureTransformer(weights, 5, random_state=0).fit_transform(X)
    assert_array_equal(
        HMMFeatureTransformer(model, 5, random_state=0).fit_transform(X), direct
    )
    # Its number of states is no longer a parameter of anything.
    resized = HMMFeatureTransformer(model).set_params(hmm__n_states=5)
    with pytest.raises(ValueError, match=r"of 3 states whose n_states was set to 5"):
        resized.fit(X)


def test_a_fitted_hmmlearn_model_is_not_refitted():
    lib = pytest.importorskip("hmmlearn.hmm")
    X, y = regression(random_hmm("full", n_states=3, size=2))
    stacked = np.concatenate(X)
    donor = lib.GaussianHMM(3, "full", random_state=0).fit(stacked)
    weights = as_hmm(donor)
    search = head_search(donor).fit(X, y)
    assert search.best_estimator_[0].hmm is donor
    assert search.best_estimator_[0].hmm_ == weights
    assert as_hmm(donor) == weights
    features = HMMFeatureTransformer(donor, representation="smoothed", pooling="sum")
    for x, row in zip(X, features.fit_transform(X), strict=True):
        assert_allclose(row, donor.predict_proba(x).sum(axis=0), atol=1e-10)


def test_an_unfitted_baum_welch_is_pretrained_on_what_fit_sees():
    X, y = regression(random_hmm("diag", n_states=3, size=2))
    model = BaumWelch(3, tol=0, max_iter=4, random_state=5)
    transformer = HMMFeatureTransformer(model, random_state=0).fit(X[:20])
    assert not hasattr(model, "hmm_")
    assert transformer.hmm_ == clone(model).fit(X[:20]).hmm_
    assert transformer.hmm_ != clone(model).fit(X).hmm_
    assert transformer.fit(X).hmm_ == clone(model).fit(X).hmm_
    search = head_search(model, {"hmmfeaturetransformer__hmm__n_states": [1, 4]})
    search.fit(X, y)
    assert search.best_estimator_[0].hmm_.n_states == 4
    assert search.best_params_ == {"hmmfeaturetransformer__hmm__n_states": 4}
    assert search.best_estimator_[0].hmm is not model


def test_random_state_reaches_the_pretraining():
    X, _ = regression(random_hmm("categorical"))
    model = BaumWelch(2, tol=0, max_iter=2)
    fits = [
        HMMFeatureTransformer(model, 3, random_state=seed).fit(X) for seed in (0, 0, 1)
    ]
    assert fits[0].hmm_ == fits[1].hmm_
    assert fits[0].hmm_ != fits[2].hmm_
    assert_array_equal(fits[0].transform(X), fits[1].transform(X))
    assert fits[0].hmm_ == clone(model).set_params(random_state=0).fit(X).hmm_
    assert model.random_state is None
    own = HMMFeatureTransformer(model.set_params(random_state=7), random_state=1).fit(X)
    assert own.hmm_ == clone(model).fit(X).hmm_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_no_hmm_is_a_baum_welch():
    X = np.random.RandomState(0).standard_normal((20, 6))
    transformer = HMMFeatureTransformer(random_state=0)
    assert transformer.fit_transform(X).shape == (20, 8)
    assert transformer.hmm is None
    assert transformer.hmm_ == BaumWelch(random_state=0).fit(X).hmm_


def test_in_a_pipeline_on_ragged_sequences():
    hmm = random_hmm("categorical", n_states=4)
    X, y = regression(hmm, n=60)
    pipeline = make_pipeline(HMMFeatureTransformer(hmm, 12, random_state=0))
    pipeline.steps.append(("head", HeadRegressor(1e-2)))
    scores = cross_val_score(pipeline, X, y, cv=3, error_score="raise")
    want, folds = [], np.array_split(np.arange(60), 3)
    for fold in folds:
        train = [i for i in range(60) if i not in fold]
        transformer = HMMFeatureTransformer(hmm, 12, random_state=0).fit([X[0]])
        features = transformer.transform(X)
        head = HeadRegressor(1e-2).fit(features[train], y[train])
        want.append(head.score(features[fold], y[fold]))
    assert_allclose(scores, want, rtol=1e-9)
    assert np.mean(scores) > 0.3


# Forms of input and output


@pytest.mark.parametrize("kind", KINDS)
def test_padding_and_lists_agree(kind):
    hmm = random_hmm(kind, n_states=4, size=2)
    X = random_sequences(hmm, missing=0.3)
    blank = -1 if kind == "categorical" else np.nan
    padded = np.full((len(X), 8, *X[0].shape[1:]), blank, X[0].dtype)
    for i, x in enumerate(X):
        padded[i, : len(x)] = x
    for pooling in POOLINGS:
        transformer = HMMFeatureTransformer(hmm, 6, pooling=pooling, random_state=0)
        features = transformer.fit_transform(X)
        assert_array_equal(transformer.fit_transform(padded), features)
        objects = np.empty(len(X), dtype=object)
        objects[:] = X
        assert_array_equal(transformer.fit_transform(objects), features)
    steps, as_list = transformer.transform_steps(padded), transformer.transform_steps(X)
    assert steps.shape == (len(X), 8, 6)
    for i, x in enumerate(X):
        assert_array_equal(steps[i, : len(x)], as_list[i])
        assert_array_equal(steps[i, len(x) :], 0)


def test_forms_of_a_table():
    hmm = random_hmm("diag", n_states=3, size=1)
    X = hmm.sample(6, 5, random_state=0)[0][:, :, 0]
    X[2, 3:] = np.nan
    X[4, 1] = np.nan
    transformer = HMMFeatureTransformer(hmm, 4, random_state=0)
    features = transformer.fit_transform(X)
    assert transformer.n_features_in_ == 5
    assert_array_equal(transformer.fit_transform(X[:, :, None]), features)
    assert transformer.n_features_in_ == 1
    frame = pd.DataFrame(X, columns=[*"abcde"])
    assert_array_equal(transformer.fit_transform(frame), features)
    assert list(transformer.feature_names_in_) == [*"abcde"]
    with pytest.raises(ValueError, match="feature names should match"):
        transformer.transform(frame[[*"abced"]])
    polars = pl.DataFrame(X, schema=[*"abcde"])
    assert_array_equal(transformer.fit_transform(polars), features)
    # A list has no columns, and the next fit forgets the table's.
    assert_array_equal(transformer.fit_transform(list(X)), features)
    assert not hasattr(transformer, "n_features_in_")
    assert not hasattr(transformer, "feature_names_in_")
    assert transformer.transform(X[:, :3]).shape == (6, 4)


def test_symbols_may_be_as_long_as_they_like():
    hmm = random_hmm("categorical")
    X, _ = hmm.sample(6, 9, random_state=0)
    transformer = HMMFeatureTransformer(hmm, 4, random_state=0).fit(X[:, :4])
    features = transformer.transform(X)
    assert_array_equal(transformer.transform(X.astype(np.uint8)), features)
    assert_array_equal(transformer.transform(X.tolist()), features)
    assert_array_equal(transformer.fit(X.astype(float)).transform(X), features)
    with pytest.raises(ValueError, match="expecting 9 features"):
        transformer.transform(X[:, :4].astype(float))


def test_feature_names_and_frames():
    hmm = random_hmm("categorical", n_states=3)
    X = random_sequences(hmm)
    transformer = HMMFeatureTransformer(hmm, 2, random_state=0)
    with pytest.raises(NotFittedError):
        transformer.get_feature_names_out()
    features = transformer.fit_transform(X)
    names = ["hmmfeaturetransformer0", "hmmfeaturetransformer1"]
    assert transformer.get_feature_names_out().tolist() == names
    unmapped = HMMFeatureTransformer(hmm, representation="predictive").fit(X)
    assert len(unmapped.get_feature_names_out()) == 4
    for library, kind in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
        transformer.set_output(transform=library)
        # A clone keeps the form of its output.
        for each in (transformer, clone(transformer)):
            frame = each.fit(X).transform(X)
            assert isinstance(frame, kind)
            assert list(frame.columns) == names
            assert_array_equal(frame.to_numpy(), features)
        assert isinstance(transformer.transform_steps(X), list)


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[pytest.mark.slow] * (kind == "full")) for kind in KINDS],
)
@pytest.mark.parametrize("representation", REPRESENTATIONS)
@pytest.mark.slow
def test_batches_and_threads(kind, representation):
    hmm = random_hmm(kind, n_states=5, size=4)
    lengths = np.random.RandomState(0).randint(1, 12, 30)
    X = random_sequences(hmm, lengths, missing=0.1)
    for pooling in POOLINGS:
        options = {
            "representation": representation,
            "pooling": pooling,
            "random_state": 0,
        }
        whole = HMMFeatureTransformer(hmm, 150, **options).fit_transform(X)
        for batch_size in (1, 7, 30):
            one = HMMFeatureTransformer(
                hmm, 150, batch_size=batch_size, n_jobs=1, **options
            ).fit(X)
            features = one.transform(X)
            assert_allclose(features, whole, rtol=1e-12, atol=1e-12)
            two = clone(one).set_params(n_jobs=2).fit(X)
            assert_array_equal(two.transform(X), features)
            for a, b in zip(
                one.transform_steps(X), two.transform_steps(X), strict=True
            ):
                assert_array_equal(a, b)


def test_pickle():
    lib = pytest.importorskip("hmmlearn.hmm")
    X = random_sequences(random_hmm("diag", size=2), lengths=[30, 4, 9])
    donor = lib.GMMHMM(2, 2, random_state=0).fit(np.concatenate(X))
    pretraining = BaumWelch(2, tol=0, max_iter=2)
    for hmm in (random_hmm("diag", size=2), donor, pretraining):
        transformer = HMMFeatureTransformer(hmm, 5, random_state=0)
        features = transformer.fit_transform(X)
        again = pickle.loads(pickle.dumps(transformer))
        assert_array_equal(again.transform(X), features)
        assert again.hmm_ == transformer.hmm_
        fresh = pickle.loads(pickle.dumps(clone(transformer)))
        assert_array_equal(fresh.fit_transform(X), features)


@pytest.mark.parametrize(
    ("hmm", "text"),
    [
        (None, "HMMFeatureTransformer(n_components=3)"),
        (random_hmm("categorical"), "hmm=CategoricalHMM(n_states=3, n_symbols=4)"),
        (random_hmm("full", size=2), "covariance_type='full'"),
        (BaumWelch(n_states=5), "hmm=BaumWelch(n_states=5)"),
    ],
)
def test_repr(hmm, text):
    transformer = HMMFeatureTransformer(hmm, n_components=3)
    assert text in " ".join(repr(transformer).split())
    html = transformer._repr_html_()
    assert "HMMFeatureTransformer" in html
    assert "n_components" in html
    if hmm is not None:
        assert type(hmm).__name__ in html
    fitted = transformer.set_params(hmm=hmm or random_hmm("categorical"))
    if not isinstance(hmm, BaumWelch):
        fitted.fit(random_sequences(fitted.hmm))
        assert "HMMFeatureTransformer" in fitted._repr_html_()


def test_clone_copies_every_parameter():
    options = {
        "n_components": 7,
        "representation": "smoothed",
        "pooling": "max",
        "readout": "linear",
        "dtype": "float32",
        "batch_size": 3,
        "n_jobs": 2,
        "random_state": 5,
    }
    for hmm in (None, random_hmm("categorical"), BaumWelch(4)):
        transformer = HMMFeatureTransformer(hmm, **options)
        twin = clone(transformer)
        assert twin is not transformer
        assert {k: twin.get_params()[k] for k in options} == options
        assert (twin.hmm is hmm) == (not isinstance(hmm, BaumWelch))
    rng = np.random.RandomState(0)
    transformer = HMMFeatureTransformer(random_hmm("categorical"), 5, random_state=rng)
    twin = clone(transformer)
    assert twin.random_state is not rng
    X = [[0, 1, 2], [3]]
    assert_array_equal(twin.fit_transform(X), transformer.fit_transform(X))
    assert not hasattr(clone(transformer), "hmm_")


# What is refused


@pytest.mark.parametrize("representation", REPRESENTATIONS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_impossible_sequence_is_named(representation, pooling):
    hmm = CategoricalHMM([1, 0], [[0.5, 0.5], [0, 1]], [[1, 0], [0, 1]])
    transformer = HMMFeatureTransformer(
        hmm, representation=representation, pooling=pooling
    )
    X = [[0, 0, 1], [0, 1, 0, 0]]
    transformer.fit(X)
    for method in (transformer.transform, transformer.transform_steps):
        assert np.isfinite(method(X[:1])).all()
        with pytest.raises(ValueError, match=r"Sequence 1 is impossible.*step 2"):
            method(X)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"hmm": 3}, TypeError, "hmm must be .*got int: 3"),
        ({"hmm": BaumWelch}, TypeError, "hmm must be .*got"),
        ({"hmm": HeadRegressor()}, TypeError, "hmm must be .*got HeadRegressor"),
        ({"n_components": 0}, ValueError, "'n_components' parameter"),
        ({"n_components": 2.5}, ValueError, "'n_components' parameter"),
        ({"representation": "state"}, ValueError, "'representation' parameter"),
        ({"pooling": "first"}, ValueError, "'pooling' parameter"),
        ({"readout": "tanh"}, ValueError, "'readout' parameter"),
        (
            {"dtype": "int32"},
            ValueError,
            "dtype must be float64 or float32, got 'int32'",
        ),
        ({"dtype": "foo"}, ValueError, "dtype must be float64 or float32, got 'foo'"),
        ({"dtype": None}, ValueError, "dtype must be float64 or float32, got None"),
        ({"batch_size": 0}, ValueError, "'batch_size' parameter"),
        ({"n_jobs": 1.5}, ValueError, "'n_jobs' parameter"),
        ({"random_state": "a"}, ValueError, "'random_state' parameter"),
        (
            {"readout": "identity", "n_components": 4},
            ValueError,
            "n_components=4 is more than the 3 coordinates of the 'belief'",
        ),
        (
            {"readout": "identity", "n_components": 5, "representation": "predictive"},
            ValueError,
            "n_components=5 is more than the 4 coordinates of the 'predictive'",
        ),
    ],
)
def test_parameters_refused(options, error, message):
    options = {"hmm": random_hmm("categorical"), "n_components": 2, **options}
    with pytest.raises(error, match=message):
        HMMFeatureTransformer(**options).fit([[0, 1, 2]])


def test_sequences_refused():
    hmm = random_hmm("categorical")
    transformer = HMMFeatureTransformer(hmm)
    for method in (transformer.transform, transformer.transform_steps):
        with pytest.raises(NotFittedError):
            method([[0]])
    for X, message in (
        ([[0, 7]], "symbol 7 in sequence 0.*at most 3"),
        ([[0], []], "Sequence 1 of X is empty"),
        ([], "no sequence"),
        (["abc"], "TokenEncoder"),
        (np.zeros((2, 3, 2), int), "2 features"),
    ):
        with pytest.raises(ValueError, match=message):
            HMMFeatureTransformer(hmm).fit(X)
        with pytest.raises(ValueError, match=message):
            HMMFeatureTransformer(hmm).fit([[0]]).transform(X)
    lib = pytest.importorskip("hmmlearn.hmm")
    with pytest.raises(NotFittedError, match="GaussianHMM is not fitted"):
        HMMFeatureTransformer(lib.GaussianHMM(2)).fit([[0.0]])


def test_steps_of_a_sequence_that_underflows():
    # In single precision the first step has no likelihood; its features come from the
    # walk that is taken again, not from the one that found no numbers.
    hmm = GaussianHMM([0, 1], np.eye(2), [0.0, 0.0], [1.0, 0.3])
    X = [np.array([-16.4]), np.array([0.0, 0.0])]
    transformer = HMMFeatureTransformer(hmm, dtype="float32").fit(X)
    for steps in transformer.transform_steps(X):
        assert_array_equal(steps, [[0.0, 1.0]] * len(steps))


# One step at a time -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["categorical", "full", "poisson"])
@pytest.mark.parametrize("representation", ["belief", "log_belief", "predictive"])
@pytest.mark.parametrize("readout", [None, "relu", "fourier"])
def test_updates_are_the_transform_so_far(kind, representation, readout):
    hmm = random_hmm(kind)
    rows = random_sequences(hmm, [12] * 4, missing=0.2)
    X = np.array(rows)
    width = {} if readout is None else {"n_components": 3, "readout": readout}
    transformer = HMMFeatureTransformer(
        hmm, representation=representation, random_state=0, **width
    ).fit(X)
    steps, belief = transformer.transform_steps(X), None
    for t in range(12):
        belief, features = transformer.update(belief, X[:, t])
        # Beliefs of zero, as a log belief shows them, end at its floor.
        assert_allclose(features, steps[:, t], rtol=0, atol=1e-11)
    assert_allclose(features, transformer.transform(X), rtol=0, atol=1e-11)


def test_updates_of_a_linear_gaussian_model():
    hmm = LinearGaussianHMM([[0.9, 0.1], [0.0, 0.8]], 0.3, [[1.0], [0.5]], 0.5)
    X = hmm.sample(3, 20, random_state=0)[0]
    X[1, 4:7] = np.nan
    for representation in ("belief", "predictive"):
        transformer = HMMFeatureTransformer(
            hmm, 5, representation=representation, random_state=0
        ).fit(X)
        belief = None
        for x in X.swapaxes(0, 1):
            belief, features = transformer.update(belief, x)
        assert_allclose(features, transformer.transform(X), rtol=0, atol=1e-12)
        assert_allclose(belief.mean, hmm.filter(X)[:, -1], rtol=0, atol=1e-12)


def test_updates_keep_dtype_and_belief_apart():
    hmm = random_hmm("categorical")
    X = hmm.sample(5, 6, random_state=0)[0]
    for dtype in ("float32", "float64"):
        transformer = HMMFeatureTransformer(hmm, dtype=dtype).fit(X)
        belief, features = transformer.update(None, X[:, 0])
        assert (belief.dtype, features.dtype) == (np.float64, np.dtype(dtype))
        features[:] = 0
        assert_allclose(belief, hmm.update(None, X[:, 0]), rtol=0, atol=0)


def test_updates_of_encoded_tokens():
    words = [["a", "b", "c"], ["b", "b", "a"]]
    encoder = TokenEncoder().fit(words)
    hmm = random_hmm("categorical", size=3)
    transformer = HMMFeatureTransformer(hmm).fit(encoder.transform(words))
    belief = None
    for tokens in zip(*words, strict=True):
        symbols = encoder.transform([[token] for token in tokens])
        belief, features = transformer.update(belief, symbols)
    want = transformer.transform(encoder.transform(words))
    assert_allclose(features, want, rtol=0, atol=1e-12)


def test_updates_refused():
    hmm = random_hmm("categorical")
    with pytest.raises(NotFittedError):
        HMMFeatureTransformer(hmm).update(None, [0])
    for parameters, message in (
        ({"pooling": "mean"}, "pooling must be 'last', got 'mean'"),
        ({"representation": "smoothed"}, "'smoothed' looks ahead"),
    ):
        transformer = HMMFeatureTransformer(hmm, **parameters).fit([[0]])
        with pytest.raises(ValueError, match=message):
            transformer.update(None, [0])
    transformer = HMMFeatureTransformer(hmm).fit([[0]])
    with pytest.raises(ValueError, match=r"belief row 0 must sum to one, got 1\.5"):
        transformer.update([[0.5, 0.5, 0.5]], [0])
    far = LinearGaussianHMM([[0.9]], 0.2, [[1e-30]], 1e-60, start_cov=1.0)
    transformer = HMMFeatureTransformer(far, dtype="float32").fit([[1e-30]])
    with pytest.raises(ValueError, match="overflow float32: rescale observation"):
        transformer.update(None, [1e20])


# --- sequences in which nothing is observed

FAMILIES_OF_ONE = {
    "categorical": random_hmm("categorical"),
    "gaussian": random_hmm("full", size=1),
    "poisson": random_hmm("poisson", size=1),
    "ending": EndingHMM(random_hmm("categorical"), [0.1, 0.2, 0.3]),
}


@pytest.mark.parametrize("kind", FAMILIES_OF_ONE)
def test_empty_sequences_get_the_prior(kind):
    hmm = FAMILIES_OF_ONE[kind]
    of_two = [[0, 1], [1, 1]]
    features = HMMFeatureTransformer(hmm, handle_empty="prior")
    for X in ([[0, 1], [], [1, 1]], [[0, 1], [None, None], [1, 1]]):
        rows = features.fit(X).transform(X)
        assert_allclose(rows[1], hmm.startprob, rtol=1e-14)
        expected = HMMFeatureTransformer(hmm).fit_transform(of_two)
        assert_allclose(rows[[0, 2]], expected, rtol=1e-12)
    assert_allclose(features.transform([[]]), [hmm.startprob], rtol=1e-14)
    X = np.ma.array([[0, 1], [0, 0]], mask=[[0, 0], [1, 1]])
    assert_allclose(features.transform(X)[1], hmm.startprob, rtol=1e-14)
    steps = features.transform_steps(X)
    assert_array_equal(steps[1, 1], 0.0)
    assert_allclose(steps[1, 0], hmm.startprob, rtol=1e-14)
    # As one step that is missing, whatever is read and how it is pooled.
    features.set_params(pooling="sum").fit(X)
    assert_allclose(features.transform([[]]), [hmm.startprob], rtol=1e-12)
    if kind == "ending":
        return  # what looks ahead knows more: that the chain ends after that step
    features.set_params(representation="smoothed").fit(X)
    assert_allclose(features.transform([[]]), [hmm.startprob], rtol=1e-12)
    features.set_params(representation="predictive", pooling="last").fit(X)
    expected = hmm.startprob @ hmm.transmat @ hmm._state_means
    assert_allclose(features.transform([[], [0]])[0], expected, rtol=1e-12)


def test_empty_sequences_of_vectors():
    gaussian = random_hmm("diag", size=3)
    linear = LinearGaussianHMM([[0.9]], 0.2, [[1.0, 2.0, 0.0]], 0.5, start_mean=[0.3])
    x = np.random.RandomState(0).standard_normal((4, 5, 3))
    x[1] = np.nan
    full = x[[0, 2, 3]]
    for hmm, prior in ((gaussian, gaussian.startprob), (linear, [0.3])):
        features = HMMFeatureTransformer(hmm, handle_empty="prior")
        rows = HMMFeatureTransformer(hmm).fit_transform(full)
        for X in (x, list(x), [x[0], [], x[2], x[3]], [x[0], np.zeros((0, 3)), *x[2:]]):
            found = features.fit(X).transform(X)
            assert_allclose(found[1], prior, rtol=1e-13)
            assert_allclose(found[[0, 2, 3]], rows, rtol=1e-12)
        for X in ([[]], [[], []], [np.zeros((0, 3))], np.full((2, 4, 3), np.nan)):
            assert_allclose(features.transform(X), [prior] * len(X), rtol=1e-13)
        panel = features.set_params(channels_first=True).fit(x.swapaxes(1, 2))
        assert_allclose(panel.transform(x.swapaxes(1, 2)), found, rtol=1e-12)


def test_empty_sequences_teach_nothing():
    options = {"n_states": 2, "max_iter": 3, "tol": 0, "random_state": 0}
    symbols = [[0, 1, 1], [2, 0], [1]]
    x = np.random.RandomState(0).standard_normal((6, 4))
    x[2] = np.nan
    panel = np.random.RandomState(1).standard_normal((6, 2, 4))
    panel[4] = np.nan
    for X, full in (
        ([*symbols, [], [-1, -1]], symbols),
        (np.array([[0, 1], [-1, -1], [1, 0]]), np.array([[0, 1], [1, 0]])),
        (x, x[[0, 1, 3, 4, 5]]),
        (panel, panel[[0, 1, 2, 3, 5]]),
    ):
        first = np.ndim(X[0]) == 2
        hmm = BaumWelch(channels_first=first, **options)
        features = HMMFeatureTransformer(hmm, handle_empty="prior").fit(X)
        assert features.hmm_ == hmm.fit(full).hmm_
        assert len(features.transform(X)) == len(X)
    # What is given beside them is left out, too.
    weights, states = [1.0, 2.0, 0.5, 9.0], [[0, -1, 1], None, [1], [0]]
    features = HMMFeatureTransformer(BaumWelch(**options), handle_empty="prior")
    features.fit([*symbols, []], sample_weight=weights, states=states)
    beside = {"sample_weight": weights[:3], "states": states[:3]}
    assert features.hmm_ == BaumWelch(**options).fit(symbols, **beside).hmm_
    # Integers of which -1 is a number, and so nothing is missing.
    hmm = BaumWelch(emission="gaussian", **options)
    X = [[-1, -1], [3, 4], [0, -1]]
    features = HMMFeatureTransformer(hmm, handle_empty="prior").fit(X)
    assert features.hmm_ == hmm.fit(X).hmm_


def test_one_empty_text_among_many():
    words, y = ["CDE", "DCE", "EEC", "CD", "ECD"], np.arange(5.0)
    hmm = BaumWelch(2, max_iter=3, tol=0, random_state=0)
    model = make_pipeline(TokenEncoder(), HMMFeatureTransformer(hmm), HeadRegressor(1))
    model.fit(words, y)
    with pytest.raises(ValueError, match=r"Sequence 1 of X is empty.*handle_empty='pr"):
        model.predict(["CDE", ""])
    model.set_params(hmmfeaturetransformer__handle_empty="prior")
    found = model.predict(["CDE", ""])
    assert_allclose(found[0], model.predict(["CDE"])[0], rtol=1e-12)
    prior = model[1].hmm_.startprob[None]
    assert_allclose(found[1], model[2].predict(prior)[0], rtol=1e-12)
    more = clone(model).fit([*words, ""], [*y, 2.0])
    assert more[1].hmm_ == model[1].hmm_
    # Every other transformer names the row.
    scores = FisherScoreTransformer(model[1].hmm_)
    with pytest.raises(ValueError, match="Sequence 1 of X is empty"):
        scores.fit([[0], []])
