"""DoubleDescentCurve: the risk of any estimator against its complexity."""

from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.base import MetaEstimatorMixin, _fit_context, clone, is_classifier
from sklearn.utils import get_tags, indexable
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
)
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    _num_samples,
)

from skhmmdd._base import SkhmmddEstimator
from skhmmdd.curve._complexity import order_by_complexity
from skhmmdd.curve._diagnostics import Diagnosis
from skhmmdd.curve._display import DoubleDescentDisplay
from skhmmdd.curve._evaluate import refit_curve
from skhmmdd.curve._landmarks import find_threshold, peak_and_best
from skhmmdd.curve._path_strategy import path_curve, why_not_path
from skhmmdd.curve._results import make_results, refuse_nan
from skhmmdd.curve._risks import constant_risk, resolve_risks, threshold_risk
from skhmmdd.curve._validate import check_param_name, check_quantiles, make_cv

# Under this key the risk that gives the interpolation threshold goes through the fits;
# the names that users give are strings.
_THRESHOLD = None


class DoubleDescentCurve(MetaEstimatorMixin, SkhmmddEstimator):
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
          :func:`~sklearn.metrics.make_scorer`: the risk is the score's negative.
        - any other callable: ``risk(y_true, y_pred)``, a number; low is good.
        - a list of these, or a dict of names to these: all are taken of the same
          fits. The first is the primary risk.

    strategy : {"auto", "refit", "path"}, default="auto"
        How the curve is computed.

        - ``"refit"`` clones, fits and scores at every point, for any estimator and any
          parameter.
        - ``"path"`` takes all widths from shared factorizations: see the Notes.
        - ``"auto"`` takes the path where it gives the same numbers, and else refits.

    quantiles : tuple of (float, float), default=(0.25, 0.75)
        Lower and upper quantile over the splits, in [0, 1], kept beside the median.

    diagnostics : bool, default=False
        Whether to take, beside the risk, the bias and variance over training sets, the
        norm of the head and its effective parameters. See the Notes.

    n_jobs : int, default=None
        Number of fits that run in parallel. None is 1 unless in a
        :func:`joblib.parallel_config` context; -1 uses all processors. The risks and
        the diagnostics are bit-equal for every number.

    verbose : int, default=0
        Above zero, elapsed and remaining time are printed to the standard error
        stream.

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
        of the chosen penalty. None without `diagnostics`, with sample weights, or if
        the last step is not a :class:`HeadRegressor` or a :class:`HeadClassifier`.

    results_ : dict of str to ndarray of shape (n_complexities,)
        All results as columns, for :class:`pandas.DataFrame`: ``param_<param_name>``,
        ``complexity``, ``fit_time_median``, ``score_time_median``, and for every risk
        and both sets ``test_<risk>_median``, ``test_<risk>_lower``,
        ``test_<risk>_upper``, ``split0_test_<risk>``, ... Of the diagnostics ``bias``,
        ``variance``, ``coef_norm_median``, ``effective_parameters_train_median`` and
        ``effective_parameters_test_median``.

    n_train_ : int
        Median number of training samples in a split.

    n_splits_ : int
        Number of splits.

    interpolation_threshold_ : float or None
        Smallest complexity at which the median training risk is at most 1e-6 times
        that of the best constant (the mean of `y`; the class frequencies). None if the
        training data are never interpolated. See the Notes.

    peak_ : CurvePoint or None
        The interior maximum of the median test risk that stands out most: the one
        with the largest ratio to the lowest risk on its worse side. A named tuple
        ``(complexity, risk, param, index)``; None if no interior point exceeds the
        lowest risk on either side.

    best_ : CurvePoint
        Where the median test risk is lowest.

    strategy_ : {"path", "refit"}
        The strategy that was used.

    strategy_reason_ : str
        Why it was used.

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
    :class:`HeadRegressor` or :class:`HeadClassifier` of one `alpha`, with `param_name`
    the `n_components` of the step before it, whose columns are nested: an
    :class:`HMMFeatureTransformer` with frozen weights and an integer `random_state`,
    :class:`LeadingColumns`, a :class:`~sklearn.decomposition.PCA` with
    ``svd_solver="full"``, or any transformer with a true attribute
    ``__skhmmdd_nested__``. All widths then cost about as much as one fit.

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
    >>> model = model.set_params(**{curve.param_name: curve.best_.param})
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [HasMethods(["fit", "set_params"])],
        "param_name": [str],
        "param_range": ["array-like"],
        "complexity": [None, str, callable],
        "cv": [Interval(Integral, 1, None, closed="left"), "cv_object"],
        "train_size": [
            None,
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
        ],
        "risk": [str, callable, list, dict],
        "strategy": [StrOptions({"auto", "refit", "path"})],
        "quantiles": [tuple, list],
        "diagnostics": ["boolean"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        param_name,
        param_range,
        *,
        complexity=None,
        cv=None,
        train_size=None,
        risk="squared_error",
        strategy="auto",
        quantiles=(0.25, 0.75),
        diagnostics=False,
        n_jobs=None,
        verbose=0,
        random_state=None,
    ):
        self.estimator = estimator
        self.param_name = param_name
        self.param_range = param_range
        self.complexity = complexity
        self.cv = cv
        self.train_size = train_size
        self.risk = risk
        self.strategy = strategy
        self.quantiles = quantiles
        self.diagnostics = diagnostics
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    # The estimator checks its own parameters at every point.
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, groups=None, **fit_params):
        """Compute the curve.

        Parameters
        ----------
        X : indexable of length n_samples
            Whatever the estimator takes: an array of two or three dimensions, a
            dataframe, a list of sequences of unequal length.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        groups : array-like of shape (n_samples,), default=None
            Group labels for `cv`.

        **fit_params : dict
            Passed to the `fit` of the estimator, e.g. ``ridge__sample_weight``.
            Those with one entry for each sample are split as X is. The risks are not
            weighted.

        Returns
        -------
        self : object
            The fitted curve.

        Raises
        ------
        ValueError
            If a parameter is out of its range, or if a risk is NaN.
        """
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        check_quantiles(self.quantiles)
        estimator = clone(self.estimator)
        check_param_name(estimator, self.param_name)
        self.complexity_, self.param_range_ = order_by_complexity(
            self.param_range, self.complexity
        )
        classifier = is_classifier(estimator)
        risks = resolve_risks(self.risk, classifier)
        X, y, groups = indexable(X, y, groups)
        self._remember_features(X)
        splitter = make_cv(self.cv, self.train_size, y, classifier, self.random_state)
        splits = [
            (np.asarray(train), np.asarray(test))
            for train, test in splitter.split(X, y, groups)
        ]

        interpolates = threshold_risk(self.risk, classifier)
        measured = {**risks, _THRESHOLD: interpolates}
        problem = (estimator, self.param_name, self.param_range_)
        self._choose_strategy(why_not_path(*problem, risks, fit_params))
        options = {
            "splits": splits,
            "risks": measured,
            "n_jobs": self.n_jobs,
            "verbose": self.verbose,
        }
        if self.diagnostics:
            options["diagnosis"] = Diagnosis(
                len(self.complexity_),
                _num_samples(X),
                classifier=classifier,
                y=y,
                weighted=any(key.endswith("sample_weight") for key in fit_params),
            )
        if self.strategy_ == "path":
            table = path_curve(*problem, X, y, **options)
        else:
            table = refit_curve(*problem, X, y, fit_params=fit_params, **options)
        self._keep(table, splits)
        self.interpolation_threshold_ = find_threshold(
            self.complexity_,
            table.train[_THRESHOLD],
            constant_risk(interpolates, classifier, y, splits),
        )
        return self

    def _choose_strategy(self, obstacle):
        """Set the strategy, and the reason for it in words."""
        if self.strategy == "path" and obstacle:
            raise ValueError(f"strategy='path' is not possible here: {obstacle}.")
        if self.strategy == "refit":
            self.strategy_ = "refit"
            self.strategy_reason_ = "strategy='refit' was asked for."
        elif obstacle:
            self.strategy_ = "refit"
            self.strategy_reason_ = f"No width path: {obstacle}."
        else:
            self.strategy_ = "path"
            self.strategy_reason_ = (
                "Nested features under a head: all widths share their factorizations."
            )

    def _remember_features(self, X):
        # Only of two-dimensional X: the second axis of a three-dimensional one is time.
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                delattr(self, name)
        if len(getattr(X, "shape", ())) == 2:
            _check_feature_names(self, X, reset=True)
            _check_n_features(self, X, reset=True)

    def _keep(self, table, splits):
        """Set the attributes that come straight from the measurements."""
        self.train_risks_ = {k: v for k, v in table.train.items() if k != _THRESHOLD}
        self.test_risks_ = {k: v for k, v in table.test.items() if k != _THRESHOLD}
        for subset, risks in (("train", self.train_risks_), ("test", self.test_risks_)):
            refuse_nan(risks, subset, self.param_name, self.param_range_)
        primary = next(iter(self.test_risks_))
        self.train_risk_ = self.train_risks_[primary]
        self.test_risk_ = self.test_risks_[primary]
        self.fit_time_, self.score_time_ = table.fit_time, table.score_time
        diagnostics = table.diagnostics
        self.bias_, self.variance_ = diagnostics.bias, diagnostics.variance
        self.coef_norm_ = diagnostics.coef_norm
        self.effective_parameters_ = diagnostics.effective_parameters
        self.n_splits_ = len(splits)
        self.n_train_ = int(np.median([len(train) for train, _ in splits]))
        self.peak_, self.best_ = peak_and_best(
            self.complexity_, self.test_risk_, self.param_range_
        )
        self.results_ = make_results(
            self.param_name,
            self.param_range_,
            self.complexity_,
            table._replace(train=self.train_risks_, test=self.test_risks_),
            self.quantiles,
        )

    def plot(self, ax=None, *, risk=None, **kwargs):
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
        """
        return DoubleDescentDisplay.from_curve(self, risk=risk).plot(ax, **kwargs)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # What the estimator takes, the curve takes; but the curve predicts nothing,
        # and is neither a regressor nor a classifier.
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.target_tags = inner.target_tags
        tags.target_tags.required = True
        tags.non_deterministic = inner.non_deterministic
        return tags
