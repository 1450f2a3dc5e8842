"""The linear head for regression."""

from skhmmdd.heads._base import WIDTH
from skhmmdd.heads._regression import RegressionHead
from skhmmdd.heads._ridge_head import RidgeHead


class HeadRegressor(RegressionHead, RidgeHead):
    r"""Exact linear head: minimum norm, ridge, or the leave-one-out choice.

    The head is solved in float64, by a Cholesky factorization where the design is wide
    and its condition number small, else by one singular value decomposition. Nothing
    but rounding is truncated by default, so that the peak of the risk at the
    interpolation threshold is there to be seen.

    Parameters
    ----------
    alpha : float or "loo", default=0.0
        Penalty on the squared norm of the coefficients, unnormalised; must be in
        [0, inf). At 0 the head of minimum norm among those of least squared error. With
        "loo" the penalty in [0, inf) whose leave-one-out squared error is least, one
        for all outputs.

    fit_intercept : bool, default=True
        Whether to fit an intercept. It is never penalised.

    rcond : float or None, default=None
        Singular values up to ``rcond`` times the largest count as zero, at every
        ``alpha``; must be in [0, 1). None means ``max(n_samples, n_features)`` times
        the float64 epsilon.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Coefficients.

    intercept_ : float or ndarray of shape (n_outputs,)
        Intercept; 0 if ``fit_intercept=False``.

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
        Exact leave-one-out squared error at ``alpha_``: the mean over outputs and the
        weighted mean over samples. A head fitted on nothing predicts 0, which is what
        a single sample is compared with.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during :term:`fit`, where `X` has string names.

    See Also
    --------
    HeadClassifier : The same head on one-hot targets.
    sklearn.linear_model.Ridge : Ridge regression with a choice of iterative solvers.

    Notes
    -----
    With weights :math:`w_i` the head minimises

    .. math:: \sum_i w_i \lVert y_i - b_0 - B' x_i \rVert^2 + \alpha \lVert B \rVert^2,

    and at :math:`\alpha = 0` takes the limit from above, which has minimum norm. From
    the singular value decomposition :math:`U S V'` of the centred, weighted design the
    coefficients are :math:`\sum_r v_r \frac{s_r}{s_r^2 + \alpha} u_r'y`, and the
    leave-one-out residuals follow without refitting, at :math:`\alpha = 0` and beyond
    the interpolation threshold too [2]_. They are those of refits, unless `rcond` cuts
    off more than rounding: a refit would decide anew what to cut off.

    Weights of an integer dtype are counts: a row of weight 3 is three rows, of which
    leave-one-out removes one at a time. Weights of a floating dtype are importances:
    the row is left out whole. This bears on ``loo_risk_`` and ``alpha="loo"`` only; the
    coefficients at a given penalty are the same.

    A head of a given penalty on a well-conditioned wide design is solved by Cholesky:
    ``singular_values_``, ``loo_risk_`` and ``effective_dof_`` are then computed when
    first asked for, or when the head is pickled. Until then it keeps a matrix of
    ``n_samples ** 2`` numbers.

    With an intercept the centred design has rank ``n_samples - 1`` at most, and the
    interpolation threshold is at ``n_features = n_samples - 1``.

    References
    ----------
    .. [1] Hoerl, A. E. and Kennard, R. W. "Ridge regression: biased estimation for
       nonorthogonal problems." Technometrics 12 (1970).
    .. [2] Hastie, T., Montanari, A., Rosset, S. and Tibshirani, R. J. "Surprises in
       high-dimensional ridgeless least squares interpolation." Annals of Statistics 50
       (2022). arXiv:1903.08560.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd.heads import HeadRegressor
    >>> rng = np.random.RandomState(0)
    >>> X = rng.randn(20, 40)
    >>> y = X[:, 0] + rng.randn(20)
    >>> head = HeadRegressor().fit(X, y)
    >>> bool(np.allclose(head.predict(X), y))  # 40 features interpolate 20 samples
    True
    >>> head.rank_
    19
    >>> tuned = HeadRegressor(alpha="loo").fit(X, y)
    >>> tuned.loo_risk_ <= head.loo_risk_
    True
    """

    _paths = ("alpha", WIDTH)
