"""Panels with the channels first, panels of series, and what betrays the order."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from random_models import random_hmm

from skhmmdd import (
    BaumWelch,
    FisherScoreTransformer,
    FrozenFeatureTransformer,
    GaussianHMM,
    HMMFeatureTransformer,
    LinearGaussianHMM,
    pretrain_family,
)

BRIEF = {"n_states": 3, "max_iter": 3, "tol": 0, "random_state": 0}


def smooth_panel(n=30, n_channels=3, n_steps=20, seed=0):
    """Autoregressions at channels of unlike level and scale, the channels first."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, n_channels, n_steps))
    for t in range(1, n_steps):
        X[:, :, t] += 0.9 * X[:, :, t - 1]
    scale = np.arange(1, n_channels + 1)[:, None]
    return X * scale + 10 * scale


def ragged(X):
    """Sequences of unequal length, as aeon has them in a list."""
    return [x[:, : 8 + i % 9] for i, x in enumerate(X)]


PANELS = {
    "array": (smooth_panel(), smooth_panel().swapaxes(1, 2)),
    "list": (ragged(smooth_panel()), [x.T for x in ragged(smooth_panel())]),
}


@pytest.mark.parametrize("kind", PANELS)
def test_channels_first_is_the_transpose(kind):
    X, turned = PANELS[kind]
    pretrained = BaumWelch(channels_first=True, **BRIEF).fit(X)
    plain = BaumWelch(**BRIEF).fit(turned)
    assert pretrained.hmm_ == plain.hmm_
    assert_array_equal(pretrained.score_samples(X), plain.score_samples(turned))
    assert pretrained.bits_per_step(X) == plain.bits_per_step(turned)
    if kind == "array":
        assert pretrained.n_features_in_ == plain.n_features_in_ == 3
    again = BaumWelch(channels_first=True, **BRIEF).partial_fit(X).partial_fit(X)
    assert again.hmm_ == BaumWelch(**BRIEF).partial_fit(turned).partial_fit(turned).hmm_

    for transformer, options in (
        (HMMFeatureTransformer, {"n_components": 7, "random_state": 0}),
        (FisherScoreTransformer, {}),
    ):
        expected = transformer(plain.hmm_, **options).fit_transform(turned)
        # Said by the transformer, or by a model to be pretrained, or fitted.
        for hmm, own in (
            (plain.hmm_, {"channels_first": True}),
            (BaumWelch(**BRIEF), {"channels_first": True}),
            (BaumWelch(channels_first=True, **BRIEF), {}),
            (pretrained, {}),
        ):
            found = transformer(hmm, **options, **own)
            assert_array_equal(found.fit_transform(X), expected)
            assert found.hmm_ == plain.hmm_


def test_channels_first_of_batches():
    X = smooth_panel()

    class Batches:
        """An array, a list, and what only a worker reads."""

        def __init__(self, turn):
            self.turn = turn

        def __iter__(self):
            yield self.turn(X[:10])
            yield [self.turn(x[None])[0] for x in ragged(X[10:20])]
            yield (self.turn(x[None])[0] for x in X[20:])

    found = BaumWelch(channels_first=True, **BRIEF).fit(Batches(lambda x: x))
    expected = BaumWelch(**BRIEF).fit(Batches(lambda x: x.swapaxes(1, 2)))
    assert found.hmm_ == expected.hmm_


def test_channels_first_leaves_the_rest():
    symbols = np.array([[0, 1, 1], [1, 0, -1]])
    x = np.random.RandomState(0).standard_normal((5, 4))
    for X in (
        symbols,
        symbols.tolist(),
        x,
        list(x),
        [row[: 2 + i % 2] for i, row in enumerate(x)],
    ):
        options = {**BRIEF, "n_states": 2}
        found = BaumWelch(channels_first=True, **options).fit(X).hmm_
        assert found == BaumWelch(**options).fit(X).hmm_
    # One symbol a step, at one channel.
    hmm = random_hmm("categorical")
    panel = HMMFeatureTransformer(hmm, channels_first=True).fit(symbols[:, None])
    assert_array_equal(
        panel.transform(symbols[:, None]), hmm.filter(symbols)[[0, 1], [2, 1]]
    )


def test_channels_first_in_any_container():
    X, turned = PANELS["list"]
    hmm = random_hmm("full", size=3)
    expected = HMMFeatureTransformer(hmm).fit_transform(turned)
    transformer = HMMFeatureTransformer(hmm, channels_first=True)
    lists = [x.tolist() for x in X]
    for column in (lists, pd.Series(lists), [pd.DataFrame(x) for x in X]):
        assert_array_equal(transformer.fit_transform(column), expected)
    gaps = np.ma.array(smooth_panel(), mask=np.zeros((30, 3, 20), bool))
    gaps[0, 1, 2:4] = np.ma.masked
    assert_array_equal(
        transformer.fit_transform(gaps),
        HMMFeatureTransformer(hmm).fit_transform(gaps.swapaxes(1, 2)),
    )
    with pytest.raises(ValueError, match=r"Sequence 0 of X is ragged"):
        transformer.fit([[[1.0, 2.0], [1.0]]])


