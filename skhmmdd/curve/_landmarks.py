"""Where a risk curve interpolates, peaks and is lowest: functions of arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skhmmdd._repr import short_repr
from skhmmdd._typing import Floats

# A model interpolates when its training risk is this small beside that of the best
# constant. In double precision minimum-norm heads reach 1e-12 and less where the
# design is not hopelessly ill-conditioned; noisy labels keep a model that does not
# interpolate many decades above.
INTERPOLATION_TOLERANCE = 1e-6

# The danger zone has the points about a peak with more than this times the lowest risk.
DANGER = 2.0

# A peak stands so many times above the valleys on both its sides. What is less is no
# reason to avoid a width. Where there are no ratios: this less one times the range.
PROMINENCE = 1.1

# Within this share of the threshold a low risk may be luck.
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


def paired_differences(risk: Floats, reference: int) -> tuple[Floats, Floats]:
    """How much higher every point is than one of them: mean and standard error.

    The differences are taken within the splits, which takes out what makes one split
    harder than another: of the logarithms where all risks are positive, for the risks
    are ratios and have heavy tails, and else of the risks.

    Parameters
    ----------
    risk : ndarray of shape (n_complexities, n_splits)
    reference : int

    Returns
    -------
    mean, standard_error : ndarray of shape (n_complexities,)
        With one split the standard errors are infinite but for the reference.

    Examples
    --------
    >>> import numpy as np
    >>> mean, error = paired_differences(np.array([[1.0, 2.0], [2.0, 4.0]]), 0)
    >>> np.exp(mean), error
    (array([1., 2.]), array([0., 0.]))
    """
    n_splits = risk.shape[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        level = np.log(risk) if np.min(risk) > 0 else risk
        differences = level - level[reference]
        # Infinite beside infinite tells nothing.
        differences[np.isnan(differences)] = np.inf
        differences[reference] = 0.0
        mean = differences.mean(axis=1)
        if n_splits == 1:
            error = np.full(len(risk), np.inf)
            error[reference] = 0.0
            return mean, error
        error = differences.std(axis=1, ddof=1) / np.sqrt(n_splits)
    return mean, np.where(np.isnan(error), 0.0, error)


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


def find_peak(risk: Floats, of_splits: Floats | None = None) -> int | None:
    """Index of the interior maximum that stands out most on both sides.

    A point stands out by the smaller of two ratios: its risk over the lowest risk to
    its left, and over the lowest to its right. Where some risk is not positive, as for
    the negative of a score, differences take the place of ratios. One that stands out
    by less than `PROMINENCE`, or by less than `DANGER` and no more than a standard
    error, is no peak. (About the threshold a high one comes of few samples.)

    Parameters
    ----------
    risk : ndarray of shape (n_complexities,)
        Median risk, in order of increasing complexity.
    of_splits : ndarray of shape (n_complexities, n_splits), default=None
        What `risk` is the middle of, for the standard error.

    Returns
    -------
    int or None

    Examples
    --------
    >>> import numpy as np
    >>> find_peak(np.array([2.0, 1.0, 9.0, 40.0, 3.0, 4.0, 0.5]))
    3
    >>> find_peak(np.array([3.0, 2.0, 1.0])) is None
    True
    >>> find_peak(np.array([3.0, 2.0, 2.1, 1.0])) is None
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
    inner, higher_side = inner[stands_out], higher_side[stands_out]
    if np.min(risk) > 0:
        prominence, least, high = inner / higher_side, PROMINENCE, DANGER
    else:
        prominence, high = inner - higher_side, np.inf
        least = (PROMINENCE - 1) * (np.max(risk) - np.min(risk))
    top = int(np.argmax(prominence))
    peak = int(np.flatnonzero(stands_out)[top]) + 1
    if prominence[top] < least:
        return None
    if prominence[top] > high or of_splits is None:
        return peak
    return peak if _is_above_its_valleys(risk, of_splits, peak) else None


def _is_above_its_valleys(risk, of_splits, peak):
    """Whether by more than one standard error, paired over the splits."""
    if of_splits.shape[1] == 1:
        return True
    valleys = [int(risk[:peak].argmin()), peak + 1 + int(risk[peak + 1 :].argmin())]
    mean, error = paired_differences(of_splits, peak)
    return bool((mean[valleys] < -error[valleys]).all())


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
