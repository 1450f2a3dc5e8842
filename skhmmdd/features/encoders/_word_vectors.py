"""Encoders out of static word vectors: a dict, or KeyedVectors of gensim."""

from collections.abc import Mapping

import numpy as np

from skhmmdd.features.encoders._base import FrozenEncoder, digest, tokenizer_key


class WordVectorEncoder(FrozenEncoder):
    """The vectors of the words of a text that are known, in their order."""

    def __init__(self, model, tokenizer, batch_size):
        super().__init__(model, tokenizer, None, batch_size)
        self._words = model if isinstance(model, Mapping) else model.key_to_index
        if not self._words:
            raise ValueError("The word vectors hold no word.")

    def __call__(self, batch):
        return [self._vectors(sample) for sample in batch]

    def _vectors(self, sample):
        words = sample
        if isinstance(sample, str):
            words = self.tokenizer(sample) if self.tokenizer else sample.split()
        elif not isinstance(sample, list):
            raise ValueError(
                "Word vectors take texts, or lists of words; got "
                f"{type(sample).__name__} {sample!r}."
            )
        known = [word for word in words if word in self._words]
        if not known:
            raise ValueError(f"No word of {sample!r} is among the word vectors.")
        vectors = [np.asarray(self.model[word]) for word in known]
        if len({vector.shape for vector in vectors}) > 1 or vectors[0].ndim != 1:
            raise ValueError(
                "Word vectors must be of one length; those of "
                f"{sample!r} have shapes {sorted({v.shape for v in vectors})}."
            )
        return np.stack(vectors)

    def weights_key(self):
        """A hash of words and vectors."""
        words = list(self._words)
        if hasattr(self.model, "vectors"):
            vectors = [np.asarray(self.model.vectors)]
        else:
            vectors = [np.asarray(self.model[word]) for word in words]
        key = "split" if self.tokenizer is None else tokenizer_key(self.tokenizer)
        return digest(key, *map(repr, words), *vectors)
