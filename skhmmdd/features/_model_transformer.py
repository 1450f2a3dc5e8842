"""What the transformers share that stand on a frozen hidden Markov model."""

from __future__ import annotations

from typing import Any

from sklearn import get_config
from sklearn.base import clone
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from skhmmdd._base import check_sequence_table
from skhmmdd._typing import Names
from skhmmdd.features._shared_model import SharedModelTransformer
from skhmmdd.hmm import BaumWelch, LinearGaussianHMM, as_hmm
from skhmmdd.hmm.models._base import FrozenHMM


class ModelTransformer(SharedModelTransformer):
    """Sequences in, rows out, by the model `hmm`: frozen, or pretrained in `fit`."""

    hmm: Any
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
        X = check_sequence_table(self, X, reset=True)
        if self.__skhmmdd_frozen__:
            self.hmm_ = as_hmm(self.hmm)
            _check_still_fitted(self.hmm)
            self.hmm_._read(X)
            return
        pretraining = BaumWelch() if self.hmm is None else clone(self.hmm)
        if pretraining.random_state is None:
            pretraining.set_params(random_state=random_state)
        self.hmm_ = pretraining.fit(X, **fit_params).hmm_

    def _sequences(self, X):
        check_is_fitted(self)
        return self.hmm_._read(check_sequence_table(self, X, reset=False))

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
