"""Fisher scores against finite differences, plain loops and recursions in log space."""

import pickle

import numpy as np
import pytest
from internal_checks import common_checks, internal_checks
from numpy.testing import assert_allclose, assert_array_equal
from oracle import brute_force, log_space
from random_models import KINDS, random_hmm, random_sequences
from scipy.special import softmax
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BaumWelch,
    CategoricalHMM,
    FisherScoreTransformer,
    GaussianHMM,
    GaussianMixtureHMM,
    HeadRegressor,
    LinearGaussianHMM,
    PoissonHMM,
)
from skhmmdd.hmm.finetuning import _fisher
from skhmmdd.hmm.sequences._blocks import LONG


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@common_checks(
    [
        FisherScoreTransformer(),
        FisherScoreTransformer(BaumWelch(2, covariance_type="full"), pooling="mean"),
        FisherScoreTransformer(
            GaussianHMM([0.4, 0.6], [[0.7, 0.3], [0.2, 0.8]], [0.0, 2.0], [1.0, 1.0])
        ),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@internal_checks
def test_scikit_learn_internal_checks(check):
    check(FisherScoreTransformer())


def scores_of(hmm, X, **options):
    return FisherScoreTransformer(hmm, **options).fit_transform(X)


def moved(hmm, step):
    """The weights whose unconstrained parameters are off by a vector."""
    shapes = [hmm.startprob.shape, hmm.transmat.shape]
    full = isinstance(hmm, GaussianHMM) and hmm.covariance_type == "full"
    d = hmm.means.shape[1] if full else 0
    emission = list(hmm._arrays().values())[2:]
    for array in emission:
        shapes.append(array.shape)
    if full:
        shapes[-1] = (hmm.n_states, d * (d + 1) // 2)
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    assert ends[-1] == len(step)
    parts = [
        part.reshape(shape)
        for part, shape in zip(np.split(step, ends[:-1]), shapes, strict=True)
    ]

    def tilted(rows, part):
        with np.errstate(divide="ignore"):
            return softmax(np.log(rows) + part, axis=-1)

    chain = tilted(hmm.startprob, parts[0]), tilted(hmm.transmat, parts[1])
    if isinstance(hmm, CategoricalHMM):
        return CategoricalHMM(*chain, tilted(hmm.emissionprob, parts[2]))
    if isinstance(hmm, PoissonHMM):
        return PoissonHMM(*chain, hmm.rates * np.exp(parts[2]))
    if isinstance(hmm, GaussianMixtureHMM):
        return GaussianMixtureHMM(
            *chain,
            tilted(hmm.weights, parts[2]),
            hmm.means + parts[3],
            hmm.covars * np.exp(parts[4]),
        )
    means = hmm.means + parts[2]
    if not full:
        return GaussianHMM(*chain, means, hmm.covars * np.exp(parts[3]))
    i, j = np.tril_indices(d)
    factors = np.linalg.cholesky(hmm.covars)
    entries = factors[:, i, j]
    factors[:, i, j] = np.where(i == j, entries * np.exp(parts[3]), entries + parts[3])
    return GaussianHMM(*chain, means, factors @ factors.transpose(0, 2, 1))


def differences(hmm, X, n_parameters, h=1e-6):
    columns = [
        moved(hmm, h * e).log_likelihood(X) - moved(hmm, -h * e).log_likelihood(X)
        for e in np.eye(n_parameters)
    ]
    return np.transpose(columns) / (2 * h)


@pytest.mark.parametrize("kind", KINDS)
def test_finite_differences(kind):
    hmm = random_hmm(kind, size=3, seed=1)
    X = random_sequences(hmm, (6, 1, 4, 12), seed=2, missing=0.25)
    names = FisherScoreTransformer(hmm).fit(X).get_feature_names_out()
    assert len(set(names)) == len(names)
    scores = scores_of(hmm, X)
    assert scores.shape == (4, len(names))
    assert_allclose(scores, differences(hmm, X, len(names)), rtol=1e-6, atol=1e-6)
    # Each is as it is alone, whatever its neighbors.
    for x, row in zip(X, scores, strict=True):
        assert_allclose(scores_of(hmm, [x])[0], row, rtol=1e-11, atol=1e-12)


def test_enumeration_of_every_path():
    hmm = random_hmm("categorical", seed=3)
    X = random_sequences(hmm, (5, 3), seed=1, missing=0.2)
    for x, row in zip(X, scores_of(hmm, X), strict=True):
        truth = brute_force(hmm, x)
        gamma, counted = truth["smoothed"], truth["transitions"]
        counts = np.array([gamma[x == v].sum(axis=0) for v in range(4)]).T
        want = [
            gamma[0] - hmm.startprob,
            counted - counted.sum(axis=1, keepdims=True) * hmm.transmat,
            counts - counts.sum(axis=1, keepdims=True) * hmm.emissionprob,
        ]
        assert_allclose(row, np.concatenate([np.ravel(part) for part in want]))


def published():
    rng = np.random.RandomState(0)
    logits = rng.standard_normal(6), rng.standard_normal((6, 6))
    logits = logits[0], 2 * logits[1], 2 * rng.standard_normal((6, 8))
    hmm = CategoricalHMM(*(softmax(rows, axis=-1) for rows in logits))
    return hmm, rng.randint(8, size=(40, 12)), rng.randint(8, size=(400, 12))


def test_figures_of_the_specification():
    hmm, X, many = published()
    scores = scores_of(hmm, X, symbols=(0, 1))
    assert scores.shape == (40, 90)
    ends = [np.hstack([X, np.full((40, 1), symbol)]) for symbol in (0, 1)]
    numeric = differences(hmm, ends[0], 90) - differences(hmm, ends[1], 90)
    assert np.abs(scores - numeric).max() < 1e-6
    assert_allclose(np.abs(scores).max(), 0.84, atol=0.005)
    apart = scores_of(hmm, ends[0]) - scores_of(hmm, ends[1])
    assert_allclose(scores, apart, atol=1e-14)
    blocks = np.split(scores, [6, 42], axis=1)
    for block, width in zip(blocks, (6, 6, 8), strict=True):
        sums = block.reshape(40, -1, width).sum(axis=2)
        assert np.abs(sums).max() < 1e-14
    assert np.linalg.matrix_rank(scores_of(hmm, many, symbols=(0, 1))) == 76
    # The same walk gives the log-likelihood.
    block = hmm._read(X).block(np.arange(40))
    _, log_likelihood = _fisher.fisher_scores(hmm, block)
    truth = [log_space(hmm, x)["log_likelihood"] for x in X]
    assert_allclose(log_likelihood, truth, rtol=1e-14)


def test_pooling():
    hmm = random_hmm("categorical")
    X = [[1, -1, 2, 3, -1, -1], [2]]
    for symbols in (None, (1, 3)):
        total = scores_of(hmm, X, symbols=symbols)
        mean = scores_of(hmm, X, symbols=symbols, pooling="mean")
        assert_allclose(mean, total / [[3], [1]])
    hmm = random_hmm("diag", size=2)
    X = [[[0.1, np.nan], [np.nan, np.nan], [1.0, 0.3]]]
    assert_allclose(scores_of(hmm, X, pooling="mean"), scores_of(hmm, X) / 2)


def test_names_and_frames():
    hmm, X, _ = published()
    transformer = FisherScoreTransformer(hmm).set_output(transform="pandas")
    frame = transformer.fit_transform(X)
    plain = scores_of(hmm, X)
    for name, column in [
        ("start[2]", 2),
        ("transition[1,0]", 12),
        ("emission[0,3]", 45),
        ("emission[5,7]", 89),
    ]:
        assert_array_equal(frame[name], plain[:, column])
    full = FisherScoreTransformer(random_hmm("full", 2, 2)).fit([np.zeros((2, 2))])
    assert full.get_feature_names_out()[-3:].tolist() == [
        "log_cholesky[1,0,0]",
        "cholesky[1,1,0]",
        "log_cholesky[1,1,1]",
    ]


def test_zero_probabilities_are_fixed_directions():
    hmm = CategoricalHMM(
        [1, 0, 0],
        [[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 1]],
        [[0.5, 0.5, 0], [0.2, 0.3, 0.5], [0.1, 0, 0.9]],
    )
    X = hmm.sample(20, 7, random_state=0)[0]
    scores = scores_of(hmm, X, symbols=(0, 2))
    fixed = np.concatenate([np.ravel(array) == 0 for array in hmm._arrays().values()])
    assert fixed.sum() == 8
    assert_array_equal(scores[:, fixed], 0.0)
    ends = [np.hstack([X, np.full((20, 1), symbol)]) for symbol in (0, 2)]
    numeric = differences(hmm, ends[0], 21) - differences(hmm, ends[1], 21)
    assert_allclose(scores, numeric, atol=1e-8)
    rates = PoissonHMM([0.5, 0.5], np.full((2, 2), 0.5), [[0.0], [2.0]])
    scores = scores_of(rates, [[0.0, 0.0], [3.0, 0.0]])
    assert_array_equal(scores[:, 6], 0.0)


@pytest.mark.parametrize("far", [1.0, 30.0, 1000.0])
def test_states_lost_to_underflow(far):
    """Rows that a scaled recursion loses, beside those that it does not."""
    n, means = 3, far * np.arange(3.0)
    transmat = 0.7 * np.eye(n) + 0.3 * np.eye(n, k=1)
    transmat[-1, -1] = 1
    hmm = GaussianHMM(np.full(n, 1 / n), transmat, means, np.full(n, 0.5))
    X = [
        means[[2, 2, 0, 0, 0]] + 0.1,
        means[[0, 1, 1, 2]],
        np.array([means[1], np.nan, means[2], means[0]]),
    ]
    for x, row in zip(X, scores_of(hmm, X), strict=True):
        truth = log_space(hmm, x)
        gamma, counted = truth["smoothed"], truth["transitions"]
        z = np.nan_to_num(x[:, None] - means)
        seen = ~np.isnan(x)[:, None]
        want = [
            gamma[0] - hmm.startprob,
            counted - counted.sum(axis=1, keepdims=True) * transmat,
            (gamma * seen * z).sum(axis=0) / 0.5,
            (gamma * seen * (z**2 / 0.5 - 1)).sum(axis=0) / 2,
        ]
        want = np.concatenate([np.ravel(part) for part in want])
        # The steps' contributions cancel, and they are as large as the squares.
        atol = 1e-9 * (1 + far**2)
        assert_allclose(row, want, rtol=1e-8, atol=atol)


def test_many_rows_lost_at_a_time():
    """More rows than a plain sum in log space takes, each with its transitions."""
    rng = np.random.RandomState(0)
    n = 12
    transmat = 0.6 * np.eye(n) + 0.4 * np.eye(n, k=1)
    transmat[-1, -1] = 1
    hmm = GaussianHMM(np.full(n, 1 / n), transmat, 40 * np.arange(n), np.full(n, 0.5))
    X = 40.0 * rng.randint(n, size=(130, 4))
    scores = scores_of(hmm, X)
    for i in (0, 64, 129):
        truth = log_space(hmm, X[i])["transitions"]
        want = truth - truth.sum(axis=1, keepdims=True) * transmat
        assert_allclose(scores[i, n : n + n**2], want.ravel(), atol=1e-9)


def test_long_sequence_alone():
    """Cut into pieces, and not."""
    hmm = random_hmm("categorical", seed=5)
    x = hmm.sample(1, 2 * LONG, random_state=0)[0]
    together = scores_of(hmm, np.vstack([x, x]))[0]
    assert_allclose(scores_of(hmm, x)[0], together, rtol=1e-9, atol=1e-9)


def test_blocks_and_workers(monkeypatch):
    hmm = random_hmm("categorical", seed=5)
    X = random_sequences(hmm, (5, 9, 2, 2, 7, 1, 30) * 20, missing=0.1)
    whole = scores_of(hmm, X, symbols=(0, 3))
    monkeypatch.setattr(_fisher, "_HELD", 2**10)
    blocks = _fisher.score_blocks(hmm._read(X), 3, 24)
    assert len(blocks) > 10
    apart = scores_of(hmm, X, symbols=(0, 3))
    assert_allclose(apart, whole, rtol=1e-11, atol=1e-13)
    assert_array_equal(scores_of(hmm, X, symbols=(0, 3), n_jobs=2), apart)


def test_frozen():
    hmm, X, _ = published()
    transformer = FisherScoreTransformer(hmm, symbols=(0, 1)).fit(X)
    assert transformer.hmm_ is hmm
    assert clone(transformer).hmm is hmm
    assert transformer.__skhmmdd_frozen__
    assert not FisherScoreTransformer().__skhmmdd_frozen__
    fitted = BaumWelch(2, max_iter=3, tol=0, random_state=0).fit(X)
    assert clone(FisherScoreTransformer(fitted)).fit(X).hmm_ is fitted.hmm_
    again = pickle.loads(pickle.dumps(transformer))
    assert_array_equal(again.transform(X), transformer.transform(X))


def test_head_on_scores():
    hmm, _, many = published()
    y = (many == 2).sum(axis=1).astype(float)
    model = make_pipeline(FisherScoreTransformer(hmm), HeadRegressor("loo"))
    assert model.fit(many[:300], y[:300]).score(many[300:], y[300:]) > 0.9


def test_far_observations():
    """Squares that overflow have no weight, or are refused."""
    with np.errstate(all="raise"):
        hmm = GaussianHMM([0.5, 0.5], np.full((2, 2), 0.5), [0.0, 1e160], [1.0, 1e300])
    scores = scores_of(hmm, [[1e160, 1e160 * 2]])
    assert np.isfinite(scores).all()
    tiny = GaussianHMM([1.0], [[1.0]], [0.0], [1e-300])
    assert np.isfinite(scores_of(tiny, [[1e-150]])).all()
    steep = GaussianHMM([1.0], [[1.0]], [0.0], [5e-324])
    with pytest.raises(ValueError, match=r"X|overflow"):
        scores_of(steep, [[1e-9]])


def test_bad_input():
    hmm, X, _ = published()
    for symbols, message in [
        ((3, 3), "two different"),
        ((0, 8), "in the alphabet"),
        ((0, -1), "in the alphabet"),
        ((0, 1, 2), "two integers"),
        (1, "two integers"),
        ((True, 0), "two integers"),
    ]:
        with pytest.raises(ValueError, match=f"symbols must be.*{message}"):
            FisherScoreTransformer(hmm, symbols=symbols).fit(X)
    gaussian = GaussianHMM([1.0], [[1.0]], [0.0], [1.0])
    with pytest.raises(ValueError, match="needs a CategoricalHMM"):
        FisherScoreTransformer(gaussian, symbols=(0, 1)).fit([[0.5, 1.0]])
    kalman = LinearGaussianHMM([[0.5]], [[1.0]], [[1.0]], [[1.0]])
    with pytest.raises(TypeError, match=r"hmm must be frozen weights \(Categorical"):
        FisherScoreTransformer(kalman).fit([[0.5, 1.0]])
    with pytest.raises(ValueError, match="pooling"):
        FisherScoreTransformer(hmm, pooling="max").fit(X)
    certain = CategoricalHMM([1.0], [[1.0]], [[0.5, 0.5, 0.0]])
    with pytest.raises(ValueError, match="Sequence 1 is impossible"):
        scores_of(certain, [[0, 1], [0, 2]])
    with pytest.raises(ValueError, match=r"Sequence 0 .* is one of `symbols`"):
        scores_of(certain, [[0, 1], [0, 1]], symbols=(0, 2))
