"""What is told of the fits beside their risk: spread, norm, effective parameters."""

from typing import NamedTuple

import numpy as np
from scipy import linalg
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline

from skhmmdd.curve._lipschitz import LipschitzBounds
from skhmmdd.curve.measurement._steepness import head_bounds, own_jacobians
from skhmmdd.heads.solvers._effective_parameters import EffectiveParameters


class Measured(NamedTuple):
    """Diagnostics of the fits on one split: at one complexity, or at several.

    Attributes
    ----------
    residuals : ndarray of shape (n_test, n_outputs), list of ndarray, or None
        Predictions less targets on the test set.
    coef_norm : float or ndarray of shape (n_complexities,), or None
    effective : EffectiveParameters or None
        Floats, or arrays of shape (n_complexities,).
    lipschitz : LipschitzBounds or None
        Floats, or arrays of shape (n_complexities,).
    """

    residuals: np.ndarray | list | None
    coef_norm: float | np.ndarray | None
    effective: EffectiveParameters | None
    lipschitz: LipschitzBounds | None = None


class Diagnostics(NamedTuple):
    """Diagnostics of a whole curve; a field is None where it is not defined.

    Attributes
    ----------
    bias, variance : ndarray of shape (n_complexities,) or None
    coef_norm : ndarray of shape (n_complexities, n_splits) or None
    effective_parameters : EffectiveParameters or None
        Arrays of shape (n_complexities, n_splits).
    lipschitz : LipschitzBounds or None
        Arrays of shape (n_complexities, n_splits).
    """

    bias: np.ndarray | None = None
    variance: np.ndarray | None = None
    coef_norm: np.ndarray | None = None
    effective_parameters: EffectiveParameters | None = None
    lipschitz: LipschitzBounds | None = None


class Diagnosis:
    """Collects the diagnostics of the splits, in the order of the splits.

    Parameters
    ----------
    n_complexities, n_samples : int
    classifier : bool
    y : indexable of length n_samples
    weighted : bool, default=False
        Whether the fits are given sample weights: their effective parameters are then
        not counted.
    """

    def __init__(self, n_complexities, n_samples, *, classifier, y, weighted=False):
        self.probe = Probe(_labels(y) if classifier else None, classifier, weighted)
        self._shape = (n_complexities, n_samples)
        self._spread = RunningSpread(*self._shape)
        self._norms = [[] for _ in range(n_complexities)]
        self._effective = [[] for _ in range(n_complexities)]
        self._lipschitz = [[] for _ in range(n_complexities)]

    def add(self, measured, test, point=None):
        """Take in one split: at all complexities, or at the one of index `point`."""
        rows = slice(None) if point is None else [point]
        residuals, norm, effective, lipschitz = measured
        if residuals is None:
            self._spread = None
        elif self._spread is not None:
            test = np.arange(self._shape[1])[test]
            self._spread.add(rows, test, residuals if point is None else [residuals])
        points = range(self._shape[0]) if point is None else rows
        if norm is not None:
            for index, value in zip(points, np.atleast_1d(norm), strict=True):
                self._norms[index].append(value)
        for kept, found in (
            (self._effective, effective),
            (self._lipschitz, lipschitz),
        ):
            if found is not None:
                pairs = np.atleast_2d(np.transpose(found))
                for index, pair in zip(points, pairs, strict=True):
                    kept[index].append(pair)

    def finish(self, n_splits):
        """The `Diagnostics` of all splits together."""

        def whole(rows):
            # Where some fits have none, the curve has none.
            return all(len(row) == n_splits for row in rows)

        bias, variance = None, None
        if self._spread is not None:
            bias, variance = self._spread.decompose(self.probe.classifier)

        def pairs(kept, kind):
            if not whole(kept):
                return None
            first, second = np.moveaxis(np.array(kept), -1, 0)
            return kind(first, second)

        return Diagnostics(
            bias,
            variance,
            np.array(self._norms) if whole(self._norms) else None,
            pairs(self._effective, EffectiveParameters),
            pairs(self._lipschitz, LipschitzBounds),
        )


