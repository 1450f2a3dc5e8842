"""Regression on linear heads: what is asked of the targets, and what is said."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import validate_data

from skhmmdd._base import fit_context
from skhmmdd._typing import Floats
from skhmmdd.heads._base import LinearHead
from skhmmdd.heads._validation import check_targets, quiet_sums, refuse_texts


class RegressionHead(MultiOutputMixin, RegressorMixin, LinearHead):
    """Fit, predict and coding of targets of the regressors; to stand left of a head."""

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the head.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training features, dense.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.

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
            If `X` or `y` is sparse.
        ValueError
            If a parameter is out of its range or does not suit the data, `X` or `y`
            holds NaN or infinity, a weight is negative, all weights are zero, or
            numbers are too large or too small for their squares: the largest absolute
            value must be 0 or in [1e-200, 1e200] for `X` and in [1e-100, 1e100] for `y`
            and the weights.
        """
        if issparse(y):
            raise TypeError("y must be dense; got a sparse matrix. Use y.toarray().")
        refuse_texts(y)
        with quiet_sums():
            X, y = validate_data(
                self, X, y, dtype=np.float64, multi_output=True, y_numeric=True
            )
        self._fit_targets(X, y.reshape(len(y), -1), sample_weight)
        if y.ndim == 1:
            self.coef_, self.intercept_ = self.coef_[0], float(self.intercept_[0])
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Predict the targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, dense.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions, in the shape of the targets of :meth:`fit`.
        """
        return self._scores(X)

    def _code_targets(self, y, y_test):
        y = check_targets(y)
        if y_test is not None:
            y_test = check_targets(y_test, "y_test", low=0.0)
            y_test = y_test.reshape(len(y_test), -1)
        return y.reshape(len(y), -1), y_test, None
