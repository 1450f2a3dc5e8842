"""The linear-Gaussian model against dense conditioning, statsmodels and theory."""

import pickle

import numpy as np
import pytest
from internal_checks import common_checks
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    HeadRegressor,
    HMMFeatureTransformer,
    LinearGaussianHMM,
    as_hmm,
    make_linear_gaussian_hmm,
)
from skhmmdd.hmm.inference import _kalman
from skhmmdd.theory import nested_risk, ridge_risk


def random_cov(n, rng, ridge=0.3):
    factor = rng.standard_normal((n, n))
    return factor @ factor.T / n + ridge * np.eye(n)


def random_model(d=3, p=4, seed=0, noise="full", radius=0.9, start="given"):
    rng = np.random.RandomState(seed)
    A = rng.standard_normal((d, d))
    A *= radius / np.abs(np.linalg.eigvals(A)).max()
    noise = {
        "full": lambda: random_cov(p, rng),
        "diag": lambda: rng.uniform(0.2, 2.0, p),
        "scalar": lambda: 0.4,
    }[noise]()
    given = (rng.standard_normal(d), random_cov(d, rng)) if start == "given" else ()
    W = rng.standard_normal((d, p))
    return LinearGaussianHMM(A, random_cov(d, rng), W, noise, *given)


def draw(hmm, lengths, missing=0.0, seed=0):
    """A ragged list with single features and whole steps missing."""
    rng = np.random.RandomState(seed)
    sequences = []
    for i, length in enumerate(lengths):
        x = hmm.sample(1, length, random_state=i)[0][0]
        x[rng.uniform(size=x.shape) < missing] = np.nan
        x[rng.uniform(size=length) < missing / 2] = np.nan
        x[-1, 0] = 0.7
        sequences.append(x)
    return sequences


def dense(hmm, x):
    """Condition the joint Gaussian of every state and every observation."""
    n_steps, d = len(x), hmm.n_states
    R = np.diag(hmm.emission_cov) if hmm.emission_cov.ndim == 1 else hmm.emission_cov
    # Stacked states are a linear map of the start and of the noises.
    map_, source = np.zeros((2, n_steps * d, n_steps * d))
    for t in range(n_steps):
        power = np.eye(d)
        for s in range(t, -1, -1):
            map_[s * d : (s + 1) * d, t * d : (t + 1) * d] = power
            power = power @ hmm.transition
        at = slice(t * d, (t + 1) * d)
        source[at, at] = hmm.start_cov if t == 0 else hmm.transition_cov
    state_mean = np.r_[hmm.start_mean, np.zeros((n_steps - 1) * d)] @ map_
    state_cov = map_.T @ source @ map_
    W = np.kron(np.eye(n_steps), hmm.emission)
    mean, cov = state_mean @ W, W.T @ state_cov @ W + np.kron(np.eye(n_steps), R)
    flat, cross = x.ravel(), state_cov @ W

    def condition(seen):
        gain = np.linalg.solve(cov[np.ix_(seen, seen)], cross[:, seen].T)
        means = state_mean + (flat - mean)[seen] @ gain
        return means.reshape(-1, d), state_cov - cross[:, seen] @ gain

    there = np.flatnonzero(~np.isnan(flat))
    filtered, filtered_cov = np.empty((n_steps, d)), np.empty((n_steps, d, d))
    for t in range(n_steps):
        means, covs = condition(there[there < (t + 1) * x.shape[1]])
        filtered[t] = means[t]
        filtered_cov[t] = covs[t * d : (t + 1) * d, t * d : (t + 1) * d]
    distribution = multivariate_normal(mean[there], cov[np.ix_(there, there)])
    return filtered, filtered_cov, condition(there)[0], distribution.logpdf(flat[there])


SIZES = [(1, 1), (2, 1), (3, 2), (2, 5), (4, 4), (3, 12)]