class Probe(NamedTuple):
    """Takes the diagnostics of one fit; goes to the workers.

    Attributes
    ----------
    labels : ndarray or None
        All classes, sorted.
    classifier, weighted : bool
    """

    labels: np.ndarray | None
    classifier: bool
    weighted: bool

    def measure(self, estimator, X_train, predictions, y_test, jacobians=None):
        """Diagnostics of one fitted estimator, as `Measured`.

        `predictions` are on the test set; `jacobians`, of features that were made
        before, at the training samples.
        """
        effective = None
        if not self.weighted:
            effective = head_effective_parameters(estimator, X_train, predictions.X)
        scored = not self.classifier or any(
            hasattr(estimator, name) for name in ("predict_proba", "decision_function")
        )
        residuals = self.residuals(predictions, y_test) if scored else None
        if jacobians is None and isinstance(estimator, Pipeline):
            steps = [step for _, step in estimator.steps[:-1]]
            jacobians = own_jacobians(steps, X_train)
        bounds = head_bounds(estimator, jacobians)
        return Measured(residuals, coef_norm(estimator), effective, bounds)

    def residuals(self, predictions, y):
        """Predictions less targets, or class scores less one-hot targets.

        Parameters
        ----------
        predictions : Predictions
        y : indexable of length n_test

        Returns
        -------
        ndarray of shape (n_test, n_outputs) or None
            Of a classifier one column for each of `labels`; None if its scores are not
            one for each class.
        """
        y = np.asarray(y)
        if not self.classifier:
            predicted = np.asarray(predictions.predicted, dtype=np.float64)
            return (predicted.reshape(y.shape) - y).reshape(len(y), -1)
        classes = predictions.estimator.classes_
        if self.labels is None or isinstance(classes, list):
            return None
        scores = np.asarray(predictions.class_scores, dtype=np.float64)
        if scores.shape != (len(y), len(classes)):
            return None
        # A label that the training set lacks has probability zero.
        residuals = -(y[:, None] == self.labels).astype(np.float64)
        residuals[:, np.searchsorted(self.labels, classes)] += scores
        return residuals


def _labels(y):
    y = np.asarray(y)
    return np.unique(y) if y.ndim == 1 else None


class RunningSpread:
    """Mean and variance over the splits of every sample's residual, in one pass.

    Only running sums are kept, by Welford's recursion, which does not cancel where
    predictions are huge.

    Parameters
    ----------
    n_complexities, n_samples : int
    """

    def __init__(self, n_complexities, n_samples):
        self._shape = (n_complexities, n_samples, 1)
        self._count = np.zeros(self._shape)
        self._mean = self._square = None

    def add(self, rows, test, residuals):
        """Take in the test set of one split.

        Parameters
        ----------
        rows : slice or list of int
            Complexities.
        test : ndarray of int of shape (n_test,)
        residuals : array-like of shape (n_rows, n_test, n_outputs)
        """
        residuals = np.asarray(residuals)
        if self._mean is None:
            shape = (*self._shape[:2], residuals.shape[2])
            self._mean, self._square = np.zeros(shape), np.zeros(shape)
        # A sample that is in one test set twice is predicted once.
        test, first = np.unique(test, return_index=True)
        residuals = residuals[:, first]
        where = (rows if isinstance(rows, slice) else np.array(rows)[:, None], test)
        with np.errstate(over="ignore", invalid="ignore"):
            self._count[where] += 1
            step = residuals - self._mean[where]
            mean = self._mean[where] + step / self._count[where]
            self._square[where] += step * (residuals - mean)
            self._mean[where] = mean

    def decompose(self, sum_outputs):
        """Squared bias (with noise) and variance of the mean squared residual.

        Parameters
        ----------
        sum_outputs : bool
            Whether to sum over the outputs; else their mean is taken.

        Returns
        -------
        bias, variance : ndarray of shape (n_complexities,) or None
            None if no sample is in two test sets. Infinite where predictions overflow.

        Examples
        --------
        >>> import numpy as np
        >>> spread = RunningSpread(1, 2)
        >>> for residual in (1.0, 3.0):
        ...     spread.add([0], np.array([0]), [[[residual]]])
        >>> spread.decompose(False)  # 2 ** 2 - 2 / 2, and 2
        (array([3.]), array([2.]))
        """
        count = self._count[0, :, 0]
        often = count >= 2
        if not often.any():
            return None, None
        m = count[often, None]
        with np.errstate(over="ignore", invalid="ignore"):
            variance = self._square[:, often] / (m - 1)
            bias = self._mean[:, often] ** 2 - variance / m
            merge = np.sum if sum_outputs else np.mean
            # Every prediction counts once, so that the parts add up to the mean risk.
            share = count[often] / count[often].sum()
            parts = [merge(part, axis=2) @ share for part in (bias, variance)]
        lost = ~np.isfinite(parts).all(axis=0)
        for part in parts:
            part[lost] = np.inf
        return tuple(parts)


def coef_norm(estimator):
    """Frobenius norm of the coefficients of the last step; None if it has none."""
    coef = getattr(_last_step(estimator), "coef_", None)
    if coef is None:
        return None
    values = coef.data if issparse(coef) else np.asarray(coef, dtype=np.float64)
    return float(linalg.norm(np.ravel(values)))


def head_effective_parameters(estimator, X_train, X_test):
    """Effective parameters of a fitted head, on the features that reach it.

    None if the last step cannot tell them.
    """
    head = _last_step(estimator)
    # Of its class: what wraps a fitted head may hand on all that it is asked for.
    if not hasattr(type(head), "_effective_parameters"):
        return None
    while isinstance(estimator, Pipeline):
        if len(estimator.steps) > 1:
            features = estimator[:-1]
            X_train, X_test = features.transform(X_train), features.transform(X_test)
        estimator = estimator.steps[-1][1]
    return head._effective_parameters(X_train, X_test)


def _last_step(estimator):
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator
