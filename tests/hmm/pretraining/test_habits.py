"""Habits from other libraries are met with a word, not misread in silence."""

import warnings

import numpy as np
import pandas as pd
import pytest

from skhmmdd import BaumWelch, CategoricalHMM, GaussianHMM

RECIPE = r"np\.split\(X, np\.cumsum\(lengths\)\[:-1\]\)"
LENGTHS = [70, 50, 80]


@pytest.fixture
def stacked():
    """200 steps of three sequences end to end, as hmmlearn takes them."""
    return np.random.RandomState(0).standard_normal((200, 1))


def em(n_states=2, **options):
    return BaumWelch(
        n_states, **{"tol": 0, "max_iter": 2, "random_state": 0, **options}
    )


# The lengths of hmmlearn


@pytest.mark.parametrize(
    "lengths", [LENGTHS, tuple(LENGTHS), np.array(LENGTHS), pd.Series(LENGTHS), [200]]
)
@pytest.mark.parametrize("n_features", [1, 3])
def test_lengths_as_y_are_refused(lengths, n_features, stacked):
    X = np.repeat(stacked, n_features, axis=1)
    model = em().fit([X])
    for method in (em().fit, em().partial_fit, model.partial_fit, model.score):
        with pytest.raises(ValueError, match=f"sum to the 200 rows of X.*{RECIPE}"):
            method(X, lengths)


def test_the_recipe_of_the_message_works(stacked):
    X = np.split(stacked, np.cumsum(LENGTHS)[:-1])
    assert [len(x) for x in X] == LENGTHS
    assert em().fit(X).n_observed_ == 200


@pytest.mark.parametrize(
    "y",
    [
        np.arange(20),
        np.ones(20, dtype=int),  # sums to 20, but is one for each sample
        np.full(10, 2.0),
        ["a"] * 10,
        [10, 9],
        [[10], [10]],
        [[1, 2], [3]],
        0,
        object(),
        [],
    ],
)
def test_other_y_is_ignored(y):
    X = np.random.RandomState(0).randint(3, size=(20, 6))
    want = em().fit(X)
    assert em().fit(X, y).hmm_ == want.hmm_
    assert em().partial_fit(X, y).n_batches_ == 1
    assert want.score(X, y) == want.score(X)


def test_batches_with_y_are_taken():
    class Batches:
        def __iter__(self):
            return iter([np.array([[0, 1, 1], [1, 0, 0]])])

    assert em().fit(Batches(), [1, 1]).n_observed_ == 6


# Sequences of one step


@pytest.mark.parametrize("weights", [None, np.linspace(0.1, 1.3, 200)])
def test_single_steps_are_told(stacked, weights):
    with pytest.warns(UserWarning, match=f"one step.*{RECIPE}") as told:
        em().fit(stacked, sample_weight=weights)
    assert told[0].filename == __file__
    padded = np.column_stack([stacked, np.full((200, 2), np.nan)])
    with pytest.warns(UserWarning, match="one step"):
        em().fit(padded, sample_weight=weights)


def test_a_transition_is_enough(stacked):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        em().fit(np.split(stacked, range(1, 199)))
        em().fit([stacked])


# Integers that a missing one made floats of


@pytest.mark.parametrize(
    "frame", [np.asarray, pd.DataFrame, lambda X: list(map(list, X))]
)
def test_symbols_with_nan_are_told(frame):
    X = np.random.RandomState(0).randint(4, size=(30, 5)).astype(float)
    X[3, 2] = np.nan
    with pytest.warns(UserWarning, match="Gaussian.*emission='categorical'") as told:
        model = em().fit(frame(X))
    assert told[0].filename == __file__
    assert isinstance(model.hmm_, GaussianHMM)
    with pytest.warns(UserWarning, match="emission='categorical'") as told:
        em().partial_fit(frame(X))
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        named = em(emission="gaussian").fit(frame(X))
        assert named.hmm_ == model.hmm_
        symbols = em(emission="categorical").fit(frame(X)).hmm_
        assert symbols == em().fit(np.nan_to_num(X, nan=-1).astype(int)).hmm_
    assert isinstance(symbols, CategoricalHMM)


@pytest.mark.parametrize(
    "change", ["none missing", "fractions", "negative", "features"]
)
def test_what_can_be_no_symbols_is_not_told(change):
    X = np.random.RandomState(0).randint(4, size=(30, 6)).astype(float)
    if change != "none missing":
        X[3, 2] = np.nan
    if change == "fractions":
        X[0, 0] = 0.5
    if change == "negative":
        X[0, 0] = -2
    if change == "features":
        X = X.reshape(30, 3, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(em().fit(X).hmm_, GaussianHMM)


# What others call the number of states


def test_a_number_of_components_is_none_of_states(stacked):
    with pytest.warns(UserWarning, match="n_components=4 .* GaussianHMM.* n_states"):
        BaumWelch(n_components=4, tol=0, max_iter=1).fit([stacked])
    mixture = em(n_components=4, emission="gaussian_mixture").fit([stacked])
    assert mixture.hmm_.n_components == 4
    # Weights to start from hold their own.
    em(n_components=4, init=mixture.hmm_).fit([stacked])


def test_not_all_lengths_are_named():
    ragged = [np.zeros((3, n)) for n in range(20, 60)]
    with pytest.raises(ValueError, match=r"\(24,\) and 35 others\. .*channels_first"):
        em().fit(ragged)
