"""What the transformers share that stand on a frozen hidden Markov model."""

from copy import copy
from typing import Any

import numpy as np
from sklearn.base import TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from skhmmdd._base import SkhmmddEstimator, check_sequence_table
from skhmmdd._typing import Names
from skhmmdd.hmm import BaumWelch, LinearGaussianHMM, as_hmm
from skhmmdd.hmm.models._base import FrozenHMM


class ModelTransformer(TransformerMixin, SkhmmddEstimator):
    """Sequences in, rows out, by the model `hmm`: frozen, or pretrained in `fit`."""

    hmm: Any
    hmm_: FrozenHMM | LinearGaussianHMM
    n_features_in_: int
    feature_names_in_: Names

    @property
    def __skhmmdd_frozen__(self) -> bool:
        # A step that learns nothing from the data: one fit serves every resample.
        return self.hmm is not None and not _is_unfitted(self.hmm)

    def _fit_model(self, X, random_state=None):
        """Set `hmm_`; pretrain it, if `hmm` is an unfitted BaumWelch or None."""
        X = check_sequence_table(self, X, reset=True)
        if self.__skhmmdd_frozen__:
            self.hmm_ = as_hmm(self.hmm)
            _check_still_fitted(self.hmm)
            self.hmm_._read(X)
            return
        pretraining = BaumWelch() if self.hmm is None else clone(self.hmm)
        if pretraining.random_state is None:
            pretraining.set_params(random_state=random_state)
        self.hmm_ = pretraining.fit(X).hmm_

    def _sequences(self, X):
        check_is_fitted(self)
        return self.hmm_._read(check_sequence_table(self, X, reset=False))

    def __sklearn_clone__(self):
        # scikit-learn's clone would un-fit a source model: what is frozen is shared.
        if not self.__skhmmdd_frozen__:
            return super().__sklearn_clone__()
        without = copy(self)
        without.hmm = None
        twin = super(ModelTransformer, without).__sklearn_clone__()
        twin.hmm = self.hmm
        return twin

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def check_finite(columns):
    """Refuse features that are no numbers of their type."""
    if not np.isfinite(columns).all():
        raise ValueError(
            f"The features of X overflow {columns.dtype}: rescale X and hmm"
            f"{', or set dtype=float64' if columns.dtype != np.float64 else ''}."
        )


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
