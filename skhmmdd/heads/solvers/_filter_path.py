"""The head at several settings of its filter, from one decomposition."""

from collections.abc import Callable

import numpy as np
from scipy import linalg

from skhmmdd._typing import Array, Floats
from skhmmdd.heads.solvers._effective_parameters import count_effective_parameters
from skhmmdd.heads.solvers._filters import Filter
from skhmmdd.heads.solvers._head_path import HeadPath, refuse_overflow
from skhmmdd.heads.solvers._metric import Preconditioner, decompose_in_metric
from skhmmdd.heads.solvers._spectrum import Spectrum


def heads_along_filters(
    X: Floats,
    y: Floats,
    X_test: Floats,
    y_test: Floats | None,
    make_filters: Callable[[Spectrum], Filter],
    name: str,
    values: Array,
    *,
    preconditioner: Preconditioner = None,
    fit_intercept: bool = True,
    rcond: float | None = None,
    keep_predictions: bool = False,
    count_parameters: bool = False,
) -> HeadPath:
    """The head under each of several filters of one spectrum.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
    y : ndarray of shape (n_samples, q)
    X_test : ndarray of shape (n_test, p)
    y_test : ndarray of shape (n_test, q) or None
    make_filters : callable
        From the spectrum to filters of n_values settings.
    name : str
        What is varied, for messages.
    values : ndarray of shape (n_values,)
        The settings, for messages.
    preconditioner : {"diagonal", "whiten"}, ndarray of shape (p, p) or None
        The metric of the spectrum. Norms are those of coefficients of X in any.
    fit_intercept : bool, default=True
    rcond : float or None, default=None
    keep_predictions, count_parameters : bool, default=False
        What is wanted beside risks and norms.

    Returns
    -------
    HeadPath
    """
    spectrum = decompose_in_metric(
        X, y, preconditioner, fit_intercept=fit_intercept, rcond=rcond
    )
    n_values = len(values)
    shape = (n_values, len(X_test), y.shape[1])
    kept = (np.empty(shape), np.empty((n_values, *y.shape)))
    test_risk = None if y_test is None else np.empty(n_values)
    train_risk, norms = np.empty(n_values), np.empty(n_values)
    with np.errstate(over="ignore", invalid="ignore"):
        filters = make_filters(spectrum)
        rows = (X_test - spectrum.x_mean) @ spectrum.right.T
        for i, (gains, lost) in enumerate(
            zip(filters.gains, filters.lost, strict=True)
        ):
            # 1. Coefficients along the right singular vectors, and their norm, which
            #    is that of all columns where those are orthonormal.
            coef = gains[:, None] * spectrum.projections
            whole = coef if preconditioner is None else spectrum.coef_of(coef)
            norms[i] = linalg.norm(whole.ravel())
            # 2. Predictions, and their squared error.
            predictions = rows @ coef + spectrum.y_mean
            if test_risk is not None:
                test_risk[i] = np.mean((predictions - y_test) ** 2)
            # 3. Training rows: what the filter leaves of the targets, which does not
            #    cancel where the head interpolates.
            left = lost[:, None] * spectrum.projections
            residuals = spectrum.residuals + spectrum.left @ left
            train_risk[i] = np.mean(residuals**2)
            if keep_predictions:
                kept[0][i], kept[1][i] = predictions, y - residuals
        effective = None
        if count_parameters:
            effective = count_effective_parameters(spectrum, X_test, filters)
    predictions, train_predictions = kept if keep_predictions else (None, None)
    path = HeadPath(
        predictions, train_predictions, test_risk, train_risk, norms, effective
    )
    refuse_overflow(path, name, values)
    return path
