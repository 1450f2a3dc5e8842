"""What all conversions from other libraries share."""

import numpy as np
from sklearn.exceptions import NotFittedError

# Sums of many numbers in single precision are this near to one.
SINGLE = 1e-4


def fitted(model, attribute):
    if not hasattr(model, attribute):
        raise NotFittedError(
            f"This {type(model).__name__} is not fitted (it has no {attribute}): fit "
            "it before its weights can be frozen."
        )
    return getattr(model, attribute)


def as_probabilities(rows, name):
    """Rows in double precision that sum to one again, after single precision.

    Raises
    ------
    ValueError
        If they are further from it than rounding takes them.
    """
    rows = np.asarray(rows, dtype=np.float64)
    total = rows.sum(axis=-1, keepdims=True)
    if not (np.isfinite(rows).all() and (rows >= 0).all()):
        raise ValueError(
            f"{name} of the source model must hold probabilities, got numbers from "
            f"{rows.min()} to {rows.max()}."
        )
    if (off := np.abs(total - 1)).max() > SINGLE:
        raise ValueError(
            f"{name} of the source model must hold rows that sum to one, got "
            f"{total.flat[off.argmax()]}."
        )
    return rows / total
