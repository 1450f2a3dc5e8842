"""Tables to be advised on: every kind of features, targets and faults of a design."""

from functools import cache
from typing import NamedTuple

import numpy as np
from sklearn import datasets

from skhmmdd import (
    BaumWelch,
    HMMFeatureTransformer,
    TokenEncoder,
    load_syllables,
    load_valence,
    make_hmm_classification,
    make_hmm_regression,
    make_linear_gaussian_hmm,
    make_markov_reward_process,
)

# Rows of a pool: so many, that what is left beside the labels judges well.
_POOL = 2000


class Table(NamedTuple):
    """A labelled set, and rows of the same distribution to judge by.

    Attributes
    ----------
    name : str
        Where it is from, and what was done to it.
    X, y : ndarray of shape (n_rows, n_columns), (n_rows,)
        All rows; nested columns.
    labelled : ndarray of int of shape (n_labels,)
        The rows whose labels are spent, some perhaps twice.
    held_out : ndarray of int
        Rows that share nothing with those.
    groups : ndarray of int of shape (n_rows,) or None
        Which rows belong together.
    classes : bool
        Whether `y` holds classes.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    labelled: np.ndarray
    held_out: np.ndarray
    groups: np.ndarray | None
    classes: bool


def _random_features(X, width, seed):
    """Random ReLU features of standardised columns."""
    rng = np.random.RandomState(seed)
    spread = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)
    weights = rng.standard_normal((X.shape[1], width)) / np.sqrt(X.shape[1])
    return np.maximum(X @ weights + 0.5 * rng.standard_normal(width), 0)


def _bundled(name):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return X, y, name != "diabetes"


def _spellings():
    words, counts = load_syllables(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(words))[: 2 * _POOL]
    codes = TokenEncoder().fit_transform(words[order])
    models = [
        BaumWelch(24, max_iter=8, tol=0, random_state=seed).fit(codes[_POOL:]).hmm_
        for seed in range(10)
    ]
    features = [
        HMMFeatureTransformer(
            model, 23, readout="identity", pooling="sum"
        ).fit_transform(codes[:_POOL])
        for model in models
    ]
    return np.hstack(features), counts[order[:_POOL]].astype(float), False


def _embeddings():
    words = load_valence(embeddings=True)
    order = np.random.RandomState(0).permutation(len(words.target))[:_POOL]
    return words.embeddings[order].astype(float), words.target[order], False


def _beliefs(preset, n_classes=None):
    options = {"preset": preset, "random_state": 0}
    if n_classes:
        X, y, truth = make_hmm_classification(_POOL, n_classes=n_classes, **options)
    else:
        X, y, truth = make_hmm_regression(_POOL, **options)
    features = HMMFeatureTransformer(truth.hmm, 400, random_state=0)
    return features.fit_transform(X), y, n_classes is not None


def _linear_gaussian():
    X, y, _ = make_linear_gaussian_hmm(_POOL, n_features=300, random_state=0)
    return X, y[:, 0], False


def _rewards():
    X, rewards, _, _ = make_markov_reward_process(
        400, _POOL, random_state=0, n_features=300
    )
    noise = np.random.RandomState(0).standard_normal(len(rewards))
    return X, rewards + 0.3 * noise, False


def _gaussian(decay):
    rng = np.random.RandomState(3)
    X = rng.standard_normal((_POOL, 300)) * np.geomspace(1, decay, 300)
    return X, X[:, :40] @ rng.standard_normal(40) + rng.standard_normal(_POOL), False


def _together():
    """Groups of four rows alike."""
    rng = np.random.RandomState(4)
    centres = np.repeat(rng.standard_normal((_POOL // 4, 250)), 4, axis=0)
    X = np.sqrt(0.9) * centres + np.sqrt(0.1) * rng.standard_normal((_POOL, 250))
    shared = np.repeat(rng.standard_normal(_POOL // 4), 4)
    return X, X[:, :20] @ rng.standard_normal(20) + shared, False


_SOURCES = {
    "diabetes": lambda: _bundled("diabetes"),
    "digits": lambda: _bundled("digits"),
    "iris": lambda: _bundled("iris"),
    "wine": lambda: _bundled("wine"),
    "breast cancer": lambda: _bundled("breast_cancer"),
    "spellings": _spellings,
    "embeddings": _embeddings,
    "beliefs, second descent": lambda: _beliefs("second_descent"),
    "beliefs, first minimum": lambda: _beliefs("first_minimum"),
    "classes of beliefs": lambda: _beliefs("second_descent", 3),
    "linear-Gaussian": _linear_gaussian,
    "rewards": _rewards,
    "Gaussian": lambda: _gaussian(1.0),
    "Gaussian, decaying": lambda: _gaussian(0.03),
    "groups": _together,
}
SOURCES = tuple(_SOURCES)
_MAPPED = ("diabetes", "iris", "wine", "breast cancer")

FAULTS = (
    *("none", "none", "none", "duplicated rows", "constant columns"),
    *("repeated columns", "dependent columns", "heteroscedastic", "heavy tails"),
)


@cache
def _pool(source):
    return _SOURCES[source]()


def make_table(source, fault, n_labels, seed):
    """A table of one source with one fault.

    Parameters
    ----------
    source : str
        One of `SOURCES`.
    fault : str
        One of `FAULTS`.
    n_labels : int
    seed : int

    Returns
    -------
    Table
    """
    X, y, classes = _pool(source)
    rng = np.random.RandomState(seed)
    if source in _MAPPED or (source == "digits" and seed % 2):
        X = _random_features(X, 300, seed)
    elif source == "digits":
        X = X[:, rng.permutation(X.shape[1])]
    X, y = _spoil_columns(X, fault, rng), y.copy()
    if not classes:
        y = _spoil_targets(X, y.astype(float), fault, rng)
    groups = None
    if source == "groups":
        groups = np.arange(len(X)) // 4
        order = np.concatenate(rng.permutation(np.arange(len(X)).reshape(-1, 4)))
    else:
        order = rng.permutation(len(X))
    n_labels = min(n_labels, len(X) // 2)
    labelled, held_out = order[:n_labels], order[n_labels:]
    if groups is not None:
        held_out = held_out[~np.isin(groups[held_out], groups[labelled])]
    if fault == "duplicated rows":
        labelled = np.sort(np.r_[labelled[: (n_labels + 1) // 2]].repeat(2))[:n_labels]
    name = source if fault == "none" else f"{source}, {fault}"
    return Table(name, X, y, labelled, held_out, groups, classes)


def _spoil_columns(X, fault, rng):
    if fault == "constant columns":
        X = np.insert(X, rng.randint(X.shape[1], size=X.shape[1] // 4), 1.0, axis=1)
    elif fault == "repeated columns":
        X = X[:, np.sort(rng.randint(X.shape[1], size=X.shape[1]))]
    elif fault == "dependent columns":
        few = rng.standard_normal((X.shape[1] // 3, X.shape[1]))
        X = X[:, : len(few)] @ few / np.sqrt(len(few))
    return X


def _spoil_targets(X, y, fault, rng):
    spread = y.std()
    if fault == "heteroscedastic":
        size = np.linalg.norm(X - X.mean(axis=0), axis=1)
        size = np.exp(2 * (size - size.mean()) / size.std())
        y += spread * size / np.sqrt(np.mean(size**2)) * rng.standard_normal(len(y))
    elif fault == "heavy tails":
        y += 0.5 * spread * rng.standard_t(2.5, len(y))
    return y
