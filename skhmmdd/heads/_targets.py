"""From labels to targets of least squares, and from scores back."""

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax

from skhmmdd._typing import Array, Floats


def code_labels(y: Array, classes: Array) -> Floats:
    """Targets of the head: one-hot, or -1 and +1 in one column for two classes."""
    one_hot = (y[:, None] == classes).astype(np.float64)
    return one_hot[:, 1:] - one_hot[:, :1] if len(classes) == 2 else one_hot


def labels_of(scores: Floats, classes: Array) -> Array:
    """The class of the highest score."""
    best = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)
    return classes[best]


def probabilities_of(scores: Floats) -> Floats:
    """Projection of the one-hot scores on the probability simplex."""
    if scores.ndim == 2:
        return project_simplex(scores)
    second = np.clip((1 + scores) / 2, 0.0, 1.0)
    return np.column_stack([1 - second, second])


def softmax_of(scores: Floats) -> Floats:
    """Softmax of the scores; the logistic function of the one score of two classes."""
    if scores.ndim == 2:
        return softmax(scores, axis=1)
    return np.column_stack([expit(-scores), expit(scores)])


def log_softmax_of(scores: Floats) -> Floats:
    """Logarithms of :func:`softmax_of`, finite where that vanishes."""
    if scores.ndim == 2:
        return log_softmax(scores, axis=1)
    return np.column_stack([log_expit(-scores), log_expit(scores)])


def project_simplex(scores: Floats) -> Floats:
    """Euclidean projection of each row on the probability simplex.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Any finite scores.

    Returns
    -------
    probabilities : ndarray of shape (n_samples, n_classes)
        Non-negative rows that sum to one; the order of the scores is kept.

    Notes
    -----
    The projection is ``max(scores - theta, 0)``; sorting finds the one shift theta
    that makes the sum one (Duchi et al., ICML 2008; Wang and Carreira-Perpinan,
    arXiv 1309.1541, 2013).

    Examples
    --------
    >>> import numpy as np
    >>> project_simplex(np.array([[0.9, 0.3, -0.5], [5.0, 1.0, 0.0]]))
    array([[0.8, 0.2, 0. ], [1. , 0. , 0. ]])
    """
    # A common shift of a row changes nothing but its rounding.
    scores = scores - scores.max(axis=1, keepdims=True)
    ordered = -np.sort(-scores, axis=1)
    thetas = (np.cumsum(ordered, axis=1) - 1) / np.arange(1, scores.shape[1] + 1)
    last = np.sum(ordered > thetas, axis=1, keepdims=True) - 1
    return np.maximum(scores - np.take_along_axis(thetas, last, axis=1), 0.0)
