"""The named result of every risk."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import FloatOrFloats
from skhmmdd.theory._validation import unwrap


class RiskResult(NamedTuple):
    """Expected squared error on a new sample, in its parts.

    With several outputs every part is summed over them. The fields are floats, or
    arrays of one shape.

    Attributes
    ----------
    bias : float or ndarray
        What remains without label noise.
    variance : float or ndarray
        What the label noise of the training set adds. Infinite at the threshold.
    noise : float or ndarray
        Irreducible error of the new sample itself.
    excess : float or ndarray
        `bias + variance`: the risk above that of the best head.
    total : float or ndarray
        `excess + noise`: what a test set measures.
    """

    bias: FloatOrFloats
    variance: FloatOrFloats
    noise: FloatOrFloats
    excess: FloatOrFloats
    total: FloatOrFloats


def make_result(bias: ArrayLike, variance: ArrayLike, noise: ArrayLike) -> RiskResult:
    """Complete a `RiskResult` from its three parts, broadcast to one shape."""
    bias, variance, noise = np.broadcast_arrays(bias, variance, noise)
    excess = bias + variance
    parts = (bias.copy(), variance.copy(), noise.copy(), excess, excess + noise)
    return RiskResult(*(unwrap(part) for part in parts))
