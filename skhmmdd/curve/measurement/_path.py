"""The curve from the exact width path: the strategy "path"."""

from numbers import Integral, Real
from time import perf_counter
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing

from skhmmdd._parallel import map_jobs, single_blas_thread
from skhmmdd._progress import Progress
from skhmmdd.curve._width_path import width_path
from skhmmdd.curve.measurement._diagnostics import Diagnostics, Measured
from skhmmdd.curve.measurement._frozen import split_frozen, transform_frozen
from skhmmdd.curve.measurement._refit import CurveTable
from skhmmdd.curve.measurement._risks import (
    is_mean_squared_error,
    needs_estimator,
    one_risk,
)
from skhmmdd.heads import HeadClassifier, HeadRegressor
from skhmmdd.heads._classifier import code_labels, labels_of, probabilities_of


def why_not_path(estimator, param_name, param_range, risks, fit_params):
    """What keeps a curve from the width path, in words; None if nothing does.

    Parameters
    ----------
    estimator : estimator
    param_name : str
    param_range : list
    risks : dict of str to callable
    fit_params : dict

    Returns
    -------
    str or None
    """
    if not isinstance(estimator, Pipeline) or len(estimator.steps) < 2:
        return "the estimator is not a Pipeline of features and a head"
    head = estimator.steps[-1][1]
    if type(head) not in (HeadRegressor, HeadClassifier):
        return f"the last step is a {type(head).__name__}, not a head of skhmmdd"
    if not isinstance(head.alpha, Real):
        return f"alpha={head.alpha!r} chooses another penalty at every width"
    name, step = estimator.steps[-2]
    if param_name != f"{name}__n_components":
        return f"{param_name!r} is not the n_components of the step before the head"
    reason = _why_not_nested(name, step)
    if reason:
        return reason
    if not all(isinstance(value, Integral) and value >= 1 for value in param_range):
        return "some values of the parameter are not widths"
    if fit_params:
        return f"fit was given {sorted(fit_params)}"
    scorers = [name for name, risk in risks.items() if needs_estimator(risk)]
    if scorers:
        return f"the risks {scorers} are scorers, which ask a fitted estimator"
    return None


def _why_not_nested(name, step):
    # Whoever has a PCA in the pipeline has it imported; nobody else need wait for it.
    from sklearn.decomposition import PCA

    if isinstance(step, PCA):
        # The other solvers find other components for another n_components.
        if step.svd_solver in ("full", "covariance_eigh"):
            return None
        return (
            f"the components of {name!r} are nested only with svd_solver='full' or "
            f"'covariance_eigh', not {step.svd_solver!r}"
        )
    if not getattr(step, "__skhmmdd_nested__", False):
        return f"the columns of {name!r} are not known to be nested"
    if not isinstance(getattr(step, "random_state", 0), Integral):
        return f"{name!r} draws other features at every fit: give it a random_state"
    return None


class _PathPredictions(NamedTuple):
    """What the head of one width says of some rows, in the shape `predict` gives."""

    scores: np.ndarray
    classes: np.ndarray | None

    @property
    def estimator(self):
        return SimpleNamespace(classes_=self.classes)

    @property
    def predicted(self):
        if self.classes is None:
            return self.scores
        return labels_of(self.scores, self.classes)

    @property
    def class_scores(self):
        return probabilities_of(self.scores)


def path_curve(
    estimator,
    param_name,
    param_range,
    X,
    y,
    *,
    splits,
    risks,
    n_jobs=None,
    verbose=0,
    diagnosis=None,
):
    """One width path for each split.

    Parameters
    ----------
    estimator : Pipeline
        For which `why_not_path` finds no reason.
    param_name : str
    param_range : list of int of length n_complexities
        Increasing widths.
    X, y : indexables of length n_samples
    splits : list of (train, test)
    risks : dict of str to callable
        Functions of ``(predictions, y)``.
    n_jobs : int, default=None
        Processes over the splits, unless a `joblib.parallel_config` names other
        workers: much of LAPACK holds on to the interpreter, and threads would wait.
    verbose : int, default=0
    diagnosis : Diagnosis, default=None
        Collects the diagnostics; None takes none.

    Returns
    -------
    CurveTable
        A path's time is shared out evenly among its widths.
    """
    widest = clone(estimator).set_params(**{param_name: param_range[-1]})
    with single_blas_thread():
        frozen, rest = split_frozen(widest)
        X = transform_frozen(frozen, X, y)
        progress = Progress(len(splits), verbose, "splits")
        probe = diagnosis and diagnosis.probe
        parts = []
        shared = rest, param_range, X, y, risks, probe
        for *part, measured in map_jobs(
            _one_split, splits, *shared, n_jobs=n_jobs, prefer=None
        ):
            if diagnosis:
                diagnosis.add(measured, splits[len(parts)][1])
            parts.append(part)
            progress.update(len(parts))
    train, test, seconds = zip(*parts, strict=True)
    share = np.tile(np.array(seconds) / len(param_range), (len(param_range), 1))
    return CurveTable(
        train={name: np.column_stack([part[name] for part in train]) for name in risks},
        test={name: np.column_stack([part[name] for part in test]) for name in risks},
        fit_time=share,
        score_time=np.zeros_like(share),
        diagnostics=diagnosis.finish(len(splits)) if diagnosis else Diagnostics(),
    )


def _one_split(split, rest, widths, X, y, risks, probe):
    started = perf_counter()
    subsets = [(_safe_indexing(X, i), np.asarray(_safe_indexing(y, i))) for i in split]
    (X_train, y_train), (X_test, y_test) = subsets
    head = rest
    if isinstance(rest, Pipeline):
        head = rest.steps[-1][1]
        for _, step in rest.steps[:-1]:
            if step is None or step == "passthrough":
                continue
            step = clone(step)
            X_train = step.fit_transform(X_train, y_train)
            X_test = step.transform(X_test)
    classes, target, test_target = None, y_train, y_test
    if isinstance(head, HeadClassifier):
        classes = np.unique(y_train)
        if len(classes) < 2:
            raise ValueError(
                "y must hold at least two classes in every training set; got one "
                f"class: {classes.tolist()}."
            )
        target, test_target = code_labels(y_train, classes), None
    keep = bool(probe) or not all(map(is_mean_squared_error, risks.values()))
    path = width_path(
        X_train,
        target,
        X_test,
        test_target,
        widths=widths,
        alpha=head.alpha,
        fit_intercept=head.fit_intercept,
        rcond=head.rcond,
        return_predictions=keep,
        return_effective_parameters=bool(probe),
    )
    train = _all_widths(
        risks, path.train_risk, path.train_predictions, classes, y_train
    )
    test = _all_widths(risks, path.test_risk, path.predictions, classes, y_test)
    measured = None
    if probe:
        residuals = [
            probe.residuals(one, y_test)
            for one in _at_each_width(path.predictions, classes)
        ]
        measured = Measured(residuals, path.coef_norm, path.effective_parameters)
    return train, test, perf_counter() - started, measured


def _all_widths(risks, squared_error, predictions, classes, y):
    """Every risk at every width, from one set of predictions."""
    out = {}
    for name, risk in risks.items():
        if is_mean_squared_error(risk):
            out[name] = squared_error
            continue
        out[name] = np.array(
            [
                one_risk(name, risk, one, y)
                for one in _at_each_width(predictions, classes)
            ]
        )
    return out


def _at_each_width(predictions, classes):
    if classes is not None and len(classes) == 2:
        predictions = predictions[:, :, 0]
    return [_PathPredictions(scores, classes) for scores in predictions]
