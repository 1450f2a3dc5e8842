"""Frozen weights from the models of dynamax and their parameters."""

import numpy as np
from sklearn.exceptions import NotFittedError

from skhmmdd.hmm.interop._conversion import as_probabilities
from skhmmdd.hmm.models._categorical import CategoricalHMM
from skhmmdd.hmm.models._gaussian import GaussianHMM


def from_dynamax(model, params):
    """Weights of this package's kinds; see `as_hmm`."""
    family = next(
        (base.__name__ for base in type(model).__mro__ if base.__name__ in _EMISSIONS),
        None,
    )
    if family is None:
        raise TypeError(
            f"as_hmm takes {', '.join(_EMISSIONS)} of dynamax, got a "
            f"{type(model).__name__}."
        )
    if params is None:
        raise NotFittedError(
            f"A {family} of dynamax does not hold its parameters: give what its "
            "initialize, fit_em or fit_sgd returned, as in as_hmm(model, params)."
        )
    try:
        startprob = _array(params.initial.probs)
        transmat = _array(params.transitions.transition_matrix)
        kind, emission = _EMISSIONS[family](params.emissions)
    except (AttributeError, TypeError, IndexError) as error:
        raise TypeError(
            f"params must be the parameters of a {family} of dynamax, got "
            f"{type(params).__name__} that lacks them: {error}."
        ) from error
    if len(startprob) != model.num_states:
        raise ValueError(
            f"params are of {len(startprob)} states, but the {family} has "
            f"num_states={model.num_states}."
        )
    startprob = as_probabilities(startprob, "startprob")
    return kind(startprob, as_probabilities(transmat, "transmat"), *emission)


def _array(values):
    """Numbers in double precision; what is no array of numbers is a TypeError."""
    return np.asarray(values).astype(np.float64)


def _categorical(emissions):
    probs = _array(emissions.probs)
    if probs.shape[1] != 1:
        raise ValueError(
            "A CategoricalHMM of dynamax must have emission_dim=1, one symbol a step, "
            f"got emission_dim={probs.shape[1]}."
        )
    return CategoricalHMM, (as_probabilities(probs[:, 0], "emissionprob"),)


def _full(emissions):
    return _gaussian(emissions, _array(emissions.covs))


def _diagonal(emissions):
    return _gaussian(emissions, _array(emissions.scale_diags) ** 2)


def _spherical(emissions):
    variances = _array(emissions.scales) ** 2
    shape = np.shape(emissions.means)
    return _gaussian(emissions, np.broadcast_to(variances.reshape(-1, 1), shape))


def _shared(emissions):
    cov = _array(emissions.cov)
    return _gaussian(emissions, np.tile(cov, (len(emissions.means), 1, 1)))


def _low_rank(emissions):
    diagonal = _array(emissions.cov_diag_factors)
    factors = _array(emissions.cov_low_rank_factors)
    covs = factors @ factors.transpose(0, 2, 1)
    return _gaussian(emissions, covs + diagonal[:, :, None] * np.eye(covs.shape[1]))


def _gaussian(emissions, covars):
    if covars.ndim == 3:
        covars = (covars + covars.transpose(0, 2, 1)) / 2
    return GaussianHMM, (_array(emissions.means), covars)


_EMISSIONS = {
    "CategoricalHMM": _categorical,
    "GaussianHMM": _full,
    "DiagonalGaussianHMM": _diagonal,
    "SphericalGaussianHMM": _spherical,
    "SharedCovarianceGaussianHMM": _shared,
    "LowRankGaussianHMM": _low_rank,
}
