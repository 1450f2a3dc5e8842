"""What all transformers share that stand on a frozen model: clones share the model."""

from __future__ import annotations

from copy import copy
from typing import Any, ClassVar

import numpy as np
from sklearn.base import TransformerMixin

from skhmmdd._base import SkhmmddEstimator


class SharedModelTransformer(TransformerMixin, SkhmmddEstimator):
    """Base of the transformers whose parameter `_frozen_model` names is a model."""

    _frozen_model: ClassVar[str]
    __skhmmdd_frozen__: Any

    def __sklearn_clone__(self):
        # scikit-learn's clone would un-fit a source model, and copy what has no
        # parameters: what is frozen is shared.
        if not self.__skhmmdd_frozen__:
            return super().__sklearn_clone__()
        without = copy(self)
        setattr(without, self._frozen_model, None)
        twin = super(SharedModelTransformer, without).__sklearn_clone__()
        setattr(twin, self._frozen_model, getattr(self, self._frozen_model))
        return twin

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def check_finite(columns, source="X and hmm"):
    """Refuse features that are no numbers of their type; `source` is to be rescaled."""
    if not np.isfinite(columns).all():
        raise ValueError(
            f"The features of X overflow {columns.dtype}: rescale {source}"
            f"{', or set dtype=float64' if columns.dtype != np.float64 else ''}."
        )
