"""The softmax head: multinomial logistic regression, by descent or at a penalty."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skhmmdd._base import forget
from skhmmdd._parallel import single_blas_thread
from skhmmdd._typing import Array, Floats
from skhmmdd.heads._base import TrainAndTest, finite_scores
from skhmmdd.heads._classification import ClassificationHead, class_factors
from skhmmdd.heads._ridge_head import is_penalty
from skhmmdd.heads._targets import log_softmax_of, softmax_of
from skhmmdd.heads._validation import check_alpha, check_step_counts, is_step_count
from skhmmdd.heads.solvers._head_path import HeadPath, refuse_overflow
from skhmmdd.heads.solvers._ridge import Head
from skhmmdd.heads.solvers._softmax import (
    SoftmaxProblem,
    coef_norms,
    coefficients,
    descend,
    mean_loss,
    pose_problem,
    predict_rows,
)
from skhmmdd.heads.solvers._softmax_loo import choose_penalty
from skhmmdd.heads.solvers._softmax_path import solve_penalties
from skhmmdd.heads.solvers._spectrum import decompose

_MOST_STEPS = 1e12


class SoftmaxHead(ClassificationHead):
    r"""Softmax head: multinomial logistic regression in min(n, p) dimensions.

    Without a penalty it is trained by gradient descent, whose number of steps is its
    complexity: driven on, its training loss goes to zero and its probabilities become
    sharp. With a penalty it is the logistic probe of frozen embeddings. One
    decomposition of the design serves all steps and all penalties, and the choice of
    the penalty by approximate leave-one-out.

    Parameters
    ----------
    alpha : float or "loo", default=0.0
        Penalty on half the squared norm of the coefficients, unnormalised; must be in
        [0, inf). At 0 the head is what gradient descent gives after `n_steps`. Above,
        it is the minimiser, that of ``LogisticRegression(C=1/alpha)``. With "loo" the
        penalty whose approximate leave-one-out log loss is least.

    n_steps : int, default=1000
        Steps of gradient descent from zero, in [0, inf); used at ``alpha=0`` only.

    class_weight : dict, "balanced" or None, default=None
        Positive weights of the classes, ``{label: weight}``, by which the weights of
        their samples are multiplied. "balanced" makes every class weigh the same.

    fit_intercept : bool, default=True
        Whether to fit an intercept. It is never penalised.

    tol : float, default=1e-10
        At ``alpha > 0`` Newton's method stops at an estimated error of the coefficients
        of this size, relative to their norm; must be in (0, 1).

    rcond : float or None, default=None
        Singular values up to ``rcond`` times the largest count as zero; must be in
        [0, 1). None means ``max(n_samples, n_features)`` times the float64 epsilon.

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

    loss_curve_ : ndarray of shape (n_iter_ + 1,)
        What is minimised, divided by the sum of the weights, before every step and
        after the last. At ``alpha=0`` it is the mean log loss in nats: entry t is that
        after t steps.

    n_iter_ : int
        Number of steps: of gradient descent, or of Newton's method.

    loo_risk_ : float
        Approximate leave-one-out log loss at ``alpha_``, in nats: the weighted mean
        over samples. Only with ``alpha="loo"``, as the next two.

    alphas_ : ndarray of shape (n_alphas,)
        Penalties that were tried first, increasing.

    loo_risks_ : ndarray of shape (n_alphas,)
        Approximate leave-one-out log loss at each of them.

    rank_ : int
        Number of singular values of the centred, weighted design above the cut-off.

    threshold_ratio_ : float
        The rank over the rank that interpolates: the number of distinct rows, less one
        for an intercept. Beyond that, where the rank stays, distinct columns are
        counted. The risk of a head without a penalty peaks at 1.

    coef_norm_ : float
        Frobenius norm of the coefficients.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during :term:`fit`, where `X` has string names.

    See Also
    --------
    HeadClassifier : The exact head of the square loss on one-hot targets.
    generate : Continues sequences under a frozen model and a head.
    sklearn.linear_model.LogisticRegression : One penalty a fit, on sparse data too.

    Notes
    -----
    With weights :math:`w_i` and :math:`p(x) = \mathrm{softmax}(b + B'x)` the head at a
    penalty minimises

    .. math:: -\sum_i w_i \log p_{y_i}(x_i) + \tfrac{\alpha}{2} \lVert B \rVert^2 .

    Two classes have one column of coefficients, which are penalised as they are, as
    scikit-learn does.

    *Descent.* Half the Gram matrix bounds the Hessian of the loss [1]_, so a step of
    :math:`2/\lambda_{\max}`, :math:`\lambda_{\max}` the largest eigenvalue of the
    kernel of the centred, weighted design, never raises the loss. The intercept moves
    as fast as the direction of that eigenvalue, so that the head does not depend on the
    scale of the features. Where the features outnumber the samples, the steps are taken
    on the kernel: their cost does not depend on the number of features. The head keeps
    the decomposed design, for `staged_predict_proba`.

    *Separable classes.* If the classes can be separated, the loss has no minimiser: the
    norm of the coefficients grows without end. Their direction tends to that of the
    head of maximum margin, along the steps of descent as the inverse of the logarithm
    of their number [2]_, and along :math:`\alpha \to 0` as well [3]_. With enough
    features (more than samples, as a rule) classes always are separable.

    *Leave-one-out* is one Newton step from the head on all samples to each head without
    one [4]_. It costs about :math:`2 k n^3` multiplications a penalty for :math:`k`
    classes, or :math:`n (kr)^2/2 + (kr)^3/3` where rank :math:`r` makes that the
    smaller. In the tests it accounts for 95 % of what refits add to the training loss,
    for 99 % with more features than samples; near a penalty of zero it is less exact.
    Weights of an integer dtype are counts, of which one is left out at a time. If a
    sample is the only one of its class, its class still counts as known.

    References
    ----------
    .. [1] Böhning, D. "Multinomial logistic regression algorithm." Annals of the
       Institute of Statistical Mathematics 44 (1992).
    .. [2] Soudry, D., Hoffer, E., Nacson, M. S., Gunasekar, S. and Srebro, N. "The
       implicit bias of gradient descent on separable data." JMLR 19 (2018).
       arXiv:1710.10345.
    .. [3] Rosset, S., Zhu, J. and Hastie, T. "Margin maximizing loss functions."
       NeurIPS (2003).
    .. [4] Rad, K. R. and Maleki, A. "A scalable estimate of the out-of-sample
       prediction error via approximate leave-one-out cross-validation." JRSS B 82
       (2020). arXiv:1801.10243.

    Examples
    --------
    Driven on, the head is surer of its training samples, right or wrong:

    >>> import numpy as np
    >>> from skhmmdd import SoftmaxHead
    >>> rng = np.random.RandomState(0)
    >>> X = rng.randn(40, 100)
    >>> y = (X[:, 0] + rng.randn(40) > 0).astype(int)
    >>> head = SoftmaxHead(n_steps=1000).fit(X, y)
    >>> head.loss_curve_[[0, 10, 1000]].round(3)
    array([0.693, 0.055, 0.001])
    >>> head.staged_predict_proba(X[:1], [0, 10, 1000])[:, 0].round(3)
    array([[0.5  , 0.5  ],
           [0.073, 0.927],
           [0.001, 0.999]])

    A probe with its penalty chosen by leave-one-out:

    >>> probe = SoftmaxHead(alpha="loo").fit(X, y)
    >>> bool(probe.loo_risk_ <= probe.loo_risks_.min())
    True
    """

    alpha_: float
    loss_curve_: Floats
    n_iter_: int
    loo_risk_: float
    alphas_: Floats
    loo_risks_: Floats
    _descent: SoftmaxProblem | None

    _paths = ("alpha", "n_steps")

    _parameter_constraints: ClassVar[dict] = {
        "alpha": [Interval(Real, 0, np.inf, closed="left"), StrOptions({"loo"})],
        "n_steps": [Interval(Integral, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "fit_intercept": ["boolean"],
        "tol": [Interval(Real, 0, 1, closed="neither")],
        "rcond": [Interval(Real, 0, 1, closed="left"), None],
    }

    def __init__(
        self,
        alpha: float | Literal["loo"] = 0.0,
        *,
        n_steps: int = 1000,
        class_weight: dict[Any, float] | Literal["balanced"] | None = None,
        fit_intercept: bool = True,
        tol: float = 1e-10,
        rcond: float | None = None,
    ) -> None:
        self.alpha = alpha
        self.n_steps = n_steps
        self.class_weight = class_weight
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.rcond = rcond

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Softmax of the scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, dense.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Non-negative rows that sum to one, in the order of ``classes_``.
        """
        return super().predict_proba(X)

    def predict_log_proba(self, X: ArrayLike) -> Floats:
        """Logarithms of the probabilities, finite where those vanish.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, dense.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            In nats, in the order of ``classes_``.
        """
        return log_softmax_of(self.decision_function(X))

    def staged_predict_proba(self, X: ArrayLike, n_steps: ArrayLike) -> Floats:
        """Probabilities after several numbers of steps of the descent.

        The descent is run again, up to the largest of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, dense.
        n_steps : int or array-like of int of shape (n_values,)
            Numbers of steps, in [0, inf), beyond those of `fit` too, in any order.

        Returns
        -------
        probabilities : ndarray of shape (n_values, n_samples, n_classes)
            Without the first axis for a single number.

        Raises
        ------
        ValueError
            If the head was fitted with a penalty, or `n_steps` is out of its range.
        """
        check_is_fitted(self)
        if self._descent is None:
            raise ValueError(
                "staged_predict_proba needs a head fitted by descent, with alpha=0; "
                f"got alpha={self.alpha_!r}."
            )
        X = self._check_rows(X)
        steps = _check_steps(n_steps)
        if steps.ndim > 1 or not steps.size:
            raise ValueError(
                f"n_steps must be a number of steps or a list of them; got {n_steps!r}."
            )
        unique, which = np.unique(steps, return_inverse=True)
        with single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            coefs, _ = descend(self._descent, unique)
            scores = finite_scores(predict_rows(self._descent, coefs, X), X)
        if len(self.classes_) == 2:
            scores = scores[:, :, 0]
        stages = np.stack([self._probabilities(one) for one in scores])
        return stages[which.reshape(steps.shape)]

    @staticmethod
    def _probabilities(scores):
        return softmax_of(scores)

    def _solve(self, X: Floats, targets: Floats, weights: Array) -> Head:
        _check_steps(self.n_steps)
        forget(self, "loo_risk_", "alphas_", "loo_risks_")
        problem = self._pose(X, targets, weights, self.classes_)
        self._descent = None
        if isinstance(self.alpha, str):
            choice = choose_penalty(problem, self.tol)
            coef, converged = choice.coef, choice.converged
            self.alpha_, self.loo_risk_ = float(choice.alpha), choice.risk
            self.alphas_, self.loo_risks_ = choice.alphas, choice.risks
            self.loss_curve_ = choice.objectives
        elif self.alpha == 0:
            self.alpha_, self._descent = 0.0, problem
            (coef,), self.loss_curve_ = descend(problem, np.array([self.n_steps]))
            converged = True
        else:
            self.alpha_ = check_alpha(self.alpha)
            path = solve_penalties(problem, np.array([self.alpha_]), self.tol)
            (coef,), (self.loss_curve_,), (converged,) = path
        _warn_unless(converged)
        self.n_iter_ = len(self.loss_curve_) - 1
        self.rank_ = len(problem.right)
        return Head(*coefficients(problem, coef))

    def _pose(self, X, targets, weights, classes=None):
        """The problem of coded targets, under the weights of their classes too."""
        if targets.shape[1] == 1:
            labels, n_classes = (targets[:, 0] > 0).astype(int), 2
        else:
            labels, n_classes = targets.argmax(axis=1), targets.shape[1]
        factors = class_factors(self.class_weight, labels, weights, n_classes, classes)[
            labels
        ]
        spectrum = decompose(
            X,
            np.empty((len(X), 0)),
            sample_weight=weights if self.class_weight is None else weights * factors,
            fit_intercept=self.fit_intercept,
            rcond=self.rcond,
        )
        if weights.dtype.kind == "i":  # counts stay counts, whatever their class weighs
            spectrum = spectrum._replace(left_out=1.0 / weights)
        return pose_problem(spectrum, labels, n_classes, self.fit_intercept)

    def _why_not_along(self, name: str, values: Sequence[Any]) -> str | None:
        if isinstance(self.class_weight, dict):
            return "class_weight names classes, and not every split may hold all"
        if name == "alpha":
            if not all(map(is_penalty, values)):
                return "some values of alpha are not penalties"
            return None
        if isinstance(self.alpha, str) or self.alpha != 0:
            return f"steps of descent are taken at alpha=0, not alpha={self.alpha!r}"
        if not all(is_step_count(value) and value <= _MOST_STEPS for value in values):
            return "some values of n_steps are not numbers of steps"
        return None

    def _along(
        self, name: str, values: Sequence[Any], data: TrainAndTest, **options: Any
    ) -> HeadPath:
        X, targets, X_test, _ = data
        problem = self._pose(X, targets, np.ones(len(X)))
        coefs = np.empty((len(values), problem.n_classes, len(problem.gram)))
        # 1. Numbers of steps: those asked for, or that of the head at no penalty.
        alphas = np.array([float(v) for v in values]) if name == "alpha" else None
        descends = np.ones(len(values), bool) if alphas is None else alphas == 0
        if descends.any():
            asked = [self.n_steps] if alphas is not None else values
            steps, which = np.unique(_check_steps(asked), return_inverse=True)
            coefs[descends] = descend(problem, steps)[0][which]
        # 2. Penalties.
        if alphas is not None and not descends.all():
            path = solve_penalties(problem, alphas[~descends], self.tol)
            _warn_unless(path.converged.all())
            coefs[~descends] = path.coefs
        # 3. What these heads say.
        with np.errstate(over="ignore", invalid="ignore"):
            predictions = predict_rows(problem, coefs, X_test)
            train_predictions = predict_rows(problem, coefs)
        path = HeadPath(
            predictions,
            train_predictions,
            None,
            np.array([mean_loss(problem, coef) for coef in coefs]),
            coef_norms(problem, coefs),
        )
        refuse_overflow(path, name, np.array(values))
        return path

    def _effective_parameters(self, X, X_test):
        return None  # no filter, and not worth a decomposition


def _check_steps(n_steps):
    """Numbers of steps, of any shape, as integers."""
    steps = check_step_counts(n_steps)
    if (steps > _MOST_STEPS).any():
        raise ValueError(
            f"n_steps must be at most {_MOST_STEPS:g}, for each step is taken; got "
            f"{n_steps!r}."
        )
    return steps.astype(np.int64)


def _warn_unless(converged):
    if not converged:
        warnings.warn(
            "Newton's method has not converged: the penalty is very small for the "
            "scale of X. Increase alpha or tol.",
            ConvergenceWarning,
            stacklevel=2,
        )
