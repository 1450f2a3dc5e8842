"""The same random categorical model for every library, and its sequences."""

import os

import numpy as np

from skhmmdd import CategoricalHMM

N_SYMBOLS = 32


def random_hmm(n_states, seed=0):
    rng = np.random.RandomState(seed)
    return CategoricalHMM(
        rng.dirichlet(np.ones(n_states)),
        rng.dirichlet(np.ones(n_states), n_states),
        rng.dirichlet(np.ones(N_SYMBOLS), n_states),
    )


def random_symbols(n_sequences, n_steps, seed=0):
    """Symbols; their distribution does not matter to a clock."""
    return np.random.RandomState(seed).randint(N_SYMBOLS, size=(n_sequences, n_steps))


def in_hmmlearn(hmm, **options):
    """The same model in hmmlearn, or None without hmmlearn."""
    try:
        from hmmlearn.hmm import CategoricalHMM as Peer
    except ImportError:
        return None
    peer = Peer(hmm.n_states, implementation="scaling", init_params="", **options)
    peer.n_features = hmm.n_symbols
    peer.startprob_, peer.transmat_ = np.array(hmm.startprob), np.array(hmm.transmat)
    peer.emissionprob_ = np.array(hmm.emissionprob)
    return peer


def in_pomegranate(hmm):
    """The same model in pomegranate, or None without pomegranate."""
    try:
        import torch
        from pomegranate.distributions import Categorical
        from pomegranate.hmm import DenseHMM
    except ImportError:
        return None
    torch.set_num_threads(1)
    distributions = [
        Categorical(row[None].astype(np.float32)) for row in hmm.emissionprob
    ]
    return DenseHMM(
        distributions,
        edges=hmm.transmat.astype(np.float32),
        starts=hmm.startprob.astype(np.float32),
    )


def import_jax():
    """jax and dynamax's module of hidden Markov models, or None."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    try:
        import jax
        from dynamax import hidden_markov_model
    except ImportError:
        return None
    return jax, hidden_markov_model
