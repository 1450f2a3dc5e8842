"""How sure the best point of a curve is: what is as good, and what may be."""

from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

from skhmmdd._typing import Floats, Ints
from skhmmdd.curve._choice import BestPoint, Middle
from skhmmdd.curve._landmarks import BLIND, median_over_splits, paired_differences

# One-sided, of every statement.
_CONFIDENCE = 0.95
# Complexities about the best are advised where their median risk is this near to its,
# and surely no more than so much above it. Others are rivals if they may be so much
# better.
_AS_GOOD, _WORSE = 1.2, 1.5
# Where more of the test samples than this have a copy in the training set, the risk
# past the threshold says little of new ones.
COPIED = 0.1


class Stretch(NamedTuple):
    """Neighbouring complexities.

    Attributes
    ----------
    first, last : float
        Complexities; where the stretch begins and ends.
    before, after : float or None
        The complexities next to it; None where the range ends.
    """

    first: float
    last: float
    before: float | None
    after: float | None


class Evidence(NamedTuple):
    """What the splits say of the best point, for the words of a summary.

    Attributes
    ----------
    corrected_risk : float or None
        As of `BestPoint`.
    plateau : tuple of Stretch
        As of `BestPoint`, neighbours joined.
    advised : tuple of Stretch
        About the best point; and about its rival on the other side, if there is one.
    doubt : {"copies", "one split", "side", "spread", "threshold"} or None
        Why the choice is too close to call: the other side of the danger zone or of
        the threshold cannot be told apart; the best is so near the threshold that its
        risk may be luck; another complexity may be far better; many test samples have
        a copy in the training set.
    rival : tuple of (float, float) or None
        Complexity and risk of what may be better.
    """

    corrected_risk: float | None
    plateau: tuple[Stretch, ...]
    advised: tuple[Stretch, ...]
    doubt: Literal["copies", "one split", "side", "spread", "threshold"] | None
    rival: tuple[float, float] | None


class Comparison(NamedTuple):
    """How much higher the risk of every point is than that of one, over the splits.

    Attributes
    ----------
    lower, mean, upper : ndarray of shape (n_complexities,)
        Of the logarithms of the risks, or of the risks where some are not positive.
        The bounds are one-sided, at 95 %.
    far : float
        What is far better or worse, on that scale.
    """

    lower: Floats
    mean: Floats
    upper: Floats
    far: float


def compare_with(risk: Floats, reference: int, overlap: float) -> Comparison:
    """Compare all points with one, by a paired t-test over the splits.

    Parameters
    ----------
    risk : ndarray of shape (n_complexities, n_splits)
        With two splits or more.
    reference : int
    overlap : float
        How much the splits share: the variance of a mean over m of them is taken to be
        (1/m + overlap) times that of one.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> import numpy as np
    >>> risk = np.array([[1.0, 2.0, 3.0], [9.0, 9.0, 9.0], [1.1, 1.9, 3.0]])
    >>> compared = compare_with(risk, 0, overlap=0.25)
    >>> compared.lower > 0, compared.upper < compared.far
    (array([False,  True, False]), array([ True, False,  True]))
    """
    n_splits = risk.shape[1]
    mean, error = paired_differences(risk, reference)
    quantile = stats.t.ppf(_CONFIDENCE, n_splits - 1)
    bound = quantile * error * np.sqrt(1 + n_splits * overlap)
    if np.min(risk) > 0:
        far = float(np.log(_WORSE))
    else:
        far = (_WORSE - 1) * abs(float(np.median(risk[reference])))
    return Comparison(mean - bound, mean, mean + bound, far)


