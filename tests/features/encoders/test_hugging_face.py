"""Models of transformers, of random weights: padding is never pooled."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from skhmmdd import FrozenFeatureTransformer, as_encoder  # noqa: E402

LETTERS = "abcdefghijklmnopqrstuvwxyz"
TEXTS = [
    "a frozen model",
    "head",
    "double descent of a wide head",
    "x",
    "a b c d e f g",
]


def small(kind):
    torch.manual_seed(0)
    if kind == "bert":
        config = transformers.BertConfig(
            vocab_size=30,
            hidden_size=24,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=48,
            max_position_embeddings=64,
        )
        return transformers.BertModel(config)
    if kind == "distilbert":
        config = transformers.DistilBertConfig(
            vocab_size=30, dim=24, n_layers=2, n_heads=2, hidden_dim=48
        )
        return transformers.DistilBertForMaskedLM(config)
    if kind == "t5":
        config = transformers.T5Config(
            vocab_size=30, d_model=24, d_kv=8, d_ff=32, num_layers=2, num_heads=2
        )
        return transformers.T5ForConditionalGeneration(config)
    config = transformers.GPT2Config(
        vocab_size=30, n_embd=24, n_layer=2, n_head=2, n_positions=64
    )
    return transformers.GPT2LMHeadModel(config)


def letters(**options):
    """A tokenizer with a symbol for each letter, made without a download."""
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, " ": 3}
    vocabulary |= {letter: 4 + i for i, letter in enumerate(LETTERS)}
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", **options
    )


@pytest.fixture(scope="module")
def tokenizer():
    return letters()


KINDS = ["bert", "distilbert", "gpt2", "t5"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_mixed_lengths_is_one_text_at_a_time(kind, tokenizer):
    model = small(kind)
    encoder = as_encoder(model, tokenizer=tokenizer, batch_size=3)
    together = encoder(TEXTS)
    body = model.get_encoder() if kind == "t5" else model.base_model
    body.eval()
    for text, steps in zip(TEXTS, together, strict=True):
        assert_allclose(steps, encoder([text])[0], atol=1e-5)
        ids = torch.tensor(tokenizer([text])["input_ids"])
        with torch.no_grad():
            plain = body(input_ids=ids).last_hidden_state[0].numpy()
        assert steps.shape == (len(text), 24)
        assert_allclose(steps, plain, atol=1e-5)


@pytest.mark.parametrize("pooling", ["last", "mean", "sum", "max"])
def test_padding_is_in_no_pooled_row(pooling, tokenizer):
    encoder = as_encoder(small("bert"), tokenizer=tokenizer)
    frozen = FrozenFeatureTransformer(encoder, pooling=pooling)
    together = frozen.fit_transform(TEXTS)
    alone = np.vstack([frozen.transform([text]) for text in TEXTS])
    assert_allclose(together, alone, atol=1e-5)


def test_every_layer(tokenizer):
    model = small("bert").eval()
    with torch.no_grad():
        states = model(
            **tokenizer([TEXTS[0]], return_tensors="pt"), output_hidden_states=True
        ).hidden_states
    assert len(states) == 4
    for layer in (*range(4), *range(-4, 0)):
        encoder = as_encoder(model, tokenizer=tokenizer, layer=layer)
        assert_allclose(encoder(TEXTS)[0], states[layer][0].numpy(), atol=1e-5)
    last = as_encoder(model, tokenizer=tokenizer)(TEXTS)[0]
    assert_allclose(last, states[-1][0].numpy(), atol=1e-5)


@pytest.mark.parametrize("layer", [4, -5, 1.0, True, "last"])
def test_unknown_layer(layer, tokenizer):
    with pytest.raises(ValueError, match=r"layer must be None or .* got"):
        as_encoder(small("bert"), tokenizer=tokenizer, layer=layer)


def test_symbols_need_no_tokenizer(tokenizer):
    model = small("gpt2")
    symbols = [np.array(one) for one in tokenizer(TEXTS)["input_ids"]]
    want = as_encoder(model, tokenizer=tokenizer)(TEXTS)
    frozen = FrozenFeatureTransformer(model, pooling="last")
    assert_allclose(
        frozen.fit_transform(symbols), [steps[-1] for steps in want], atol=1e-6
    )
    with pytest.raises(ValueError, match="where symbols are due"):
        frozen.transform(TEXTS)
    with pytest.raises(ValueError, match="whole numbers"):
        frozen.transform([[0.5, 1.0]])


def test_threads_do_not_mix(tokenizer):
    texts = TEXTS * 20
    encoder = as_encoder(small("bert"), tokenizer=tokenizer)
    alone, together = (
        FrozenFeatureTransformer(
            encoder, pooling="mean", batch_size=4, n_jobs=n_jobs
        ).fit_transform(texts)
        for n_jobs in (1, 4)
    )
    assert_allclose(alone, together, atol=1e-6)


def test_what_is_too_long_or_empty_is_refused(tokenizer):
    encoder = as_encoder(small("bert"), tokenizer=tokenizer)
    with pytest.raises(ValueError, match=r"65 tokens, more than the 64 .* 'xxxx"):
        encoder(["a", "x" * 65])
    assert len(encoder(["x" * 64])[0]) == 64
    short = as_encoder(small("bert"), tokenizer=letters(model_max_length=5))
    with pytest.raises(ValueError, match="6 tokens, more than the 5"):
        short(["abcdef"])
    with pytest.raises(ValueError, match="no token in the text ''"):
        encoder(["a", ""])


def test_the_model_is_frozen(tokenizer):
    model = small("bert").train()  # dropout would make noise
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    frozen = FrozenFeatureTransformer(as_encoder(model, tokenizer=tokenizer))
    first, second = frozen.fit_transform(TEXTS), frozen.transform(TEXTS)
    assert_array_equal(first, second)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name])
    assert all(parameter.grad is None for parameter in model.parameters())


def test_half_precision(tokenizer):
    model = small("bert")
    want = as_encoder(model, tokenizer=tokenizer)(TEXTS)[0]
    found = as_encoder(model.bfloat16(), tokenizer=tokenizer)(TEXTS)[0]
    assert found.dtype == np.float32
    assert_allclose(found, want, atol=0.1)


def test_memory_is_keyed_by_the_weights(tokenizer, tmp_path):
    model = small("bert")
    keys = {as_encoder(model, tokenizer=tokenizer).weights_key() for _ in range(2)}
    keys.add(as_encoder(small("bert"), tokenizer=letters()).weights_key())
    assert len(keys) == 1, "equal weights have one key"
    keys.add(as_encoder(model, tokenizer=tokenizer, layer=1).weights_key())
    keys.add(as_encoder(model).weights_key())
    scaled = small("bert")
    scaled.config.is_decoder = True
    keys.add(as_encoder(scaled, tokenizer=tokenizer).weights_key())
    keys.add(as_encoder(small("bert").bfloat16(), tokenizer=tokenizer).weights_key())
    frozen = FrozenFeatureTransformer(
        as_encoder(model, tokenizer=tokenizer), memory=tmp_path
    )
    before = frozen.fit_transform(TEXTS)
    assert_array_equal(frozen.fit_transform(TEXTS), before)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight.neg_()
    keys.add(as_encoder(model, tokenizer=tokenizer).weights_key())
    assert len(keys) == 6
    assert np.abs(frozen.fit_transform(TEXTS) - before).max() > 1e-3


def test_a_folder(tokenizer, tmp_path):
    model = small("bert")
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    want = as_encoder(model, tokenizer=tokenizer)(TEXTS)
    found = as_encoder(str(tmp_path))(TEXTS)
    for one, other in zip(found, want, strict=True):
        assert_allclose(one, other, atol=1e-6)


def test_repr(tokenizer):
    encoder = as_encoder(small("bert"), tokenizer=tokenizer, layer=-1)
    assert repr(encoder) == "HuggingFaceEncoder(BertModel, layer=-1)"
    for model in (encoder, small("bert")):
        html = FrozenFeatureTransformer(model)._repr_html_()
        assert "FrozenFeatureTransformer" in html
