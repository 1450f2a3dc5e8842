"""Classification by linear heads: labels to targets, scores to labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d, compute_class_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from skhmmdd._base import fit_context, refuse_missing
from skhmmdd._typing import Array, Floats, Ints
from skhmmdd.heads._base import LinearHead
from skhmmdd.heads._targets import code_labels, labels_of, probabilities_of
from skhmmdd.heads._validation import check_sample_weight, quiet_sums
from skhmmdd.heads.solvers._effective_parameters import EffectiveParameters


def class_factors(
    class_weight: dict[Any, float] | str | None,
    labels: Ints,
    weights: Array,
    n_classes: int,
    classes: Array | None,
) -> Floats:
    """What the weights of each class are multiplied by.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
    labels : ndarray of int of shape (n_samples,)
        In [0, n_classes).
    weights : ndarray of shape (n_samples,)
    n_classes : int
    classes : ndarray of shape (n_classes,) or None
        What a dict names; None where there is no dict.

    Returns
    -------
    ndarray of shape (n_classes,)
    """
    if class_weight is None:
        return np.ones(n_classes)
    if isinstance(class_weight, str):
        totals = np.bincount(labels, weights, n_classes)
        return totals.sum() / (n_classes * totals)
    factors = compute_class_weight(class_weight, classes=classes, y=classes)
    if not (np.isfinite(factors).all() and (factors > 0).all()):
        raise ValueError(
            f"class_weight must hold finite positive weights; got {class_weight!r}."
        )
    return factors


class ClassificationHead(ClassifierMixin, LinearHead):
    """Fit, predict and coding of labels of the classifiers; to stand left of a head."""

    classes_: Array

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the head.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training features, dense.

        y : array-like of shape (n_samples,)
            Class labels.

        sample_weight : array-like of shape (n_samples,), float or None, default=None
            Non-negative weights. A sample of weight zero is as if absent. Integers are
            counts, equal to repeating the sample.

        Returns
        -------
        self : object
            The fitted head.

        Raises
        ------
        TypeError
            If `X` is sparse.
        ValueError
            If a parameter is out of its range or does not suit the data, `X` holds NaN
            or infinity, `y` holds anything but class labels or only one class, a weight
            is negative, all weights are zero, or numbers are too large or too small for
            their squares: the largest absolute value must be 0 or in [1e-200, 1e200]
            for `X` and in [1e-100, 1e100] for the weights.
        """
        refuse_missing(y)
        with quiet_sums():
            X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        weights = check_sample_weight(sample_weight, len(y))
        self.classes_ = np.unique(y[weights > 0])
        if len(self.classes_) < 2:
            raise ValueError(
                "y must hold at least two classes among the samples of positive "
                f"weight; got one class: {self.classes_.tolist()}."
            )
        weights = self._weigh_classes(y, weights)
        self._fit_targets(X, code_labels(y, self.classes_), weights)
        return self

    def _weigh_classes(self, y: Array, weights: Array) -> Array:
        """The weights of samples under those of their classes, if it does so here."""
        return weights

    def decision_function(self, X: ArrayLike) -> Floats:
        """Scores of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, dense.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            One-hot scores; for two classes their difference, positive for
            ``classes_[1]``.
        """
        scores = self._scores(X)
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> Array:
        """Predict the class of the highest score.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, dense.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Class labels.
        """
        return labels_of(self.decision_function(X), self.classes_)

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Project the one-hot scores on the probability simplex.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, dense.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Non-negative rows that sum to one, in the order of ``classes_``.
        """
        return self._probabilities(self.decision_function(X))

    @staticmethod
    def _probabilities(scores):
        """How scores become probabilities, of shape (n_samples, n_classes)."""
        return probabilities_of(scores)

    def _code_targets(self, y, y_test):
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        classes = np.unique(y)
        if len(classes) < 2:
            raise ValueError(
                "y must hold at least two classes in every training set; got one "
                f"class: {classes.tolist()}."
            )
        if y_test is not None:
            y_test = code_labels(np.asarray(y_test), classes)
        return code_labels(y, classes), y_test, classes


class WeighedClassificationHead(ClassificationHead):
    """A classifier on coded targets whose classes weigh on those of their samples.

    It takes `class_weight`, and adds `CLASS_WEIGHT` to its parameter constraints.
    """

    CLASS_WEIGHT: ClassVar[dict] = {
        "class_weight": [dict, StrOptions({"balanced"}), None]
    }

    class_weight: dict[Any, float] | Literal["balanced"] | None

    def _weigh_classes(self, y: Array, weights: Array) -> Array:
        if self.class_weight is None:
            return weights
        n_classes = len(self.classes_)
        labels = np.searchsorted(self.classes_, y).clip(max=n_classes - 1)
        # A sample of weight zero may be of a class that nobody else is of.
        labels[weights == 0] = 0
        factors = class_factors(
            self.class_weight, labels, weights, n_classes, self.classes_
        )
        return weights * factors[labels]

    def _why_not_along(self, name: str, values: Sequence[Any]) -> str | None:
        if self.class_weight is not None:
            return "class_weight weights the samples of every split anew"
        return super()._why_not_along(name, values)

    def _effective_parameters(
        self, X: ArrayLike, X_test: ArrayLike
    ) -> EffectiveParameters | None:
        # Those that are counted are of samples that weigh the same.
        if self.class_weight is not None:
            return None
        return super()._effective_parameters(X, X_test)
