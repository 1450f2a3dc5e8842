"""Fine-tuning against the plain loop, the kernel head and the figures published."""

import contextlib
import pickle

import numpy as np
import pytest
from internal_checks import common_checks
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, log_softmax, softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils import estimator_checks

from skhmmdd import (
    CategoricalHMM,
    FisherScoreTransformer,
    GaussianHMM,
    HeadRegressor,
    HMMFeatureTransformer,
    HMMFineTuner,
    HMMFineTuningClassifier,
)
from skhmmdd._base import check_sequence_table

SYMBOLS = (0, 1)


# scikit-learn's checks pass numbers of all kinds.


class _Coarse:
    """Reads any numbers as symbols, as coarse as whole tenths; lists as tables."""

    def _sequences(self, X, hmm, reset):
        if sparse.issparse(X):
            return hmm._read(X)
        X = np.asarray(X) if isinstance(X, list) else X
        X = np.asarray(check_sequence_table(self, X, reset=reset))
        if X.dtype.kind == "O":
            with contextlib.suppress(TypeError):
                X = X.astype(float)
        if X.dtype.kind in "iuf":
            tenths = np.rint(10 * np.abs(X.astype(float)))
            X = np.where(np.isinf(X), X, np.minimum(tenths, hmm.n_symbols - 1))
        return hmm._read(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = False
        return tags


class CoarseTuner(_Coarse, HMMFineTuner):
    pass


class CoarseTuningClassifier(_Coarse, HMMFineTuningClassifier):
    pass


def _wide_alphabet():
    emission = np.random.RandomState(0).dirichlet(np.full(400, 20.0), 2)
    return CategoricalHMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], emission)


@common_checks(
    [
        CoarseTuner(_wide_alphabet(), SYMBOLS, n_steps=3),
        CoarseTuningClassifier(_wide_alphabet(), SYMBOLS, n_steps=3),
    ]
)
def test_scikit_learn_checks(estimator, check):
    name = check.func.__name__
    if isinstance(estimator, CoarseTuningClassifier) and "weight_equiv" in name:
        two = estimator_checks._enforce_estimator_tags_y(estimator, np.arange(3)[::-1])
        if two.min() > 0:
            pytest.skip("scikit-learn 1.6 makes two problems of one with three classes")
    check(estimator)


# The figures of the specification


class Setting:
    """A pretrained model, the one that made the labels, and sequences of it."""

    def __init__(self):
        rng = np.random.RandomState(0)
        shapes = (6,), (6, 6), (6, 8)
        logits = [
            scale * rng.standard_normal(shape)
            for scale, shape in zip((1, 2, 2), shapes, strict=True)
        ]
        self.X = rng.randint(8, size=(40, 12))
        self.wide = rng.randint(8, size=(400, 12))
        others = [rows + 0.5 * rng.standard_normal(rows.shape) for rows in logits]
        self.logits = logits
        self.hmm = from_logits(logits)
        self.truth = from_logits(others)
        self.sample, _ = self.truth.sample(3000, 12, random_state=1)
        self.target = log_odds(self.truth, self.sample)
        self.start = log_odds(self.hmm, self.sample)
        scores = FisherScoreTransformer(self.hmm, symbols=SYMBOLS)
        self.jacobian = scores.fit_transform(self.sample)

    def kernel(self, y, train, test, rate, n_steps):
        """Gradient descent on the linear head, in closed form."""
        J = self.jacobian
        U, s, Vt = np.linalg.svd(J[train], full_matrices=False)
        kept = s > 1e-10 * s[0]
        U, s, Vt = U[:, kept], s[kept], Vt[kept]
        shrunk = 1 if n_steps is None else 1 - (1 - rate * s**2) ** n_steps
        coef = Vt.T @ (shrunk / s * (U.T @ (y - self.start[train])))
        return self.start[test] + J[test] @ coef


def from_logits(logits):
    return CategoricalHMM(*(softmax(rows, axis=-1) for rows in logits))


def log_odds(hmm, X, symbols=SYMBOLS):
    """By the likelihoods of longer sequences."""
    ends = [np.full((len(X), 1), symbol) for symbol in symbols]
    likelihoods = [hmm.log_likelihood(np.hstack([X, end])) for end in ends]
    return likelihoods[0] - likelihoods[1]


@pytest.fixture(scope="module")
def setting():
    return Setting()


