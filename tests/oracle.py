"""Answers found the slow way: every hidden path, one by one."""

from itertools import product

import numpy as np
from scipy.stats import multivariate_normal, norm, poisson

from skhmmdd import CategoricalHMM, GaussianMixtureHMM, PoissonHMM


def emission_density(hmm, state, x):
    """P(x | state) with what is missing integrated out, from its definition."""
    if isinstance(hmm, CategoricalHMM):
        return 1.0 if x < 0 else hmm.emissionprob[state, x]
    x = np.atleast_1d(x)
    seen = ~np.isnan(x)
    if not seen.any():
        return 1.0
    if isinstance(hmm, PoissonHMM):
        return poisson(hmm.rates[state][seen]).pmf(x[seen]).prod()
    if isinstance(hmm, GaussianMixtureHMM):
        return component_densities(hmm, state, x).sum()
    covar = hmm.covars[state]
    covar = covar if covar.ndim == 2 else np.diag(covar)
    return multivariate_normal(hmm.means[state][seen], covar[np.ix_(seen, seen)]).pdf(
        x[seen]
    )


def component_densities(hmm, state, x):
    """P(component, x | state) of each component of a mixture."""
    seen = ~np.isnan(x)
    means, covars = hmm.means[state][:, seen], hmm.covars[state][:, seen]
    density = norm(means, np.sqrt(covars)).pdf(x[seen]).prod(axis=1)
    return hmm.weights[state] * density


def enumerate_paths(hmm, sequence):
    """Paths (n_paths, n_steps) and their joint probabilities with the sequence."""
    density = np.array(
        [[emission_density(hmm, k, x) for k in range(hmm.n_states)] for x in sequence]
    )
    paths = np.array(list(product(range(hmm.n_states), repeat=len(sequence))))
    joint = hmm.startprob[paths[:, 0]] * density[0, paths[:, 0]]
    for t in range(1, len(sequence)):
        joint = joint * hmm.transmat[paths[:, t - 1], paths[:, t]]
        joint = joint * density[t, paths[:, t]]
    return paths, joint


def brute_force(hmm, sequence):
    """Filtered, smoothed, log-likelihood, best path and expected moves."""
    steps = range(len(sequence))
    paths, joint = enumerate_paths(hmm, sequence)
    filtered = np.array(
        [_marginal(*enumerate_paths(hmm, sequence[: t + 1]), t, hmm) for t in steps]
    )
    smoothed = np.array([_marginal(paths, joint, t, hmm) for t in steps])
    moves = np.zeros((hmm.n_states, hmm.n_states))
    for t in steps[1:]:
        np.add.at(moves, (paths[:, t - 1], paths[:, t]), joint / joint.sum())
    return {
        "filtered": filtered,
        "smoothed": smoothed,
        "log_likelihood": np.log(joint.sum()),
        "path": paths[joint.argmax()],
        "moves": moves,
    }


def _marginal(paths, joint, t, hmm):
    weights = np.bincount(paths[:, t], weights=joint, minlength=hmm.n_states)
    return weights / weights.sum()
