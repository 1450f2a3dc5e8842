"""The head at one penalty: minimum norm at zero, ridge above."""

from typing import NamedTuple

import numpy as np

from skhmmdd.heads.solvers._filters import Filter, ridge_filter
from skhmmdd.heads.solvers._spectrum import Spectrum


class Head(NamedTuple):
    """A linear head: ``X @ coef + intercept``."""

    coef: np.ndarray
    """Coefficients, shape (p, q)."""
    intercept: np.ndarray
    """Intercepts, shape (q,)."""
    effective_dof: float | None = None
    """Trace of the hat matrix, 1 for the intercept included; None if it has none."""


def shrink(spectrum: Spectrum, alpha: float) -> Head:
    """The head at one penalty: minimum norm at zero, ridge above.

    Parameters
    ----------
    spectrum : Spectrum
        From :func:`decompose`.
    alpha : float
        Penalty, in [0, inf].

    Returns
    -------
    head : Head
        Coefficients, intercepts and effective degrees of freedom.
    """
    return apply_filter(
        spectrum, ridge_filter(spectrum.values, np.array([alpha], float))
    )


def apply_filter(spectrum: Spectrum, applied: Filter) -> Head:
    """The head under a filter of one setting.

    Parameters
    ----------
    spectrum : Spectrum
    applied : Filter
        One row.

    Returns
    -------
    head : Head
    """
    coef = spectrum.coef_of(applied.gains[0, :, None] * spectrum.projections)
    return Head(
        coef=coef,
        intercept=spectrum.y_mean - spectrum.x_mean @ coef,
        effective_dof=float(np.sum(applied.kept) + spectrum.fit_intercept),
    )
