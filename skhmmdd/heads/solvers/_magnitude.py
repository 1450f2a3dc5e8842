"""How large numbers may be whose squares are taken."""

from skhmmdd._typing import Floats

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
