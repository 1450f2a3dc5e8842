"""Which point of a curve to take, and what risk to expect there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from skhmmdd._typing import Floats, Ints
from skhmmdd.curve._landmarks import (
    DANGER,
    CurvePoint,
    find_peak,
    median_over_splits,
    paired_differences,
)

# What a curve is made of: from risks of shape (n_complexities, n_splits).
Middle: TypeAlias = Callable[[Floats], Floats]
# How the best point is chosen.
Choice: TypeAlias = Literal["lowest", "one_standard_error"]


class BestPoint(CurvePoint):
    """The point of a curve that is chosen, and how far its choice can be trusted.

    A `CurvePoint`, with two attributes more that are no items of the tuple.

    Attributes
    ----------
    complexity : float
        Where the point stands on the complexity axis.
    risk : float
        Median test risk over the splits. The lowest of many is lower than what comes
        true: see `corrected_risk`.
    param : object
        Parameter value, to be handed to `set_params`.
    index : int
        Position in `complexity_` and `param_range_`.
    corrected_risk : float or None
        Test risk to expect of the choice: in every split that of the point chosen on
        all other splits, and the median of these. None with one split.
    plateau : tuple of float
        The complexities whose risk is within one standard error of the lowest, paired
        over the splits, and not more than twice the lowest; the lowest is one of them.
    """

    corrected_risk: float | None = None
    plateau: tuple[float, ...] = ()

    def __new__(cls, complexity, risk, param, index, corrected_risk=None, plateau=()):
        point = super().__new__(cls, complexity, risk, param, index)
        point.corrected_risk, point.plateau = corrected_risk, plateau
        return point


def mean_over_blocks(risk: Floats) -> Floats:
    """Mean of each row: what a forecast is of the samples that are left out."""
    return risk.mean(axis=1)


def find_plateau(risk: Floats, middle: Middle = median_over_splits) -> Ints:
    """The points within one standard error of the lowest, paired over splits.

    Not those whose risk is more than twice the lowest: that they vary as much is no
    merit.

    Parameters
    ----------
    risk : ndarray of shape (n_complexities, n_splits)
    middle : callable, default=median_over_splits
        What the lowest is of.

    Returns
    -------
    ndarray of int
        Indices, increasing; with one split that of the lowest alone.

    Examples
    --------
    >>> import numpy as np
    >>> find_plateau(np.array([[5.0, 6.0, 5.0], [1.0, 2.0, 3.0], [1.1, 1.9, 3.1]]))
    array([1, 2])
    """
    level = middle(risk)
    lowest = int(np.argmin(level))
    if risk.shape[1] == 1:
        return np.array([lowest])
    mean, error = paired_differences(risk, lowest)
    near = (level <= DANGER * level[lowest]) | (level[lowest] <= 0)
    return np.flatnonzero((mean <= error) & near)


def choose_point(
    risk: Floats,
    choose: Choice,
    *,
    simplest_last: bool = False,
    middle: Middle = median_over_splits,
) -> int:
    """Index of the point to take.

    Parameters
    ----------
    risk : ndarray of shape (n_complexities, n_splits)
    choose : {"lowest", "one_standard_error"}
        The lowest risk, the first of equals; or the simplest point of the plateau.
    simplest_last : bool, default=False
        Whether the last point is the simplest, as along a penalty, and not the first.
    middle : callable, default=median_over_splits
        What the lowest is of.

    Returns
    -------
    int
    """
    if choose == "lowest":
        return int(np.argmin(middle(risk)))
    return int(find_plateau(risk, middle)[-1 if simplest_last else 0])


def risk_of_choice(
    risk: Floats,
    choose: Choice,
    *,
    simplest_last: bool = False,
    middle: Middle = median_over_splits,
) -> float | None:
    """Risk to expect where a point is chosen: by the other splits, in each split.

    Parameters
    ----------
    risk : ndarray of shape (n_complexities, n_splits)
    choose, simplest_last, middle
        As in `choose_point`.

    Returns
    -------
    float or None
        Its middle over the splits; None with one split.

    Examples
    --------
    >>> import numpy as np
    >>> risk = np.array([[1.0, 2.0, 2.0], [2.0, 1.0, 2.0], [2.0, 2.0, 1.0]])
    >>> risk_of_choice(risk, "lowest")
    2.0
    """
    n_splits = risk.shape[1]
    if n_splits == 1:
        return None
    options: dict[str, Any] = {"simplest_last": simplest_last, "middle": middle}
    chosen = [
        choose_point(np.delete(risk, split, 1), choose, **options)
        for split in range(n_splits)
    ]
    return float(middle(risk[chosen, np.arange(n_splits)][None])[0])


def peak_and_best(
    complexity: Floats,
    test_risk: Floats,
    params: Sequence[Any],
    choose: Choice = "lowest",
    *,
    simplest_last: bool = False,
) -> tuple[CurvePoint | None, BestPoint]:
    """Peak and best point of the median test risk.

    Parameters
    ----------
    complexity : ndarray of shape (n_complexities,)
        In increasing order.
    test_risk : ndarray of shape (n_complexities, n_splits)
    params : sequence of length n_complexities
        The parameter values.
    choose, simplest_last
        As in `choose_point`.

    Returns
    -------
    peak : CurvePoint or None
    best : BestPoint
    """
    median = median_over_splits(test_risk)

    def point(index):
        return CurvePoint(
            float(complexity[index]), float(median[index]), params[index], index
        )

    options: dict[str, Any] = {"choose": choose, "simplest_last": simplest_last}
    peak = find_peak(median, test_risk)
    best = point(choose_point(test_risk, **options))
    return None if peak is None else point(peak), BestPoint(
        best.complexity,
        best.risk,
        best.param,
        best.index,
        risk_of_choice(test_risk, **options),
        tuple(complexity[find_plateau(test_risk)].tolist()),
    )
