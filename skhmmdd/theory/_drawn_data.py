"""Drawn data, checked, for the solver of the heads."""

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import Floats
from skhmmdd.heads.solvers._magnitude import (
    DESIGN_RANGE,
    TARGET_RANGE,
    check_magnitude,
)
from skhmmdd.heads.solvers._spectrum import Spectrum, decompose
from skhmmdd.theory._validation import check_array, check_real


def check_points(X: ArrayLike, name: str, n_features: int | None = None) -> Floats:
    """A finite matrix, of so many columns if that is given."""
    X = check_array(X, name, ndim=(2,))
    if n_features is not None and X.shape[1] != n_features:
        raise ValueError(
            f"{name} must have the {n_features} columns of X_train; got shape "
            f"{X.shape}."
        )
    check_magnitude(X, name, DESIGN_RANGE if n_features is None else (0.0, 1e200))
    return X


def decompose_drawn(
    X: ArrayLike,
    y: ArrayLike | None,
    fit_intercept: bool,
    rcond: float | None,
    name: str = "X",
) -> Spectrum:
    """The spectrum of a design, with or without targets; ValueError by their names."""
    X = check_points(X, name)
    if len(X) < 2:
        raise ValueError(f"{name} must have at least 2 rows; got {len(X)}.")
    if rcond is not None:
        rcond = float(check_real(rcond, "rcond"))
    if y is None:
        targets = np.empty((len(X), 0))
    else:
        y = check_array(y, "y", ndim=(1, 2))
        if len(y) != len(X):
            raise ValueError(
                f"y must have the {len(X)} rows of {name}; got shape {y.shape}."
            )
        check_magnitude(y, "y", TARGET_RANGE)
        targets = y.reshape(len(X), -1)
    return decompose(X, targets, fit_intercept=fit_intercept, rcond=rcond)
