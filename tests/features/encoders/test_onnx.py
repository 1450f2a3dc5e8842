"""A session of ONNX Runtime, of a file that is made here."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from skhmmdd import FrozenFeatureTransformer, as_encoder  # noqa: E402

TABLE = np.random.RandomState(0).standard_normal((9, 4)).astype(np.float32)


def save(path, nodes, inputs, outputs, weights):
    helper = onnx.helper
    kinds = {"i": onnx.TensorProto.INT64, "f": onnx.TensorProto.FLOAT}
    graph = helper.make_graph(
        nodes,
        "frozen",
        [helper.make_tensor_value_info(n, kinds[k], s) for n, k, s in inputs],
        [helper.make_tensor_value_info(n, kinds["f"], s) for n, s in outputs],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


@pytest.fixture
def symbols(tmp_path):
    """Symbols (n, n_steps) to rows of a table, and to their maximum."""
    return save(
        tmp_path / "symbols.onnx",
        [
            onnx.helper.make_node("Gather", ["table", "input_ids"], ["steps"], axis=0),
            onnx.helper.make_node(
                "ReduceMax", ["steps"], ["pooled"], axes=[1], keepdims=0
            ),
        ],
        [("input_ids", "i", [None, None])],
        [("steps", [None, None, 4]), ("pooled", [None, 4])],
        {"table": TABLE},
    )


@pytest.fixture
def rows(tmp_path):
    """Rows (1, 3), one at a time, to columns."""
    return save(
        tmp_path / "rows.onnx",
        [onnx.helper.make_node("MatMul", ["x", "weights"], ["columns"])],
        [("x", "f", [1, 3])],
        [("columns", [1, 4])],
        {"weights": TABLE[:3]},
    )


def test_sequences_of_unequal_length(symbols):
    X = [[1, 2, 3], [4], [5, 6, 7], [8, 0]]
    session = runtime.InferenceSession(str(symbols))
    for pooling, pool in (("last", lambda s: s[-1]), ("mean", lambda s: s.mean(0))):
        frozen = FrozenFeatureTransformer(session, pooling=pooling)
        want = [pool(TABLE[row]) for row in X]
        assert_allclose(frozen.fit_transform(X), want, rtol=1e-6)
    pooled = as_encoder(session, layer="pooled")
    assert_allclose(pooled([np.array([1, 2])])[0], TABLE[[1, 2]].max(axis=0))


def test_a_model_of_one_sample_at_a_time(rows):
    X = np.random.RandomState(1).standard_normal((5, 3))
    frozen = FrozenFeatureTransformer(as_encoder(rows))
    assert_allclose(frozen.fit_transform(X), X @ TABLE[:3], rtol=1e-5)


def test_texts(symbols):
    encoder = as_encoder(symbols, tokenizer=lambda text: [ord(c) - 97 for c in text])
    assert_allclose(encoder(["ab", "c"])[0], TABLE[:2])
    with pytest.raises(ValueError, match="where symbols are due"):
        as_encoder(symbols)(["ab"])


def test_texts_by_a_tokenizer_of_transformers(tmp_path):
    class Tokenizer:
        model_input_names = ("input_ids", "attention_mask")

        def __call__(self, texts, verbose=True):
            ids = [[ord(c) - 97 for c in text] for text in texts]
            ones = [[1] * len(one) for one in ids]
            return {"input_ids": ids, "attention_mask": ones, "token_type_ids": ones}

    # Steps, and the sum of those that the mask shows.
    path = save(
        tmp_path / "masked.onnx",
        [
            onnx.helper.make_node("Gather", ["table", "input_ids"], ["steps"], axis=0),
            onnx.helper.make_node("Cast", ["attention_mask"], ["m"], to=1),
            onnx.helper.make_node("Unsqueeze", ["m", "axes"], ["mask"]),
            onnx.helper.make_node("Mul", ["steps", "mask"], ["shown"]),
            onnx.helper.make_node("ReduceSum", ["shown", "one"], ["total"], keepdims=0),
        ],
        [("input_ids", "i", [None, None]), ("attention_mask", "i", [None, None])],
        [("steps", [None, None, 4]), ("total", [None, 4])],
        {"table": TABLE, "axes": np.array([2]), "one": np.array([1])},
    )
    texts = ["abc", "i", "de", "fghab"]
    want = [TABLE[[ord(c) - 97 for c in text]] for text in texts]
    steps = as_encoder(path, tokenizer=Tokenizer(), batch_size=3)(texts)
    for one, other in zip(steps, want, strict=True):
        assert_allclose(one, other)
    total = as_encoder(path, tokenizer=Tokenizer(), layer="total")(texts)
    assert_allclose(total, [one.sum(axis=0) for one in want], rtol=1e-5)
    with pytest.raises(ValueError, match="needs texts and the tokenizer"):
        as_encoder(path)([[1, 2]])


def test_unknown_output_and_wrong_numbers(symbols):
    with pytest.raises(ValueError, match="it has 'steps', 'pooled'"):
        as_encoder(symbols, layer="hidden")
    with pytest.raises(ValueError, match="takes whole numbers"):
        as_encoder(symbols)([np.array([0.5])])


def test_key(symbols, rows):
    key = as_encoder(symbols).weights_key()
    assert key == as_encoder(str(symbols)).weights_key()
    others = {as_encoder(rows).weights_key()}
    others.add(as_encoder(symbols, layer="pooled").weights_key())
    assert key not in others and len(others) == 2
    session = runtime.InferenceSession(symbols.read_bytes())
    assert as_encoder(session).weights_key() == key
