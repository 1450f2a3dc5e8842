"""The door: what goes in, and what is refused by name."""

import subprocess
import sys

import numpy as np
import pytest
from random_models import random_hmm
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skhmmdd import BaumWelch, as_encoder


def test_what_is_an_encoder_already():
    def encode(batch):
        return np.ones((len(batch), 1))

    encoder = as_encoder({"a": [1.0]})
    hmm = random_hmm("categorical", size=2)
    for model in (encode, encoder, hmm, len):
        assert as_encoder(model) is model
    assert clone(encoder) is encoder
    fitted = BaumWelch(2, max_iter=2, tol=0, random_state=0).fit([[0, 1, 1]])
    assert as_encoder(fitted) is fitted.hmm_
    with pytest.raises(NotFittedError):
        as_encoder(BaumWelch(2))


@pytest.mark.parametrize("model", [None, 3, int, ["a"], np.ones(3)])
def test_unknown_kinds(model):
    with pytest.raises(TypeError, match="encoder must be a callable"):
        as_encoder(model)


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, True, None, "8"])
def test_batch_size(batch_size):
    with pytest.raises(ValueError, match=r"batch_size must be .* got"):
        as_encoder(len, batch_size=batch_size)


def test_options_that_do_not_go_with_the_model():
    with pytest.raises(ValueError, match="layer does not go with a dict"):
        as_encoder({"a": [1.0]}, layer=1)
    with pytest.raises(ValueError, match="tokenizer does not go with"):
        as_encoder(random_hmm("categorical", size=2), tokenizer=str.split)
    with pytest.raises(ValueError, match="layer does not go with"):
        as_encoder(lambda batch: batch, layer=0)


def test_paths_are_never_downloaded(tmp_path):
    with pytest.raises(ValueError, match="nothing is downloaded"):
        as_encoder("all-MiniLM-L6-v2")
    with pytest.raises(ValueError, match="neither a file of ONNX nor a folder"):
        as_encoder(tmp_path)


def test_a_missing_library_names_its_extra(tmp_path, monkeypatch):
    for name in ("onnxruntime", "sentence_transformers", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "model.onnx").touch()
    with pytest.raises(ImportError, match=r'pip install "skhmmdd\[onnx\]"'):
        as_encoder(tmp_path / "model.onnx")
    for name in ("config.json", "modules.json"):
        (tmp_path / name).touch()
        with pytest.raises(ImportError, match=r'pip install "skhmmdd\[transformers\]"'):
            as_encoder(tmp_path)


@pytest.mark.slow
def test_nothing_is_imported_before_it_is_needed():
    code = (
        "import sys, skhmmdd\n"
        "skhmmdd.as_encoder({'a': [1.0]})(['a'])\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'onnxruntime'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
