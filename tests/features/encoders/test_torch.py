"""Modules of PyTorch against their own forward pass."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

torch = pytest.importorskip("torch")

from skhmmdd import FrozenFeatureTransformer, as_encoder  # noqa: E402

SEQUENCES = [np.arange(n) % 7 for n in (3, 1, 5, 3, 9)]


class Recurrent(torch.nn.Module):
    """Symbols, embedded, through an LSTM."""

    def __init__(self, width=6):
        super().__init__()
        self.embedding = torch.nn.Embedding(7, 4)
        self.lstm = torch.nn.LSTM(4, width, batch_first=True)
        self.dropout = torch.nn.Dropout(0.5)
        self.unused = torch.nn.Linear(2, 2)

    def forward(self, symbols):
        return self.dropout(self.lstm(self.embedding(symbols))[0])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Recurrent()


def plain(module, array):
    with torch.no_grad():
        return module.eval()(torch.as_tensor(array)).numpy()


def test_sequences_of_unequal_length(model):
    found = as_encoder(model, batch_size=2)(SEQUENCES)
    for sequence, steps in zip(SEQUENCES, found, strict=True):
        assert_allclose(steps, plain(model, sequence[None])[0], atol=1e-6)


def test_last_state_and_mean(model):
    for pooling in ("last", "mean"):
        features = FrozenFeatureTransformer(model, pooling=pooling)
        states = [plain(model, sequence[None])[0] for sequence in SEQUENCES]
        want = [s[-1] if pooling == "last" else s.mean(axis=0) for s in states]
        assert_allclose(features.fit_transform(SEQUENCES), want, atol=1e-6)


def test_texts_by_a_function(model):
    encoder = as_encoder(model, tokenizer=lambda text: [ord(c) - 97 for c in text])
    assert_array_equal(encoder(["abc"])[0], as_encoder(model)([np.arange(3)])[0])
    with pytest.raises(ValueError, match="where symbols are due"):
        as_encoder(model)(["abc"])


def test_rows_and_submodules():
    torch.manual_seed(1)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)
    )
    X = np.random.RandomState(0).standard_normal((10, 3))
    hidden = FrozenFeatureTransformer(as_encoder(model, layer="1")).fit_transform(X)
    weight, bias = (p.detach().numpy() for p in model[0].parameters())
    assert_allclose(hidden, np.maximum(X @ weight.T + bias, 0), atol=1e-6)
    whole = FrozenFeatureTransformer(model).fit_transform(X)
    assert_allclose(whole, plain(model, X.astype(np.float32)), atol=1e-6)
    assert not model[1]._forward_hooks


def test_recurrent_layer_gives_its_output_not_its_state(model):
    found = as_encoder(model, layer="lstm")(SEQUENCES[:1])[0]
    assert_allclose(found, plain(model, SEQUENCES[0][None])[0], atol=1e-6)


def test_unknown_layers(model):
    for layer in ("gru", 3, ""):
        with pytest.raises(ValueError, match=r"is not a submodule .* 'lstm'"):
            as_encoder(model, layer=layer)
    with pytest.raises(ValueError, match="does not run its layer 'unused'"):
        as_encoder(model, layer="unused")(SEQUENCES)


def test_steps_must_not_come_first():
    with pytest.raises(ValueError, match="batch_first"):
        as_encoder(torch.nn.LSTM(1, 2))
    flat = torch.nn.Flatten(0, 1)
    with pytest.raises(ValueError, match="gave 6 rows for 2 samples"):
        as_encoder(flat)(np.ones((2, 3, 4)))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: {"a": x}, "must give a tensor"),
        (lambda x: x[:, :, None, None], "choose a layer"),
    ],
)
def test_what_cannot_be_features(function, words):
    class Odd(torch.nn.Module):
        def forward(self, x):
            return function(x)

    with pytest.raises((TypeError, ValueError), match=words):
        as_encoder(Odd())(np.ones((2, 3)))


def test_one_number_a_sample():
    class Total(torch.nn.Module):
        def forward(self, x):
            return x.sum(dim=1)

    assert_array_equal(as_encoder(Total())(np.ones((2, 3))), [[3], [3]])


def test_frozen_even_after_training(model):
    model.train()
    encoder = as_encoder(model)
    first = encoder(SEQUENCES)
    model.train()
    second = encoder(SEQUENCES)
    for one, other in zip(first, second, strict=True):
        assert_array_equal(one, other)


def test_threads_do_not_mix(model):
    rng = np.random.RandomState(0)
    X = [rng.randint(7, size=rng.randint(1, 9)) for _ in range(200)]
    encoder = as_encoder(model, layer="embedding")
    alone, together = (
        FrozenFeatureTransformer(
            encoder, pooling="sum", batch_size=3, n_jobs=n_jobs
        ).fit_transform(X)
        for n_jobs in (1, 4)
    )
    assert_array_equal(alone, together)


def test_key(model):
    key = as_encoder(model).weights_key()
    assert key == as_encoder(model, batch_size=1).weights_key()
    others = {as_encoder(model, layer="lstm").weights_key()}
    with torch.no_grad():
        model.embedding.weight[0, 0] += 1e-3
    others.add(as_encoder(model).weights_key())
    assert key not in others and len(others) == 2
    with pytest.raises(ValueError, match="`weights_key`"):
        as_encoder(model, tokenizer=len).weights_key()
