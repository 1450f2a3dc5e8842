"""Frozen encoders from the models of other libraries."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any

from skhmmdd._extras import import_extra
from skhmmdd.features.encoders._base import FrozenEncoder
from skhmmdd.hmm import BaumWelch, as_hmm
from skhmmdd.hmm.models._frozen import FrozenValue

_HMM_LIBRARIES = ("hmmlearn.", "pomegranate.hmm.", "dynamax.")


def as_encoder(
    model: Any,
    *,
    tokenizer: Callable[..., Any] | None = None,
    layer: int | str | None = None,
    batch_size: int = 32,
) -> Any:
    """Frozen encoder from a model of another library.

    Parameters
    ----------
    model : SentenceTransformer, model of transformers, torch module, \
onnxruntime.InferenceSession, gensim.KeyedVectors, dict of str to vector, path, \
hidden Markov model or callable
        The model, which is shared and never trained; a torch module is put in
        evaluation mode. A path is a folder that sentence-transformers or transformers
        saved, or a file of ONNX; nothing is downloaded. Models that `as_hmm` takes
        become frozen weights. Any other callable is an encoder already, and comes back.
    tokenizer : callable, default=None
        Turns texts into symbols: the tokenizer of a model of transformers, or a
        function of one text. A `SentenceTransformer` has its own; for word vectors
        None splits at blanks.
    layer : int, str or None, default=None
        Which of the model's representations to take:

        - transformers: the number of a layer, 0 the embeddings, -1 the last; None the
          last hidden state;
        - SentenceTransformer: None the embedding of the text, "tokens" those of its
          tokens, or the number of a layer of the model within;
        - torch: the name of a submodule; None what the module gives (the first, if it
          gives several);
        - ONNX: the name of an output; None the first.
    batch_size : int, default=32
        Samples in one pass of the model, in [1, inf).

    Returns
    -------
    callable or frozen weights
        To be called with a list of texts, a list of sequences or an array. It gives an
        array (n_samples, width), or a list of arrays (n_steps, width) with the tokens
        that are there: padding is masked, and never returned.

    Raises
    ------
    TypeError
        If the model is of a kind that is not known.
    ValueError
        If the model has no such layer, or an option does not go with it.
    ImportError
        If a path needs a library that is not installed.

    See Also
    --------
    FrozenFeatureTransformer : Features of tunable width from an encoder.
    as_hmm : Frozen weights from hidden Markov models of other libraries.

    Notes
    -----
    Where texts must be padded, the shortest are run first, and the mask of the tokens
    is given to the model. Sequences of symbols or numbers are run with those of their
    own length. A text longer than a model of transformers takes is refused; a
    `SentenceTransformer` cuts it, as its `encode` does, and here with a warning. Of a
    text, word vectors give the words they know; a text without any is refused.

    Examples
    --------
    >>> from skhmmdd import FrozenFeatureTransformer, as_encoder
    >>> vectors = {"good": [1.0, 0.5], "bad": [-1.0, 0.5], "very": [0.0, 2.0]}
    >>> encoder = as_encoder(vectors)
    >>> encoder
    WordVectorEncoder(dict)
    >>> FrozenFeatureTransformer(encoder, pooling="mean").fit_transform(
    ...     ["very good", "bad"]
    ... )
    array([[ 0.5 ,  1.25],
           [-1.  ,  0.5 ]])
    """
    if (
        isinstance(batch_size, bool)
        or not isinstance(batch_size, Integral)
        or batch_size < 1
    ):
        raise ValueError(
            f"batch_size must be a whole number in [1, inf), got {batch_size!r}."
        )
    if isinstance(model, (str, os.PathLike)):
        model, tokenizer = _load(Path(model), tokenizer)
    origins = [f"{base.__module__}." for base in type(model).__mro__]

    def comes_from(*libraries):
        return any(origin.startswith(libraries) for origin in origins)

    if isinstance(model, (FrozenValue, BaumWelch)) or comes_from(*_HMM_LIBRARIES):
        _refuse(model, tokenizer=tokenizer, layer=layer)
        return as_hmm(model)
    if isinstance(model, FrozenEncoder):
        _refuse(model, tokenizer=tokenizer, layer=layer)
        return model
    if comes_from("sentence_transformers."):
        from skhmmdd.features.encoders._sentence_transformers import sentence_encoder

        _refuse(model, tokenizer=tokenizer)
        return sentence_encoder(model, layer, batch_size)
    if comes_from("transformers.") and hasattr(model, "config"):
        from skhmmdd.features.encoders._hugging_face import HuggingFaceEncoder

        return HuggingFaceEncoder(model, tokenizer, layer, batch_size)
    if comes_from("onnxruntime."):
        from skhmmdd.features.encoders._onnx import OnnxEncoder

        return OnnxEncoder(model, tokenizer, layer, batch_size)
    if comes_from("torch.nn."):
        from skhmmdd.features.encoders._torch import TorchEncoder

        return TorchEncoder(model, tokenizer, layer, batch_size)
    if isinstance(model, Mapping) or hasattr(model, "key_to_index"):
        from skhmmdd.features.encoders._word_vectors import WordVectorEncoder

        _refuse(model, layer=layer)
        return WordVectorEncoder(model, tokenizer, batch_size)
    if callable(model) and not isinstance(model, type):
        _refuse(model, tokenizer=tokenizer, layer=layer)
        return model
    raise TypeError(
        "encoder must be a callable, frozen weights, or a model of "
        "sentence-transformers, transformers, torch, onnxruntime or gensim; got "
        f"{type(model).__name__}: {model!r:.200}."
    )


def _refuse(model, **options):
    for name, value in options.items():
        if value is not None:
            raise ValueError(
                f"{name} does not go with a {type(model).__name__}; got {value!r}."
            )


def _load(path, tokenizer):
    """The model at a path, and its tokenizer."""
    if not path.exists():
        raise ValueError(
            f"There is no file or folder {str(path)!r}: nothing is downloaded, so give "
            "a path, or the model itself."
        )
    if path.suffix == ".onnx":
        runtime = import_extra("onnxruntime", "onnx", "as_encoder")
        return runtime.InferenceSession(str(path)), tokenizer
    if (path / "modules.json").exists():
        library = import_extra("sentence_transformers", "transformers", "as_encoder")
        return library.SentenceTransformer(str(path), local_files_only=True), tokenizer
    if (path / "config.json").exists():
        library = import_extra("transformers", "transformers", "as_encoder")
        options = {"local_files_only": True}
        if tokenizer is None:
            tokenizer = library.AutoTokenizer.from_pretrained(str(path), **options)
        return library.AutoModel.from_pretrained(str(path), **options), tokenizer
    raise ValueError(
        f"{str(path)!r} is neither a file of ONNX nor a folder that "
        "sentence-transformers or transformers saved."
    )