@pytest.mark.parametrize(("d", "p"), SIZES)
@pytest.mark.parametrize("noise", ["full", "diag", "scalar"])
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_equals_dense_conditioning(d, p, noise, missing):
    hmm = random_model(d, p, seed=d + p, noise=noise)
    X = draw(hmm, (7, 1, 4, 7, 12), missing)
    means, covs = hmm.filter(X, return_cov=True)
    smoothed, likelihoods = hmm.smooth(X), hmm.log_likelihood(X)
    assert_allclose(hmm.filter(X)[2], means[2], rtol=0, atol=0)
    for i, x in enumerate(X):
        truth = dense(hmm, x)
        assert_allclose(means[i], truth[0], rtol=0, atol=1e-9)
        assert_allclose(covs[i], truth[1], rtol=0, atol=1e-9)
        assert_array_equal(covs[i], covs[i].swapaxes(1, 2))
        assert_allclose(smoothed[i], truth[2], rtol=0, atol=1e-9)
        assert_allclose(hmm.decode(X)[i], smoothed[i], rtol=0, atol=0)
        assert_allclose(likelihoods[i], truth[3], rtol=1e-9, atol=1e-9)
        ahead = truth[0][-1] @ hmm.transition @ hmm.emission
        assert_allclose(hmm.predict_next(X)[i], ahead, rtol=0, atol=1e-9)


def test_many_sequences_in_several_batches():
    # The same five sequences over and over, with histories shared and not.
    hmm = random_model(2, 3)
    X = draw(hmm, (6, 2, 9, 9, 4), 0.3) * 150
    single = [dense(hmm, x) for x in X[:5]]
    filtered, smoothed = hmm.filter(X), hmm.smooth(X)
    for i in range(len(X)):
        assert_allclose(filtered[i], single[i % 5][0], rtol=0, atol=1e-9)
        assert_allclose(smoothed[i], single[i % 5][2], rtol=0, atol=1e-9)
    likelihoods = hmm.log_likelihood(X).reshape(150, 5)
    assert_allclose(likelihoods, np.tile([s[3] for s in single], (150, 1)), rtol=1e-9)


@pytest.mark.parametrize("case", ["no noise", "known start", "tiny noise", "unstable"])
def test_degenerate_models_equal_dense_conditioning(case):
    rng = np.random.RandomState(0)
    A, W = 0.5 * rng.standard_normal((3, 3)), rng.standard_normal((3, 2))
    Q, R, start = random_cov(3, rng), 0.5, random_cov(3, rng)
    if case == "no noise":
        Q = np.diag([1.0, 0.0, 0.0])  # singular
    elif case == "known start":
        start = np.zeros((3, 3))
    elif case == "tiny noise":
        R = 1e-9
    else:
        A = A + 1.2 * np.eye(3)
    hmm = LinearGaussianHMM(A, Q, W, R, None, start)
    for x in draw(hmm, (6, 3), 0.2):
        truth = dense(hmm, x)
        scale = np.abs(truth[0]).max()
        # The dense answer is itself less exact where its matrix is near singular.
        atol = 1e-6 if case == "tiny noise" else 1e-9
        assert_allclose(hmm.filter([x])[0], truth[0], rtol=0, atol=atol * scale)
        assert_allclose(hmm.smooth([x])[0], truth[2], rtol=0, atol=atol * scale)
        assert_allclose(hmm.log_likelihood([x]), truth[3], rtol=atol)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_equals_statsmodels(missing):
    lib = pytest.importorskip("statsmodels.tsa.statespace.mlemodel")
    hmm = random_model(4, 3, seed=2)
    (x,) = draw(hmm, (150,), missing)
    twin = lib.MLEModel(x, k_states=4, k_posdef=4)
    twin["transition"], twin["design"] = hmm.transition.T, hmm.emission.T
    twin["selection"], twin["state_cov"] = np.eye(4), hmm.transition_cov
    twin["obs_cov"] = hmm.emission_cov
    twin.ssm.initialize_known(np.array(hmm.start_mean), np.array(hmm.start_cov))
    result = twin.ssm.smooth()
    means, covs = hmm.filter([x], return_cov=True)
    assert_allclose(means[0], result.filtered_state.T, rtol=0, atol=1e-9)
    assert_allclose(covs[0], result.filtered_state_cov.T, rtol=0, atol=1e-9)
    assert_allclose(hmm.smooth([x])[0], result.smoothed_state.T, rtol=0, atol=1e-9)
    assert_allclose(hmm.log_likelihood([x]), result.llf, rtol=1e-10)


