"""How well weights fit for their size, and in which unit to say it."""

import numpy as np

from skhmmdd.hmm._models import CategoricalHMM


def n_parameters(hmm):
    """Free parameters: each law has one number less than entries."""
    k = hmm.n_states
    chain = (k - 1) + k * (k - 1)
    if isinstance(hmm, CategoricalHMM):
        return chain + k * (hmm.n_symbols - 1)
    d = hmm.n_features
    spread = d * (d + 1) // 2 if hmm.covariance_type == "full" else d
    return chain + k * (d + spread)


def aic(hmm, log_likelihood):
    """Akaike's information criterion: the less the better."""
    return 2 * n_parameters(hmm) - 2 * log_likelihood


def bic(hmm, log_likelihood, n):
    """Schwarz's criterion for n observations: the less the better."""
    return np.log(n) * n_parameters(hmm) - 2 * log_likelihood


def bits(log_likelihood, n_steps):
    """Nats in all as bits a step that the model needs: log2 of the perplexity."""
    return -log_likelihood / n_steps / np.log(2)
