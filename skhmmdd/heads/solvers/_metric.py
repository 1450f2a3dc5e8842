"""The decomposition of a design in another metric: preconditioned descent.

Descent that multiplies its gradient by P = LL' is plain descent on the design XL, whose
coefficients are brought back by L.
"""

from typing import Any, Literal, TypeAlias

import numpy as np
from scipy import linalg

from skhmmdd._typing import Array, Floats
from skhmmdd.heads.solvers._problem import centre
from skhmmdd.heads.solvers._spectrum import Spectrum, decompose

Preconditioner: TypeAlias = Literal["diagonal", "whiten"] | Floats | None


def decompose_in_metric(
    X: Floats,
    y: Floats,
    preconditioner: Preconditioner,
    *,
    sample_weight: Array | None = None,
    fit_intercept: bool = True,
    rcond: float | None = None,
) -> Spectrum:
    """The spectrum of the design in the metric of a preconditioner.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
    y : ndarray of shape (n_samples, q)
    preconditioner : {"diagonal", "whiten"}, ndarray of shape (p, p) or None
        The matrix P, symmetric and positive definite. "diagonal": the inverse squared
        norms of the columns of the centred, weighted design. "whiten": the
        pseudo-inverse of its Gram matrix X'X. None: the identity.
    sample_weight, fit_intercept, rcond
        As for :func:`decompose`; `rcond` bears on the design in the metric, with
        "whiten" on the design itself.

    Returns
    -------
    spectrum : Spectrum
        Of the design in the metric, except that the rows of `right` are the singular
        vectors brought back to the columns of X: not orthonormal, unless P is the
        identity.
    """
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    options: dict[str, Any] = {"fit_intercept": fit_intercept, "rcond": rcond}
    if preconditioner is None:
        return decompose(X, y, sample_weight=weights, **options)
    if isinstance(preconditioner, str) and preconditioner == "whiten":
        spectrum = decompose(X, y, sample_weight=weights, **options)
        return spectrum._replace(
            values=np.ones_like(spectrum.values),
            right_factors=(spectrum.right / spectrum.values[:, None],),
        )
    # 1. Centre first: XL would give columns without variance some, by rounding.
    kept = weights > 0
    X, y, weights = X[kept].astype(np.float64), y[kept], weights[kept]
    x_mean = np.zeros(X.shape[1])
    if fit_intercept:
        x_mean = centre(X, weights.astype(np.float64))
    # 2. XL, and back by L. Columns are divided by their norms, not multiplied by the
    #    inverse, which may overflow.
    if isinstance(preconditioner, str):
        norms = _column_norms(X, weights)
        spectrum = decompose(X / norms, y, sample_weight=weights, **options)
        right = spectrum.right / norms
    else:
        root = linalg.cholesky(preconditioner, lower=True)
        spectrum = decompose(X @ root, y, sample_weight=weights, **options)
        right = spectrum.right @ root.T
    return spectrum._replace(right_factors=(right,), x_mean=x_mean)


def _column_norms(X, weights):
    """Weighted norms of the columns, 1 where a column is zero."""
    scale = np.abs(X).max(axis=0)
    scale[scale == 0.0] = 1.0
    heaviest = weights.max()
    norms = scale * np.sqrt(heaviest) * np.sqrt((weights / heaviest) @ (X / scale) ** 2)
    norms[norms == 0.0] = 1.0
    return norms
