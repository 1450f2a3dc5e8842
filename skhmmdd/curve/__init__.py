"""Risk against complexity: the curve of any estimator, and its display."""

from skhmmdd.curve._curve import DoubleDescentCurve
from skhmmdd.curve._display import DoubleDescentDisplay
from skhmmdd.curve._landmarks import CurvePoint

__all__ = ["CurvePoint", "DoubleDescentCurve", "DoubleDescentDisplay"]
