"""Effective number of parameters, on the training set and on new points."""

from typing import NamedTuple

import numpy as np

from skhmmdd._typing import FloatOrFloats, Floats
from skhmmdd.heads.solvers._filters import Filter
from skhmmdd.heads.solvers._spectrum import Spectrum


class EffectiveParameters(NamedTuple):
    """Effective number of parameters.

    Attributes
    ----------
    train : float or ndarray
        On the training samples: :math:`\\mathrm{tr}\\,SS'`.
    test : float or ndarray
        On new samples: n times the mean of :math:`\\|s(x)\\|^2` over them.
    """

    train: FloatOrFloats
    test: FloatOrFloats


def count_effective_parameters(
    spectrum: Spectrum, X_test: Floats, applied: Filter
) -> EffectiveParameters:
    """Effective parameters of filtered, unweighted heads, the intercept included.

    Parameters
    ----------
    spectrum : Spectrum
    X_test : ndarray of shape (n_test, p)
        New points.
    applied : Filter
        Of n_settings settings.

    Returns
    -------
    EffectiveParameters
        Arrays of shape (n_settings,); infinite where they overflow.
    """
    largest = spectrum.values.max(initial=0.0) or 1.0
    with np.errstate(over="ignore"):
        rows = (X_test - spectrum.x_mean) @ spectrum.right.T
        mean_square = np.sum((rows / largest) ** 2, axis=0) / max(len(rows), 1)
        test = (applied.gains * largest) ** 2 @ mean_square * len(spectrum.weights)
    train = np.sum(applied.kept**2, axis=1)
    return EffectiveParameters(
        train + spectrum.fit_intercept, test + spectrum.fit_intercept
    )
