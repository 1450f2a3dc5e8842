"""Gaussian beliefs about the states of a linear-Gaussian model, as users hand them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skhmmdd._repr import short_repr
from skhmmdd._typing import Floats, Ints
from skhmmdd.hmm.models._base import as_floats
from skhmmdd.hmm.models._covariances import semi_definite_root


class GaussianBelief(NamedTuple):
    """What a `LinearGaussianHMM` knows of its states: N(mean, cov) for each sequence.

    Attributes
    ----------
    mean : ndarray of shape (n_sequences, n_states)
        E[z_t | x_1..x_t].
    cov : ndarray of shape (n_sequences, n_states, n_states)
        Covariance of z_t given x_1..x_t, symmetric and positive semi-definite.
    """

    mean: Floats
    cov: Floats

    def __repr__(self) -> str:
        return short_repr(self)


def read_gaussian_belief(
    belief: Any, n_sequences: int, n_states: int, name: str
) -> tuple[Floats, list[Floats], Ints]:
    """A pair of means and covariances, checked.

    Parameters
    ----------
    belief : GaussianBelief or pair (mean, cov) of array-likes
    n_sequences, n_states : int
    name : str
        The argument's name in error messages.

    Returns
    -------
    mean : ndarray of shape (n_sequences, n_states)
    roots : list of ndarray of shape (n_states, n_states)
        Factors U with U'U = cov, one for each covariance that there is.
    which : ndarray of int of shape (n_sequences,)
        The factor of each sequence, a position in `roots`.
    """
    try:
        mean, cov = belief
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} must be a GaussianBelief or a pair (mean, cov), got "
            f"{belief!r:.80}."
        ) from None
    axes, shape = ("n_sequences", "n_states"), (n_sequences, n_states)
    mean = as_floats(mean, axes, shape, f"mean of {name}")
    cov = as_floats(
        cov, (*axes, "n_states"), (*shape, n_states), f"cov of {name}"
    ).reshape(n_sequences, -1)
    for what, values in {"mean": mean, "cov": cov}.items():
        if (wrong := ~np.isfinite(values)).any():
            raise ValueError(
                f"{what} of {name} must be finite, got {float(values[wrong][0])!r}."
            )
    # Sequences that missed the same steps share a covariance.
    first, which = np.array([0]), np.zeros(n_sequences, dtype=np.intp)
    if (cov != cov[0]).any():
        _, first, which = np.unique(cov, axis=0, return_index=True, return_inverse=True)
    roots = [
        semi_definite_root(
            f"cov of {name} in sequence {i}", cov[i].reshape(n_states, n_states)
        )
        for i in first
    ]
    return mean, roots, which.reshape(-1)
