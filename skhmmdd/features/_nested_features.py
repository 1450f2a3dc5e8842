"""What the transformers of frozen models share: a nested map, and what is frozen."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.utils.validation import check_is_fitted

from skhmmdd._typing import Array, RandomState
from skhmmdd.features._readout import IDENTITY, Readout, draw_readout
from skhmmdd.features._representation import Representation
from skhmmdd.features._shared_model import SharedModelTransformer


class NestedFeatures(ClassNamePrefixFeaturesOutMixin, SharedModelTransformer):
    """Base of the transformers from a frozen representation to nested columns.

    A subclass sets `_representation` and calls `_draw_map` in its `fit`; among its
    parameters are `n_components`, `readout` and `random_state`.
    """

    n_components: int | None
    readout: Any
    random_state: RandomState
    _representation: Representation
    _map: Readout
    _n_features_out: int

    # Where a model is pretrained on the training set, it is fitted in every resample,
    # and its columns are nested all the same.
    __skhmmdd_nested__ = True

    @property
    def __skhmmdd_random__(self) -> bool:
        # Whether two fits without a random_state give two maps.
        return self.readout != "identity" or not self.__skhmmdd_frozen__

    def _draw_map(self, what, dtype):
        """Draw the map to `n_components` columns; `what` names the representation."""
        width = self._representation.width
        self._n_features_out = width if self.n_components is None else self.n_components
        self._map = IDENTITY
        if self.n_components is None:
            return
        if self.readout == "identity" and self.n_components > width:
            raise ValueError(
                f"n_components={self.n_components} is more than the {width} "
                f"coordinates of the {what}, all that readout='identity' has."
            )
        self._map = draw_readout(
            self.readout, width, self.n_components, self.random_state, dtype
        )

    @property
    def directions_(self) -> Array | None:
        """The map's directions, shape (width, n_components), or None."""
        check_is_fitted(self)
        return self._map.directions

    @property
    def offsets_(self) -> Array | None:
        """The map's offsets, shape (n_components,), or None."""
        check_is_fitted(self)
        return self._map.offsets

    def _columns(self, values, pooling):
        with np.errstate(over="ignore", invalid="ignore"):
            if self._map.directions is not None:
                values = self._representation.standardise(values, pooling)
            return self._map(values)


def check_dtype(dtype):
    """The dtype of the features, or ValueError."""
    try:
        checked = None if dtype is None else np.dtype(dtype)
    except TypeError:
        checked = None
    if checked not in (np.float64, np.float32):
        raise ValueError(f"dtype must be float64 or float32, got {dtype!r}.")
    return checked


def check_out(out, shape, dtype):
    """An array to write the features to: `out` itself, if it is one; a new one."""
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array, got {type(out).__name__}.")
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(
            f"out must have shape {shape} and dtype {dtype}, got shape {out.shape} and "
            f"dtype {out.dtype}."
        )
    if not out.flags.writeable:
        raise ValueError("out must be writeable, got a read-only array.")
    return out
