"""The linear head for classification."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from skhmmdd._base import fit_context
from skhmmdd._typing import Array, Floats
from skhmmdd.heads._base import WIDTH, LinearHead
from skhmmdd.heads._targets import code_labels, labels_of, probabilities_of
from skhmmdd.heads._validation import check_sample_weight, quiet_sums


class HeadClassifier(ClassifierMixin, LinearHead):
    r"""Exact linear head on one-hot targets, by least squares.

    The square loss keeps all that is exact about
    :class:`~skhmmdd.heads.HeadRegressor`: the minimum-norm solution beyond the
    interpolation threshold, where a logistic loss has no minimiser, and the closed-form
    leave-one-out risk.

    Parameters
    ----------
    alpha : float or "loo", default=0.0
        Penalty on the squared norm of the coefficients, unnormalised; must be in
        [0, inf). At 0 the head of minimum norm among those of least squared error. With
        "loo" the penalty in [0, inf) whose leave-one-out squared error on the coded
        targets is least, one for all classes.

    fit_intercept : bool, default=True
        Whether to fit an intercept. It is never penalised.

    rcond : float or None, default=None
        Singular values up to ``rcond`` times the largest count as zero, at every
        ``alpha``; must be in [0, 1). None means ``max(n_samples, n_features)`` times
        the float64 epsilon.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted: those of samples of positive weight.

    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients; one row where there are two classes.

    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts; zeros if ``fit_intercept=False``.

    alpha_ : float
        The penalty used.

    rank_ : int
        Number of singular values above the cut-off.

    singular_values_ : ndarray of shape (min(n_samples, n_features),)
        Singular values of the centred, weighted design, in decreasing order;
        ``n_samples`` counts the samples of positive weight.

    coef_norm_ : float
        Frobenius norm of the coefficients.

    effective_dof_ : float
        Effective degrees of freedom: the trace of the hat matrix, 1 for the intercept
        included.

    loo_risk_ : float
        Exact leave-one-out squared error on the coded targets at ``alpha_``: the mean
        over columns and the weighted mean over samples.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during :term:`fit`, where `X` has string names.

    See Also
    --------
    HeadRegressor : The head itself; its Notes give the formulas.
    sklearn.linear_model.RidgeClassifier : Ridge on -1/+1 targets.

    Notes
    -----
    Three classes or more are coded one-hot. Two are coded -1 and +1 in one column,
    whose score :math:`f` is the difference of the two one-hot scores.

    The probabilities are the Euclidean projection of the one-hot scores on the
    probability simplex [1]_, the counterpart for the square loss of the softmax,

    .. math:: p(x) = \arg\min_{p \ge 0,\, \sum_c p_c = 1} \lVert p - f(x) \rVert^2,

    which for two classes is :math:`\min(\max((1 + f(x))/2, 0), 1)` for the second. The
    most probable class is the one of the highest score. They are not calibrated.

    Integer weights are counts and floating weights importances, as for
    :class:`~skhmmdd.heads.HeadRegressor`.

    References
    ----------
    .. [1] Duchi, J., Shalev-Shwartz, S., Singer, Y. and Chandra, T. "Efficient
       projections onto the l1-ball for learning in high dimensions." ICML (2008).

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.heads import HeadClassifier
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> head = HeadClassifier().fit(X, ["low", "low", "high", "high"])
    >>> head.predict([[0.5], [2.5]])
    array(['low', 'high'], dtype='<U4')
    >>> head.predict_proba([[1.5], [2.0], [9.0]]).round(2)
    array([[0.5, 0.5], [0.7, 0.3], [1. , 0. ]])
    """

    classes_: Array

    _paths = ("alpha", WIDTH)

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
        self : HeadClassifier
            The fitted head.

        Raises
        ------
        TypeError
            If `X` is sparse.
        ValueError
            If a parameter is out of its range, `X` holds NaN or infinity, `y` holds
            anything but class labels or only one class, a weight is negative, all
            weights are zero, or numbers are too large or too small for their squares:
            the largest absolute value must be 0 or in [1e-200, 1e200] for `X` and in
            [1e-100, 1e100] for the weights.
        """
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
        self._fit_targets(X, code_labels(y, self.classes_), weights)
        return self

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
        return probabilities_of(self.decision_function(X))

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
