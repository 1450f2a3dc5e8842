"""Random models and sequences that many tests share."""

import numpy as np

from skhmmdd import CategoricalHMM, GaussianHMM, GaussianMixtureHMM, PoissonHMM

KINDS = ["categorical", "diag", "full", "gaussian_mixture", "poisson"]


def options_of(kind):
    """The parameters of BaumWelch that make it estimate weights of this kind."""
    if kind in ("diag", "full"):
        return {"covariance_type": kind}
    return {} if kind == "categorical" else {"emission": kind}


def random_hmm(kind, n_states=3, size=4, seed=0):
    """Frozen weights: `size` is the number of symbols or of features."""
    rng = np.random.RandomState(seed)
    startprob = rng.dirichlet(np.ones(n_states))
    transmat = rng.dirichlet(np.ones(n_states), n_states)
    if kind == "categorical":
        return CategoricalHMM(
            startprob, transmat, rng.dirichlet(np.ones(size), n_states)
        )
    if kind == "poisson":
        return PoissonHMM(startprob, transmat, rng.uniform(0.2, 6.0, (n_states, size)))
    if kind == "gaussian_mixture":
        shape = (n_states, 2, size)
        return GaussianMixtureHMM(
            startprob,
            transmat,
            rng.dirichlet(np.ones(2), n_states),
            2 * rng.standard_normal(shape),
            rng.uniform(0.3, 2.0, shape),
        )
    means = 2 * rng.standard_normal((n_states, size))
    if kind == "diag":
        covars = rng.uniform(0.3, 2.0, (n_states, size))
    else:
        factor = rng.standard_normal((n_states, size, size))
        covars = factor @ factor.transpose(0, 2, 1) + 0.5 * np.eye(size)
    return GaussianHMM(startprob, transmat, means, covars)


def random_sequences(hmm, lengths=(5, 1, 3, 6, 5), seed=0, missing=0.0):
    """A ragged list drawn from the model, with inner steps or features missing."""
    rng = np.random.RandomState(seed)
    sequences = []
    for i, n_steps in enumerate(lengths):
        x = hmm.sample(1, n_steps, random_state=seed + i)[0][0]
        if isinstance(hmm, PoissonHMM):
            x = x.astype(float)  # for NaN
        gone = rng.uniform(size=x.shape) < missing
        gone[-1] = False
        x[gone] = -1 if isinstance(hmm, CategoricalHMM) else np.nan
        sequences.append(x)
    return sequences
