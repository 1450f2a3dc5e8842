"""What a curve with `refit=True` does by the estimator that it fitted at its best."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skhmmdd._typing import Array


def _best_has(name):
    """Whether the best estimator, or that which will be, has a method."""

    def check(curve):
        if not curve.refit:
            raise AttributeError(f"{name} needs refit=True.")
        getattr(getattr(curve, "best_estimator_", curve.estimator), name)
        return True

    return check


class RefittedEstimator:
    """Predictions of `best_estimator_`; to stand left of a curve."""

    refit: bool
    estimator: BaseEstimator
    best_estimator_: BaseEstimator

    @property
    def classes_(self) -> Array:
        """Class labels that `best_estimator_` knows, shape (n_classes,)."""
        return self.best_estimator_.classes_

    @available_if(_best_has("predict"))
    def predict(self, X: Any) -> Array:
        """Predict with `best_estimator_`. Only with `refit`.

        Parameters
        ----------
        X : indexable of length n_samples
            Whatever the estimator takes.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions.
        """
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_.predict(X)

    @available_if(_best_has("predict_proba"))
    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes by `best_estimator_`. Only with `refit`.

        Parameters
        ----------
        X : indexable of length n_samples
            Whatever the estimator takes.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_.predict_proba(X)

    @available_if(_best_has("score"))
    def score(self, X: Any, y: ArrayLike) -> float:
        """Score of `best_estimator_`: accuracy or R squared. Only with `refit`.

        Parameters
        ----------
        X : indexable of length n_samples
            Whatever the estimator takes.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        Returns
        -------
        float
            High is good.
        """
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_.score(X, y)
