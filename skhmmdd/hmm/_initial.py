"""Where Baum-Welch starts from."""

import numpy as np

from skhmmdd.hmm._models import CategoricalHMM, GaussianHMM


def random_categorical(sequences, n_states, n_symbols, rng):
    """Random laws; each state emits a random distortion of the symbols' frequencies."""
    symbols = sequences.observed()
    counts = np.bincount(symbols[symbols >= 0], minlength=n_symbols) + 1.0
    # Rows of Gamma(1) weights normalise to flat Dirichlet draws; here they tilt the
    # frequencies, so rare symbols start rare in every state.
    emission = rng.standard_gamma(1.0, (n_states, n_symbols)) * counts
    return CategoricalHMM(
        *_random_chain(n_states, rng), emission / emission.sum(axis=1, keepdims=True)
    )


def random_gaussian(sequences, n_states, covariance_type, center, scale, rng):
    """Random laws of the chain; means at random observed steps, the data's spread."""
    values = sequences.observed()
    values = values[~np.isnan(values).all(axis=1)]
    picked = values[rng.randint(len(values), size=n_states)]
    means = np.where(np.isnan(picked), center, picked)
    # Steps picked twice would be twins for ever: set every mean off a little.
    means = means + 0.1 * np.sqrt(scale) * rng.standard_normal(means.shape)
    covar = np.diag(scale) if covariance_type == "full" else scale
    covars = np.broadcast_to(covar, (n_states, *covar.shape))
    return GaussianHMM(*_random_chain(n_states, rng), means, covars)


def _random_chain(n_states, rng):
    # Near to uniform: strongly random chains start EM near poor local maxima.
    rows = rng.standard_gamma(10.0, (n_states + 1, n_states))
    rows /= rows.sum(axis=1, keepdims=True)
    return rows[0], rows[1:]
