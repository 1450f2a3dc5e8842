"""The leading columns of a matrix as features of tunable width."""

from __future__ import annotations

from numbers import Integral
from typing import ClassVar, Self

from numpy.typing import ArrayLike
from sklearn.base import TransformerMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from skhmmdd._base import SkhmmddEstimator, fit_context
from skhmmdd._typing import Array, Names


class LeadingColumns(TransformerMixin, SkhmmddEstimator):
    """Keep the first `n_components` columns of a matrix.

    Makes the width of frozen features of any kind (embeddings of a language model,
    random features, principal components) a parameter: put it in front of a head and
    let `DoubleDescentCurve` vary `n_components`.

    Parameters
    ----------
    n_components : int, default=None
        Number of columns, in [1, n_features]; None keeps all.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X has names that are all strings.

    Raises
    ------
    ValueError
        If `n_components` is more than the columns of X, or X is no finite matrix.

    See Also
    --------
    HMMFeatureTransformer : Nested features of sequences.
    FrozenFeatureTransformer : Nested features of texts and sequences, by any encoder.
    width_path : The head at every width, as a function.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import LeadingColumns
    >>> LeadingColumns(2).fit_transform(np.arange(6).reshape(2, 3))
    array([[0, 1],
           [3, 4]])
    """

    n_features_in_: int
    feature_names_in_: Names

    _parameter_constraints: ClassVar[dict] = {
        "n_components": [None, Interval(Integral, 1, None, closed="left")]
    }

    # Learns nothing from the data; its columns at one width lead those at any other.
    __skhmmdd_frozen__ = True
    __skhmmdd_nested__ = True

    def __init__(self, n_components: int | None = None) -> None:
        self.n_components = n_components

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check the number of columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The columns, in order of importance.
        y : None
            Ignored.

        Returns
        -------
        self : LeadingColumns
            With the number of columns noted.
        """
        validate_data(self, X)
        if self.n_components is not None and self.n_components > self.n_features_in_:
            raise ValueError(
                f"n_components={self.n_components} is more than the "
                f"{self.n_features_in_} columns of X."
            )
        return self

    def transform(self, X: ArrayLike) -> Array:
        """The leading columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            As many columns as `fit` saw.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The first `n_components` columns.
        """
        check_is_fitted(self, "n_features_in_")
        return validate_data(self, X, reset=False)[:, : self.n_components]

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Names:
        """Names of the leading columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of X; None takes those seen in `fit`.

        Returns
        -------
        ndarray of str
            The first `n_components` of them.
        """
        check_is_fitted(self, "n_features_in_")
        names = _check_feature_names_in(self, input_features)
        return names[: self.n_components]
