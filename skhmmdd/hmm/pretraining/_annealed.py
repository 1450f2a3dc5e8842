r"""Annealed EM: passes of stepwise EM whose steps grow shorter, before full EM.

The statistics are the running mean of :mod:`_stepwise`, over batches of a hundredth of
the corpus. The share of batch k of K falls geometrically from :math:`\eta_0` to that of
one batch in the corpus, :math:`\eta_1`,

.. math:: \eta_k = \eta_0 (\eta_1 / \eta_0)^{k/K}.

Large shares are noisy: they leave poor maxima, as in simulated annealing. The last
ones average over the whole corpus, so that full EM has little left to do.
"""

import numpy as np

from skhmmdd.hmm.pretraining._em_loop import next_weights
from skhmmdd.hmm.pretraining._stepwise import Online, absorb, scaled

_N_PASSES, _N_BATCHES, _FIRST_SHARE = 15, 100, 0.7
# Fewer sequences would be too few for an M-step of their own.
_SMALLEST_BATCH = 10


def anneal(corpus, hmm, options, seed):
    """Weights to start full EM from.

    Parameters
    ----------
    corpus : Corpus
    hmm : EmissionFamily
        A start.
    options : Options
    seed : int
        Draws the batches.

    Returns
    -------
    EmissionFamily
        The start itself where the corpus is too small to be parted.
    """
    rng = np.random.RandomState(seed)
    size = max(_SMALLEST_BATCH, corpus.n_sequences / _N_BATCHES)
    last_share = size / corpus.n_sequences
    if last_share > 0.5:
        return hmm
    n_batches = _N_PASSES * corpus.n_sequences / size
    online = Online(None, 0.0, 0, corpus.center, corpus.scale)
    for _ in range(_N_PASSES):
        for part in corpus.source.each_part(_itself):
            for batch in _batches(part, size, rng):
                share = _FIRST_SHARE * (last_share / _FIRST_SHARE) ** (
                    min(1.0, online.n_batches / n_batches)
                )
                online = absorb(
                    online, hmm, batch, share, options.batch_size, options.n_jobs
                )
                counts = scaled(online.mean, corpus.n_sequences)
                hmm = next_weights(hmm, counts, options, corpus)
    return hmm


def _itself(part):
    return part


def _batches(part, size, rng):
    """The sequences of a part in random order, about `size` by weight at a time."""
    order = rng.permutation(len(part.sequences))
    n = max(1, round(float(part.weights.sum()) / size))
    for index in np.array_split(order, min(n, len(order))):
        if part.weights[index].any():
            yield part.among(np.sort(index))
