"""What the heads take: sample weights, and numbers whose squares are numbers."""

import re
from contextlib import contextmanager
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from skhmmdd._typing import Array, Floats

# Designs enter by their singular values, targets by squared errors.
DESIGN_RANGE = (1e-200, 1e200)
TARGET_RANGE = (1e-100, 1e100)


def check_magnitude(
    array: Floats, name: str, bounds: tuple[float, float] = TARGET_RANGE
) -> None:
    """Raise ValueError where the largest entry is too large or too small to compute.

    Parameters
    ----------
    array : ndarray of float
        Finite.
    name : str
        What it is called where it is refused.
    bounds : tuple of (float, float), default=TARGET_RANGE
        For the largest absolute value; zero is allowed.
    """
    if not array.size:
        return
    largest, (low, high) = max(float(array.max()), -float(array.min())), bounds
    if largest and not low <= largest <= high:
        raise ValueError(
            f"The largest absolute value in {name} must be 0 or in [{low:g}, {high:g}],"
            f" lest its squares overflow or vanish; got {largest:g}. Rescale {name}."
        )


def check_design(
    X: ArrayLike, name: str = "X", low: float = DESIGN_RANGE[0], **options: Any
) -> Floats:
    """A matrix of finite float64, the largest not below `low`.

    `options` are those of :func:`sklearn.utils.check_array`.
    """
    with quiet_sums(), _named(name):
        X = check_array(X, dtype=np.float64, input_name=name, **options)
    check_magnitude(X, name, (low, DESIGN_RANGE[1]))
    return X


def check_targets(
    y: ArrayLike, name: str = "y", low: float = TARGET_RANGE[0]
) -> Floats:
    """Finite float64 of one dimension or two, the largest not below `low`."""
    with quiet_sums(), _named(name):
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name=name)
    check_magnitude(y, name, (low, TARGET_RANGE[1]))
    return y


def check_alpha(alpha: Any) -> float:
    """A penalty as a float; ValueError where it is none, as 10**400."""
    try:
        return float(alpha)
    except OverflowError:
        largest = np.finfo(np.float64).max
        message = f"alpha must be in [0, {largest:.3g}]; got an integer beyond it."
        raise ValueError(message) from None


@contextmanager
def _named(name):
    """Say which argument it is that scikit-learn refuses."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if re.search(rf"\b{name}\b", str(error)):
            raise
        raise type(error)(f"{name}: {error}") from error


def quiet_sums() -> np.errstate:
    """Context for scikit-learn's checks, which add up all of an array."""
    return np.errstate(invalid="ignore")


def check_sample_weight(sample_weight: ArrayLike | None, n_samples: int) -> Array:
    """Validate sample weights; an integer dtype is kept, for it means counts.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), float or None
        None means equal weights.
    n_samples : int
        Number of rows of the design.

    Returns
    -------
    weights : ndarray of shape (n_samples,)
        Of dtype int64 for counts (integers and booleans), else float64.

    Raises
    ------
    ValueError
        If the shape is wrong, a weight is negative, NaN or infinite, all are zero, or
        the largest is out of range.
    """
    if sample_weight is None:
        return np.ones(n_samples)
    if isinstance(sample_weight, Number):
        sample_weight = np.full(n_samples, sample_weight)
    with quiet_sums(), _named("sample_weight"):
        weights = check_array(
            sample_weight, ensure_2d=False, dtype=None, input_name="sample_weight"
        )
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must have shape ({n_samples},), one weight a sample; "
            f"got shape {weights.shape}."
        )
    weights = weights.astype(np.int64 if weights.dtype.kind in "biu" else np.float64)
    if weights.min() < 0:
        worst = int(weights.argmin())
        raise ValueError(
            "sample_weight must be non-negative; "
            f"got {weights[worst]} for sample {worst}."
        )
    if not weights.any():
        raise ValueError(
            "sample_weight must be positive for at least one sample; got only zeros."
        )
    check_magnitude(weights, "sample_weight")
    return weights