def test_family_of_channels_first():
    X, turned = PANELS["array"]
    options = {"max_iter": 2, "random_state": 0}
    found = pretrain_family(X, [1, 2], channels_first=True, **options)
    assert list(found) == list(pretrain_family(turned, [1, 2], **options))


# --- panels of series


def nested(X, series=pd.Series):
    """A panel whose cells are series, one column for each channel."""
    columns = {f"c{j}": [series(x[j]) for x in X] for j in range(len(X[0]))}
    return pd.DataFrame(columns, index=np.arange(len(X)) + 50)


@pytest.mark.parametrize("series", [pd.Series, np.array, list])
@pytest.mark.parametrize("kind", PANELS)
def test_nested_panels(kind, series):
    X, turned = PANELS[kind]
    panel = nested(X, series)
    hmm = random_hmm("diag", size=3)
    turned = list(turned)
    assert_array_equal(hmm.log_likelihood(panel), hmm.log_likelihood(turned))
    assert isinstance(hmm.filter(panel), list)
    fitted = BaumWelch(**BRIEF).fit(panel)
    assert fitted.hmm_ == BaumWelch(**BRIEF).fit(turned).hmm_
    assert list(fitted.feature_names_in_) == ["c0", "c1", "c2"]
    for order in (False, True):  # the columns say which are the channels
        transformer = HMMFeatureTransformer(hmm, channels_first=order)
        found = transformer.set_output(transform="pandas").fit_transform(panel)
        assert_array_equal(found, HMMFeatureTransformer(hmm).fit_transform(turned))
        assert_array_equal(found.index, panel.index)
    with pytest.raises(ValueError, match="feature names should match"):
        transformer.transform(panel.rename(columns={"c0": "c9"}))


def test_nested_panel_of_symbols_and_gaps():
    hmm = random_hmm("categorical")
    sequences = [[0, 1, None, 2], [3]]
    panel = pd.DataFrame({"s": [pd.Series(x, dtype="Int64") for x in sequences]})
    assert_array_equal(hmm.log_likelihood(panel), hmm.log_likelihood(sequences))
    polars = pytest.importorskip("polars").DataFrame({"s": sequences})
    assert_array_equal(hmm.log_likelihood(polars), hmm.log_likelihood(sequences))


def test_nested_panels_refused():
    hmm = random_hmm("diag", size=2)
    panel = nested([np.zeros((2, 3))] * 2)
    panel.iloc[1, 1] = pd.Series([0.0, 1.0])
    with pytest.raises(ValueError, match=r"sequence 1 of X .* series of 2 to 3 steps"):
        hmm.filter(panel)
    panel.iloc[1, 1] = None
    with pytest.raises(ValueError, match=r"Row 1 of X must hold one series in each"):
        hmm.filter(panel)


# --- what betrays the order


def test_hints_of_errors():
    X, _ = PANELS["list"]
    hmm = random_hmm("diag", size=3)
    first = "first axis of each sequence is 3 long"
    for run in (BaumWelch().fit, hmm.filter, HMMFeatureTransformer(hmm).fit):
        with pytest.raises(
            ValueError, match=rf"(?s)of shapes .*{first}.*channels_first"
        ):
            run(X)
    for panel in (smooth_panel(60, 3, 50), [x[:, :9] for x in smooth_panel()]):
        for door in (hmm.log_likelihood, HMMFeatureTransformer(hmm).fit):
            with pytest.raises(ValueError, match=rf"made for 3\. .*{first}"):
                door(panel)
    with pytest.raises(ValueError, match=r"one integer symbol a step\. The first axis"):
        random_hmm("categorical").filter(np.zeros((4, 1, 9), int))
    # Where nothing betrays it, nothing is said.
    for panel in (np.zeros((4, 2, 5)), np.zeros((4, 3))):
        with pytest.raises(ValueError, match=r"made for 3\.$"):
            hmm.filter(panel)
    with pytest.raises(ValueError, match=r"got steps of shapes \(2,\), \(3,\)\.$"):
        hmm.filter([np.zeros((4, 2)), np.zeros((5, 3))])


def noise(*shape):
    return np.random.RandomState(0).standard_normal(shape)


