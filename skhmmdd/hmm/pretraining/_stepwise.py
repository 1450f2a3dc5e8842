r"""Stepwise expectation-maximisation: the statistics as a running mean over batches.

After k batches the running statistics of a sequence are

.. math:: s_{k+1} = (1 - \eta_k) s_k + \eta_k \hat s_k, \quad \eta_k = (k + 2)^{-\alpha}

with the mean expected counts of batch k and :math:`\alpha` in (0.5, 1]; the first
batch is taken whole. The M-step sees them multiplied by the number of sequences seen.

References: O. Cappe and E. Moulines, "On-line expectation-maximization algorithm for
latent data models", Journal of the Royal Statistical Society B 71(3), 2009; P. Liang
and D. Klein, "Online EM for unsupervised models", NAACL 2009.
"""

from typing import NamedTuple

from skhmmdd.hmm.pretraining._em_step import Statistics
from skhmmdd.hmm.pretraining._sources import InMemory, counts_of


class Online(NamedTuple):
    """What stepwise EM keeps between batches.

    `mean` are expected counts a sequence, or None before the first batch; `center`
    and `scale` hold for all batches.
    """

    mean: Statistics | None
    n_sequences: float
    n_batches: int
    center: object
    scale: object


def step_size(n_batches, power):
    """Weight of a batch after `n_batches` others."""
    return (n_batches + 2) ** -power


def blend(old, new, share):
    """`(1 - share) old + share new` of two Statistics."""
    return scaled(old, 1 - share) + scaled(new, share)


def absorb(online, hmm, part, share, batch_size=None, n_jobs=None):
    """The running statistics after one more batch.

    Parameters
    ----------
    online : Online
    hmm : EmissionFamily
        The weights of the E-step.
    part : Part
        The batch.
    share : float
        What the batch weighs beside those before it, in (0, 1]; the first is all.
    batch_size, n_jobs
        As in BaumWelch.

    Returns
    -------
    online : Online
        Whose `mean`, times a number of sequences, the M-step takes.
    """
    n = float(part.weights.sum())
    counts, _ = InMemory(part).total(
        counts_of, hmm, online.center, batch_size=batch_size, n_jobs=n_jobs
    )
    mean = scaled(counts, 1 / n)
    if online.mean is not None:
        mean = blend(online.mean, mean, share)
    n += online.n_sequences
    return online._replace(mean=mean, n_sequences=n, n_batches=online.n_batches + 1)


def after_fit(corpus, run):
    """What a batch after a whole `fit` goes on from."""
    return Online(
        scaled(run.counts, 1 / corpus.n_sequences),
        corpus.n_sequences,
        max(1, run.n_iter),
        corpus.center,
        corpus.scale,
    )


def scaled(statistics, factor):
    """Statistics times a number."""
    log_likelihood, start, transitions, emission = statistics
    return Statistics(
        factor * log_likelihood,
        factor * start,
        factor * transitions,
        tuple(factor * a for a in emission),
    )
