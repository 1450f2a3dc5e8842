"""What the transformers share that stand on a frozen hidden Markov model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import (
    _check_method_params,
    _num_samples,
    check_is_fitted,
)

from skhmmdd._base import check_sequence_table
from skhmmdd._typing import Names
from skhmmdd.features._shared_model import SharedModelTransformer
from skhmmdd.hmm import BaumWelch, as_hmm
from skhmmdd.hmm.models._base import FrozenHMM
from skhmmdd.hmm.sequences._panels import warn_of_order
from skhmmdd.hmm.sequences._reading import observed_sequences

if TYPE_CHECKING:
    from skhmmdd.hmm import LinearGaussianHMM


class ModelTransformer(SharedModelTransformer):
    """Sequences in, rows out, by the model `hmm`: frozen, or pretrained in `fit`."""

    hmm: Any
    channels_first: bool
    # Where a subclass has no such parameter.
    handle_empty: Literal["error", "prior"] = "error"
    hmm_: FrozenHMM | LinearGaussianHMM
    n_features_in_: int
    feature_names_in_: Names

    _frozen_model = "hmm"

    @property
    def __skhmmdd_frozen__(self) -> bool:
        # A step that learns nothing from the data: one fit serves every resample.
        return self.hmm is not None and not _is_unfitted(self.hmm)

    def get_metadata_routing(self) -> Any:
        """How what `fit` is given beside `X` reaches the pretraining.

        Returns
        -------
        MetadataRouter
            Of `fit` to that of an unfitted `BaumWelch` as `hmm`, which names what it
            asks for: ``BaumWelch().set_fit_request(sample_weight=True)``.
        """
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        if _is_unfitted(self.hmm):
            mapping = MethodMapping().add(caller="fit", callee="fit")
            mapping.add(caller="fit_transform", callee="fit")
            router.add(hmm=self.hmm, method_mapping=mapping)
        return router

    def _fit_model(self, X, fit_params, random_state=None):
        """Set `hmm_`; pretrain it, if `hmm` is an unfitted BaumWelch or None."""
        if fit_params and get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).get("hmm", {})
            fit_params = fit_params.get("fit", {})
        elif fit_params and self.__skhmmdd_frozen__:
            raise TypeError(
                f"fit got {', '.join(fit_params)} to pretrain with, but hmm is frozen: "
                "pass an unfitted BaumWelch."
            )
        table = self._table(X, reset=True)
        if self.__skhmmdd_frozen__:
            self.hmm_ = as_hmm(self.hmm)
            _check_still_fitted(self.hmm)
            sequences = self._read(table)
            if (sequences.lengths == sequences.values.shape[-1]).all():
                # Sizes would not tell: as many channels as steps.
                warn_of_order(sequences, self._channels_first)
            return
        pretraining = BaumWelch() if self.hmm is None else clone(self.hmm)
        pretraining.set_params(channels_first=self._channels_first)
        if self.handle_empty == "prior":
            symbolic = pretraining.emission in ("auto", "categorical")
            observed = np.flatnonzero(observed_sequences(table, symbolic))
            if len(observed) < _num_samples(table):
                # Nothing is to be learned from the others.
                fit_params = _check_method_params(table, fit_params, observed)
                X = _safe_indexing(table, observed)
                pretraining.set_params(channels_first=False)
        if pretraining.random_state is None:
            pretraining.set_params(random_state=random_state)
        self.hmm_ = pretraining.fit(X, **fit_params).hmm_

    def _sequences(self, X):
        check_is_fitted(self)
        return self._read(self._table(X, reset=False))

    def _read(self, table):
        keep_missing = "first" if self.handle_empty == "prior" else False
        return self.hmm_._read(table, keep_missing=keep_missing)

    @property
    def _channels_first(self):
        return self.channels_first or getattr(self.hmm, "channels_first", False)

    def _table(self, X, reset):
        return check_sequence_table(
            self, X, reset=reset, channels_first=self._channels_first
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True  # what is missing is marginalised out
        return tags


def _is_unfitted(model):
    return isinstance(model, BaumWelch) and not hasattr(model, "hmm_")


def _check_still_fitted(model):
    # A grid over hmm__n_states would otherwise give the same features at every point.
    if isinstance(model, BaumWelch) and model.init is None:
        n_states = model.hmm_.n_states
        if model.n_states != n_states:
            raise ValueError(
                f"hmm is a fitted BaumWelch of {n_states} states whose n_states was "
                f"set to {model.n_states} afterwards. Fitted models are frozen: pass "
                "an unfitted BaumWelch to pretrain anew for each n_states."
            )
