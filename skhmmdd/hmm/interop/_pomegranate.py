"""Frozen weights from the hidden Markov models of pomegranate 1.x."""

from copy import deepcopy

import joblib
import numpy as np
from sklearn.exceptions import NotFittedError

from skhmmdd._extras import import_extra
from skhmmdd.hmm.interop._conversion import SINGLE, as_probabilities
from skhmmdd.hmm.models._categorical import CategoricalHMM
from skhmmdd.hmm.models._ending import EndingHMM
from skhmmdd.hmm.models._external import EmissionHMM
from skhmmdd.hmm.models._gaussian import GaussianHMM
from skhmmdd.hmm.pretraining._pomegranate_engine import numbers

# Families that look symbols up, and so take whole numbers only.
_SYMBOLIC = {"Categorical", "ConditionalCategorical", "JointCategorical"}


def from_pomegranate(model):
    """Frozen weights of a DenseHMM or a SparseHMM; see `as_hmm`."""
    name = type(model).__name__
    if not getattr(model, "_initialized", False):
        raise NotFittedError(
            f"This {name} is not fitted: fit it, or make it with edges, starts, ends "
            "and distributions that all have their parameters, before its weights can "
            "be frozen."
        )
    startprob = as_probabilities(np.exp(numbers(model.starts)), "starts")
    edges, ends = _edges(model), np.exp(numbers(model.ends))
    goes_on = edges.sum(axis=1)
    for array, what in {"edges": edges, "ends": ends}.items():
        if not np.isfinite(what).all():
            raise ValueError(
                f"{array} of this {name} hold NaN: some state lost all its data in "
                "the fit."
            )
    # A state that always ends leads nowhere: any transition will do.
    nowhere = goes_on == 0
    edges[nowhere, nowhere.nonzero()[0]] = 1.0
    transmat = edges / edges.sum(axis=1, keepdims=True)
    within = _with_emissions(startprob, transmat, model)
    if _alike(goes_on) and _alike(ends):
        return within
    if (off := np.abs(goes_on + ends - 1)).max() > SINGLE:
        row = off.argmax()
        raise ValueError(
            f"The states of this {name} end sequences with different probabilities, "
            "but its edges and ends are no distribution: those of state "
            f"{row} sum to {goes_on[row] + ends[row]:.6g}, not to one. Fit it, give it "
            "edges and ends that sum to one, or equal ends."
        )
    return EndingHMM(within, ends / (goes_on + ends))


def _edges(model):
    if not hasattr(model, "_edge_log_probs"):
        return np.exp(numbers(model.edges))
    edges = np.zeros((model.k, model.k))
    rows = model._edge_idx_starts.cpu().numpy()
    columns = model._edge_idx_ends.cpu().numpy()
    edges[rows, columns] = np.exp(numbers(model._edge_log_probs))
    return edges


def _alike(values):
    """Whether all are one number, but for single precision."""
    return np.ptp(values) <= 1e-6 * values.max()


def _with_emissions(startprob, transmat, model):
    states = list(model.distributions)
    kinds = {type(state).__name__ for state in states}
    if kinds == {"Categorical"} and model.d == 1:
        rows = [numbers(state.probs)[0] for state in states]
        probs = np.zeros((len(rows), max(map(len, rows))))
        for row, probabilities in zip(probs, rows, strict=True):
            row[: len(probabilities)] = probabilities
        return CategoricalHMM(startprob, transmat, as_probabilities(probs, "probs"))
    if kinds == {"Normal"}:
        means = np.array([numbers(state.means) for state in states])
        return GaussianHMM(startprob, transmat, means, _covariances(states))
    return EmissionHMM(startprob, transmat, PomegranateEmission(model))


def _covariances(states):
    n_features = states[0].d
    covs = [numbers(state.covs) for state in states]
    if {state.covariance_type for state in states} == {"full"}:
        return np.array([(cov + cov.T) / 2 for cov in covs])
    if all(state.covariance_type != "full" for state in states):
        return np.array([np.broadcast_to(cov.ravel(), n_features) for cov in covs])
    return np.array(
        [
            (cov + cov.T) / 2
            if state.covariance_type == "full"
            else np.diag(np.broadcast_to(cov.ravel(), n_features))
            for state, cov in zip(states, covs, strict=True)
        ]
    )


class PomegranateEmission:
    """The distributions of a pomegranate model: a private copy of them."""

    def __init__(self, model):
        self._states = [deepcopy(state).cpu() for state in model.distributions]
        self.n_features = int(model.d)
        self._is_symbolic = any(
            type(part).__name__ in _SYMBOLIC
            for state in self._states
            for part in state.modules()
        )
        self._digest = joblib.hash([_content(state) for state in self._states])

    def __repr__(self):
        return "|".join(dict.fromkeys(type(state).__name__ for state in self._states))

    def __eq__(self, other):
        return isinstance(other, PomegranateEmission) and self._digest == other._digest

    def __hash__(self):
        return hash(self._digest)

    @property
    def state_means(self):
        """Expected observation of each state, or None if a family is not known."""
        means = [_mean(state) for state in self._states]
        return None if any(mean is None for mean in means) else np.array(means)

    def log_likelihood(self, values):
        torch = import_extra("torch", "pomegranate", repr(self))
        if self._is_symbolic and (values == np.rint(values)).all():
            tensor = torch.as_tensor(values.astype(np.int64))
        else:
            dtype = self._states[0].dtype
            tensor = torch.as_tensor(values, dtype=dtype)
        columns = [numbers(state.log_probability(tensor)) for state in self._states]
        return np.stack(columns, axis=1)

    def sample(self, state, rng):
        torch = import_extra("torch", "pomegranate", repr(self))
        # pomegranate draws from torch's global generator, which is left as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.randint(2**31 - 1)))
            return np.ravel(numbers(self._states[state].sample(1)))


def _content(state):
    """What a distribution is: its kind, its parts' kinds and their numbers."""
    kinds = [
        (type(part).__name__, getattr(part, "covariance_type", None))
        for part in state.modules()
    ]
    return kinds, {name: numbers(array) for name, array in state.state_dict().items()}


def _mean(state):
    kind = type(state).__name__
    if kind in _MEANS:
        return np.ravel(numbers(getattr(state, _MEANS[kind])))
    if kind not in ("GeneralMixtureModel", "IndependentComponents"):
        return None
    means = [_mean(part) for part in state.distributions]
    if any(mean is None for mean in means):
        return None
    if kind == "IndependentComponents":
        return np.concatenate(means)
    return numbers(state.priors) @ np.array(means)


# The attribute that holds the expected observation.
_MEANS = {
    "Bernoulli": "probs",
    "Exponential": "scales",
    "Normal": "means",
    "Poisson": "lambdas",
}