# The channels first: each is read wrongly by default.
BETRAYED = {
    "smooth": smooth_panel(20, 6, 50),
    "as many channels as steps": smooth_panel(20, 12, 12),
    "one channel": smooth_panel(20, 1, 30),
    "noise, many-fold": noise(60, 3, 50),
    "noise at unlike levels": noise(40, 10, 12) + 9 * np.arange(10)[:, None],
    "with gaps": np.where(noise(20, 8, 40) > 1.5, np.nan, smooth_panel(20, 8, 40)),
    "of huge numbers": 1e60 * smooth_panel(20, 12, 12),
    "with a constant channel": smooth_panel(20, 8, 30) * (np.arange(8) > 0)[:, None],
}


# Of one channel nothing else is left to say, but it is said, too.
@pytest.mark.filterwarnings("ignore:Every sequence of X has one step")
@pytest.mark.parametrize("name", BETRAYED)
def test_order_that_is_betrayed(name):
    X = BETRAYED[name]
    options = {"n_states": 2, "max_iter": 1, "tol": 0, "random_state": 0}
    # A constant feature has no variance but the prior's; here it is none.
    options |= {"pseudocount": 1.0}
    expected = rf"n_steps={X.shape[1]} and n_features={X.shape[2]}.*channels_first=True"
    for fit in (
        BaumWelch(**options).fit,
        BaumWelch(**options).partial_fit,
        HMMFeatureTransformer(BaumWelch(**options)).fit,
    ):
        with pytest.warns(UserWarning, match=expected) as caught:
            fit(X)
        # That of a model inside the transformer comes from deeper down.
        assert caught[0].filename == __file__ or "Transformer" in repr(fit)
    BaumWelch(channels_first=True, **options).fit(X)
    turned = X.swapaxes(1, 2)
    BaumWelch(**options).fit(turned)
    with pytest.warns(UserWarning, match=r"channels_first=False"):
        BaumWelch(channels_first=True, **options).fit(turned)


def test_square_panel_at_a_frozen_model():
    X = smooth_panel(20, 12, 12)
    hmm = GaussianHMM([0.5, 0.5], np.eye(2), np.zeros((2, 12)), np.full((2, 12), 99.0))
    with pytest.warns(UserWarning, match=r"n_steps=12 and n_features=12"):
        HMMFeatureTransformer(hmm).fit(X)
    HMMFeatureTransformer(hmm, channels_first=True).fit(X)
    # Other sizes leave no doubt: as many features as the model has.
    HMMFeatureTransformer(hmm).fit(smooth_panel(20, 5, 12))


def test_orders_that_nothing_betrays():
    """Steps first, and no word: warnings are errors."""
    rng = np.random.RandomState(0)
    # Embeddings of words that depend on their neighbours, many-fold as wide as long.
    words = rng.standard_normal((30, 12, 96))
    words[:, 1:] += words[:, :-1]
    # Regimes that lift every feature alike.
    regimes = rng.standard_normal((40, 9, 9)) + 3 * rng.randint(2, size=(40, 9, 1))
    states = np.repeat(rng.randint(2, size=(40, 3, 1)), 4, axis=1)
    stays = rng.standard_normal((40, 12, 12)) + 3 * states
    # Few numbers of any kind.
    for X in (
        words,
        stays,
        rng.standard_normal((2, 2, 3)),
        regimes[:, :, :2],
        regimes[:1, :3, :4],
    ):
        BaumWelch(2, max_iter=1, tol=0, random_state=0).fit(X)


def test_real_panel_of_vowels():
    pytest.importorskip("aeon")
    from aeon.datasets import load_japanese_vowels

    X, _ = load_japanese_vowels(split="train")
    turned = [x.T for x in X]
    assert X[0].shape[0] == 12
    features = HMMFeatureTransformer(BaumWelch(**BRIEF), channels_first=True)
    expected = HMMFeatureTransformer(BaumWelch(**BRIEF))
    features.set_params(n_components=50, random_state=0)
    expected.set_params(n_components=50, random_state=0)
    assert_array_equal(features.fit_transform(X), expected.fit_transform(turned))
    with pytest.raises(ValueError, match=r"is 12 long: .* aeon .* channels_first=True"):
        BaumWelch(**BRIEF).fit(X)


def test_frozen_encoders_get_arrays_as_they_are():
    X = smooth_panel()
    features = FrozenFeatureTransformer(lambda batch: batch.mean(axis=2))
    assert_array_equal(features.fit_transform(X), X.mean(axis=2))


def test_linear_gaussian_model():
    hmm = LinearGaussianHMM([[0.9]], 0.19, [[1.0, 0.5, 0.0]], 0.5)
    X, turned = PANELS["array"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = HMMFeatureTransformer(hmm, channels_first=True).fit_transform(X)
    assert_array_equal(found, HMMFeatureTransformer(hmm).fit_transform(turned))
    with pytest.raises(ValueError, match="first axis of each sequence is 3 long"):
        hmm.filter(X)
