"""Panels of the time-series world: cells that are series, channels before steps.

What this package reads has the steps first: (n_sequences, n_steps, n_features). Arrays
of aeon and sktime have the channels first; nothing in the numbers says so for certain,
but sizes and neighbours often betray it.
"""

import warnings
from collections.abc import Mapping, Set

import numpy as np

from skhmmdd._tables import stacked

# Features so many times as many as steps are rather steps themselves.
_MANY_FOLD = 5
# With fewer features than these their neighbours tell nothing.
_FEWEST = 8
# Correlations of neighbours: what looks like time, and by how much more than the rest,
# as a difference of correlations or as a ratio of what they are short of one.
_SMOOTH, _SMOOTHER, _SMOOTHER_BY = 0.5, 0.25, 8
# Numbers that are looked at.
_ENOUGH = 2**20


def holds_sequences(cells):
    """Whether the cells of a 2-D object array are sequences, one for each channel."""
    cell = cells.flat[0] if cells.size else None
    is_sized = hasattr(cell, "__len__") and not isinstance(
        cell, (str, bytes, Mapping, Set)
    )
    return is_sized and np.ndim(cell) == 1


def join_channels(cells, name):
    """A nested panel (n, channels) as a list of arrays (n_steps, channels)."""
    return [_join(row, i, name) for i, row in enumerate(cells)]


def _join(row, i, name):
    try:
        channels = [stacked(cell) for cell in row]
    except (ValueError, OverflowError):
        channels = [np.empty(())]
    if any(channel.ndim != 1 for channel in channels):
        raise ValueError(
            f"Row {i} of {name} must hold one series in each cell, all of them of "
            "numbers, as a nested panel does."
        )
    lengths = sorted({len(channel) for channel in channels})
    if len(lengths) > 1:
        raise ValueError(
            f"The channels of sequence {i} of {name} must have one length, got series "
            f"of {lengths[0]} to {lengths[-1]} steps."
        )
    is_masked = any(map(np.ma.isMaskedArray, channels))
    return (np.ma if is_masked else np).stack(channels, axis=1)


def order_hint(lengths, n_channels=None):
    """What to say of features that do not fit, where the channels may stand first.

    Parameters
    ----------
    lengths : array-like of int
        Of the first axis of each sequence.
    n_channels : int, default=None
        How many there should be; None takes any number, if it is one.
    """
    found = set(np.unique(lengths).tolist())
    if len(found) != 1 or (n_channels is not None and found != {n_channels}):
        return ""
    return (
        f" The first axis of each sequence is {found.pop()} long: if it holds the "
        "channels, as in aeon and sktime, swap the axes, or set channels_first=True "
        "where there is that parameter."
    )


def warn_of_order(sequences, channels_first=False):
    """Warn of features that are most likely steps, and steps that are channels.

    Parameters
    ----------
    sequences : Sequences
    channels_first : bool, default=False
        How they were read.
    """
    values, lengths = sequences.values, sequences.lengths
    n_features = values.shape[1] if values.ndim == 2 else 1
    n_steps = float(np.median(lengths))
    if n_features < max(_FEWEST, n_steps):
        return
    along_steps, along_features = _neighbours(sequences)
    is_smoother = along_features - along_steps > _SMOOTHER or (
        1 - along_steps > _SMOOTHER_BY * (1 - along_features)
    )
    if along_features > _SMOOTH and is_smoother:
        why = (
            f"neighbouring features are correlated by {along_features:.2f}, "
            f"neighbouring steps by {along_steps:.2f}"
        )
    elif n_features >= _MANY_FOLD * n_steps and along_steps < _SMOOTHER:
        why = "these are many features for so few steps"
    else:
        return
    warnings.warn(
        f"X was read with n_steps={n_steps:g} and n_features={n_features}, but {why}: "
        f"the features may be the steps, and the steps the channels. If so, set "
        f"channels_first={not channels_first}.",
        stacklevel=5,
    )


def _neighbours(sequences):
    """The mean correlation of neighbouring steps, and of neighbouring features."""
    x = sequences.observed()
    ends = np.cumsum(sequences.lengths)
    n = min(len(x), max(1, _ENOUGH // x.shape[1]))
    x = x[:n].astype(float)
    follows = np.ones(n, dtype=bool)
    follows[0] = False
    follows[ends[ends < n]] = False

    # 1. Each feature standardised, 0 where it is missing.
    seen = ~np.isnan(x)
    x[~seen] = 0
    x /= np.abs(x).max() or 1
    count = np.maximum(seen.sum(axis=0), 1)
    z = np.where(seen, x - x.sum(axis=0) / count, 0)
    spread = np.sqrt((z**2).sum(axis=0) / count)
    varies = spread > 1e-10
    z, seen = z[:, varies] / spread[varies], seen[:, varies]

    # 2. Mean products of neighbours of which both are seen.
    def mean_product(a, b):
        both = seen[a] & seen[b]
        return float((z[a] * z[b]).sum() / max(1, both.sum()))

    here = np.flatnonzero(follows)
    every = slice(None)
    return (
        mean_product(here, here - 1),
        mean_product((every, slice(1, None)), (every, slice(None, -1))),
    )