def test_pretrained_model_alone(setting):
    X, y = setting.sample[:50], setting.target[:50]
    tuner = HMMFineTuner(setting.hmm, SYMBOLS, n_steps=0).fit(X, y)
    assert tuner.hmm_ is setting.hmm
    assert_allclose(tuner.predict(X), log_odds(setting.hmm, X), atol=1e-13)
    after = setting.hmm.predict_next(X)
    assert_allclose(tuner.predict(X), np.log(after[:, 0] / after[:, 1]), rtol=1e-9)


def test_plain_loop(setting):
    """Gradients by finite differences, steps on the logits, one after another."""
    X, y = setting.sample[:12], setting.target[:12]
    weights = np.random.RandomState(0).uniform(0.5, 2, 12)
    tuner = HMMFineTuner(setting.hmm, SYMBOLS, n_steps=3, learning_rate=0.05)
    tuner.fit(X, y, sample_weight=weights)
    theta = np.concatenate([np.ravel(rows) for rows in setting.logits])

    def model(theta):
        parts = np.split(theta, [6, 42])
        shapes = (6,), (6, 6), (6, 8)
        return from_logits([p.reshape(s) for p, s in zip(parts, shapes, strict=True)])

    def loss(theta):
        return weights @ (log_odds(model(theta), X) - y) ** 2

    losses = [loss(theta) / weights.sum()]
    for _ in range(3):
        gradient = [
            (loss(theta + h) - loss(theta - h)) / 2e-5
            for h in 1e-5 * np.eye(len(theta))
        ]
        theta = theta - 0.05 * np.array(gradient) / 2
        losses.append(loss(theta) / weights.sum())
    assert_allclose(tuner.loss_curve_, losses, rtol=1e-7)
    assert_allclose(tuner.hmm_.emissionprob, model(theta).emissionprob, atol=1e-7)
    assert_allclose(tuner.hmm_.transmat, model(theta).transmat, atol=1e-7)
    assert_allclose(tuner.hmm_.startprob, model(theta).startprob, atol=1e-7)


def test_gap_to_the_kernel_is_linear_in_the_shift(setting):
    train, test = np.arange(30), np.arange(1000, 1600)
    gaps = []
    for shift in (1.0, 0.1, 0.01):
        y = setting.start[train] + shift * (setting.target - setting.start)[train]
        tuner = HMMFineTuner(setting.hmm, SYMBOLS, n_steps=200)
        tuned = tuner.fit(setting.sample[train], y).predict(setting.sample[test])
        largest = np.linalg.norm(setting.jacobian[train], 2)
        assert_allclose(tuner.learning_rate_, 0.5 / largest**2, rtol=1e-10)
        kernel = setting.kernel(y, train, test, tuner.learning_rate_, 200)
        moved = np.linalg.norm(tuned - setting.start[test])
        gaps.append(np.linalg.norm(tuned - kernel) / moved)
    assert_allclose(gaps, [0.140, 0.0141, 0.00143], rtol=0.01)
    assert_allclose(np.divide(gaps[:-1], gaps[1:]), 10, atol=1)


# Medians of eight splits; of the first four for fine-tuning, which takes the time.
@pytest.mark.parametrize(
    ("n", "head", "kernel", "tuned", "min_norm"),
    [
        (10, 3.6, 0.176, 0.160, 15),
        (60, 0.094, 0.065, 0.068, None),
        (150, 0.088, 0.047, 0.043, 12),
        (300, 0.081, 0.043, 0.040, 0.41),
    ],
)
@pytest.mark.slow
def test_risks(setting, n, head, kernel, tuned, min_norm):
    beliefs = HMMFeatureTransformer(setting.hmm).fit_transform(setting.sample)
    risks = []
    for seed in range(8):
        rng = np.random.RandomState(seed)
        order = rng.permutation(3000)
        train, test = order[:n], order[n : n + 1000]
        y = setting.target[train] + 0.5 * rng.standard_normal(n)
        rate = 0.3 / np.linalg.norm(setting.jacobian[train], 2) ** 2
        answers = [
            HeadRegressor().fit(beliefs[train], y).predict(beliefs[test]),
            setting.kernel(y, train, test, rate, 100),
            setting.kernel(y, train, test, 1, None),
        ]
        if seed < 4:
            tuner = HMMFineTuner(setting.hmm, SYMBOLS, learning_rate=rate)
            tuner.fit(setting.sample[train], y)
            answers.append(tuner.predict(setting.sample[test]))
        else:
            answers.append(np.full(1000, np.nan))
        risks.append([np.mean((f - setting.target[test]) ** 2) for f in answers])
    found = np.nanmedian(risks, axis=0)
    assert_allclose(found[0], head, rtol=0.05)
    assert_allclose(found[1], kernel, rtol=0.02)
    if min_norm is None:  # at the rank of the Jacobian
        assert found[2] > 1e4
    else:
        assert_allclose(found[2], min_norm, rtol=0.1)
    assert 0.8 * tuned < found[3] < 1.25 * tuned
    assert_allclose(np.mean((setting.start - setting.target) ** 2), 0.325, rtol=0.02)


