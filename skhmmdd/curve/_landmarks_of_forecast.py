"""Where a predicted curve interpolates, peaks and is lowest: functions of arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skhmmdd._typing import Floats, Ints
from skhmmdd.curve._landmarks import BLIND, find_danger_zone, find_peak


def independent_columns(widths: Ints, rank: Ints, full_rank: int, wanted: Ints) -> Ints:
    """How many of the leading columns are linearly independent.

    Columns that the training samples are too few to tell apart count as independent.

    Parameters
    ----------
    widths, rank : ndarray of int of shape (n_widths,)
        Increasing, and the rank of the centred design at each.
    full_rank : int
        The largest that the samples allow.
    wanted : ndarray of int of shape (n_wanted,)
        Widths.

    Returns
    -------
    ndarray of int of shape (n_wanted,)

    Examples
    --------
    >>> import numpy as np
    >>> widths, rank = np.array([1, 2, 3, 4, 5, 6]), np.array([1, 2, 2, 3, 4, 4])
    >>> independent_columns(widths, rank, 4, np.array([3, 5, 6, 10]))
    array([2, 4, 5, 9])
    """
    unsaturated = rank < full_rank
    dependent = np.append(0, (widths - rank)[unsaturated])
    return wanted - dependent[np.searchsorted(widths[unsaturated], wanted, "right")]


def blind_widths(
    widths: Ints, rank: Ints, full_rank: int, n_left_with: float
) -> NDArray[np.bool_]:
    """Widths so near the threshold that what is predicted there is all noise.

    Parameters
    ----------
    widths, rank, full_rank
        As for `independent_columns`.
    n_left_with : float
        How many distinct rows beside its own leave with a sample, on average.

    Returns
    -------
    ndarray of bool of shape (n_widths,)
        None of them where all would be.
    """
    position = independent_columns(widths, rank, full_rank, widths)
    # The forecast peaks where the samples without a group are interpolated.
    low, high = (1 - BLIND) * (full_rank - n_left_with), (1 + BLIND) * full_rank
    blind = (position >= low) & (position <= high)
    return blind & ~blind.all()


def landmarks_of_forecast(
    widths: Ints,
    risk: Floats,
    rank: Ints,
    full_rank: int,
    blind: NDArray[np.bool_],
    can_interpolate: bool,
    of_blocks: Floats,
) -> tuple[
    int | None, tuple[int, float] | None, tuple[int, float], tuple[int, int] | None
]:
    """Threshold, peak, best and danger zone of a predicted curve.

    Parameters
    ----------
    widths, rank, full_rank
        As for `independent_columns`.
    risk : ndarray of shape (n_widths,)
        What is predicted.
    blind : ndarray of bool of shape (n_widths,)
        From `blind_widths`: never the best, and no end of the zone.
    can_interpolate : bool
        Whether a head of full rank passes through every training sample.
    of_blocks : ndarray of shape (n_widths, n_blocks)
        What is predicted in blocks of the samples.

    Returns
    -------
    threshold : int or None
    peak : tuple of (int, float) or None
    best : tuple of (int, float)
    danger_zone : tuple of (int, int) or None
    """
    best = int(np.where(blind, np.inf, risk).argmin())
    interpolating = np.flatnonzero((rank >= full_rank) & can_interpolate)
    threshold = int(widths[interpolating[0]]) if len(interpolating) else None
    lowest = risk[best]
    top = find_peak(risk, of_blocks)
    peak = None if top is None else (int(widths[top]), float(risk[top]))
    zone = find_danger_zone(risk, top, lowest, trusted=~blind)
    if zone is not None:
        zone = int(widths[zone[0]]), int(widths[zone[1]])
    return threshold, peak, (int(widths[best]), float(lowest)), zone
