"""Frozen weights from the fitted models of hmmlearn."""

from copy import deepcopy

import joblib
import numpy as np

from skhmmdd.hmm.interop._conversion import fitted
from skhmmdd.hmm.models._categorical import CategoricalHMM
from skhmmdd.hmm.models._external import EmissionHMM
from skhmmdd.hmm.models._gaussian import GaussianHMM
from skhmmdd.hmm.models._gaussian_mixture import GaussianMixtureHMM
from skhmmdd.hmm.models._poisson import PoissonHMM


def from_hmmlearn(model):
    startprob, transmat = fitted(model, "startprob_"), fitted(model, "transmat_")
    if model.n_components != len(startprob):
        raise ValueError(
            f"hmm is a fitted {type(model).__name__} of {len(startprob)} states whose "
            f"n_components was set to {model.n_components} afterwards. Fitted models "
            "are frozen: fit one for each n_components."
        )
    family = {base.__name__ for base in type(model).__mro__}
    if "BaseCategoricalHMM" in family:
        return CategoricalHMM(startprob, transmat, fitted(model, "emissionprob_"))
    if "BaseGaussianHMM" in family and hasattr(model, "_covars_"):
        means, covars = fitted(model, "means_"), model._covars_
        n_states, n_features = means.shape
        if model.covariance_type == "spherical":
            covars = np.repeat(np.reshape(covars, (n_states, -1))[:, :1], n_features, 1)
        elif model.covariance_type == "tied":
            covars = np.broadcast_to(covars, (n_states, n_features, n_features))
        return GaussianHMM(startprob, transmat, means, covars)
    if "BasePoissonHMM" in family:
        return PoissonHMM(startprob, transmat, fitted(model, "lambdas_"))
    if "BaseGMMHMM" in family and model.covariance_type == "diag":
        emission = (fitted(model, name) for name in ("weights_", "means_", "covars_"))
        return GaussianMixtureHMM(startprob, transmat, *emission)
    return EmissionHMM(startprob, transmat, HmmlearnEmission(model))


class HmmlearnEmission:
    """The emission distribution of a fitted hmmlearn model: a private copy of it."""

    def __init__(self, model):
        self._model = deepcopy(model)
        self._digest = joblib.hash(self._model)

    def __repr__(self):
        return type(self._model).__name__

    def __eq__(self, other):
        return isinstance(other, HmmlearnEmission) and self._digest == other._digest

    def __hash__(self):
        return hash(self._digest)

    @property
    def n_features(self):
        return self._model.n_features

    @property
    def state_means(self):
        """Expected observation of each state, or None if the family hides it."""
        model = self._model
        family = {base.__name__ for base in type(model).__mro__}
        if "BaseGMMHMM" in family:
            return (model.weights_[:, :, None] * model.means_).sum(axis=1)
        if "BaseMultinomialHMM" in family:
            n_trials = np.unique(model.n_trials)
            return n_trials * model.emissionprob_ if len(n_trials) == 1 else None
        return getattr(model, "means_", None)

    def log_likelihood(self, values):
        return self._model._compute_log_likelihood(values)

    def sample(self, state, rng):
        return np.ravel(self._model._generate_sample_from_state(state, rng))
