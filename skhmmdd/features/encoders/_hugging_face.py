"""Encoders out of the models of Hugging Face's transformers."""

import inspect
from numbers import Integral

import numpy as np

from skhmmdd._extras import import_extra
from skhmmdd.features.encoders._base import FrozenEncoder, are_texts, tokenize
from skhmmdd.features.encoders._torch import TorchEncoder, as_numpy, as_tensor, frozen


class HuggingFaceEncoder(FrozenEncoder):
    """Hidden states of a layer, at the tokens that are there."""

    def __init__(self, model, tokenizer, layer, batch_size):
        super().__init__(model, tokenizer, layer, batch_size)
        config = model.config
        if getattr(config, "is_encoder_decoder", False):
            model = model.get_encoder()
        self._run_model = model
        takes = set(inspect.signature(model.forward).parameters)
        self._takes = takes & {"input_ids", "attention_mask", "token_type_ids"}
        text = (
            config.get_text_config() if hasattr(config, "get_text_config") else config
        )
        n_layers = getattr(text, "num_hidden_layers", None)
        if layer is not None:
            is_number = isinstance(layer, Integral) and not isinstance(layer, bool)
            if not is_number or (
                n_layers is not None and not -n_layers - 1 <= layer <= n_layers
            ):
                raise ValueError(
                    f"layer must be None or a whole number from 0, the embeddings, to "
                    f"{n_layers}, the last layer of {type(self.model).__name__}, or "
                    f"count back from -1; got {layer!r}."
                )
        limits = (
            getattr(tokenizer, "model_max_length", None),
            getattr(text, "max_position_embeddings", None),
        )
        # Tokenizers without a limit say 1e30.
        self._limit = min((n for n in limits if n and n > 0), default=np.inf)

    def __call__(self, batch):
        if are_texts(batch):
            tokens = tokenize(self.tokenizer, batch, self._takes)
        else:
            tokens = [{"input_ids": _symbols(row, i)} for i, row in enumerate(batch)]
        for i, one in enumerate(tokens):
            n_tokens = len(one["input_ids"])
            if n_tokens > self._limit:
                raise ValueError(
                    f"A sample has {n_tokens} tokens, more than the {self._limit} that "
                    f"{type(self.model).__name__} takes: shorten it. It starts "
                    f"{str(batch[i])[:40]!r}."
                )
        return self._run_padded(tokens, self._run)

    def _run(self, inputs):
        torch = import_extra("torch", "transformers", "as_encoder")
        model = self._run_model
        with frozen(model):
            tensors = {
                name: as_tensor(torch, array, model)
                for name, array in inputs.items()
                if name in self._takes
            }
            if self.layer is None and hasattr(model, "base_model"):
                # A head of the model's own, of many outputs, need not be computed.
                model = model.base_model
            output = model(
                **tensors, output_hidden_states=self.layer is not None, return_dict=True
            )
        if self.layer is None:
            return as_numpy(output.last_hidden_state)
        states = output.hidden_states
        if not -len(states) <= self.layer < len(states):
            raise ValueError(
                f"layer must be in [{-len(states)}, {len(states) - 1}], got "
                f"{self.layer}."
            )
        return as_numpy(states[self.layer])

    weights_key = TorchEncoder.weights_key


def _symbols(row, i):
    row = np.asarray(row)
    if row.ndim != 1 or row.dtype.kind not in "iu":
        raise ValueError(
            "The model takes texts, or sequences of whole numbers, its symbols; sample "
            f"{i} of a batch has dtype {row.dtype} and shape {row.shape}."
        )
    return row.tolist()