# What a user relies on


def test_frozen_and_deterministic(setting):
    hmm, X, y = setting.hmm, setting.sample[:30], setting.target[:30]
    before = {name: array.copy() for name, array in hmm._arrays().items()}
    tuner = HMMFineTuner(hmm, SYMBOLS, n_steps=10)
    first, second = clone(tuner).fit(X, y), tuner.fit(X, y)
    assert first.hmm_ == second.hmm_ != hmm
    assert clone(tuner).hmm is hmm
    for name, array in hmm._arrays().items():
        assert_array_equal(array, before[name])
    again = pickle.loads(pickle.dumps(tuner))
    assert_array_equal(again.predict(X), tuner.predict(X))
    # Parameters that are set afterwards are those of the next fit.
    tuner.set_params(symbols=(2, 3))
    assert_array_equal(tuner.predict(X), first.predict(X))


def test_stages(setting):
    X, y, new = setting.sample[:30], setting.target[:30], setting.sample[100:120]
    tuner = HMMFineTuner(setting.hmm, SYMBOLS, n_steps=12).fit(X, y)
    stages = tuner.staged_predict(new, [12, 0, 5])
    assert_array_equal(stages[0], tuner.predict(new))
    assert_allclose(stages[1], log_odds(setting.hmm, new), atol=1e-13)
    fewer = HMMFineTuner(setting.hmm, SYMBOLS, n_steps=5).fit(X, y)
    assert_array_equal(stages[2], fewer.predict(new))
    assert_allclose(fewer.loss_curve_, tuner.loss_curve_[:6], rtol=1e-12)
    assert (np.diff(tuner.loss_curve_) < 0).all()
    assert_allclose(np.mean((tuner.predict(X) - y) ** 2), tuner.loss_curve_[-1])
    for wrong in ([13], [-1], [0.5], [], 3, [True]):
        with pytest.raises(ValueError, match="n_steps must be"):
            tuner.staged_predict(new, wrong)


def test_weights_are_repetitions(setting):
    X, y = setting.sample[:20], setting.target[:20]
    weights = np.random.RandomState(1).randint(0, 4, 20)
    weights[:4] = 0, 1, 2, 3
    tuner = HMMFineTuner(setting.hmm, SYMBOLS, n_steps=20)
    weighted = clone(tuner).fit(X, y, sample_weight=weights)
    repeated = clone(tuner).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert_allclose(weighted.learning_rate_, repeated.learning_rate_, rtol=1e-10)
    assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-10)
    assert_allclose(weighted.predict(X), repeated.predict(X), atol=1e-10)
    labels = y > np.median(y)
    tuner = HMMFineTuningClassifier(setting.hmm, SYMBOLS, n_steps=20)
    weighted = clone(tuner).fit(X, labels, sample_weight=weights)
    repeated = tuner.fit(np.repeat(X, weights, axis=0), np.repeat(labels, weights))
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-10)


def test_absent_samples_may_be_impossible():
    hmm = CategoricalHMM([1, 0], np.eye(2), [[0.5, 0.3, 0.2, 0], [0.1, 0.2, 0.3, 0.4]])
    X, y = np.array([[0, 1, 2], [1, 1, 0], [3, 3, 3]]), [0.5, -0.5, 0.0]
    with pytest.raises(ValueError, match="Sequence 2 is impossible"):
        HMMFineTuner(hmm, SYMBOLS).fit(X, y)
    tuner = HMMFineTuner(hmm, SYMBOLS, n_steps=3).fit(X, y, sample_weight=[1, 1, 0])
    assert_array_equal(tuner.hmm_.transmat, np.eye(2))
    assert_array_equal(tuner.hmm_.startprob, [1, 0])
    assert tuner.hmm_.emissionprob[0, 3] == 0
    with pytest.raises(ValueError, match="Sequence 1 is impossible under"):
        tuner.predict(X[1:])


