"""From the names, scorers and callables that a user gives to risks."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache, cached_property, partial
from numbers import Real
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from sklearn import metrics
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.metrics._scorer import _BaseScorer
from sklearn.utils import _safe_indexing

BUILTIN_RISKS = ("squared_error", "absolute_error", "zero_one_error")

# Scores of these names are highest at a perfect fit, but not at 1.
_NOT_AT_MOST_ONE = ("mutual_info_score", "positive_likelihood_ratio")
# Scores that are 1 at a perfect fit and have no scorer of their own.
_ALSO_AT_MOST_ONE = (
    metrics.cohen_kappa_score,
    metrics.d2_pinball_score,
    metrics.d2_tweedie_score,
    metrics.fbeta_score,
    metrics.label_ranking_average_precision_score,
    metrics.ndcg_score,
)


class Risks(NamedTuple):
    """What is taken of every fit: functions of ``(predictions, y)``.

    Attributes
    ----------
    named : dict of str to callable
        Those that the user asked for; the first is the primary risk.
    threshold : callable
        That which tells, on the training set, whether it is interpolated.
    """

    named: dict
    threshold: Callable[..., Any]

    def of(self, predictions, y, params):
        """Those by name; `params` has the arguments by name, of others under None."""
        return {
            name: one_risk(
                name, partial(risk, **params.get(name, params[None])), predictions, y
            )
            for name, risk in self.named.items()
        }

    def at_threshold(self, predictions, y, **params):
        """That of the threshold on a training set, as a float."""
        return float(self.threshold(predictions, y, **params))


# A name, a scorer, or a function of targets and predictions.
Risk: TypeAlias = str | Callable[..., Any]


class Predictions:
    """What one fitted estimator says of X; each method is called at most once."""

    def __init__(self, estimator, X):
        self.estimator = estimator
        self.X = X

    @cached_property
    def predicted(self):
        """Output of `predict`."""
        return self.estimator.predict(self.X)

    @cached_property
    def class_scores(self):
        """Scores in the scale of one-hot targets, of shape (n_samples, n_classes)."""
        if hasattr(self.estimator, "predict_proba"):
            return np.asarray(self.estimator.predict_proba(self.X))
        if not hasattr(self.estimator, "decision_function"):
            raise ValueError(
                "'squared_error' and 'absolute_error' of a classifier need "
                f"predict_proba or decision_function; {self.estimator!r} has neither. "
                "Use risk='zero_one_error'."
            )
        # Classifiers without probabilities aim at -1 and 1; zero is undecided.
        scores = (1 + np.asarray(self.estimator.decision_function(self.X))) / 2
        return np.column_stack([1 - scores, scores]) if scores.ndim == 1 else scores


# A risk is a function of (Predictions, y). They live at the top level of the module,
# and are specialised with `partial`, so that workers can unpickle them.


def _mean_loss(loss, classifier, predictions, y, sample_weight=None):
    residuals = _class_residuals if classifier else _residuals
    # A head near the threshold may overflow: its risk is then infinite.
    with np.errstate(over="ignore", invalid="ignore"):
        return _mean(loss(residuals(predictions, np.asarray(y))), sample_weight)


def _mean(losses, sample_weight):
    """Over outputs and samples, of which those of weight zero are as if absent."""
    if sample_weight is None:
        return np.mean(losses)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if not (weights >= 0).all() or not weights.any():
        raise ValueError(
            "The sample_weight of every training and test set must be at least 0, and "
            f"not all 0; got weights from {weights.min():g} to {weights.max():g}."
        )
    losses, weights = losses[weights > 0], weights[weights > 0]
    return np.average(losses.reshape(len(losses), -1).mean(axis=1), weights=weights)


def _square_per_output(residuals):
    return residuals**2


def _square_per_sample(residuals):
    return np.sum(residuals**2, axis=1)


def _absolute_per_sample(residuals):
    return np.sum(np.abs(residuals), axis=1)


def _residuals(predictions, y):
    # float64, lest a float32 prediction overflow when squared.
    predicted = np.asarray(predictions.predicted, dtype=np.float64)
    return predicted.reshape(y.shape) - y


def _class_residuals(predictions, y):
    classes = predictions.estimator.classes_
    if y.ndim != 1 or isinstance(classes, list):
        raise ValueError(
            "'squared_error' and 'absolute_error' need one class label for each "
            f"sample, got y of shape {y.shape}. Use risk='zero_one_error'."
        )
    # A label that the training set lacks has probability zero: a column of its own.
    unseen = np.setdiff1d(y, classes)
    labels = np.concatenate([classes, unseen])
    scores = np.pad(predictions.class_scores, ((0, 0), (0, len(unseen))))
    return scores - (y[:, None] == labels)


def _zero_one_error(predictions, y, sample_weight=None):
    y = np.asarray(y)
    wrong = np.asarray(predictions.predicted).reshape(y.shape) != y
    return _mean(wrong.reshape(len(y), -1).any(axis=1), sample_weight)


def _score_to_risk(scorer, best, predictions, y, **params):
    return best - scorer(predictions.estimator, predictions.X, y, **params)


@cache
def _scores_at_most_one():
    """Functions of scikit-learn whose value is 1 at a perfect fit, and never more."""
    scorers = (
        get_scorer(name) for name in get_scorer_names() if name not in _NOT_AT_MOST_ONE
    )
    found = {scorer._score_func for scorer in scorers if scorer._sign > 0}
    return found.union(_ALSO_AT_MOST_ONE)


def _best_score(scorer):
    """The score of a perfect fit, where it is known to be 1; else 0."""
    counts = not scorer._kwargs.get("normalize", True)
    known = any(scorer._score_func is score for score in _scores_at_most_one())
    return int(scorer._sign > 0 and known and not counts)


def _of_predictions(function, predictions, y, **params):
    return function(y, predictions.predicted, **params)


def _builtin_risk(name, classifier):
    if name == "zero_one_error":
        if not classifier:
            raise ValueError("risk='zero_one_error' needs a classifier.")
        return _zero_one_error
    if name == "squared_error":
        # Brier's score sums over the classes; the outputs of a regressor are averaged.
        loss = _square_per_sample if classifier else _square_per_output
    else:
        loss = _absolute_per_sample if classifier else np.abs
    return partial(_mean_loss, loss, classifier)


def _resolve_one(risk, classifier):
    if isinstance(risk, str) and risk in BUILTIN_RISKS:
        return _builtin_risk(risk, classifier)
    if isinstance(risk, str):
        if risk not in get_scorer_names():
            raise ValueError(
                f"risk={risk!r} is unknown: it must be one of {list(BUILTIN_RISKS)}, "
                "the name of a scikit-learn scorer (see "
                "sklearn.metrics.get_scorer_names()), or a callable."
            )
        risk = get_scorer(risk)
    if isinstance(risk, _BaseScorer):
        return partial(_score_to_risk, risk, _best_score(risk))
    if callable(risk):
        if any(risk is score for score in _scores_at_most_one()):
            raise ValueError(
                f"{risk.__name__} is a score, and of a risk low is good. Give the "
                "name of its scorer, such as 'accuracy' or 'r2', or "
                f"make_scorer({risk.__name__})."
            )
        return partial(_of_predictions, risk)
    raise TypeError(f"A risk must be a str or a callable, got {risk!r}.")


def _name_of(risk):
    if isinstance(risk, str):
        return risk
    function = getattr(risk, "_score_func", risk)
    return getattr(function, "__name__", type(function).__name__)


def _named(risk):
    """Names and what they stand for, as the user gave them."""
    if isinstance(risk, dict):
        return list(risk.items())
    several = risk if isinstance(risk, (list, tuple)) else [risk]
    return [(_name_of(one), one) for one in several]


def scorers_among(risk):
    """The scorers by name among the risks that a user gave, who may ask for weights."""
    found = {}
    for name, one in _named(risk):
        if isinstance(one, str) and one in get_scorer_names():
            found[name] = get_scorer(one)
        elif isinstance(one, _BaseScorer):
            found[name] = one
    return found


def resolve_risks(risk, classifier):
    """Turn the argument `risk` into functions of ``(predictions, y)``, by name.

    The first is the primary risk.
    """
    named = _named(risk)
    names = [name for name, _ in named]
    if not names:
        raise ValueError("risk must name at least one risk, got none.")
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"The names of the risks must be strings, got {names}.")
    if len(set(names)) < len(names):
        raise ValueError(
            f"The names of the risks must be distinct, got {names}. "
            "Use a dict to name them."
        )
    return {name: _resolve_one(one, classifier) for name, one in named}


def threshold_risk(risk, classifier):
    """Risk from which the interpolation threshold is read, as such a function.

    It is the primary risk if that is a built-in one, which are zero for a perfect fit.
    Of any other risk that is not known: the zero-one error of a classifier or the
    squared error of a regressor is used instead.
    """
    if isinstance(risk, dict):
        risk = list(risk.values())
    primary = risk[0] if isinstance(risk, (list, tuple)) else risk
    if not (isinstance(primary, str) and primary in BUILTIN_RISKS):
        primary = "zero_one_error" if classifier else "squared_error"
    return _builtin_risk(primary, classifier)


def constant_risk(risk, classifier, y, splits, params=None):
    """Training risk of the constant predictor in every split.

    Parameters
    ----------
    risk : callable
        Function of ``(predictions, y)``.
    classifier : bool
        Classifiers are compared with the class frequencies, regressors with the mean.
    y : indexable of length n_samples
    splits : list of (train, test)
    params : callable, default=None
        From a training set to arguments of the risk, of which the weights also count
        in the constant.

    Returns
    -------
    ndarray of shape (n_splits,)
    """
    risks = []
    for train, _ in splits:
        weights = params(train) if params else {}
        y_train = np.asarray(_safe_indexing(y, train))
        X_train = np.zeros((len(y_train), 1))
        dummy = DummyClassifier() if classifier else DummyRegressor()
        dummy.fit(X_train, y_train, **weights)
        risks.append(risk(Predictions(dummy, X_train), y_train, **weights))
    return np.array(risks)


def is_builtin(risk):
    """Whether a risk is one of those that are zero for a perfect fit."""
    return risk is _zero_one_error or getattr(risk, "func", None) is _mean_loss


def is_mean_squared_error(risk):
    """Whether a risk is the built-in squared error of a regressor."""
    return isinstance(risk, partial) and _square_per_output in risk.args


def needs_estimator(risk):
    """Whether a risk asks a fitted estimator, as scorers do, and not predictions."""
    return isinstance(risk, partial) and risk.func is _score_to_risk


def one_risk(name, risk, predictions, y):
    """A risk of one set of predictions, as a float; ValueError if it is no number."""
    value = risk(predictions, y)
    if np.ndim(value) == 0 and isinstance(value, (Real, np.generic, np.ndarray)):
        with suppress(TypeError, ValueError):
            return float(value)
    raise ValueError(f"The risk {name!r} must be one number, got {value!r}.")


def risk_label(name, risk=None):
    """Name of a risk for people: what is drawn of a score.

    Parameters
    ----------
    name : str
        What the user calls it.
    risk : str, callable, list or dict, default=None
        As in :class:`~skhmmdd.DoubleDescentCurve`: tells what has this name. None
        takes the name itself for it.

    Returns
    -------
    str

    Examples
    --------
    >>> risk_label("squared_error"), risk_label("neg_log_loss"), risk_label("roc_auc")
    ('squared error', 'log loss', '1 − roc auc')
    >>> risk_label("miss", {"miss": "accuracy"})
    '1 − accuracy (miss)'
    >>> risk_label("zero_one_error")
    'share of wrong classes'
    """
    asked = name if risk is None else dict(_named(risk))[name]
    plain = name.replace("_", " ")
    if name == asked == "zero_one_error":
        plain = "share of wrong classes"
    scorer = scorers_among({name: asked}).get(name)
    if scorer is None:
        return plain
    known = _name_of(asked).replace("_", " ")
    if scorer._sign < 0:
        label = known.removeprefix("neg ")
    else:
        label = f"1 − {known}" if _best_score(scorer) else f"negative {known}"
    return label if name == _name_of(asked) else f"{label} ({plain})"
