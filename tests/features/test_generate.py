"""Continuations against a walk by hand, and measures against formulas."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chisquare, entropy
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skhmmdd import (
    HeadClassifier,
    HMMFeatureTransformer,
    SoftmaxHead,
    generate,
    make_hmm,
    prediction_statistics,
    type_token_ratio,
)

HMM = make_hmm(6, n_symbols=5, random_state=0)
X, _ = HMM.sample(120, 9, random_state=0)
TRANSFORMER = HMMFeatureTransformer(HMM, 40, random_state=0).fit(X)
FEATURES = TRANSFORMER.transform(X[:, :8])
HEAD = SoftmaxHead(alpha=0.1).fit(FEATURES, X[:, 8])


class Fixed:
    """A head that says the same of every row."""

    def __init__(self, probabilities, classes=None):
        self.probabilities = np.asarray(probabilities, dtype=float)
        self.classes_ = np.arange(len(probabilities)) if classes is None else classes

    def predict_proba(self, X):
        return np.tile(self.probabilities, (len(X), 1))


def test_greedy_equals_a_walk_of_the_belief():
    found = generate(TRANSFORMER, HEAD, X[:10, :8], 30)
    belief = HMM.filter(X[:10, :8])[:, -1]
    for t in range(30):
        u = np.sqrt(6) * (belief - 1 / 6)
        columns = np.maximum(u @ TRANSFORMER.directions_ + TRANSFORMER.offsets_, 0)
        symbols = HEAD.predict(columns)
        assert_array_equal(found[:, t], symbols)
        belief = (belief @ HMM.transmat) * HMM.emissionprob[:, symbols].T
        belief /= belief.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("pooling", ["last", "mean", "sum", "max"])
@pytest.mark.parametrize("representation", ["belief", "smoothed"])
def test_features_are_those_of_the_whole_sequence(pooling, representation):
    transformer = HMMFeatureTransformer(
        HMM, 30, pooling=pooling, representation=representation, random_state=0
    )
    head = HeadClassifier(1.0).fit(transformer.fit_transform(X[:, :8]), X[:, 8])
    found = generate(transformer, head, X[:5, :8], 6)
    for row, context in zip(found, X[:5, :8], strict=True):
        sequence = list(context)
        for symbol in row:
            assert head.predict(transformer.transform([sequence]))[0] == symbol
            sequence.append(symbol)


def test_ragged_and_padded_contexts_are_continued_where_they_end():
    ragged = [X[i, : 3 + i] for i in range(5)] + [np.array([1, -1, 2])]
    padded = np.full((6, 9), -1)
    for row, context in enumerate(ragged):
        padded[row, : len(context)] = context
    expected = [generate(TRANSFORMER, HEAD, [context], 7)[0] for context in ragged]
    for contexts in (ragged, padded, pd.DataFrame(padded), padded.astype(float)):
        assert_array_equal(generate(TRANSFORMER, HEAD, contexts, 7), expected)
    drawn = [
        generate(TRANSFORMER, HEAD, form, 7, temperature=0.8, random_state=0)
        for form in (ragged, padded)
    ]
    assert_array_equal(*drawn)


def test_a_pipeline_and_a_foreign_head():
    steps = make_pipeline(TRANSFORMER, StandardScaler())
    head = LogisticRegression(max_iter=1000).fit(steps.fit_transform(X[:, :8]), X[:, 8])
    found = generate(steps, head, X[:3, :8], 4)
    assert found.shape == (3, 4) and found.dtype.kind == "i"
    assert_array_equal(
        found[:, 0], head.predict(steps.transform(X[:3, :8])).astype(int)
    )


def test_symbols_are_the_classes_of_the_head():
    found = generate(TRANSFORMER, Fixed([0.1, 0.9], np.array([1, 4])), X[:3], 5)
    assert_array_equal(found, 4)
    with pytest.raises(ValueError, match="symbol 9"):
        generate(TRANSFORMER, Fixed([0.1, 0.9], np.array([1, 9])), X[:3], 2)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_symbols_are_drawn_by_tempered_probabilities(temperature):
    p = np.array([0.5, 0.3, 0.2, 0.0, 0.0])
    found = generate(
        TRANSFORMER, Fixed(p), X[:100], 40, temperature=temperature, random_state=0
    )
    tempered = p[:3] ** (1 / temperature)
    counts = np.bincount(found.ravel(), minlength=5)
    assert_array_equal(counts[3:], 0)
    expected = tempered / tempered.sum() * found.size
    assert chisquare(counts[:3], expected).pvalue > 0.001


def test_temperatures_between_greedy_and_uniform():
    greedy = generate(TRANSFORMER, HEAD, X[:20, :8], 10)
    for cold in (1e-300, 1e-6):
        found = generate(TRANSFORMER, HEAD, X[:20, :8], 10, temperature=cold)
        assert_array_equal(found, greedy)
    p = [0.7, 0.2, 0.05, 0.04, 0.01]
    hot = generate(
        TRANSFORMER, Fixed(p), X, 20, temperature=1e9, random_state=0
    ).ravel()
    assert chisquare(np.bincount(hot)).pvalue > 0.001
    # of equals the first
    assert_array_equal(generate(TRANSFORMER, Fixed([0.2] * 5), X[:2], 3), 0)


def test_draws_repeat_and_leave_their_input_alone():
    contexts = X[:4, :8].copy()
    options = {"temperature": 1.0, "random_state": 3}
    first = generate(TRANSFORMER, HEAD, contexts, 9, **options)
    assert_array_equal(first, generate(TRANSFORMER, HEAD, contexts, 9, **options))
    assert_array_equal(contexts, X[:4, :8])
    other = generate(TRANSFORMER, HEAD, contexts, 9, temperature=1.0, random_state=4)
    assert (first != other).any()


@pytest.mark.parametrize(
    "options, match",
    [
        ({"n_steps": 0}, "'n_steps' parameter"),
        ({"n_steps": 1.5}, "'n_steps' parameter"),
        ({"n_steps": True}, r"n_steps must be an int in \[1, inf\); got True"),
        ({"temperature": -0.1}, "'temperature' parameter"),
        ({"temperature": np.inf}, "'temperature' parameter"),
        ({"temperature": np.nan}, "'temperature' parameter"),
        ({"transformer": HEAD}, "'transformer' parameter"),
        ({"head": TRANSFORMER}, "'head' parameter"),
        ({"head": Fixed([0.5, 0.5], np.array(["a", "b"]))}, "must be symbols"),
        ({"head": Fixed([0.5, 0.5], np.array([-1, 1]))}, "must be symbols"),
        ({"X": [[0, 7]]}, "symbol 7"),
        ({"X": [[0, 1.5]]}, "integer symbols"),
    ],
)
def test_bad_arguments(options, match):
    arguments = {"transformer": TRANSFORMER, "head": HEAD, "X": X[:2], "n_steps": 2}
    with pytest.raises(ValueError, match=match):
        generate(**{**arguments, **options})


# Measures


def test_statistics_equal_those_of_scipy_and_scikit_learn():
    p, q = np.random.RandomState(0).dirichlet(np.ones(6), size=(2, 50))
    found = prediction_statistics(p, q)
    assert found.entropy == pytest.approx(entropy(p, axis=1).mean())
    kl = entropy(q, p, axis=1).mean()
    assert found.cross_entropy == pytest.approx(entropy(q, axis=1).mean() + kl)
    assert found.agreement == np.mean(p.argmax(axis=1) == q.argmax(axis=1))
    labels = np.arange(50) % 6
    assert prediction_statistics(p, np.eye(6)[labels]).cross_entropy == (
        pytest.approx(log_loss(labels, p))
    )
    assert prediction_statistics(p) == (found.entropy, None, None)
    same = prediction_statistics(q, q)
    assert same.cross_entropy == pytest.approx(same.entropy) and same.agreement == 1


def test_statistics_of_certain_predictions():
    certain = np.eye(3)
    assert prediction_statistics(certain, certain) == (0.0, 0.0, 1.0)
    wrong = prediction_statistics(certain, np.roll(certain, 1, axis=0))
    assert wrong.cross_entropy == pytest.approx(-np.log(np.finfo(float).tiny))
    assert wrong.agreement == 0.0


@pytest.mark.parametrize(
    "p, q, match",
    [
        ([[0.5, 0.6]], None, "probabilities must hold non-negative rows"),
        ([[1.5, -0.5]], None, "probabilities must hold non-negative rows"),
        ([[np.nan, 1.0]], None, "NaN"),
        ([0.5, 0.5], None, "2D"),
        ([[0.5, 0.5]], [[0.5, 0.4]], "truth must hold non-negative rows"),
        ([[0.5, 0.5]], [[0.2, 0.3, 0.5]], r"truth must have the shape .* \(1, 2\)"),
    ],
)
def test_what_is_no_probability_is_refused(p, q, match):
    with pytest.raises(ValueError, match=match):
        prediction_statistics(p, q)


def test_type_token_ratio():
    assert_allclose(type_token_ratio([[1, 1, 1, 1], [0, 3], [2]]), [0.25, 1, 1])
    assert_allclose(type_token_ratio([[1, -1, 2, 1], [0, 0, -1, -1]]), [2 / 3, 0.5])
    assert_allclose(type_token_ratio(np.array([[5, 6], [7, 7]])), [1.0, 0.5])
    with pytest.raises(ValueError):
        type_token_ratio([[0, 1], [-1, -1]])
    with pytest.raises(ValueError, match="integer symbols"):
        type_token_ratio([[0.5, 1.0]])
