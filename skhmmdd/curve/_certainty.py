"""How sure the best point of a curve is: what is as good, and what may be."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

from skhmmdd._typing import Floats, Ints
from skhmmdd.curve._choice import BestPoint, Middle
from skhmmdd.curve._landmarks import median_over_splits

# One-sided: that the best is within `SAFE` times of every other point, and that points
# about it are.
_OF_BEST, _OF_OTHERS = 0.9, 0.95
SAFE = 1.5
# Others are advised only where they look this nearly as good.
_AS_GOOD = 1.2
# What is said to be sure where the best is not safe: within so many times.
_SURE = (2.0, 3.0, 5.0)
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
        About the best point; and about the best of the other side of the danger zone
        or the threshold, if that is as safe or may be far better.
    doubt : {"copies", "one split", "rival"} or None
        Why the choice is too close to call: another complexity may be far better; many
        test samples have a copy in the training set.
    rival : tuple of (float, float) or None
        Complexity and risk of what may be far better.
    is_beyond : bool
        Whether that is on the other side.
    sure : tuple of (float, tuple of Stretch) or None
        Where there is a rival: a factor, and the complexities whose risk is surely
        within so many times of every other.
    """

    corrected_risk: float | None
    plateau: tuple[Stretch, ...]
    advised: tuple[Stretch, ...]
    doubt: Literal["copies", "one split", "rival"] | None
    rival: tuple[float, float] | None = None
    is_beyond: bool = False
    sure: tuple[float, tuple[Stretch, ...]] | None = None


class Comparison(NamedTuple):
    """How much higher the risk of every point is than that of every other.

    Attributes
    ----------
    mean, error : ndarray of shape (n_complexities, n_complexities)
        Of row over column, and its standard error: of the logarithms of the risks, or
        of the risks where some are not positive. NaN at points that are infinite.
    n_samples : int
        Of which there are so many.
    scale : ndarray of shape (n_complexities,) or None
        Risks, where there are no logarithms.
    """

    mean: Floats
    error: Floats
    n_samples: int
    scale: Floats | None

    def above(self, times: float, confidence: float) -> Floats:
        """How far every point may be above so many times each other, one-sided.

        Returns
        -------
        ndarray of shape (n_complexities, n_complexities)
            Of row over column. Infinite points are above all, and none above them.
        """
        far = np.log(times) if self.scale is None else (times - 1) * self.scale
        quantile = stats.t.ppf(confidence, self.n_samples - 1)
        above = self.mean + quantile * self.error - far
        lost = np.isnan(np.diag(above))
        above[:, lost], above[lost] = -np.inf, np.inf
        np.fill_diagonal(above, np.where(lost, np.inf, -np.inf))
        return above

    def excess(self, times: float, confidence: float) -> Floats:
        """How far every point may be above so many times the best of the others.

        Returns
        -------
        ndarray of shape (n_complexities,)
            Not positive where it is surely within.
        """
        return self.above(times, confidence).max(axis=1)