def plain_filter(hmm, x):
    """The textbook recursion, every covariance in full at every step."""
    mean, cov, means = hmm.start_mean, hmm.start_cov, []
    R = np.diag(hmm.emission_cov) if hmm.emission_cov.ndim == 1 else hmm.emission_cov
    for row in x:
        seen = ~np.isnan(row)
        W = hmm.emission[:, seen]
        inner = W.T @ cov @ W + R[np.ix_(seen, seen)]
        gain = np.linalg.solve(inner, W.T @ cov)
        mean = mean + (row[seen] - mean @ W) @ gain
        cov = cov - cov @ W @ gain
        means.append(mean)
        cov = 0.5 * (cov + cov.T)
        mean = mean @ hmm.transition
        cov = hmm.transition.T @ cov @ hmm.transition + hmm.transition_cov
    return np.array(means)


@pytest.mark.parametrize("radius", [0.9, 0.999, 1.0])
@pytest.mark.parametrize("missing", [0.0, 0.02])
@pytest.mark.slow
def test_steady_state_of_long_sequences(radius, missing, monkeypatch):
    hmm = random_model(3, 2, radius=radius)
    (x,) = draw(hmm, (5000,), missing)
    worked_out = []
    original = _kalman.Histories._work_out
    monkeypatch.setattr(
        _kalman.Histories,
        "_work_out",
        lambda *args: worked_out.append(1) or original(*args),
    )
    filtered = hmm.filter([x])[0]
    # Once for each step until it settles, and again after each kind of gap.
    assert len(worked_out) < (100 if missing == 0 else 3500)
    assert_allclose(filtered, plain_filter(hmm, x), rtol=0, atol=1e-10)


def test_forgets_histories_that_are_too_many(monkeypatch):
    hmm = random_model(2, 3)
    X = draw(hmm, (30,) * 20, 0.4)
    before = hmm.smooth(X)
    monkeypatch.setattr(_kalman, "_MEMORY", 0)
    for a, b in zip(before, hmm.smooth(X), strict=True):
        assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("noise", ["scalar", "diag", "full"])
def test_wide_observations(noise):
    hmm = random_model(3, 300, noise=noise)
    (x,) = draw(hmm, (3,), 0.1)
    truth = dense(hmm, x)
    assert_allclose(hmm.filter([x])[0], truth[0], rtol=0, atol=1e-9)
    assert_allclose(hmm.smooth([x])[0], truth[2], rtol=0, atol=1e-9)
    assert_allclose(hmm.log_likelihood([x]), truth[3], rtol=1e-10)


@pytest.mark.parametrize("p", [2, 30])
def test_causal_bit_for_bit(p):
    hmm = random_model(4, p)
    X = np.array(draw(hmm, (12,) * 20, 0.2))
    before, cov_before = hmm.filter(X, return_cov=True)
    later = X.copy()
    later[:, 7:] = hmm.sample(20, 5, random_state=1)[0]
    later[::2, 8:10, 0] = np.nan
    after, cov_after = hmm.filter(later, return_cov=True)
    assert_array_equal(before[:, :7], after[:, :7])
    assert_array_equal(cov_before[:, :7], cov_after[:, :7])
    assert not np.array_equal(before[:, 7:], after[:, 7:])


def test_padded_array_and_list_agree():
    hmm = random_model(3, 2)
    X = draw(hmm, (5, 1, 7, 3), 0.3)
    padded = np.full((4, 9, 2), np.nan)
    for i, x in enumerate(X):
        padded[i, : len(x)] = x
    assert_array_equal(hmm.log_likelihood(padded), hmm.log_likelihood(X))
    assert_array_equal(hmm.predict_next(padded), hmm.predict_next(X))
    means, covs = hmm.filter(padded, return_cov=True)
    assert covs.shape == (4, 9, 3, 3)
    assert_array_equal(means, hmm.filter(padded))
    for as_array, as_list in [
        (means, hmm.filter(X)),
        (covs, hmm.filter(X, return_cov=True)[1]),
        (hmm.smooth(padded), hmm.smooth(X)),
    ]:
        for i, x in enumerate(X):
            assert_array_equal(as_array[i, : len(x)], as_list[i])
            assert_array_equal(as_array[i, len(x) :], 0)


def test_univariate_rows():
    hmm = random_model(2, 1)
    X = hmm.sample(6, 5, random_state=0)[0]
    assert_array_equal(hmm.filter(X), hmm.filter(X[:, :, 0]))
    assert hmm.predict_next(X[:, :, 0]).shape == (6, 1)


