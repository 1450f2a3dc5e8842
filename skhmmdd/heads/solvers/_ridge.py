"""The head at one penalty: minimum norm at zero, ridge above."""

from typing import NamedTuple

import numpy as np
from scipy import linalg

from skhmmdd._typing import Floats
from skhmmdd.heads.solvers._filters import Filter, ridge_filter
from skhmmdd.heads.solvers._problem import Problem
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
        effective_dof=effective_dof(spectrum, applied),
    )


def effective_dof(spectrum: Spectrum, applied: Filter) -> float:
    """Trace of the hat matrix under a filter of one setting."""
    return float(np.sum(applied.kept) + spectrum.fit_intercept)


def solve_gram(problem: Problem, gram: Floats, alpha: float) -> Head:
    r"""The same head by a Cholesky factorization, without a spectrum.

    Parameters
    ----------
    problem : Problem
    gram : ndarray
        From :func:`well_conditioned_gram`.
    alpha : float
        Penalty, in [0, inf).

    Returns
    -------
    head : Head
        Without effective degrees of freedom.

    Notes
    -----
    With the centred, weighted rows X the head is :math:`X'(XX' + \alpha I)^{-1}y`.
    """
    penalised = gram.copy(order="F")
    penalised[np.diag_indices_from(gram)] += alpha
    factor = linalg.cho_factor(penalised, overwrite_a=True, check_finite=False)
    duals = linalg.cho_solve(
        factor, problem.on_contrasts(problem.y), check_finite=False
    )
    coef = problem.X.T @ problem.on_rows(duals)
    return Head(coef, problem.y_mean - problem.x_mean @ coef)