def test_ragged_and_missing(setting):
    y = setting.target[:3]
    padded = np.full((3, 12), -1)
    ragged = [[1, 2, -1, 4, 5], [3], [0, 1, 2, 3, 4, 5, 6, 7, 0, -1, -1, 2]]
    for row, x in zip(padded, ragged, strict=True):
        row[: len(x)] = x
    tuner = HMMFineTuner(setting.hmm, SYMBOLS, n_steps=5)
    as_list, as_table = clone(tuner).fit(ragged, y), clone(tuner).fit(padded, y)
    assert_allclose(as_list.predict(ragged), as_table.predict(padded), atol=1e-13)
    assert_allclose(as_list.loss_curve_, as_table.loss_curve_, rtol=1e-12)
    # A symbol of a short integer type, in an alphabet that it does not hold.
    wide = CategoricalHMM([1.0], [[1.0]], np.full((1, 300), 1 / 300))
    wide_tuner = HMMFineTuner(wide, (0, 299), n_steps=1, learning_rate=0.1)
    moved = wide_tuner.fit(np.zeros((2, 3), np.int8), [1.0, 1.0]).hmm_.emissionprob[0]
    assert moved[0] > moved[5] > moved[299]
    assert_allclose(moved[1:299], moved[1])


def test_early_stopping(setting):
    X, target = setting.sample[:60], setting.target[:60]
    y = target + 2 * np.random.RandomState(0).standard_normal(60)
    options = {"early_stopping": True, "validation_fraction": 0.3, "n_steps": 300}
    tuner = HMMFineTuner(setting.hmm, SYMBOLS, random_state=0, **options).fit(X, y)
    losses = tuner.validation_losses_
    assert tuner.n_steps_ == losses.argmin() < 300
    assert len(losses) == len(tuner.loss_curve_) == tuner.n_steps_ + 6
    last = tuner.staged_predict(X, [tuner.n_steps_])[0]
    assert_array_equal(last, tuner.predict(X))
    tuner.set_params(early_stopping=False, n_steps=2).fit(X, y)
    assert not hasattr(tuner, "validation_losses_")
    with pytest.raises(ValueError, match="train set will be empty"):
        tuner.set_params(early_stopping=True).fit(X[:1], y[:1])


def test_nothing_to_learn():
    """Where the log-odds depend on no weight the descent stands still."""
    hmm = CategoricalHMM([1.0], [[1.0]], [[0.5, 0.5]])
    tuner = HMMFineTuner(hmm, SYMBOLS, n_steps=400).fit([[0], [1]], [3.0, 3.0])
    assert_allclose(tuner.predict([[0, 1]]), 3.0, rtol=1e-6)
    tuner.fit([[0], [1]], [0.0, 0.0])
    assert_array_equal(tuner.loss_curve_, 0.0)


def test_bad_input(setting):
    hmm, X, y = setting.hmm, setting.sample[:10], setting.target[:10]

    def fit(hmm=hmm, symbols=SYMBOLS, X=X, y=y, sample_weight=None, **options):
        return HMMFineTuner(hmm, symbols, **options).fit(X, y, sample_weight)

    for wrong, message in [
        ((0, 0), "two different"),
        ((0, 8), r"in the alphabet of hmm, \[0, 7\], got 8"),
        ((-1, 2), "in the alphabet"),
        ((0, True), "two integers"),
        ((0, 1.0), "two integers"),
        ((0, 1, 2), "two integers"),
        (3, "two integers"),
        ("ab", "two integers"),
        (None, "two integers"),
    ]:
        with pytest.raises(ValueError, match=f"symbols must be.*{message}"):
            fit(symbols=wrong)
    gaussian = GaussianHMM([1.0], [[1.0]], [0.0], [1.0])
    for other in (gaussian, None, "model", HMMFineTuner(hmm, SYMBOLS)):
        with pytest.raises(TypeError, match=r"hmm must be frozen weights \(Categ"):
            fit(hmm=other)
    for options in (
        {"n_steps": -1},
        {"n_steps": 1.5},
        {"n_steps": True},
        {"learning_rate": 0.0},
        {"learning_rate": "fast"},
        {"validation_fraction": 1.0},
        {"n_iter_no_change": 0},
        {"n_iter_no_change": True},
        {"early_stopping": 2},
    ):
        (name,) = options
        with pytest.raises(ValueError, match=name):
            fit(**options)
    with pytest.raises(ValueError, match="holds the symbol 8 in sequence 3"):
        fit(X=np.where(np.arange(10)[:, None] == 3, 8, X))
    with pytest.raises(ValueError, match="Input y contains NaN"):
        fit(y=np.where(np.arange(10) == 3, np.nan, y))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fit(y=y[:9])
    with pytest.raises(ValueError, match="sample_weight must be non-negative"):
        fit(sample_weight=np.arange(10) - 1.0)
    with pytest.raises(ValueError, match="at least one"):
        fit(sample_weight=np.zeros(10))
    for scale in (1e-320, 1e200):
        with pytest.raises(ValueError, match="largest sample_weight must be in"):
            fit(sample_weight=np.full(10, scale))
    tiny = fit(sample_weight=np.full(10, 1e-90), n_steps=3)
    assert_allclose(tiny.loss_curve_, fit(n_steps=3).loss_curve_, rtol=1e-10)
    with pytest.raises(ValueError, match="rescale y"):
        fit(y=1e200 * np.ones(10))
    with pytest.raises(ValueError, match=r"learning_rate=1e\+300 is too large"):
        fit(learning_rate=1e300)
    with pytest.raises(ValueError, match="learning_rate=1000 is too large"):
        fit(learning_rate=1e3, n_steps=1000)
    with pytest.warns(ConvergenceWarning, match="raised the loss"):
        fit(learning_rate=20.0, n_steps=1)
    with pytest.raises(NotFittedError):
        HMMFineTuner(hmm, SYMBOLS).staged_predict(X, [0])


