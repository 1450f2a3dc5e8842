"""One iteration of expectation-maximisation."""

import logging

import numpy as np

from skhmmdd import BaumWelch

from .models import import_jax, in_hmmlearn, in_pomegranate, random_hmm, random_symbols
from .timing import Row, measure

SIZES = (8, 32, 128)

# Ours has one E-step more than M-steps; in so many the difference is small, and the
# time of a fit is divided by the number of its E-steps.
N_ITER = 3


def rows(quick):
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    n_sequences, n_steps = (200, 50) if quick else (1000, 100)
    for n_states in SIZES[:2] if quick else SIZES:
        hmm = random_hmm(n_states)
        X = random_symbols(n_sequences, n_steps)
        runs = {
            "skhmmdd": BaumWelch(init=hmm, max_iter=N_ITER - 1, tol=0, pseudocount=0),
            "hmmlearn": in_hmmlearn(hmm, n_iter=N_ITER, tol=-np.inf),
        }
        column, lengths = X.reshape(-1, 1), np.full(len(X), X.shape[1])
        ours, peer = runs.values()
        fits = {
            "skhmmdd": lambda ours=ours, X=X: ours.fit(X),
            "hmmlearn": peer and (lambda p=peer, c=column, n=lengths: p.fit(c, n)),
        }
        seconds = {k: s / N_ITER for k, s in measure(fits, repeats=3).items()}
        single = {
            "dynamax": dynamax_step(hmm, X),
            "pomegranate": pomegranate_step(hmm, X) if n_states <= 32 else None,
        }
        seconds |= measure(single, repeats=3)
        yield Row(
            f"one EM iteration, {n_sequences:,} x {n_steps}, {n_states} states", seconds
        )


def pomegranate_step(hmm, X):
    peer = in_pomegranate(hmm)
    if peer is None:
        return None
    import torch

    tensor = torch.tensor(X[:, :, None])

    def step():
        peer.summarize(tensor)
        peer.from_summaries()

    return step


def dynamax_step(hmm, X):
    if (imported := import_jax()) is None:
        return None
    jax, module = imported
    peer = module.CategoricalHMM(hmm.n_states, 1, hmm.n_symbols)
    params, props = peer.initialize(
        initial_probs=jax.numpy.asarray(hmm.startprob, "float32"),
        transition_matrix=jax.numpy.asarray(hmm.transmat, "float32"),
        emission_probs=jax.numpy.asarray(hmm.emissionprob[:, None], "float32"),
    )
    state = peer.initialize_m_step_state(params, props)
    symbols = jax.numpy.asarray(X[:, :, None])

    @jax.jit
    def step(params, symbols):
        statistics, _ = jax.vmap(lambda x: peer.e_step(params, x))(symbols)
        return peer.m_step(params, props, statistics, state)[0]

    return lambda: jax.block_until_ready(step(params, symbols))
