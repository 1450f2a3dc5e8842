"""Encoders out of sentence-transformers."""

import warnings

from skhmmdd.features.encoders._base import (
    LOCK,
    FrozenEncoder,
    are_texts,
    digest,
    tokenizer_key,
)
from skhmmdd.features.encoders._hugging_face import HuggingFaceEncoder
from skhmmdd.features.encoders._torch import as_numpy, frozen, weights_of

TOKENS = "tokens"


class SentenceEncoder(FrozenEncoder):
    """The embedding of a text, or of each of its tokens, as `encode` gives it."""

    def __call__(self, batch):
        if not are_texts(batch):
            raise ValueError(
                f"A {type(self.model).__name__} takes texts, got "
                f"{type(batch[0]).__name__}."
            )
        self._warn_of_long_texts(batch)
        with frozen(self.model), LOCK:
            found = self.model.encode(
                batch,
                batch_size=self.batch_size,
                show_progress_bar=False,
                output_value=(
                    "sentence_embedding" if self.layer is None else "token_embeddings"
                ),
                convert_to_numpy=self.layer is None,
            )
        if self.layer is None:
            return found
        return [as_numpy(steps) for steps in found]

    def _warn_of_long_texts(self, texts):
        limit, tokenizer = self.model.max_seq_length, self.tokenizer
        if limit is None or not hasattr(tokenizer, "model_input_names"):
            return
        if max(map(len, texts)) < limit - 2:  # a token has a character at least
            return
        with LOCK:
            tokens = tokenizer(texts, truncation=False, verbose=False)
        n_long = sum(len(ids) > limit for ids in tokens["input_ids"])
        if n_long:
            warnings.warn(
                f"{n_long} texts have more than the {limit} tokens that the model "
                "reads; what follows is cut off.",
                stacklevel=2,
            )

    def weights_key(self):
        """A hash of the weights and of the way the texts are read."""
        model = self.model
        prompt = f"{model.prompts}{model.default_prompt_name}{model.max_seq_length}"
        reading = tokenizer_key(self.tokenizer)
        return digest(weights_of(model), reading, prompt, repr(self.layer))


def sentence_encoder(model, layer, batch_size):
    """The encoder of a layer: None, "tokens", or a number of the model within."""
    if layer is None or layer == TOKENS:
        return SentenceEncoder(model, model.tokenizer, layer, batch_size)
    if isinstance(layer, str):
        raise ValueError(
            "layer must be None (one embedding a text), 'tokens' or the number of a "
            f"layer of the model within, got {layer!r}."
        )
    inner = getattr(model[0], "auto_model", None)
    if inner is None:
        raise ValueError(
            f"layer must be None or 'tokens': a {type(model[0]).__name__} has no "
            f"numbered layers; got {layer!r}."
        )
    return HuggingFaceEncoder(inner, model.tokenizer, layer, batch_size)