# Two classes


def test_classifier(setting):
    X, new = setting.sample[:60], setting.sample[100:300]
    # The symbols stand for something else than what was pretrained.
    positive = setting.target > np.median(setting.target)
    labels = np.where(positive[:60], "first", "second")
    tuner = HMMFineTuningClassifier(setting.hmm, SYMBOLS).fit(X, labels)
    assert tuner.classes_.tolist() == ["first", "second"]
    proba = tuner.predict_proba(new)
    # The probability of a class is that of its symbol among the two.
    after = tuner.hmm_.predict_next(new)[:, :2]
    assert_allclose(proba, after / after.sum(axis=1, keepdims=True), rtol=1e-10)
    assert_allclose(expit(tuner.decision_function(new)), proba[:, 1], rtol=1e-12)
    assert_array_equal(tuner.predict(new), tuner.classes_[proba.argmax(axis=1)])
    stages = tuner.staged_predict(new, [0, 100])
    assert_array_equal(stages[1], tuner.predict(new))
    start = log_odds(setting.hmm, new)
    assert_array_equal(stages[0], np.where(start >= 0, "first", "second"))
    picked = tuner.predict_proba(X)[np.arange(60), (labels == "second").astype(int)]
    assert_allclose(tuner.loss_curve_[-1], -np.log(picked).mean(), rtol=1e-10)
    truth = np.where(positive[100:300], "first", "second")
    assert tuner.score(new, truth) > np.mean(stages[0] == truth) + 0.2


def test_step_of_the_classifier(setting):
    """One step by the gradient of the cross-entropy, taken by finite differences."""
    X, labels = setting.sample[:10], np.arange(10) % 2
    rate = 0.2
    tuner = HMMFineTuningClassifier(
        setting.hmm, SYMBOLS, n_steps=1, learning_rate=rate
    ).fit(X, labels)
    emission = setting.logits[2]

    def loss(emission):
        hmm = from_logits([*setting.logits[:2], emission])
        f = log_odds(hmm, X)
        return -log_softmax(np.column_stack([f, 0 * f]), axis=1)[
            np.arange(10), labels
        ].sum()

    gradient = np.zeros_like(emission)
    for i in np.ndindex(emission.shape):
        h = np.zeros_like(emission)
        h[i] = 1e-6
        gradient[i] = (loss(emission + h) - loss(emission - h)) / 2e-6
    moved = softmax(emission - rate * gradient, axis=1)
    assert_allclose(tuner.hmm_.emissionprob, moved, atol=1e-8)


def test_classes(setting):
    X = setting.sample[:9]
    tuner = HMMFineTuningClassifier(setting.hmm, SYMBOLS, n_steps=1)
    for y in (np.zeros(9), np.arange(9) % 3):
        with pytest.raises(ValueError, match=r"Only binary .* got \d class\(es\)"):
            tuner.fit(X, y)
    tuner.fit(X, np.arange(9) % 3, sample_weight=np.arange(9) % 3 > 0)
    assert tuner.classes_.tolist() == [1, 2]
    tuner.set_params(early_stopping=True, validation_fraction=0.3, random_state=0)
    with pytest.raises(ValueError, match="least populated class"):
        tuner.fit(X, np.arange(9) == 0)