def compare_all(
    risk: Floats, *, overlap: float = 0.0, jackknife: bool = False
) -> Comparison:
    """Compare all points with each other, paired over the splits.

    Parameters
    ----------
    risk : ndarray of shape (n_complexities, n_samples)
        Of splits, two or more; or what is predicted without each of the samples.
    overlap : float, default=0.0
        How much the splits share: the variance of a mean over m of them is taken to be
        (1/m + overlap) times that of one.
    jackknife : bool, default=False
        Whether the samples are left out one at a time: the variance is then
        (m - 1)^2 / m times that between them. It is not less than the true one in
        expectation (Efron and Stein, Annals of Statistics 9, 1981), and has in it what
        the samples share as training samples of each other.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> import numpy as np
    >>> risk = np.array([[1.0, 2.0, 3.0], [9.0, 9.0, 9.0], [1.1, 1.9, 3.0]])
    >>> compare_all(risk, overlap=0.25).excess(1.5, 0.9) <= 0
    array([ True, False,  True])
    """
    m = risk.shape[1]
    seen = np.isfinite(risk).all(axis=1)
    is_positive = bool(np.min(risk[seen], initial=np.inf) > 0)
    level = np.full(risk.shape, np.nan)
    level[seen] = np.log(risk[seen]) if is_positive else risk[seen]
    mean = level.mean(axis=1)
    apart = level - mean[:, None]
    shared = apart @ apart.T / (m - 1)
    variance = np.diag(shared)[:, None] + np.diag(shared) - 2 * shared
    factor = (m - 1) ** 2 / m if jackknife else 1 / m + overlap
    error = np.sqrt(factor * np.maximum(variance, 0.0))
    scale = None if is_positive else np.abs(np.median(risk, axis=1))
    return Comparison(mean[:, None] - mean, error, m, scale)


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
    divider: tuple[float, float] | None,
    overlap: float,
    copied: float = 0.0,
    middle: Middle = median_over_splits,
    without: Floats | None = None,
) -> Evidence:
    """What the splits say of the best point and of its rivals.

    Parameters
    ----------
    complexity : ndarray of shape (n_complexities,)
    risk : ndarray of shape (n_complexities, n_splits)
    best : BestPoint
    divider : tuple of (float, float) or None
        What divides a curve into two sides: the danger zone, or twice the threshold.
    overlap : float
        As in `compare_all`.
    copied : float, default=0.0
        Share of the test samples that have a copy in the training set.
    middle : callable, default=median_over_splits
        What the curve is of.
    without : ndarray of shape (n_complexities, n_samples), default=None
        What is predicted without each of the samples: compared in place of splits.
        Infinite where it is not known.

    Returns
    -------
    Evidence

    Notes
    -----
    The best is safe where it is surely within `SAFE` times of every other point: a
    comparison with the best of them (Hsu, Annals of Statistics 9, 1981), each paired,
    where it must not gain from having been chosen: what it is expected to have more
    than it shows is added.
    """
    plateau = stretches(complexity, np.searchsorted(complexity, best.plateau))
    known: tuple[float | None, tuple[Stretch, ...]] = best.corrected_risk, plateau
    here = stretches(complexity, np.array([best.index]))
    if risk.shape[1] == 1:
        return Evidence(*known, here, "one split")
    if copied > COPIED:
        return Evidence(*known, here, "copies")
    if without is not None and np.isfinite(without[best.index]).all():
        compared = compare_all(without, jackknife=True)
    else:
        compared = compare_all(risk, overlap=overlap)
    optimism = _optimism(best, compared.scale is None)
    compared = compared._replace(mean=compared.mean + optimism)
    level = middle(risk)
    # 1. Points that are surely within `SAFE` times of all, and look as good.
    nearly = max(_AS_GOOD * level[best.index], level[best.index])
    safe = (level <= nearly) & (compared.excess(SAFE, _OF_OTHERS) <= 0)
    advised = [_about(best.index, safe, complexity)]
    # 2. The best of the other side.
    beyond = np.zeros(len(complexity), dtype=bool)
    if divider is not None:
        beyond = (
            complexity > divider[1]
            if complexity[best.index] <= divider[1]
            else complexity < divider[0]
        )
    if (safe & beyond).any():
        other = int(np.where(safe & beyond, level, np.inf).argmin())
        advised.append(_about(other, safe & beyond, complexity))
    # 3. What may be far better than the best.
    if compared.excess(SAFE, _OF_BEST)[best.index] <= 0:
        return Evidence(*known, tuple(advised), None)
    rival = _rival(compared, best.index, level)
    if beyond[rival] and len(advised) == 1:
        advised.append(_about(rival, np.zeros(len(level), dtype=bool), complexity))
    named = float(complexity[rival]), float(level[rival])
    sure = _surely_within(compared, best.index, complexity)
    is_beyond = bool(beyond[rival])
    return Evidence(*known, tuple(advised), "rival", named, is_beyond, sure)


def twice(threshold: float | None) -> tuple[float, float] | None:
    """A threshold as what divides a curve."""
    return None if threshold is None else (float(threshold), float(threshold))


def _optimism(best, is_log):
    """How much lower the best looks for being chosen."""
    expected, shown = best.corrected_risk, best.risk
    if expected is None or not np.isfinite([expected, shown]).all():
        return 0.0
    if is_log:
        return max(float(np.log(expected / shown)), 0.0) if shown > 0 else 0.0
    return max(expected - shown, 0.0)


def _about(point, among, complexity):
    """The stretch about a point that is all among some points."""
    outside = ~among
    outside[point] = False
    outside = np.flatnonzero(outside)
    first = outside[outside < point].max(initial=-1) + 1
    last = outside[outside > point].min(initial=len(among)) - 1
    return stretches(complexity, np.arange(first, last + 1))[0]


def _rival(compared, best, level):
    """The lowest of those of which the best is not surely within `SAFE` times."""
    above = compared.above(SAFE, _OF_BEST)[best]
    return int(np.where(above > 0, level, np.inf).argmin())


def _surely_within(compared, best, complexity):
    """The least factor of a few that the best is surely within, and all that are."""
    # Of nothing there are no multiples.
    for times in _SURE if compared.scale is None else ():
        within = np.flatnonzero(compared.excess(times, _OF_OTHERS) <= 0)
        if best in within:
            return times, stretches(complexity, within)
    return None
