"""Frozen weights from the fitted models of other libraries."""

from copy import deepcopy

import joblib
import numpy as np
from sklearn.exceptions import NotFittedError

from skhmmdd.hmm._baum_welch import BaumWelch
from skhmmdd.hmm._models import CategoricalHMM, GaussianHMM
from skhmmdd.hmm._sequences import read_observations
from skhmmdd.hmm._value import FrozenValue
from skhmmdd.hmm._weights import FrozenHMM


def as_hmm(model):
    """Frozen weights from a fitted hidden Markov model.

    Parameters
    ----------
    model : frozen weights, fitted BaumWelch, or fitted model of hmmlearn
        Of hmmlearn: `CategoricalHMM` and `GaussianHMM` (all covariance types) become
        weights of our own kinds; every other family (`GMMHMM`, `PoissonHMM`,
        `MultinomialHMM`, the variational ones) keeps a copy of its emission
        likelihood. Later changes to the donor change nothing here.

    Returns
    -------
    CategoricalHMM, GaussianHMM or other frozen weights
        The very object, if it was frozen.

    Raises
    ------
    TypeError
        If the model is of a kind that is not known.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    ValueError
        If its number of states was set anew after it was fitted.

    Examples
    --------
    >>> from skhmmdd import BaumWelch, as_hmm
    >>> X = [[0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 1, 0]]
    >>> as_hmm(BaumWelch(n_states=2, tol=0, max_iter=3).fit(X))
    CategoricalHMM(n_states=2, n_symbols=2)
    """
    if isinstance(model, FrozenValue):
        return model
    if isinstance(model, BaumWelch):
        return _fitted(model, "hmm_")
    for base in type(model).__mro__:
        if base.__module__.startswith("hmmlearn."):
            return _from_hmmlearn(model)
    raise TypeError(
        "hmm must be frozen weights (CategoricalHMM, GaussianHMM, LinearGaussianHMM), "
        "a fitted BaumWelch or a fitted model of hmmlearn, got "
        f"{type(model).__name__}: {model!r}."
    )


def _fitted(model, attribute):
    if not hasattr(model, attribute):
        raise NotFittedError(
            f"This {type(model).__name__} is not fitted (it has no {attribute}): fit "
            "it before its weights can be frozen."
        )
    return getattr(model, attribute)


def _from_hmmlearn(model):
    startprob, transmat = _fitted(model, "startprob_"), _fitted(model, "transmat_")
    if model.n_components != len(startprob):
        raise ValueError(
            f"hmm is a fitted {type(model).__name__} of {len(startprob)} states whose "
            f"n_components was set to {model.n_components} afterwards. Fitted models "
            "are frozen: fit one for each n_components."
        )
    family = {base.__name__ for base in type(model).__mro__}
    if "BaseCategoricalHMM" in family:
        return CategoricalHMM(startprob, transmat, _fitted(model, "emissionprob_"))
    if "BaseGaussianHMM" in family and hasattr(model, "_covars_"):
        means, covars = _fitted(model, "means_"), model._covars_
        n_states, n_features = means.shape
        if model.covariance_type == "spherical":
            covars = np.repeat(np.reshape(covars, (n_states, -1))[:, :1], n_features, 1)
        elif model.covariance_type == "tied":
            covars = np.broadcast_to(covars, (n_states, n_features, n_features))
        return GaussianHMM(startprob, transmat, means, covars)
    return EmissionHMM(startprob, transmat, HmmlearnEmission(model))


class HmmlearnEmission:
    """The emission law of a fitted hmmlearn model: a private copy of it."""

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
        if "BasePoissonHMM" in family:
            return model.lambdas_
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


class EmissionHMM(FrozenHMM):
    """Frozen weights whose emission law is an object of another library.

    Made by `as_hmm`. A step must be observed whole or be missing whole.

    Parameters
    ----------
    startprob : array-like of shape (n_states,)
    transmat : array-like of shape (n_states, n_states)
    emission : object
        With `n_features`, `state_means`, `log_likelihood(values)` of shape
        (n, n_states) and `sample(state, rng)`; must be hashable and never change.
    """

    def __init__(self, startprob, transmat, emission):
        super().__init__(startprob=startprob, transmat=transmat)
        object.__setattr__(self, "emission", emission)

    def __repr__(self):
        return f"EmissionHMM(n_states={self.n_states}, emission={self.emission!r})"

    def __reduce__(self):
        return type(self), (self.startprob, self.transmat, self.emission)

    def __eq__(self, other):
        same = super().__eq__(other)
        return same if same is not True else self.emission == other.emission

    def __hash__(self):
        return hash((super().__hash__(), self.emission))

    @property
    def n_features(self):
        """Number of features of an observation."""
        return self.emission.n_features

    @property
    def _state_means(self):
        means = self.emission.state_means
        if means is None:
            raise TypeError(f"The states of {self!r} have no known mean observation.")
        return means

    def _read(self, X, name="X"):
        return read_observations(X, self.n_features, name)

    def _log_emission_of(self, values):
        out = np.zeros((len(values), self.n_states))
        missing = np.isnan(values)
        seen = ~missing.all(axis=1)
        if missing[seen].any():
            raise ValueError(
                f"{self!r} cannot marginalise out single features: a step must be "
                "observed whole or be NaN in all of them."
            )
        if seen.any():
            with np.errstate(divide="ignore"):
                out[seen] = self.emission.log_likelihood(values[seen])
        if np.isnan(out).any():
            bad = values[np.isnan(out).any(axis=1)][0]
            raise ValueError(f"{self!r} gives no likelihood to the observation {bad}.")
        return out

    def _emit(self, states, rng):
        steps = [self.emission.sample(state, rng) for state in states.ravel()]
        return np.reshape(steps, (*states.shape, -1))

    def save(self, path):
        """Refused: another library's emission can only be pickled, not saved.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            f"{self!r} holds an object of another library, which no plain array file "
            "can carry: save the donor with its own library and use as_hmm again."
        )
