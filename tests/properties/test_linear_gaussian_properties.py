"""Kalman filter, smoother and likelihood against the dense joint Gaussian."""

from dataclasses import dataclass

import numpy as np
from campaign import holds_for, note
from hypothesis import assume
from hypothesis import strategies as st
from log_space_oracle import EPS, condition, conditioned, joint_gaussian

from skhmmdd import LinearGaussianHMM

SCALES = [1.0, 1.0, 1.0, 0.1, 1e-3, 1e3]
ENTRIES = [0.0, 0.0, 0.5, -0.5, 1.0, -1.0, 0.9, 2.0]


@dataclass(repr=False)
class Case:
    arrays: dict
    sequences: list

    def __repr__(self):
        arrays = {k: None if a is None else a.tolist() for k, a in self.arrays.items()}
        X = [x.tolist() for x in self.sequences]
        return f"LinearGaussianHMM(**{arrays}), X={X}"


@st.composite
def matrices(draw, *shape, entries=ENTRIES):
    size = int(np.prod(shape))
    drawn = draw(st.lists(st.sampled_from(entries), min_size=size, max_size=size))
    return np.array(drawn, dtype=float).reshape(shape)


@st.composite
def covariances(draw, n, least=0.0):
    """Positive semi-definite, of any rank; definite if `least` is positive."""
    factor = draw(matrices(n, n))
    scale = draw(matrices(n, entries=SCALES))
    return (factor @ factor.T + least * np.eye(n)) * scale * scale[:, None]


@st.composite
def linear_cases(draw):
    d, p = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    transition = draw(matrices(d, d))
    kind = draw(st.sampled_from(["stable", "any", "zero", "identity"]))
    if kind == "stable":
        size = np.abs(np.linalg.eigvals(transition)).max()
        transition = transition * (0.9 / max(size, 0.9))
    elif kind != "any":
        transition = np.eye(d) * (kind == "identity")
    noise = draw(st.sampled_from(["diag", "full"]))
    arrays = {
        "transition": transition,
        "transition_cov": draw(covariances(d)),
        "emission": draw(matrices(d, p)) * draw(matrices(p, entries=SCALES)),
        "emission_cov": draw(covariances(p, 0.3))
        if noise == "full"
        else draw(matrices(p, entries=[1.0, 0.3, 1e-4, 1e-6, 1e4])),
        "start_mean": draw(matrices(d)),
        "start_cov": draw(covariances(d)),
    }
    if kind in ("stable", "zero") and draw(st.booleans()):
        if np.abs(np.linalg.eigvals(transition)).max() < 0.95:
            arrays["start_cov"] = None
    lengths = draw(st.lists(st.integers(1, 7), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([0.0, 0.0, 0.4]))
    model = LinearGaussianHMM(**arrays)
    X = []
    for n_steps in lengths:
        x = model.sample(1, n_steps, random_state=int(rng.integers(2**31)))[0][0]
        x += rng.choice([0.0, 0.0, 20.0], x.shape) * np.abs(x).max()
        if rng.random() < share:  # a whole step
            x[rng.integers(n_steps)] = np.nan
        x[rng.random(x.shape) < share] = np.nan
        if np.isnan(x[-1]).all():
            x[-1, 0] = 1.0
        X.append(x)
    return Case(arrays, X)


def dense(model, x):
    a = (model.transition, model.transition_cov, model.emission, model.emission_cov)
    return joint_gaussian(*a, model.start_mean, model.start_cov, x)


def _matrix(cov):
    return np.diag(cov) if cov.ndim == 1 else cov


@holds_for(linear_cases(), quick=25, campaign=1000)
def test_linear_gaussian(case):
    model = LinearGaussianHMM(**case.arrays)
    d = model.n_states
    filtered, covs = model.filter(case.sequences, return_cov=True)
    smoothed = model.smooth(case.sequences)
    likelihoods = model.log_likelihood(case.sequences)
    following = model.predict_next(case.sequences)
    for i, x in enumerate(case.sequences):
        joint = dense(model, x)
        n, T = len(joint.x), len(x)
        # Conditioning solves with the covariance of what was observed: rounding
        # weighs as its condition number, and as the spread and surprise of the data.
        limit = 64 * EPS * (n + T * d) * condition(joint.cov_x)
        # Readings are in units of the noise, in which the signal may be large.
        variance = np.diag(joint.cov_x).astype(float)
        noise = np.diagonal(np.linalg.cholesky(_matrix(model.emission_cov))) ** 2
        limit *= np.sqrt(1 + variance.max() / noise.min())
        # Data far from zero lose digits where the mean is taken off.
        far = float((np.abs(joint.x) / np.sqrt(variance)).max())
        sd = np.sqrt(np.maximum(np.diag(joint.cov_z), 0)).reshape(T, d)
        mean, _, log_density, squares = conditioned(joint, n)
        mean, size = mean.reshape(T, d), 1 + far + float(np.sqrt(squares))
        scale = np.abs(mean).max() + sd.max() * size
        assert np.isfinite(smoothed[i]).all()
        assert np.abs(smoothed[i] - mean).max() <= limit * scale, (
            smoothed[i],
            mean.astype(float),
        )
        off = abs(likelihoods[i] - log_density)
        assert off <= limit * (1 + far * size + squares), (
            likelihoods[i],
            float(log_density),
        )
        for t in range(T):
            n_seen = int((joint.step <= t).sum())
            mean, cov, _, squares = conditioned(joint, n_seen)
            at = slice(t * d, (t + 1) * d)
            size = np.abs(mean).max() + sd.max() * (1 + far + float(np.sqrt(squares)))
            assert np.abs(filtered[i][t] - mean[at]).max() <= limit * size
            off = np.abs(covs[i][t] - cov[at, at]).max()
            assert off <= limit * sd.max() ** 2, (covs[i][t], cov[at, at].astype(float))
        want = mean[at] @ model.transition @ model.emission
        size *= np.abs(model.transition).sum() * np.abs(model.emission).max()
        assert np.abs(following[i] - want).max() <= 2 * limit * size
    note(
        f"LinearGaussianHMM ({model.covariance_type})",
        "filter",
        "covariances",
        "smooth",
        "log_likelihood",
        "predict_next",
    )


@holds_for(linear_cases(), quick=5, campaign=150)
def test_stationary_start(case):
    """Without a start given, its covariance is the one that the chain keeps."""
    arrays = dict(case.arrays, start_cov=None)
    size = np.abs(np.linalg.eigvals(arrays["transition"])).max()
    assume(size < 0.99)
    model = LinearGaussianHMM(**arrays)
    A, Q, P = (
        np.asarray(a, np.longdouble)
        for a in (model.transition, model.transition_cov, model.start_cov)
    )
    gap = np.abs(A.T @ P @ A + Q - P).max()
    # What powers of the transition let through before they fade.
    power = max(
        np.linalg.norm(np.linalg.matrix_power(model.transition, k)) for k in range(60)
    )
    assert gap <= 1e-10 * (np.abs(Q).max() * power**2 + np.abs(P).max())
    note("LinearGaussianHMM", "stationary covariance")
