"""Fit and score at every complexity and split: the strategy "refit"."""

from time import perf_counter
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

from skhmmdd._parallel import map_jobs, single_blas_thread
from skhmmdd._progress import Progress
from skhmmdd.curve.measurement._diagnostics import Diagnostics, Measured
from skhmmdd.curve.measurement._frozen import split_frozen, transform_frozen
from skhmmdd.curve.measurement._risks import Predictions
from skhmmdd.curve.measurement._steepness import lifted_jacobians


class CurveTable(NamedTuple):
    """Every measurement of a curve; what each strategy has to give.

    Attributes
    ----------
    train, test : dict of str to ndarray of shape (n_complexities, n_splits)
        Risks by name.
    threshold_risk : ndarray of shape (n_complexities, n_splits)
        The training risk that tells interpolation.
    fit_time, score_time : ndarray of shape (n_complexities, n_splits)
        Seconds.
    diagnostics : Diagnostics, default=Diagnostics()
    """

    train: dict
    test: dict
    threshold_risk: np.ndarray
    fit_time: np.ndarray
    score_time: np.ndarray
    diagnostics: Diagnostics = Diagnostics()


class Evaluation(NamedTuple):
    """What is taken of one fit: risks by name, seconds, diagnostics."""

    train: dict
    test: dict
    threshold_risk: float
    fit_time: float
    score_time: float
    measured: Measured | None


def fit_and_score(estimator, X, y, split, risks, routed, probe=None, jacobians=None):
    """Fit on the training set of one split; take all the risks on both its sets.

    The estimator is fitted in place. Of `routed` what is as long as X is indexed by the
    set. `jacobians` are those of frozen features, at all samples, as in `_steepness`;
    `probe` takes the diagnostics.
    """
    train, test = split
    X_train, y_train = _safe_split(estimator, X, y, train)
    X_test, y_test = _safe_split(estimator, X, y, test, train)
    fit_params = _check_method_params(X, params=routed.fit, indices=train)
    start = perf_counter()
    estimator.fit(X_train, y_train, **fit_params)
    fitted = perf_counter()
    predictions = Predictions(estimator, X_train)
    train_risks = risks.of(predictions, y_train, routed.of_risks(X, train))
    weights = routed.of_threshold(X, train)
    threshold_risk = risks.at_threshold(predictions, y_train, **weights)
    predictions = Predictions(estimator, X_test)
    test_risks = risks.of(predictions, y_test, routed.of_risks(X, test))
    seconds = fitted - start, perf_counter() - fitted
    measured = None
    if probe:
        if jacobians is not None:
            jacobians = jacobians.take(train)
        measured = probe.measure(estimator, X_train, predictions, y_test, jacobians)
    return Evaluation(train_risks, test_risks, threshold_risk, *seconds, measured)


def _run_task(task, X, y, risks, routed, probe, jacobians):
    """One parallel task: the frozen leading steps once, the rest in each split."""
    estimator, splits = task
    frozen, rest = split_frozen(estimator)
    _refuse_fit_params(frozen, routed.fit)
    lifted = transform_frozen(frozen, X, y)
    if frozen and probe:
        jacobians = lifted_jacobians(lifted, rest)
    shared = risks, routed, probe, jacobians
    return [fit_and_score(clone(rest), lifted.X, y, split, *shared) for split in splits]


def _refuse_fit_params(frozen, fit_params):
    names = [name for name, _ in frozen]
    for key in fit_params:
        step = key.split("__")[0]
        if step in names:
            raise ValueError(
                f"fit got {key!r}, but the step {step!r} is frozen: it is applied once "
                "to all of X, and nothing can be passed to its fit."
            )


def _make_tasks(estimators, splits):
    """Arrange the fits: one for each task, unless a transform has to be shared."""
    for estimator in estimators:
        if split_frozen(estimator)[0]:
            # The parameter touches a frozen step. All splits go into one task, so that
            # the transform is computed once and lives no longer than the task.
            yield estimator, splits
        else:
            for split in splits:
                yield estimator, [split]


def refit_curve(
    estimator,
    param_name,
    param_range,
    X,
    y,
    *,
    splits,
    risks,
    routed,
    n_jobs=None,
    verbose=0,
    tasks=None,
    diagnosis=None,
    lift=transform_frozen,
):
    """Clone, fit and score at every parameter value and split.

    Parameters
    ----------
    estimator : estimator
    param_name : str
    param_range : list of length n_complexities
    X : indexable of length n_samples
    y : indexable of length n_samples
    splits : list of (train, test)
    risks : Risks
    routed : Routed
        What the fits and the risks are given.
    n_jobs : int, default=None
    verbose : int, default=0
        Above zero, progress goes to the standard error stream.
    tasks : callable, default=None
        As of `Progress`.
    diagnosis : Diagnosis, default=None
        Collects the diagnostics; None takes none.
    lift : callable, default=transform_frozen
        Sends X through frozen steps.

    Returns
    -------
    CurveTable
        Bit-equal for every `n_jobs` and joblib backend.
    """
    # The limit belongs to the process: it must outlast the threads of a backend.
    with single_blas_thread():
        frozen, rest = split_frozen(estimator, untouched_by=param_name)
        _refuse_fit_params(frozen, routed.fit)
        lifted = lift(frozen, X, y)
        # A value that is an estimator would otherwise be fitted in place.
        estimators = [
            clone(rest).set_params(**{param_name: clone(value, safe=False)})
            for value in param_range
        ]
        progress = Progress(len(param_range) * len(splits), verbose, tasks=tasks)
        probe = diagnosis and diagnosis.probe
        evaluations = []
        tasks = _make_tasks(estimators, splits)
        jacobians = lifted_jacobians(lifted, rest) if probe else None
        shared = lifted.X, y, risks, routed, probe, jacobians
        for results in map_jobs(_run_task, tasks, *shared, n_jobs=n_jobs, prefer=None):
            for evaluation in results:
                if diagnosis:
                    point, split = divmod(len(evaluations), len(splits))
                    diagnosis.add(evaluation.measured, splits[split][1], point)
                evaluations.append(evaluation._replace(measured=None))
            progress.update(len(evaluations))
    table = _tabulate(evaluations, (len(param_range), len(splits)), list(risks.named))
    if diagnosis:
        table = table._replace(diagnostics=diagnosis.finish(len(splits)))
    return table


def _tabulate(evaluations, shape, names):
    train, test, threshold, fit_time, score_time, _ = zip(*evaluations, strict=True)

    def by_name(rows):
        return {
            name: np.array([row[name] for row in rows]).reshape(shape) for name in names
        }

    numbers = (
        np.reshape(column, shape) for column in (threshold, fit_time, score_time)
    )
    return CurveTable(by_name(train), by_name(test), *numbers)