def test_stationary_start():
    hmm = random_model(3, 2, start="stationary")
    moved = hmm.transition.T @ hmm.start_cov @ hmm.transition + hmm.transition_cov
    assert_allclose(moved, hmm.start_cov, rtol=1e-12)
    assert_array_equal(hmm.start_mean, 0)
    # A gap at a stationary start changes nothing.
    x = hmm.sample(1, 4, random_state=0)[0]
    gap = np.concatenate([np.full((1, 3, 2), np.nan), x], axis=1)
    assert_allclose(hmm.filter(gap)[:, 3:], hmm.filter(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("noise", ["diag", "full"])
def test_sample_follows_the_weights(noise):
    hmm = random_model(2, 3, noise=noise)
    X, states = hmm.sample(20_000, 4, random_state=0)
    assert X.shape == (20_000, 4, 3) and states.shape == (20_000, 4, 2)
    assert_allclose(states[:, 0].mean(axis=0), hmm.start_mean, atol=0.05)
    assert_allclose(np.cov(states[:, 0].T), hmm.start_cov, rtol=0.05, atol=0.05)
    change = (states[:, 1:] - states[:, :-1] @ hmm.transition).reshape(-1, 2)
    assert_allclose(change.mean(axis=0), 0, atol=0.03)
    assert_allclose(np.cov(change.T), hmm.transition_cov, rtol=0.05, atol=0.05)
    seen = (X - states @ hmm.emission).reshape(-1, 3)
    cov = np.diag(hmm.emission_cov) if noise == "diag" else hmm.emission_cov
    assert_allclose(np.cov(seen.T), cov, rtol=0.05, atol=0.05)
    assert_array_equal(X, hmm.sample(20_000, 4, random_state=0)[0])
    with pytest.raises(ValueError, match="n_sequences must be at least 1, got 0"):
        hmm.sample(0)


def test_stationary_start_of_singular_noise():
    # States that never vary, and an autoregression of order twelve in one noise.
    rng = np.random.RandomState(0)
    A = np.zeros((15, 15))
    A[np.arange(11), np.arange(1, 12)] = 1  # rows: each state takes the one before
    A[:12, 0] = rng.uniform(-0.08, 0.08, 12)
    A[12:, 12:] = 0.5 * np.eye(3)
    Q = np.zeros((15, 15))
    Q[0, 0] = 1.0
    hmm = LinearGaussianHMM(A, Q, rng.standard_normal((15, 2)), 1.0)
    assert_array_equal(hmm.start_cov[12:], 0)
    assert_allclose(A.T @ hmm.start_cov @ A + Q, hmm.start_cov, rtol=0, atol=1e-13)
    x = hmm.sample(1, 5, random_state=0)[0][0]
    assert_allclose(hmm.filter([x])[0], dense(hmm, x)[0], rtol=0, atol=1e-9)
    slow = LinearGaussianHMM([[1 - 1e-9]], 1.0, [[1.0]], 1.0)
    assert_allclose(slow.start_cov, 1 / (1 - (1 - 1e-9) ** 2), rtol=1e-6)


# An immutable value


def test_is_a_frozen_value(tmp_path):
    hmm = random_model()
    assert repr(hmm) == (
        "LinearGaussianHMM(n_states=3, n_features=4, covariance_type='full')"
    )
    assert (hmm.n_states, hmm.n_features) == (3, 4)
    assert clone(hmm) is hmm and as_hmm(hmm) is hmm
    hmm.filter(np.zeros((1, 2, 4)))
    twin = pickle.loads(pickle.dumps(hmm))
    hmm.save(tmp_path / "weights")
    loaded = LinearGaussianHMM.load(tmp_path / "weights")
    for other in (twin, loaded):
        assert other == hmm and hash(other) == hash(hmm) and other is not hmm
    assert hmm != random_model(seed=1)
    with pytest.raises(AttributeError, match="frozen"):
        hmm.transition = np.eye(3)
    with pytest.raises(ValueError, match="read-only"):
        hmm.transition[0, 0] = 1
    stationary = random_model(start="stationary")
    assert pickle.loads(pickle.dumps(stationary)) == stationary


NAN = float("nan")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transition": [[0.5, 0.1]]}, r"transition must have shape \(n_states, n_st"),
        ({"transition": 0.5}, "transition must have shape"),
        ({"emission": [[1.0, 2.0, 3.0]]}, r"emission must have shape .* got \(1, 3\)"),
        ({"emission": [1.0, 2.0]}, "emission must have shape"),
        ({"emission": np.zeros((2, 0))}, "emission must have shape"),
        ({"emission_cov": [1.0, 1.0]}, r"emission_cov must have shape \(n_features\)"),
        ({"emission_cov": np.eye(2)}, r"emission_cov must have shape \(n_features, "),
        ({"transition_cov": np.eye(3)}, "transition_cov must have shape"),
        ({"start_mean": [0.0]}, r"start_mean must have shape \(n_states\)"),
        ({"start_cov": np.eye(3)}, "start_cov must have shape"),
        ({"transition": [[NAN, 0], [0, 0]]}, "transition must be finite"),
        ({"start_cov": [[np.inf, 0], [0, 1]]}, "start_cov must be finite"),
        ({"emission_cov": -1.0}, r"emission_cov must be positive, got -1\.0"),
        ({"emission_cov": [1.0, 0.0, 1.0]}, r"emission_cov must be positive, got 0\.0"),
        ({"emission_cov": np.ones((3, 3))}, "emission_cov must be positive definite"),
        ({"emission_cov": np.triu(np.ones((3, 3)))}, "emission_cov must be symmetric"),
        ({"transition_cov": -0.1}, r"transition_cov must be positive semi-def.*-0\.1"),
        ({"transition_cov": [[1, 2], [2, 1]]}, "transition_cov must be positive semi"),
        ({"transition_cov": [[1, 0.5], [0, 1]]}, "transition_cov must be symmetric"),
        ({"start_cov": [[0, 1], [1, 0]]}, "start_cov must be positive semi-definite"),
        ({"transition": np.eye(2)}, r"spectral radius of 1, not below 1: give start"),
    ],
)
def test_refuses_bad_weights(changes, message):
    weights = {
        "transition": [[0.5, 0.1], [0.0, 0.5]],
        "transition_cov": 1.0,
        "emission": [[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]],
        "emission_cov": 0.5,
    }
    LinearGaussianHMM(**weights)
    with pytest.raises(ValueError, match=message):
        LinearGaussianHMM(**{**weights, **changes})


def test_refuses_bad_sequences():
    hmm = random_model(2, 3)
    with pytest.raises(ValueError, match="steps of 2 features, but the HMM"):
        hmm.filter(np.zeros((2, 4, 2)))
    with pytest.raises(ValueError, match="Sequence 1 of X is empty"):
        hmm.smooth([np.zeros((2, 3)), np.full((2, 3), np.nan)])
    with pytest.raises(ValueError, match="infinity"):
        hmm.log_likelihood([np.full((2, 3), np.inf)])


# Features

LEVEL = LinearGaussianHMM([[0.9]], 0.19, [[1.0]], 0.5)


@common_checks(
    [
        HMMFeatureTransformer(LEVEL, 5, representation=kind)
        for kind in ("belief", "predictive", "smoothed")
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("representation", ["belief", "predictive", "smoothed"])
@pytest.mark.parametrize("pooling", ["last", "mean", "sum", "max"])
@pytest.mark.parametrize("readout", ["relu", "fourier", "linear", "identity"])
def test_features_equal_plain_loops(representation, pooling, readout):
    hmm = random_model(3, 4)
    X = draw(hmm, (5, 2, 7, 1), 0.2)
    transformer = HMMFeatureTransformer(
        hmm,
        3,
        representation=representation,
        pooling=pooling,
        readout=readout,
        random_state=0,
    )
    got = transformer.fit_transform(X)
    # The long run: the state's covariance after many steps.
    A, W, cov = hmm.transition, hmm.emission, np.zeros((3, 3))
    for _ in range(2000):
        cov = A.T @ cov @ A + hmm.transition_cov
    if representation == "predictive":
        cov = W.T @ cov @ W + hmm.emission_cov
    spread = np.sqrt(np.diag(cov))
    means = hmm.smooth(X) if representation == "smoothed" else hmm.filter(X)
    steps = transformer.transform_steps(X)
    for i, mean in enumerate(means):
        value = mean @ A @ W if representation == "predictive" else mean
        pooled = {
            "last": value[-1],
            "mean": value.mean(axis=0),
            "sum": value.sum(axis=0),
            "max": value.max(axis=0),
        }[pooling]
        for u, row in [(pooled, got[i]), (value, steps[i])]:
            if readout == "identity":
                want = u[..., :3]
            else:
                want = (u / spread) @ transformer.directions_ + transformer.offsets_
                if readout == "relu":
                    want = np.maximum(want, 0)
                elif readout == "fourier":
                    want = np.sqrt(2) * np.cos(want)
            assert_allclose(row, want, rtol=0, atol=1e-9)


def test_features_do_not_depend_on_jobs_and_come_in_single_precision():
    hmm = random_model(3, 4)
    X = draw(hmm, (5, 2, 7, 1) * 20, 0.1)
    make = {"n_components": 50, "random_state": 0, "pooling": "mean", "batch_size": 16}
    one = HMMFeatureTransformer(hmm, **make).fit_transform(X)
    two = HMMFeatureTransformer(hmm, n_jobs=2, **make).fit_transform(X)
    assert_array_equal(one, two)
    single = HMMFeatureTransformer(hmm, dtype="float32", **make).fit_transform(X)
    assert single.dtype == np.float32
    assert_allclose(single, one, atol=1e-4)
    smoothed = HMMFeatureTransformer(hmm, representation="smoothed", dtype="float32")
    assert smoothed.fit_transform(X).dtype == np.float32


def test_no_logarithm_of_a_mean():
    transformer = HMMFeatureTransformer(random_model(), representation="log_belief")
    with pytest.raises(ValueError, match="representation='log_belief' needs probab"):
        transformer.fit(np.zeros((3, 2, 4)))


def test_standardised_by_the_start_where_nothing_is_stationary():
    hmm = LinearGaussianHMM([[1.0]], 1.0, [[2.0]], 1.0, [3.0], [[4.0]])
    X = hmm.sample(4, 3, random_state=0)[0]
    for kind, center, spread in [("belief", 3, 2), ("predictive", 6, np.sqrt(17))]:
        make = {"n_components": 2, "readout": "linear", "representation": kind}
        transformer = HMMFeatureTransformer(hmm, random_state=0, **make).fit(X)
        raw = HMMFeatureTransformer(hmm, representation=kind).fit_transform(X)
        want = (raw - center) / spread @ transformer.directions_
        assert_allclose(transformer.transform(X), want, rtol=1e-12)


def test_in_a_grid_search():
    hmm = random_model(3, 4)
    X, states = hmm.sample(60, 5, random_state=0)
    pipe = make_pipeline(HMMFeatureTransformer(hmm), HeadRegressor())
    grid = {"hmmfeaturetransformer__n_components": [None, 10]}
    search = GridSearchCV(pipe, grid, cv=3).fit(X, states[:, -1, 0])
    assert search.best_estimator_[0].hmm_ is hmm
    assert search.best_score_ > 0.3


# The generator


@pytest.mark.parametrize("layout", ["independent", "sequence"])
@pytest.mark.parametrize("transition", ["orthogonal", "scalar"])
def test_generator_truth_equals_empirical_moments(layout, transition):
    X, Y, truth = make_linear_gaussian_hmm(
        200_000,
        n_features=6,
        n_latents=3,
        decay=0.7,
        layout=layout,
        transition=transition,
        random_state=0,
    )
    n = len(X)
    assert X.shape == (n, 6) and Y.shape == (n, 3) and truth.states.shape == (n, 3)
    hmm = truth.hmm
    assert_allclose(hmm.transition.T @ hmm.transition, 0.49 * np.eye(3), atol=1e-12)
    if transition == "scalar":
        assert_allclose(hmm.transition, 0.7 * np.eye(3))
    if layout == "sequence":
        assert_array_equal(truth.states[1:], Y[:-1])
    noise = Y - X @ truth.coef
    change = Y - truth.states @ hmm.transition
    for got, want in [
        (X.T @ X / n, truth.cov),
        (X.T @ Y / n, truth.cross_cov),
        (Y.T @ Y / n, truth.target_cov),
        (noise.T @ noise / n, truth.noise_cov),
        (change.T @ change / n, 0.51 * np.eye(3)),
        (X.T @ noise / n, 0),
        (truth.target_cov, np.eye(3)),
        (hmm.start_cov, np.eye(3)),
    ]:
        assert_allclose(got, want, atol=0.03)
    assert truth.noise_var == pytest.approx(np.trace(truth.noise_cov))
    assert_allclose(np.linalg.solve(truth.cov, truth.cross_cov), truth.coef)


def test_generator_is_nested_in_the_width():
    make = {"n_samples": 20, "random_state": 3}
    X, Y, truth = make_linear_gaussian_hmm(n_features=15, **make)
    wider, Y2, truth2 = make_linear_gaussian_hmm(n_features=300, **make)
    assert_allclose(wider[:, :15], X, rtol=0, atol=1e-13)
    assert_array_equal(Y, Y2)
    assert_array_equal(truth.hmm.emission, truth2.hmm.emission[:, :15])
    assert_allclose(truth2.cov[:15, :15], truth.cov)
    more, _, truth3 = make_linear_gaussian_hmm(50, n_features=15, random_state=3)
    assert truth3.hmm == truth.hmm and len(more) == 50


def test_frozen_or_forgetful_states():
    _, Y, truth = make_linear_gaussian_hmm(decay=1.0, layout="sequence", random_state=0)
    assert_allclose((Y**2).sum(axis=1), (truth.states[0] ** 2).sum())
    _, _, truth = make_linear_gaussian_hmm(decay=0.0, random_state=0)
    assert truth.noise_var == pytest.approx(20) and np.abs(truth.coef).max() < 1e-12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_samples": 1}, "n_samples must be at least 2, got 1"),
        ({"n_features": 0}, "n_features must be at least 1, got 0"),
        ({"n_latents": 0}, "n_latents must be at least 1, got 0"),
        ({"decay": 1.1}, r"decay must be in \[0, 1\], got 1.1"),
        ({"decay": NAN}, r"decay must be in \[0, 1\], got nan"),
        ({"feature_noise": -0.5}, r"feature_noise must be in \(0, inf\), got -0.5"),
        ({"feature_noise": 0.0}, r"feature_noise must be in \(0, inf\), got 0.0"),
        ({"transition": "diagonal"}, "transition must be 'orthogonal' or 'scalar'"),
        ({"layout": "long"}, "layout must be 'independent' or 'sequence', got 'long'"),
    ],
)
def test_generator_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        make_linear_gaussian_hmm(**changes)


def head_excess(truth, X, Y):
    head = np.linalg.lstsq(X, Y, rcond=None)[0] - truth.coef
    return np.sum(head * (truth.cov @ head))


def mean_excess(n_draws, seed=0, **options):
    """Mean excess risk over draws of a whole task, and its standard error."""
    risks = [
        head_excess(truth, X, Y)
        for X, Y, truth in (
            make_linear_gaussian_hmm(random_state=seed + i, **options)
            for i in range(n_draws)
        )
    ]
    return np.mean(risks), np.std(risks) / np.sqrt(n_draws)


@pytest.mark.parametrize(
    ("width", "n_draws", "published"),
    [(1, 200, 0.197), (10, 200, 1.58), (40, 100, 4.49), (240, 60, 3.93)],
)
def test_risk_at_a_width(width, n_draws, published):
    # n = 100, d = 20, a = .9: the deterministic numbers, within Monte Carlo error and
    # the 4% that one random readout may move them.
    excess, error = mean_excess(n_draws, n_features=width)
    assert abs(excess - published) < 4 * error + 0.04 * published


def test_truth_feeds_the_theory():
    _, _, truth = make_linear_gaussian_hmm(n_features=240, random_state=0)
    moments = truth.cov, truth.cross_cov, truth.target_cov
    curve = nested_risk(*moments, n_samples=100, widths=[1, 20, 40, 80, 240])
    risk = ridge_risk(truth.cov, truth.coef, truth.noise_cov, n_samples=100)
    assert curve.total[-1] == pytest.approx(risk.total)
    assert_allclose(curve.noise[-1], truth.noise_var)
    assert_allclose(curve.total, [19.5, 12.6, 11.1, 26.3, 8.10], rtol=0.1)
    # Excess risk is least at the smallest width, total risk inside.
    assert curve.excess[:4].argmin() == 0 and curve.total[:4].argmin() == 2


def test_one_long_sequence_can_cost_more():
    # a = .99, A = aI, p = 30: 2.2 independent against 11.0 in one sequence; one random
    # readout transitions these by some percent.
    options = {"n_features": 30, "decay": 0.99, "transition": "scalar"}
    excess, error = mean_excess(200, **options)
    assert excess == pytest.approx(2.2, rel=0.1)
    noise = [
        make_linear_gaussian_hmm(random_state=i, **options)[2].noise_var
        for i in range(200)
    ]
    # The exact distribution of Gaussian least squares, for independent rows.
    assert abs(excess - np.mean(noise) * 30 / 69) < 4 * error
    excess, _ = mean_excess(200, layout="sequence", **options)
    assert excess == pytest.approx(11.0, rel=0.1)
