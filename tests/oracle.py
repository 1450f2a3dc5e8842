"""Answers found the slow way: every hidden path, or each step in log space."""

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
    """Filtered, smoothed, log-likelihood, best path and expected transitions."""
    steps = range(len(sequence))
    paths, joint = enumerate_paths(hmm, sequence)
    filtered = np.array(
        [_marginal(*enumerate_paths(hmm, sequence[: t + 1]), t, hmm) for t in steps]
    )
    smoothed = np.array([_marginal(paths, joint, t, hmm) for t in steps])
    transitions = np.zeros((hmm.n_states, hmm.n_states))
    for t in steps[1:]:
        np.add.at(transitions, (paths[:, t - 1], paths[:, t]), joint / joint.sum())
    return {
        "filtered": filtered,
        "smoothed": smoothed,
        "log_likelihood": np.log(joint.sum()),
        "path": paths[joint.argmax()],
        "transitions": transitions,
    }


def _marginal(paths, joint, t, hmm):
    weights = np.bincount(paths[:, t], weights=joint, minlength=hmm.n_states)
    return weights / weights.sum()


def log_emission(hmm, x):
    """log P(x_t | state) of shape (n_steps, n_states), from its formula."""
    if isinstance(hmm, CategoricalHMM):
        with np.errstate(divide="ignore"):
            logs = np.log(hmm.emissionprob)
        return np.array([logs[:, v] if v >= 0 else 0 * hmm.startprob for v in x])
    x = np.reshape(x, (len(x), -1))
    out = np.zeros((len(x), hmm.n_states))
    for t, row in enumerate(x):
        seen = ~np.isnan(row)
        for k, mean in enumerate(hmm.means):
            rest = (row - mean)[seen]
            if hmm.covars.ndim == 3:
                covar = hmm.covars[k][np.ix_(seen, seen)]
                square = rest @ np.linalg.solve(covar, rest)
                log_det = np.linalg.slogdet(2 * np.pi * covar)[1]
            else:
                square = (rest**2 / hmm.covars[k][seen]).sum()
                log_det = np.log(2 * np.pi * hmm.covars[k][seen]).sum()
            out[t, k] = -(square + log_det) / 2
    return out


def log_space(hmm, x, emission=None, transmat=None):
    """The textbook's recursions on logarithms: what `brute_force` gives, and more.

    Nothing here can underflow, however improbable a path; each step is set off by a
    number of its own, lest the logarithms of a long sequence lose their digits.
    `emission` stands for the logarithms of the emission, `transmat` for the transitions
    of a chain that may end. Of an impossible sequence it tells just that.
    """
    with np.errstate(divide="ignore"):
        start = np.log(hmm.startprob)
        transitions = np.log(hmm.transmat if transmat is None else transmat)
    b = log_emission(hmm, x) if emission is None else emission
    n = len(b)
    alpha, best = np.empty_like(b), np.empty_like(b)
    beta, back = np.zeros_like(b), np.zeros(b.shape, int)
    norms = np.empty(n)
    alpha[0] = best[0] = start + b[0]
    for t in range(n):
        if t:
            alpha[t] = (
                np.logaddexp.reduce(alpha[t - 1][:, None] + transitions, axis=0) + b[t]
            )
            through = best[t - 1][:, None] + transitions
            back[t], best[t] = through.argmax(axis=0), through.max(axis=0) + b[t]
        norms[t] = np.logaddexp.reduce(alpha[t])
        if norms[t] == -np.inf:
            return {"log_likelihood": -np.inf, "impossible_from": t}
        alpha[t] -= norms[t]
    path = [best[-1].argmax()]
    for t in range(n - 1, 0, -1):
        path.insert(0, back[t, path[0]])
    expected = np.zeros_like(transitions)
    for t in range(n - 1, 0, -1):
        ahead = transitions + b[t] + beta[t] - norms[t]
        beta[t - 1] = np.logaddexp.reduce(ahead, axis=1)
        expected += np.exp(alpha[t - 1][:, None] + ahead)
    gamma = alpha + beta
    return {
        "filtered": np.exp(alpha),
        "smoothed": np.exp(gamma - np.logaddexp.reduce(gamma, axis=1, keepdims=True)),
        "log_likelihood": norms.sum(),
        "path": np.array(path),
        "log_joint": best[-1].max(),
        "transitions": expected,
    }
