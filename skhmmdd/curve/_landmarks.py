"""Where a risk curve interpolates, peaks and is lowest: functions of arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skhmmdd._repr import short_repr
from skhmmdd._typing import Floats, Ints

# A model interpolates when its training risk is this small beside that of the best
# constant. In double precision minimum-norm heads reach 1e-12 and less where the
# design is not hopelessly ill-conditioned; noisy labels keep a model that does not
# interpolate many decades above.
INTERPOLATION_TOLERANCE = 1e-6

# The danger zone has the points about a peak with more than this times the lowest risk.
DANGER = 2.0

# Within this share of the threshold a single leave-one-out is too noisy to choose by.
BLIND = 0.2


class CurvePoint(NamedTuple):
    """One point of a curve of median test risk.

    Attributes
    ----------
    complexity : float
        Where the point stands on the complexity axis.
    risk : float
        Median test risk over the splits.
    param : object
        Parameter value, to be handed to `set_params`.
    index : int
        Position in `complexity_` and `param_range_`.
    """

    complexity: float
    risk: float
    param: Any
    index: int  # type: ignore[assignment]  # in place of the tuple's method

    def __repr__(self) -> str:
        return short_repr(self)


def quantile_over_splits(risk: Floats, q: float) -> Floats:
    """Quantile of each row, linear between order statistics, infinity allowed.

    :func:`numpy.quantile` gives NaN between two infinite values.

    Parameters
    ----------
    risk : ndarray of shape (n_complexities, n_splits)
    q : float
        Must be in [0, 1].

    Returns
    -------
    ndarray of shape (n_complexities,)

    Examples
    --------
    >>> import numpy as np
    >>> quantile_over_splits(np.array([[3.0, 1.0, 2.0], [1.0, np.inf, np.inf]]), 0.75)
    array([2.5, inf])
    """
    ordered = np.sort(risk, axis=1)
    position = q * (ordered.shape[1] - 1)
    below = int(np.floor(position))
    weight = position - below
    left = ordered[:, below]
    if weight == 0:
        return left.copy()
    right = ordered[:, below + 1]
    return np.where(left == right, left, (1 - weight) * left + weight * right)


def median_over_splits(risk: Floats) -> Floats:
    """Median of each row: `quantile_over_splits` at one half."""
    return quantile_over_splits(risk, 0.5)


def find_threshold(
    complexity: Floats, train_risk: Floats, constant_risk: Floats
) -> tuple[float | None, bool]:
    """Smallest complexity at which the median training risk vanishes.

    It vanishes when it is at most `INTERPOLATION_TOLERANCE` times the median training
    risk of the constant predictor. Where it vanishes at the first complexity and not
    at the last, as along a penalty, the threshold is where that ends: the last of the
    first run of complexities that interpolate.

    Parameters
    ----------
    complexity : ndarray of shape (n_complexities,)
        In increasing order.
    train_risk : ndarray of shape (n_complexities, n_splits)
    constant_risk : ndarray of shape (n_splits,)
        Training risk of the constant predictor.

    Returns
    -------
    threshold : float or None
        None when no complexity interpolates.
    lost_beyond : bool
        Whether interpolation ends there, and does not begin.

    Examples
    --------
    >>> import numpy as np
    >>> train = np.array([[0.5, 0.4], [0.1, 0.2], [1e-20, 0.0], [1e-18, 1e-19]])
    >>> find_threshold(np.array([1, 5, 10, 20]), train, np.array([1.0, 1.1]))
    (10.0, False)
    >>> find_threshold(np.array([0, 1, 2, 3]), train[::-1], np.array([1.0, 1.1]))
    (1.0, True)
    """
    level = INTERPOLATION_TOLERANCE * np.median(constant_risk)
    reached = median_over_splits(train_risk) <= level
    if not reached.any():
        return None, False
    if reached[0] and not reached[-1]:
        return float(complexity[np.argmin(reached) - 1]), True
    return float(complexity[np.argmax(reached)]), False


def find_peak(risk: Floats) -> int | None:
    """Index of the interior maximum that stands out most on both sides.

    A point stands out by the smaller of two ratios: its risk over the lowest risk to
    its left, and over the lowest to its right. Where some risk is not positive, as for
    the negative of a score, differences take the place of ratios.

    Parameters
    ----------
    risk : ndarray of shape (n_complexities,)
        Median risk, in order of increasing complexity.

    Returns
    -------
    int or None
        None when no interior point is above the lowest of both sides.

    Examples
    --------
    >>> import numpy as np
    >>> find_peak(np.array([2.0, 1.0, 9.0, 40.0, 3.0, 4.0, 0.5]))
    3
    >>> find_peak(np.array([3.0, 2.0, 1.0])) is None
    True
    """
    if len(risk) < 3:
        return None
    before = np.minimum.accumulate(risk)[:-2]
    after = np.minimum.accumulate(risk[::-1])[::-1][2:]
    inner, higher_side = risk[1:-1], np.maximum(before, after)
    stands_out = inner > higher_side
    if not stands_out.any():
        return None
    if np.min(risk) > 0:
        prominence = inner[stands_out] / higher_side[stands_out]
    else:
        prominence = inner[stands_out] - higher_side[stands_out]
    return int(np.flatnonzero(stands_out)[np.argmax(prominence)]) + 1


def find_danger_zone(
    risk: Floats,
    peak: int | None,
    lowest: float,
    trusted: NDArray[np.bool_] | bool = True,
) -> tuple[int, int] | None:
    """The points about a peak whose risk is more than `DANGER` times the lowest.

    Parameters
    ----------
    risk : ndarray of shape (n_complexities,)
        In order of increasing complexity.
    peak : int or None
        Index of the peak.
    lowest : float
        The lowest risk. Below zero, as for the negative of a score, there is no zone.
    trusted : bool or ndarray of bool of shape (n_complexities,), default=True
        Where a low risk may end the zone.

    Returns
    -------
    tuple of (int, int) or None
        Indices of the first and of the last point; None if the peak is no higher.

    Examples
    --------
    >>> import numpy as np
    >>> find_danger_zone(np.array([2.0, 1.0, 3.0, 40.0, 3.0, 1.5]), 3, 1.0)
    (2, 4)
    >>> find_danger_zone(np.array([2.0, 1.0, 1.9, 1.5]), 2, 1.0) is None
    True
    """
    if peak is None or lowest < 0 or not risk[peak] > DANGER * lowest:
        return None
    safe = np.flatnonzero((risk <= DANGER * lowest) & trusted)
    first = safe[safe < peak].max(initial=-1) + 1
    last = safe[safe > peak].min(initial=len(risk)) - 1
    return int(first), int(last)


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
    top = find_peak(risk)
    peak = None if top is None else (int(widths[top]), float(risk[top]))
    zone = find_danger_zone(risk, top, lowest, trusted=~blind)
    if zone is not None:
        zone = int(widths[zone[0]]), int(widths[zone[1]])
    return threshold, peak, (int(widths[best]), float(lowest)), zone
