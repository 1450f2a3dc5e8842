"""Real sequences with labels, and what simple rivals make of them.

`representations.py` and `when_it_pays.py` run on these. They need aeon, which brings
the time series and MiniRocket: ``pip install aeon``.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skhmmdd import (
    BaumWelch,
    HeadClassifier,
    HeadRegressor,
    TokenEncoder,
    load_syllables,
)

PENALTIES = np.logspace(-3, 3, 10)


@dataclass
class Task:
    """Sequences without labels to pretrain on, of which some get labels; and a test."""

    name: str
    X: list[Any]
    y: np.ndarray
    pool: np.ndarray
    test: np.ndarray
    n_states: int
    words: np.ndarray | None = None  # of spellings; y is then a count

    def pretrain(self, seed):
        """A hidden Markov model of the pool, which sees no label."""
        estimator = BaumWelch(self.n_states, max_iter=30, tol=0, random_state=seed)
        return estimator.fit([self.X[i] for i in self.pool]).hmm_

    def draw(self, n_labels, seed):
        """Rows of the pool that get a label, the same number of every class."""
        rows = np.random.RandomState(seed).permutation(self.pool)
        if self.words is not None:
            return rows[:n_labels]
        classes = np.unique(self.y)
        share, rest = divmod(n_labels, len(classes))
        if rest or min(np.sum(self.y[rows] == c) for c in classes) < share:
            return rows[:n_labels]
        return np.concatenate([rows[self.y[rows] == c][:share] for c in classes])

    def score(self, features, train, rocket=False):
        """The share of right answers of a linear head; a count is rounded."""
        if rocket:
            head = RidgeCV if self.words is not None else RidgeClassifierCV
            head, scaler = head(PENALTIES), StandardScaler(with_mean=False)
        else:
            head = HeadRegressor if self.words is not None else HeadClassifier
            head, scaler = head("loo"), StandardScaler()
        model = make_pipeline(scaler, head).fit(features[train], self.y[train])
        predicted = model.predict(features[self.test])
        return float(np.mean(np.round(predicted) == self.y[self.test]))


def load_series(loader, seed, n_states=64, official=None):
    """A time-series data set of aeon; steps first, and standardised on the pool."""
    from aeon import datasets

    arrays, labels = getattr(datasets, loader)()
    X = [np.asarray(x.T, float) for x in arrays]
    y = np.unique(labels, return_inverse=True)[1]
    order = np.arange(len(X))
    half = official
    if official is None:
        order, half = np.random.RandomState(seed).permutation(len(X)), len(X) // 2
    pool, test = order[:half], order[half:]
    steps = np.concatenate([X[i] for i in pool])
    X = [(x - steps.mean(0)) / steps.std(0) for x in X]
    return Task(loader, X, y, pool, test, n_states)


def load_vowels(seed):
    """Nine speakers say a vowel: 12 channels, 7 to 29 steps; its own 270 and 370."""
    return load_series("load_japanese_vowels", seed, official=270)


def load_motions(seed):
    """Four motions: 6 channels of accelerometer and gyroscope, 100 steps."""
    return load_series("load_basic_motions", seed, n_states=16)


def load_power(seed):
    """Power demand in summer or winter: one channel, the 24 hours of a day."""
    return load_series("load_italy_power_demand", seed)


def load_spellings(seed, n_pool=3000, n_test=2000):
    """The number of syllables in an English word, from its letters."""
    words, counts = load_syllables(return_X_y=True)
    rows = np.random.RandomState(seed).permutation(len(words))[: n_pool + n_test]
    words, y = words[rows], counts[rows].astype(float)
    X = list(TokenEncoder().fit_transform(words))
    pool, test = np.arange(n_pool), np.arange(n_pool, n_pool + n_test)
    return Task("load_syllables", X, y, pool, test, 64, words)


def as_panel(task, hold=False):
    """One array (sequences, channels, steps); short ones are padded.

    By zeros, which are the means, or with `hold` by their last value. Spellings become
    one channel a letter.
    """
    longest = max(len(x) for x in task.X)
    n_channels = 26 if task.words is not None else task.X[0].shape[1]
    panel = np.zeros((len(task.X), n_channels, longest), np.float32)
    for row, x in zip(panel, task.X, strict=True):
        if task.words is not None:
            row[x, np.arange(len(x))] = 1
        else:
            row[:, : len(x)] = x.T
            if hold:
                row[:, len(x) :] = x[-1][:, None]
    return panel


def rivals(task, seed):
    """Features of the simple rivals: name -> (matrix, whether MiniRocket made it).

    Each is padded in the way that served it best on the vowels.
    """
    from aeon.transformations.collection.convolution_based import MiniRocket

    panel = as_panel(task)
    rocket = MiniRocket(random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rocket.fit(panel[task.pool])
        found = {"MiniRocket + ridge": (np.asarray(rocket.transform(panel)), True)}
    if task.words is None:
        found["channel means"] = (np.array([x.mean(0) for x in task.X]), False)
        held = as_panel(task, hold=True).astype(float)
        found["raw values"] = (held.reshape(len(held), -1), False)
        return found
    found["letter counts"] = (panel.sum(2).astype(float), False)
    ngrams = CountVectorizer(analyzer="char_wb", ngram_range=(1, 3), min_df=5)
    ngrams.fit(task.words[task.pool])
    found["character n-grams"] = (ngrams.transform(task.words).toarray(), False)
    return found
