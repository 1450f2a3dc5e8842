"""The heads of gradient descent, for regression and for classification."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from numpy.typing import ArrayLike

from skhmmdd._typing import Array, Floats, RandomState
from skhmmdd.heads._classification import WeighedClassificationHead
from skhmmdd.heads._descent_head import DescentHead
from skhmmdd.heads._regression import RegressionHead
from skhmmdd.heads._targets import labels_of


class GradientDescentHead(RegressionHead, DescentHead):
    r"""Linear head after a given number of steps of gradient descent.

    Training time is a complexity of its own: few steps leave out the directions of
    small singular values, infinitely many give the minimum-norm head. No step is
    taken: any number of them is one filter of one singular value decomposition. Only
    mini-batches run a loop.

    Parameters
    ----------
    n_steps : int or inf, default=1000
        Number t of steps from coefficients of zero; must be a whole number in [0, inf].
        At ``inf`` the head of minimum norm in the metric of the preconditioner.

    learning_rate : float or "auto", default="auto"
        Step size :math:`\eta`; must be positive and below :math:`2/s_{\max}^2`, with
        the largest singular value of the preconditioned design (with momentum: the
        bounds of the Notes), beyond which descent diverges. With "auto"
        :math:`1/s_{\max}^2`, with mini-batches less (see Notes).

    momentum : float, default=0.0
        Share :math:`\mu` of the last step that is repeated; must be in [0, 1).

    nesterov : bool, default=False
        Whether the gradient is taken where the momentum leads (Nesterov), and not where
        descent stands (heavy ball).

    preconditioner : {"diagonal", "whiten"}, array-like or None, default=None
        Matrix P that multiplies the gradient. An array must have shape (n_features,
        n_features) and be symmetric and positive definite. "diagonal" divides by the
        squared norms of the centred columns, "whiten" multiplies by the pseudo-inverse
        of :math:`X'X`, as Newton's method does.

    batch_size : int or None, default=None
        Number of samples, drawn with replacement, whose gradient is a step; must be
        in [1, n_samples]. None: all samples at every step.

    fit_intercept : bool, default=True
        Whether to fit an intercept, in closed form at every step: descent runs on
        centred data.

    rcond : float or None, default=None
        Directions of singular values up to ``rcond`` times the largest are never
        descended along; must be in [0, 1). None means ``max(n_samples, n_features)``
        times the float64 epsilon.

    random_state : int, RandomState instance or None, default=None
        Draws the mini-batches.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Coefficients.

    intercept_ : float or ndarray of shape (n_outputs,)
        Intercept; 0 if ``fit_intercept=False``.

    learning_rate_ : float
        The step size used; 1 with "auto" on a design of rank zero.

    loss_curve_ : ndarray of shape (n_losses,)
        Squared training error after the steps of `loss_steps_`: the mean over outputs
        and the weighted mean over samples.

    loss_steps_ : ndarray of shape (n_losses,)
        0 and the whole numbers nearest to a geometric sequence of 61 from 1 to
        `n_steps`. If that is infinite: to a million, and infinity. With mini-batches
        every number from 0 to `n_steps`.

    rank_ : int
        Number of singular values above the cut-off.

    threshold_ratio_ : float
        The rank over the rank that interpolates: the number of distinct rows, less one
        for an intercept. Beyond that, where the rank stays, distinct columns are
        counted. The risk of a head without a penalty peaks at 1.

    coef_norm_ : float
        Frobenius norm of the coefficients.

    effective_dof_ : float
        Effective degrees of freedom: the trace of the hat matrix, 1 for the intercept
        included. With mini-batches that of their expectation.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during :term:`fit`, where `X` has string names.

    See Also
    --------
    GradientDescentClassifier : The same head on one-hot targets.
    HeadRegressor : The head at infinitely many steps, and ridge.
    skhmmdd.theory.gradient_descent_filter : The filter itself.

    Notes
    -----
    Descent on :math:`\tfrac12 \sum_i w_i \lVert y_i - b_0 - B'x_i \rVert^2` from
    :math:`B = 0`, with the gradient multiplied by :math:`P = LL'`, is descent on the
    centred, weighted design :math:`XL = USV'`. After t steps the coefficients are

    .. math:: L \sum_r v_r \frac{1 - \rho_t(s_r^2)}{s_r} u_r'y,

    where :math:`\rho_t(\lambda) = (1 - \eta\lambda)^t`, and with momentum, from
    :math:`\rho_0 = \rho_{-1} = 1`,

    .. math::

        \rho_{t+1} &= (1 + \mu - \eta\lambda)\rho_t - \mu\rho_{t-1}
            && \text{(heavy ball, } \eta s_{\max}^2 < 2 + 2\mu), \\
        \rho_{t+1} &= (1 - \eta\lambda)\big((1 + \mu)\rho_t - \mu\rho_{t-1}\big)
            && \text{(Nesterov, } \eta s_{\max}^2 < (2 + 2\mu)/(1 + 2\mu)).

    Whitening makes all singular values 1: every direction is at
    :math:`1 - (1 - \eta)^t`, and with "auto" one step is the minimum-norm head.

    The loss is a sum over samples, not their mean: a `learning_rate` for n samples is
    one for the mean divided by n. Integer weights equal repetition.

    **Mini-batches.** Rows are drawn with probability proportional to their weights and
    the gradient of b rows is scaled by :math:`\sum_i w_i / b`, so that the expectation
    of the head is the filter (derived here: the head is affine in each batch, and the
    batches are independent). Integer weights draw what repeated rows would. The noise
    of the batches can diverge below the bound of the full gradient; "auto" is then
    :math:`(1 - \mu) / (m \sum_i w_i / b + (1 - 1/b) s_{\max}^2)`, with m the largest
    squared norm of a row, without momentum the best step of [2]_.

    **Paths.** A curve along ``n_steps`` takes one decomposition a split, unless there
    are mini-batches. Along any other parameter, or along widths, the head is fitted
    again at every value: each design has its own spectrum.

    References
    ----------
    .. [1] Liu, C. and Flanigan, J. "Understanding the role of optimization in double
       descent." arXiv:2312.03951 (2023).
    .. [2] Ma, S., Bassily, R. and Belkin, M. "The power of interpolation: understanding
       the effectiveness of SGD in modern over-parametrized learning." ICML (2018).
       arXiv:1712.06559.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import GradientDescentHead, HeadRegressor
    >>> rng = np.random.RandomState(0)
    >>> X = rng.randn(20, 40)
    >>> y = X[:, 0] + rng.randn(20)
    >>> head = GradientDescentHead(n_steps=10).fit(X, y)
    >>> staged = head.staged_predict(X, [0, 10, 1000, np.inf])
    >>> ((staged - y) ** 2).mean(axis=1).round(4)
    array([1.6444, 0.053 , 0.    , 0.    ])
    >>> limit = GradientDescentHead(n_steps=np.inf).fit(X, y)
    >>> bool(np.allclose(limit.coef_, HeadRegressor().fit(X, y).coef_))
    True
    """

    _paths: ClassVar[tuple[str, ...]] = ("n_steps",)

    def staged_predict(self, X: ArrayLike, n_steps: ArrayLike) -> Floats:
        """Predict the targets after several numbers of steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, dense.

        n_steps : array-like of shape (n_stages,)
            Whole numbers in [0, inf], in any order. With mini-batches, which are run
            again, up to the number of steps of the fit.

        Returns
        -------
        y : ndarray of shape (n_stages, n_samples) or (n_stages, n_samples, n_outputs)
            Predictions.
        """
        scores = self._staged_scores(X, n_steps)
        return scores[..., 0] if self.coef_.ndim == 1 else scores


class GradientDescentClassifier(WeighedClassificationHead, DescentHead):
    r"""Classifier after a given number of steps of gradient descent on one-hot targets.

    Training time as the complexity of :class:`~skhmmdd.heads.HeadClassifier`, which is
    the head after infinitely many steps.

    Parameters
    ----------
    n_steps : int or inf, default=1000
        Number t of steps from coefficients of zero; must be a whole number in [0, inf].
        At ``inf`` the head of minimum norm in the metric of the preconditioner.

    learning_rate : float or "auto", default="auto"
        Step size :math:`\eta`; must be positive and below :math:`2/s_{\max}^2`, with
        the largest singular value of the preconditioned design (with momentum: the
        bounds of :class:`~skhmmdd.heads.GradientDescentHead`), beyond which descent
        diverges. With "auto" :math:`1/s_{\max}^2`, with mini-batches less.

    momentum : float, default=0.0
        Share :math:`\mu` of the last step that is repeated; must be in [0, 1).

    nesterov : bool, default=False
        Whether the gradient is taken where the momentum leads (Nesterov), and not where
        descent stands (heavy ball).

    preconditioner : {"diagonal", "whiten"}, array-like or None, default=None
        Matrix that multiplies the gradient. An array must have shape (n_features,
        n_features) and be symmetric and positive definite. "diagonal" divides by the
        squared norms of the centred columns, "whiten" multiplies by the pseudo-inverse
        of :math:`X'X`.

    batch_size : int or None, default=None
        Number of samples, drawn with replacement, whose gradient is a step; must be
        in [1, n_samples]. None: all samples at every step.

    fit_intercept : bool, default=True
        Whether to fit an intercept, in closed form at every step.

    rcond : float or None, default=None
        Directions of singular values up to ``rcond`` times the largest are never
        descended along; must be in [0, 1). None means ``max(n_samples, n_features)``
        times the float64 epsilon.

    random_state : int, RandomState instance or None, default=None
        Draws the mini-batches.

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

    learning_rate_ : float
        The step size used; 1 with "auto" on a design of rank zero.

    loss_curve_ : ndarray of shape (n_losses,)
        Squared training error on the coded targets after the steps of `loss_steps_`:
        the mean over columns and the weighted mean over samples.

    loss_steps_ : ndarray of shape (n_losses,)
        0 and the whole numbers nearest to a geometric sequence of 61 from 1 to
        `n_steps`. If that is infinite: to a million, and infinity. With mini-batches
        every number from 0 to `n_steps`.

    rank_ : int
        Number of singular values above the cut-off.

    threshold_ratio_ : float
        The rank over the rank that interpolates: the number of distinct rows, less one
        for an intercept. Beyond that, where the rank stays, distinct columns are
        counted. The risk of a head without a penalty peaks at 1.

    coef_norm_ : float
        Frobenius norm of the coefficients.

    effective_dof_ : float
        Effective degrees of freedom: the trace of the hat matrix, 1 for the intercept
        included. With mini-batches that of their expectation.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during :term:`fit`, where `X` has string names.

    See Also
    --------
    GradientDescentHead : The head itself; its Notes give the formulas.
    HeadClassifier : The head after infinitely many steps, and ridge.

    Notes
    -----
    Targets are coded, and scores turned to probabilities, as by
    :class:`~skhmmdd.heads.HeadClassifier`; so are classes weighed.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import GradientDescentClassifier
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> head = GradientDescentClassifier(n_steps=5, learning_rate=0.1)
    >>> head = head.fit(X, ["low", "low", "high", "high"])
    >>> head.predict([[0.5], [2.5]])
    array(['low', 'high'], dtype='<U4')
    >>> head.staged_predict([[1.4]], [1, 100])
    array([['low'], ['low']], dtype='<U4')
    """

    _paths: ClassVar[tuple[str, ...]] = ("n_steps",)

    _parameter_constraints = {  # noqa: RUF012
        **DescentHead._parameter_constraints,
        **WeighedClassificationHead.CLASS_WEIGHT,
    }

    def __init__(
        self,
        n_steps: float = 1000,
        *,
        learning_rate: float | Literal["auto"] = "auto",
        momentum: float = 0.0,
        nesterov: bool = False,
        preconditioner: ArrayLike | Literal["diagonal", "whiten"] | None = None,
        batch_size: int | None = None,
        fit_intercept: bool = True,
        rcond: float | None = None,
        random_state: RandomState = None,
        class_weight: dict[Any, float] | Literal["balanced"] | None = None,
    ) -> None:
        super().__init__(
            n_steps,
            learning_rate=learning_rate,
            momentum=momentum,
            nesterov=nesterov,
            preconditioner=preconditioner,
            batch_size=batch_size,
            fit_intercept=fit_intercept,
            rcond=rcond,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def staged_predict(self, X: ArrayLike, n_steps: ArrayLike) -> Array:
        """Predict the class of the highest score after several numbers of steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, dense.

        n_steps : array-like of shape (n_stages,)
            Whole numbers in [0, inf], in any order. With mini-batches, which are run
            again, up to the number of steps of the fit.

        Returns
        -------
        y : ndarray of shape (n_stages, n_samples)
            Class labels.
        """
        scores = self._staged_scores(X, n_steps)
        flat = scores.reshape(-1, scores.shape[2])
        if len(self.classes_) == 2:
            flat = flat[:, 0]
        return labels_of(flat, self.classes_).reshape(scores.shape[:2])
