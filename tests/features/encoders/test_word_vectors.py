"""Static word vectors: a dict, and what has the face of gensim's KeyedVectors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skhmmdd import FrozenFeatureTransformer, as_encoder

VECTORS = {
    "good": [1.0, 0.0],
    "bad": [-1.0, 0.0],
    "very": [0.0, 2.0],
    "New York": [3, 3],
}


class KeyedVectors:
    """The part of gensim's that is used."""

    def __init__(self, vectors):
        self.key_to_index = {word: i for i, word in enumerate(vectors)}
        self.vectors = np.array(list(vectors.values()), dtype=np.float32)

    def __getitem__(self, word):
        return self.vectors[self.key_to_index[word]]


@pytest.mark.parametrize("model", [VECTORS, KeyedVectors(VECTORS)])
def test_texts_and_lists_of_words(model):
    frozen = FrozenFeatureTransformer(model, pooling="mean")
    want = [[0.5, 1.0], [-1.0, 0.0]]
    assert_allclose(frozen.fit_transform(["very good", "bad"]), want)
    assert_allclose(frozen.transform([["very", "good"], ["bad"]]), want)
    assert_allclose(frozen.transform([["New York"]]), [[3, 3]])
    assert_allclose(frozen.transform(["a very good idea"]), want[:1])
    assert_array_equal(frozen.transform_steps(["very good"])[0], [[0, 2], [1, 0]])


def test_a_tokenizer():
    encoder = as_encoder(VECTORS, tokenizer=lambda text: text.lower().split("-"))
    assert_array_equal(encoder(["Very-BAD"])[0], [[0, 2], [-1, 0]])


def test_unknown_words_alone_are_refused():
    with pytest.raises(ValueError, match="No word of 'an idea'"):
        as_encoder(VECTORS)(["very good", "an idea"])


@pytest.mark.parametrize(
    ("model", "sample", "words"),
    [
        ({"a": [1.0], "b": [1.0, 2.0]}, "a b", "of one length"),
        ({"a": 1.0}, "a", "of one length"),
        (VECTORS, np.array([1, 2]), "take texts, or lists of words"),
    ],
)
def test_bad_vectors_and_samples(model, sample, words):
    with pytest.raises(ValueError, match=words):
        as_encoder(model)([sample])
    with pytest.raises(ValueError, match="hold no word"):
        as_encoder({})


def test_key():
    key = as_encoder(VECTORS).weights_key()
    assert key == as_encoder(dict(VECTORS)).weights_key()
    others = {
        as_encoder(VECTORS | {"bad": [-1.0, 1e-9]}).weights_key(),
        as_encoder({"Good": VECTORS["good"]}).weights_key(),
        as_encoder(KeyedVectors(VECTORS)).weights_key(),
    }
    assert key not in others and len(others) == 3
