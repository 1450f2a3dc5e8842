"""Filtered beliefs at every step in single precision, against dynamax."""

import numpy as np

from skhmmdd import HMMFeatureTransformer

from .models import import_jax, random_hmm, random_symbols
from .timing import Row, measure, products

SIZES = (8, 32, 128, 512)


def rows(quick):
    n_sequences, n_steps = (200, 50) if quick else (1000, 100)
    for n_states in SIZES[:2] if quick else SIZES:
        hmm = random_hmm(n_states)
        X = random_symbols(n_sequences, n_steps)
        transformer = HMMFeatureTransformer(hmm, dtype="float32").fit(X[:2])
        seconds = measure(
            {
                "floor": products(n_steps, n_sequences, n_states, np.float32),
                "skhmmdd": lambda run=transformer, X=X: run.transform_steps(X),
                "dynamax": dynamax_run(hmm, X),
            }
        )
        yield Row(
            f"filter {n_sequences:,} x {n_steps}, {n_states} states, float32", seconds
        )


def dynamax_run(hmm, X):
    """Compiled, and with everything that does not change made beforehand."""
    if (imported := import_jax()) is None:
        return None
    jax, peer = imported
    startprob, transmat, table, symbols = (
        jax.numpy.asarray(a, a.dtype if a.dtype.kind == "i" else "float32")
        for a in (hmm.startprob, hmm.transmat, np.log(hmm.emissionprob.T), X)
    )

    @jax.jit
    def run(startprob, transmat, table, symbols):
        posterior = jax.vmap(lambda logs: peer.hmm_filter(startprob, transmat, logs))(
            table[symbols]
        )
        return posterior.filtered_probs, posterior.marginal_loglik

    return lambda: jax.block_until_ready(run(startprob, transmat, table, symbols))
