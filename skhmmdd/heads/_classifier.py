"""The linear head for classification."""

from __future__ import annotations

from typing import Any, Literal

from skhmmdd.heads._base import WIDTH
from skhmmdd.heads._classification import WeighedClassificationHead
from skhmmdd.heads._ridge_head import RidgeHead


class HeadClassifier(WeighedClassificationHead, RidgeHead):
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

    class_weight : dict, "balanced" or None, default=None
        Positive weights of the classes, ``{label: weight}``, by which the weights of
        their samples are multiplied. "balanced" makes every class weigh the same.

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

    threshold_ratio_ : float
        The rank over the rank that interpolates: the number of distinct rows, less one
        for an intercept. Beyond that, where the rank stays, distinct columns are
        counted. The risk of a head without a penalty peaks at 1.

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
    :class:`~skhmmdd.heads.HeadRegressor`, and what takes singular values waits until it
    is asked for where it does there. With a `class_weight` they are importances,
    and a curve refits the head at every value, without effective parameters.

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

    _paths = ("alpha", WIDTH)

    _parameter_constraints = {  # noqa: RUF012
        **RidgeHead._parameter_constraints,
        **WeighedClassificationHead.CLASS_WEIGHT,
    }

    def __init__(
        self,
        alpha: float | Literal["loo"] = 0.0,
        *,
        fit_intercept: bool = True,
        rcond: float | None = None,
        class_weight: dict[Any, float] | Literal["balanced"] | None = None,
    ) -> None:
        super().__init__(alpha, fit_intercept=fit_intercept, rcond=rcond)
        self.class_weight = class_weight