def stretches(complexity: Floats, chosen: Ints) -> tuple[Stretch, ...]:
    """Join neighbours among chosen points.

    Parameters
    ----------
    complexity : ndarray of shape (n_complexities,)
    chosen : ndarray of int
        Indices, increasing.

    Returns
    -------
    tuple of Stretch

    Examples
    --------
    >>> import numpy as np
    >>> for one in stretches(np.arange(10.0, 15.0), np.array([0, 1, 3])):
    ...     print(*one)
    10.0 11.0 None 12.0
    13.0 13.0 12.0 14.0
    """

    def at(index):
        return float(complexity[index]) if 0 <= index < len(complexity) else None

    runs = np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1)
    return tuple(
        Stretch(at(run[0]), at(run[-1]), at(run[0] - 1), at(run[-1] + 1))
        for run in runs
    )


def weigh_evidence(
    complexity: Floats,
    risk: Floats,
    best: BestPoint,
    *,
    zone: tuple[float, float] | None,
    threshold: float | None,
    overlap: float,
    copied: float = 0.0,
    middle: Middle = median_over_splits,
) -> Evidence:
    """What the splits say of the best point and of its rivals.

    Parameters
    ----------
    complexity : ndarray of shape (n_complexities,)
    risk : ndarray of shape (n_complexities, n_splits)
    best : BestPoint
    zone : tuple of (float, float) or None
        The danger zone, which divides a curve into two sides.
    threshold : float or None
        Where interpolation begins: divides it where there is no zone. None along axes
        where a curve does not peak there.
    overlap : float
        As in `compare_with`.
    copied : float, default=0.0
        Share of the test samples that have a copy in the training set.
    middle : callable, default=median_over_splits
        What the curve is of.

    Returns
    -------
    Evidence
    """
    plateau = stretches(complexity, np.searchsorted(complexity, best.plateau))
    if risk.shape[1] == 1:
        here = stretches(complexity, np.array([best.index]))
        return Evidence(best.corrected_risk, plateau, here, "one split", None)
    if copied > COPIED:
        here = stretches(complexity, np.array([best.index]))
        return Evidence(best.corrected_risk, plateau, here, "copies", None)
    median = middle(risk)
    compared = compare_with(risk, best.index, overlap)
    advised = [_about(best.index, median, compared, complexity)]
    doubt, rival = _find_rival(
        complexity, median, best.index, zone, threshold, compared, advised[0]
    )
    if doubt == "side":
        others = compare_with(risk, rival, overlap)
        advised.append(_about(rival, median, others, complexity))
    named = None if rival is None else (float(complexity[rival]), float(median[rival]))
    return Evidence(best.corrected_risk, plateau, tuple(advised), doubt, named)


def _about(point, median, compared, complexity):
    """The stretch about a point whose risk is surely about as low."""
    nearly = max(_AS_GOOD * median[point], median[point])
    within = (median <= nearly) & (compared.upper <= compared.far)
    within[point] = True
    outside = np.flatnonzero(~within)
    first = outside[outside < point].max(initial=-1) + 1
    last = outside[outside > point].min(initial=len(median)) - 1
    return stretches(complexity, np.arange(first, last + 1))[0]


def _find_rival(complexity, median, best, zone, threshold, compared, advised):
    """Why the choice is in doubt, and the index of what may be better."""
    # 1. So near the threshold that the risk of a few splits may be low by chance.
    if threshold is not None:
        off = np.abs(complexity - threshold) > BLIND * threshold
        if not off[best] and off.any():
            return "threshold", int(np.where(off, median, np.inf).argmin())
    # 2. The best point of the other side, unless it is surely worse.
    divider = zone or (threshold and (threshold, threshold))
    if divider:
        beyond = (
            complexity > divider[1]
            if complexity[best] <= divider[1]
            else (complexity < divider[0])
        )
        if beyond.any():
            other = int(np.where(beyond, median, np.inf).argmin())
            if not compared.lower[other] > 0:
                return "side", other
    # 3. Any other that may be far better.
    apart = (complexity < advised.first) | (complexity > advised.last)
    better = (compared.lower < -compared.far) & apart
    if better.any():
        return "spread", int(np.where(better, compared.mean, np.inf).argmin())
    return None, None
