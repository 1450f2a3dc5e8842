"""Heads along a parameter: what a path gives, and what it may not."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from skhmmdd._typing import Array, Floats, Ints
from skhmmdd.heads.solvers._effective_parameters import EffectiveParameters


class HeadPath(NamedTuple):
    """What heads at several values of a parameter say; fields not asked for are None.

    Attributes
    ----------
    predictions : ndarray of shape (n_values, n_test, q) or None
        Of the rows to predict: predicted targets, or scores of a classifier.
    train_predictions : ndarray of shape (n_values, n, q) or None
        Of the training rows.
    test_risk : ndarray of shape (n_values,) or None
        Mean squared error of the rows to predict, over rows and outputs.
    train_risk : ndarray of shape (n_values,)
        The same of the training rows.
    coef_norm : ndarray of shape (n_values,)
        Frobenius norms of the coefficients.
    effective_parameters : EffectiveParameters or None
        Arrays of shape (n_values,).
    classes : ndarray or None
        Labels of a classifier, in the order of its scores.
    """

    predictions: Floats | None
    train_predictions: Floats | None
    test_risk: Floats | None
    train_risk: Floats
    coef_norm: Floats
    effective_parameters: EffectiveParameters | None = None
    classes: Array | None = None

    def take(self, which: Ints) -> "HeadPath":
        """The path at some of its values, in any order."""
        fields = [f if f is None else f[which] for f in self[:5]]
        counts = self.effective_parameters
        if counts is not None:
            counts = EffectiveParameters(counts.train[which], counts.test[which])
        return HeadPath._make([*fields, counts, self.classes])


def join_paths(paths: Sequence[HeadPath]) -> HeadPath:
    """One path of several, none of which counts parameters, in their order."""

    def joined(parts):
        return None if parts[0] is None else np.concatenate(parts)

    return HeadPath(
        predictions=joined([path.predictions for path in paths]),
        train_predictions=joined([path.train_predictions for path in paths]),
        test_risk=joined([path.test_risk for path in paths]),
        train_risk=joined([path.train_risk for path in paths]),
        coef_norm=joined([path.coef_norm for path in paths]),
    )


def refuse_overflow(path: HeadPath, name: str, values: Array) -> None:
    """Raise ValueError where predictions overflow; their squares may."""
    lost = np.zeros(len(values), dtype=bool)
    for predictions in (path.predictions, path.train_predictions):
        if predictions is not None:
            lost |= ~np.isfinite(predictions).all(axis=(1, 2))
    for risk in (path.test_risk, path.train_risk):
        if risk is not None:
            lost |= np.isnan(risk)
    if lost.any():
        raise ValueError(
            f"The predictions exceed the largest float at {name} {values[lost][0]}: "
            "rescale X_test, or X."
        )
