"""Sequences of which some hidden states are known: a mask on what each state emits.

An observation x_t whose state is known to be s is one of likelihood zero in every other
state. So the chain and the block are handed on with the state as one more number of
each step, and every recursion is as it was.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from skhmmdd.hmm.inference._likelihoods import DensityEmission


def condition_on(chain, block, states):
    """The chain and the block to walk where some states are known.

    Parameters
    ----------
    chain : Chain
    block : Block
    states : ndarray of int of shape (n_steps, n_sequences)
        -1 where the state is not known.

    Returns
    -------
    chain : Chain
        Gives the joint density of the observations and the known states.
    block : Block
        With the states in a last column of its values: see `observed`.
    """
    columns = block.values.reshape(*states.shape, -1)
    values = np.concatenate([columns, states[:, :, None]], axis=2)
    density = partial(
        _density_in_known,
        log_density=chain.emission.log_density,
        has_features=block.values.ndim == 3,
    )
    emission = DensityEmission(density, chain.n_states)
    name = f"{chain.name} with the states that are given"
    return replace(chain, emission=emission, name=name), block._replace(values=values)


def observed(values, has_features):
    """The observations alone, of the values that `condition_on` made."""
    return values[..., :-1] if has_features else values[..., 0]


def _density_in_known(values, log_density, has_features):
    known = values[:, -1]
    out = np.array(log_density(observed(values, has_features)))
    other = (known[:, None] >= 0) & (known[:, None] != np.arange(out.shape[1]))
    out[other] = -np.inf
    return out
