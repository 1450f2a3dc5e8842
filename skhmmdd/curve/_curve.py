"""DoubleDescentCurve: the risk of any estimator against its complexity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skhmmdd._typing import Floats
from skhmmdd.curve._certainty import COPIED, twice, weigh_evidence
from skhmmdd.curve._refitted import RefittedEstimator
from skhmmdd.curve.display._html import ShownFindings
from skhmmdd.curve.display._summary import Findings, describe
from skhmmdd.curve.display._words import axis_words
from skhmmdd.curve.measurement._base_curve import BaseDoubleDescentCurve
from skhmmdd.curve.measurement._label_noise import risk_at_noise
from skhmmdd.curve.measurement._risks import risk_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from plotly.graph_objects import Figure as PlotlyFigure

    from skhmmdd.curve.display._display import DoubleDescentDisplay


class DoubleDescentCurve(ShownFindings, RefittedEstimator, BaseDoubleDescentCurve):
    r"""Training and test risk of an estimator along one axis of complexity.

    The estimator is fitted at every value of one parameter and on every split of the
    data. The curve then tells where it interpolates its training data, where the risk
    peaks, and where it is lowest.

    Parameters
    ----------
    estimator : estimator
        Any scikit-learn regressor or classifier, often a
        :class:`~sklearn.pipeline.Pipeline`. It is cloned, never changed.

    param_name : str
        Name of the parameter that is varied, as in ``estimator.set_params``, e.g.
        ``"features__n_components"``.

    param_range : array-like of length n_complexities
        Values of the parameter: numbers, tuples such as ``(64,)``, or any objects,
        e.g. frozen models of several sizes. In any order; the results are in order of
        increasing complexity.

    complexity : str or callable, default=None
        How complex a value is. These numbers must be finite and distinct.

        - None: the value itself if it is a number, or the number in a tuple of one.
        - str: the name of an attribute of the value, e.g. ``"n_states"``.
        - callable: ``complexity(value)``.

    cv : int, cross-validation generator or iterable, default=None
        How the data are split. If `train_size` is None: as in
        :func:`~sklearn.model_selection.cross_validate`, 5 folds by default. If
        `train_size` is given: the number of random splits, 10 by default.

    train_size : int or float, default=None
        Number of training samples, in [1, n_samples), or their fraction, in (0, 1).
        Every split then draws a training set of this size at random, and all other
        samples are its test set (stratified by class for classifiers). None leaves
        the sizes to `cv`.

    risk : str, callable, list or dict, default="squared_error"
        What is measured on the training and on the test set.

        - ``"squared_error"``: mean over samples and outputs; for classifiers Brier's
          score, summed over the classes, of `predict_proba`. Without `predict_proba`
          it is taken of ``(1 + decision_function) / 2``.
        - ``"absolute_error"``: the same with absolute values.
        - ``"zero_one_error"``: fraction of samples with a wrong label.
        - the name of a scikit-learn scorer, or a scorer made by
          :func:`~sklearn.metrics.make_scorer`. The risk is 1 less the score where 1 is
          a perfect fit, as of ``"accuracy"``, ``"roc_auc"`` and ``"r2"``, and else the
          score's negative.
        - any other callable: ``risk(y_true, y_pred)``, a number; low is good.
        - a list of these, or a dict of names to these: all are taken of the same
          fits. The first is the primary risk.

    weight_risks : bool, default=False
        Whether the risks are means weighted by the `sample_weight` given to `fit`. With
        metadata routing a scorer gets weights if it requested them, and this is about
        all other risks. The risk from which the threshold is read is always weighted.

    strategy : {"auto", "refit", "path"}, default="auto"
        How the curve is computed.

        - ``"refit"`` clones, fits and scores at every point, for any estimator and any
          parameter.
        - ``"path"`` takes all widths, or all penalties, from shared work: see the
          Notes.
        - ``"auto"`` takes the path where it gives the same numbers, and else refits.

    choose : {"lowest", "one_standard_error"}, default="lowest"
        Which point is `best_`: the one of the lowest median test risk; or the simplest
        of those within one standard error of it, which costs little and varies less.
        The simplest is the smallest complexity, or the largest where the training risk
        grows along the axis, as along a penalty.

    quantiles : tuple of (float, float), default=(0.25, 0.75)
        Lower and upper quantile over the splits, in [0, 1], kept beside the median.

    diagnostics : bool, default=False
        Whether to take, beside the risk, the bias and variance over training sets, the
        norm of the head, its effective parameters and bounds of its Lipschitz constant.
        See the Notes.

    refit : bool, default=False
        Whether to fit the estimator on all of X at the value of `best_`, as
        `best_estimator_`. The curve then predicts and scores as that does.

    n_jobs : int, default=None
        Number of fits that run in parallel. None is 1 unless in a
        :func:`joblib.parallel_config` context; -1 uses all processors. The risks and
        the diagnostics are bit-equal for every number.

    verbose : int, default=0
        Above zero, elapsed and remaining time are printed to the standard error
        stream, unless a progress bar of scikit-learn shows them
        (`set_callbacks`, scikit-learn 1.9 or newer).

    random_state : int, RandomState instance or None, default=None
        Draws the training sets if `train_size` is given. It does not reach the
        estimator, which has a `random_state` of its own.

    Attributes
    ----------
    complexity_ : ndarray of shape (n_complexities,)
        Strictly increasing.

    param_range_ : list of length n_complexities
        The parameter values, in order of `complexity_`.

    train_risk_, test_risk_ : ndarray of shape (n_complexities, n_splits)
        The primary risk.

    train_risks_, test_risks_ : dict of str to ndarray
        Every risk, by name, each of shape (n_complexities, n_splits).

    fit_time_, score_time_ : ndarray of shape (n_complexities, n_splits)
        Seconds. Frozen steps that are lifted out are not included; the diagnostics are
        in those of the width path.

    bias_, variance_ : ndarray of shape (n_complexities,) or None
        Squared bias *plus the noise of the targets*, and variance over training sets,
        of the squared error on test sets; a classifier's is that of its class scores,
        summed over the classes. Both are means, infinite where predictions overflow,
        and an estimate of a small bias can be negative. None without `diagnostics`, if
        no sample is in two test sets (as in :class:`~sklearn.model_selection.KFold`),
        and for classifiers without a score for each class.

    coef_norm_ : ndarray of shape (n_complexities, n_splits) or None
        Euclidean (Frobenius) norm of the `coef_` of the last step. None without
        `diagnostics`, or if there is no `coef_`.

    effective_parameters_ : EffectiveParameters or None
        Effective parameters of the head on the training set (`train`) and on the test
        set (`test`), each of shape (n_complexities, n_splits): see
        :func:`skhmmdd.theory.effective_parameters`. At ``alpha="loo"`` they are those
        of the chosen penalty. None without `diagnostics`, with weights of samples or
        classes, or if the last step is no head of this package that is linear in the
        targets, as :class:`HeadRegressor` is, or a :class:`LowRankHead` with a frozen
        adapter.

    lipschitz_ : LipschitzBounds or None
        Bounds `lower` and `upper` of the Lipschitz constant of the head's linear scores
        as a function of the representation that its features read, each of shape
        (n_complexities, n_splits): see :func:`lipschitz_bounds` and
        :meth:`HMMFeatureTransformer.readout_jacobians`. The lower bound is the steepest
        slope at the training samples. None without `diagnostics`, or unless the step
        before the last is an :class:`HMMFeatureTransformer` and the last has a `coef_`.

    results_ : dict of str to ndarray of shape (n_complexities,)
        All results as columns, for :class:`pandas.DataFrame`: ``param_<param_name>``,
        ``complexity``, ``fit_time_median``, ``score_time_median``, and for every risk
        and both sets ``test_<risk>_median``, ``test_<risk>_lower``,
        ``test_<risk>_upper``, ``split0_test_<risk>``, ... Of the diagnostics ``bias``,
        ``variance``, ``coef_norm_median``, ``effective_parameters_train_median``,
        ``effective_parameters_test_median``, ``lipschitz_lower_median`` and
        ``lipschitz_upper_median``.

    n_train_ : int
        Median number of training samples in a split.

    n_splits_ : int
        Number of splits.

    interpolation_threshold_ : float or None
        Smallest complexity at which the median training risk is at most 1e-6 times
        that of the best constant (the mean of `y`; the class frequencies). Where that
        holds at the smallest complexity and not at the largest, as along a penalty: the
        largest up to which it holds. None if the training data are never interpolated.
        See the Notes.

    peak_ : CurvePoint or None
        The interior maximum of the median test risk that stands out most: the one
        with the largest ratio to the lowest risk on its worse side. A named tuple
        ``(complexity, risk, param, index)``; None if no interior point exceeds the
        lowest risk on either side by a tenth, and, if it is less than twice as high,
        by more than one standard error, paired over the splits.

    best_ : BestPoint
        Where the median test risk is lowest, or as `choose` says. A `CurvePoint` with
        the attributes `corrected_risk`, the risk to expect there, and `plateau`, the
        complexities that do about as well. See the Notes.

    danger_zone_ : tuple of (float, float) or None
        First and last complexity about the peak at which the median test risk is more
        than twice the lowest. None if there is no peak, or none so high, and for
        risks below zero.

    strategy_ : {"path", "refit"}
        The strategy that was used.

    strategy_reason_ : str
        Why it was used.

    best_estimator_ : estimator
        Fitted on all of X at ``best_.param``. Only with `refit`. Its number of training
        samples is not that of the curve, and neither is its threshold.

    n_features_in_ : int
        Number of features seen during fit. Only if X has two dimensions.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    DoubleDescentDisplay : Draws the curve.
    sklearn.model_selection.validation_curve : One score, means, no frozen steps.

    Notes
    -----
    Over the splits medians and quantiles are taken, never means: at the interpolation
    threshold the expected risk is infinite. An infinite risk is kept; NaN is an error.

    The leading steps of a pipeline that are *frozen* (learn nothing from `X` or `y`)
    are applied once to all of `X` and not again in every split: ``"passthrough"``, a
    :class:`~sklearn.frozen.FrozenEstimator`, transformers whose tags say
    ``requires_fit=False``, and those with a true attribute ``__skhmmdd_frozen__``.
    Steps before the one that `param_name` belongs to are applied once in all, a
    frozen step that it belongs to once for each value. This supposes that a frozen
    step treats every sample by itself, as nearly all do; wrap a
    :class:`~sklearn.preprocessing.FunctionTransformer` that mixes samples in an
    estimator of your own.

    The width path (see :func:`width_path`) serves a Pipeline that ends in a
    :class:`HeadRegressor`, :class:`HeadClassifier` or :class:`BayesianHead` of one
    `alpha`, with `param_name` the `n_components` of the step before it, whose columns
    are nested: an
    :class:`HMMFeatureTransformer` with frozen weights and an integer `random_state`,
    :class:`LeadingColumns`, a :class:`~sklearn.decomposition.PCA` with
    ``svd_solver="full"``, or any transformer with a true attribute
    ``__skhmmdd_nested__``. All widths then cost about as much as a few fits. So do all
    values where `param_name` is, at the end of a Pipeline or alone, the `alpha` of such
    a head or of a :class:`SoftmaxHead`, the `temperature` of a :class:`BayesianHead`,
    the `n_steps` of a :class:`GradientDescentHead`, :class:`GradientDescentClassifier`
    or :class:`SoftmaxHead`, the `rank` of a :class:`LowRankHead`, or for one run of
    pruning the `n_kept` of a :class:`PrunedHead`. A subclass with a `fit` or `predict`
    of its own is refitted. Sample weights of a :class:`HeadRegressor` or
    :class:`HeadClassifier` go along the width path, unless there are `diagnostics`;
    else whatever `fit` is given for the head means refits.

    Every fit uses one BLAS thread.

    For a sample that is in the test sets of m splits, with predictions of mean
    :math:`\bar f` and unbiased variance v, `variance_` averages v and `bias_` averages
    :math:`(y - \bar f)^2 - v/m`, each test prediction counting once. Together they are
    the mean squared error of all these predictions: where every sample is in two test
    sets or more, the *mean* of the squared-error test risk over the splits (of equal
    test sets), not its median. Near the interpolation threshold that mean is
    carried by a few splits, as is `variance_`; `bias_` is less, and
    ``test_risk_ - bias_[:, None]`` has medians. The training sets of one data set
    overlap, which hides some of the variance: draw them from many more samples
    than `train_size`.

    The lowest of many median risks is lower than what comes true of it.
    ``best_.corrected_risk`` leaves every split out of the choice in which it is judged
    (derived here, after nested cross-validation [4]_), and is about unbiased for the
    median risk of the complexity that is chosen. The plateau compares every complexity
    with the lowest in the same splits, by the differences of the logarithms of their
    risks (of the risks, where some are not positive): those are in it whose mean
    difference is at most its standard error.

    The interpolation threshold is read from the primary risk if that is one of the
    three built-in names; else from the zero-one error of a classifier and from the
    squared error of a regressor.

    References
    ----------
    .. [1] M. Belkin, D. Hsu, S. Ma, S. Mandal, "Reconciling modern machine-learning
       practice and the classical bias-variance trade-off", PNAS 116(32), 2019.
    .. [2] A. Curth, A. Jeffares, M. van der Schaar, "A U-turn on Double Descent",
       NeurIPS 2023, arXiv:2310.18988.
    .. [3] J. Luo, W. Wang, W. Huang, "Investigating the Impact of Model Complexity in
       Large Language Models", arXiv:2410.00699, 2024.
    .. [4] S. Varma, R. Simon, "Bias in error estimation when using cross-validation
       for model selection", BMC Bioinformatics 7(91), 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.kernel_approximation import RBFSampler
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skhmmdd.curve import DoubleDescentCurve
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((300, 5))
    >>> y = X[:, 0] + 0.3 * rng.standard_normal(300)
    >>> model = make_pipeline(RBFSampler(gamma=0.1, random_state=0), LinearRegression())
    >>> curve = DoubleDescentCurve(
    ...     model, "rbfsampler__n_components", [5, 10, 20, 40, 80, 400],
    ...     cv=10, train_size=40, random_state=0,
    ... ).fit(X, y)
    >>> curve.interpolation_threshold_, curve.peak_.complexity
    (40.0, 40.0)
    >>> curve.danger_zone_
    (40.0, 80.0)
    >>> model = model.set_params(**{curve.param_name: curve.best_.param})
    """

    def plot(
        self, ax: Axes | None = None, *, risk: str | None = None, **kwargs: Any
    ) -> DoubleDescentDisplay:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        risk : str, default=None
            Name of the risk to draw; None draws the primary one.

        **kwargs : dict
            Passed to :meth:`DoubleDescentDisplay.plot`.

        Returns
        -------
        DoubleDescentDisplay
            Drawn.
        """
        return self._display(risk).plot(ax, **kwargs)

    def plot_interactive(
        self, *, risk: str | None = None, **kwargs: Any
    ) -> PlotlyFigure:
        """Draw the curve with plotly, for a notebook or a page.

        Parameters
        ----------
        risk : str, default=None
            Name of the risk to draw; None draws the primary one.

        **kwargs : dict
            Passed to :meth:`DoubleDescentDisplay.plot_interactive`.

        Returns
        -------
        plotly.graph_objects.Figure
            A notebook shows it; ``write_html`` saves it.

        Raises
        ------
        ImportError
            If plotly is not installed.
        """
        return self._display(risk).plot_interactive(**kwargs)

    def _display(self, risk):
        # Only who draws needs it.
        from skhmmdd.curve.display._display import DoubleDescentDisplay

        return DoubleDescentDisplay.from_curve(self, risk=risk)

    def risk_at_noise(self, noise_var: ArrayLike) -> Floats:
        r"""Test risk after more noise on the training labels, without another fit.

        Parameters
        ----------
        noise_var : float or array-like of shape (n_levels,)
            Variance of noise added to every output of the training labels, in
            [0, inf). The test labels stay as they are.

        Returns
        -------
        ndarray of shape (n_complexities, n_splits)
            Expected test risk over independent noise: `test_risk_` at 0. With one
            leading axis for several levels.

        Raises
        ------
        ValueError
            If `noise_var` is out of its range, the primary risk is not the squared
            error of a regressor, the penalty is chosen by the labels (``alpha="loo"``
            or "evidence"), or there are no `effective_parameters_`: see there.

        Notes
        -----
        A head is linear in its labels, so that averaged over noise e and -e its squared
        error is exactly what it is without, and a part quadratic in e:

        .. math:: E R(\sigma) = R(0) + \sigma^2 \frac{p_e}{n},

        with :math:`p_e` the effective parameters on the test set and n training
        samples (derived here). Steps before the head must not look at the labels.

        Examples
        --------
        >>> from sklearn.datasets import make_regression
        >>> from sklearn.pipeline import make_pipeline
        >>> from skhmmdd import DoubleDescentCurve, HeadRegressor, LeadingColumns
        >>> X, y = make_regression(200, 60, n_informative=60, random_state=0)
        >>> curve = DoubleDescentCurve(
        ...     make_pipeline(LeadingColumns(), HeadRegressor()),
        ...     "leadingcolumns__n_components", [10, 29, 60],
        ...     train_size=30, diagnostics=True, random_state=0,
        ... ).fit(X, y)
        >>> curve.risk_at_noise([0, 100.0]).shape
        (2, 3, 10)
        """
        check_is_fitted(self, "test_risks_")
        return risk_at_noise(self, noise_var)

    def summary(self) -> str:
        """Tell in words what the curve shows, and what to do about it.

        Threshold, peak, best complexity and danger zone of the primary risk, and
        advice that follows from them.

        Returns
        -------
        str
            One line for each; `print` it.

        Notes
        -----
        The summary says "too close to call" where the best is not surely within 1.5
        times of every other complexity (one-sided, 90 %), by paired t-tests over the
        splits, the logarithm of what its choice hides added; and where more than a
        tenth of the test samples have a copy in their training set. The complexities to
        choose are those about the best, and about the best of the other side of the
        danger zone, that are within 20 % of it and surely (95 %) within 1.5 times of
        every other. What splits share is allowed for as by Nadeau and Bengio
        ("Inference for the generalization error", Machine Learning 52, 2003), with the
        smaller of the ratios of the sizes of the two sets.

        Examples
        --------
        >>> from sklearn.datasets import make_regression
        >>> from sklearn.pipeline import make_pipeline
        >>> from skhmmdd import DoubleDescentCurve, HeadRegressor, LeadingColumns
        >>> X, y = make_regression(200, 60, noise=9, shuffle=False, random_state=0)
        >>> model = make_pipeline(LeadingColumns(), HeadRegressor())
        >>> curve = DoubleDescentCurve(
        ...     model, "leadingcolumns__n_components", range(1, 61),
        ...     train_size=30, random_state=0,
        ... ).fit(X, y)
        >>> print(curve.summary())
        Squared error against number of features from 1 to 60 (60 values): median of 10
          splits, 30 training samples.
        Threshold: 29. From there on the training data are interpolated.
        Peak: 13100 at 29, 85.9 times the lowest.
        Best: 152 at 10, below the threshold. Within one standard error of it: 10 to 11.
        Danger zone: 22 to 60, with more than 2 times the lowest risk.
        What to do: Choose a width from 10 to 17, surely within 1.5 times of the lowest.
          Where that is not possible, penalise the head (alpha="loo" finds the ridge of
          the heads of skhmmdd) or train on another number of labels: more of them move
          the peak up, fewer down; with 30 it is at 29.
        """
        return describe(self._findings())

    def _findings(self):
        check_is_fitted(self, "test_risks_")
        n_values = len(self.complexity_)
        splits = "1 split" if self.n_splits_ == 1 else f"{self.n_splits_} splits"
        copies = ""
        if self._copied > COPIED:
            copies = (
                f" {self._copied:.0%} of the test samples have a copy in their training"
                " set: on new ones the risk may be higher"
            )
        low, high = self.complexity_[[0, -1]]
        label = risk_label(next(iter(self.test_risks_)), self.risk)
        axis = axis_words(self.param_name, self.estimator, self.complexity)
        return Findings(
            title=f"{label[0].upper()}{label[1:]} against {axis.label} from "
            f"{low:g} to {high:g} ({n_values} values): median of {splits}, "
            f"{self.n_train_} training samples.{copies and copies + '.'}",
            span=(low, high),
            threshold=self.interpolation_threshold_,
            peak=self.peak_ and self.peak_[:2],
            best=self.best_[:2],
            zone=self.danger_zone_,
            n_samples=self.n_train_,
            interpolated="the training labels are fitted exactly"
            if is_classifier(self.estimator)
            else "the training data are interpolated",
            interpolation_ends=self._interpolation_ends,
            axis=axis,
            evidence=weigh_evidence(
                self.complexity_,
                self.test_risk_,
                self.best_,
                # Along a penalty or steps a curve does not peak where it interpolates.
                divider=self.danger_zone_
                or twice(
                    self.interpolation_threshold_
                    if axis.kind == "size" and not self._interpolation_ends
                    else None
                ),
                overlap=self._overlap,
                copied=self._copied,
            ),
        )
