"""Steps one at a time: against definitions, and against one walk over all of them."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracle import brute_force, emission_density
from random_models import KINDS, random_hmm, random_sequences
from scipy.stats import laplace

from skhmmdd import (
    CategoricalHMM,
    GaussianBelief,
    GaussianHMM,
    LinearGaussianHMM,
)
from skhmmdd.hmm.models._ending import EndingHMM
from skhmmdd.hmm.models._external import EmissionHMM
from skhmmdd.hmm.sequences._blocks import LONG

CLOSE = {"rtol": 0, "atol": 1e-12}


@dataclass(frozen=True)
class Laplace:
    """An emission of another library, as far as `EmissionHMM` asks."""

    means: tuple = (-1.0, 0.0, 2.0)
    n_features = 1

    def log_likelihood(self, values):
        return laplace(self.means).logpdf(values)

    def sample(self, state, rng):
        return rng.laplace(self.means[state], size=1)


def left_right(n_states=3, stay=0.9):
    transmat = stay * np.eye(n_states) + (1 - stay) * np.eye(n_states, k=1)
    transmat[-1, -1] = 1
    emission = np.random.RandomState(0).dirichlet(np.ones(4), n_states)
    return CategoricalHMM(np.eye(n_states)[0], transmat, emission)


def model(name):
    rest = random_hmm("categorical", seed=3)
    return {
        "ending": lambda: EndingHMM(rest, [0.01, 0.0, 0.02]),
        "ending vectors": lambda: EndingHMM(random_hmm("diag"), [0.01, 0.0, 0.02]),
        "external": lambda: EmissionHMM(rest.startprob, rest.transmat, Laplace()),
        "left-right": left_right,
        "many states": lambda: random_hmm("categorical", 40, 20),
    }.get(name, lambda: random_hmm(name))()


FAMILIES = [*KINDS, "ending", "ending vectors", "external", "left-right", "many states"]


def batch(hmm, n_sequences=5, n_steps=60, missing=0.2, seed=0):
    """A batch of one length, with observations missing at any step, also the last."""
    if isinstance(hmm, EndingHMM):
        hmm = hmm.within
    X = hmm.sample(n_sequences, n_steps, random_state=seed)[0]
    rng = np.random.RandomState(seed)
    if X.ndim == 2:
        return np.where(rng.uniform(size=X.shape) < missing, -1, X)
    X = np.where(rng.uniform(size=X.shape) < missing, np.nan, X)
    X[rng.uniform(size=X.shape[:2]) < missing / 2] = np.nan
    return X


def stream(hmm, X, belief=None):
    """The beliefs of every step, one at a time."""
    out = []
    for t in range(X.shape[1]):
        belief = hmm.update(belief, X[:, t])
        out.append(belief)
    return out


def together(hmm, X, **options):
    """All of them by one walk; a step after the last is no padding."""
    one = np.zeros((len(X), 1, *X.shape[2:]), X.dtype)
    return hmm.filter(np.concatenate([X, one], axis=1), **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_by_its_definition(kind):
    hmm = random_hmm(kind)
    X = batch(hmm, 4, 3, missing=0.3)
    belief = hmm.update(None, X[:, 0])
    for t in range(3):
        density = [[emission_density(hmm, k, x) for k in range(3)] for x in X[:, t]]
        before = hmm.startprob if t == 0 else belief @ hmm.transmat
        want = before * np.array(density)
        belief = hmm.update(belief if t else None, X[:, t])
        assert_allclose(belief, want / want.sum(axis=1, keepdims=True), **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_stream_by_enumeration(kind):
    hmm = random_hmm(kind, seed=1)
    x = random_sequences(hmm, [5], missing=0.2)[0]
    beliefs = np.stack(stream(hmm, x[None]))[:, 0]
    assert_allclose(beliefs, brute_force(hmm, x)["filtered"], **CLOSE)


@pytest.mark.parametrize("name", FAMILIES)
def test_stream_is_one_filter(name):
    hmm = model(name)
    X = batch(hmm, missing=0.2)
    beliefs = np.stack(stream(hmm, X), axis=1)
    assert_allclose(beliefs, together(hmm, X)[:, : X.shape[1]], **CLOSE)
    assert_allclose(beliefs.sum(axis=2), 1, **CLOSE)


@pytest.mark.parametrize("name", FAMILIES)
def test_cut_at_random_places(name):
    hmm, rng = model(name), np.random.RandomState(1)
    X = batch(hmm, 6, 80, seed=2)
    seen = X >= 0 if X.ndim == 2 else ~np.isnan(X).all(axis=2)
    whole = together(hmm, X)
    # Every sequence of a list has cuts of its own, after steps that are observed: what
    # is missing at the end of a list's sequence is padding.
    cuts = [
        [0, *np.sort(rng.choice(np.flatnonzero(row[:-1]) + 1, 3, replace=False))]
        for row in seen
    ]
    belief = None
    for piece in range(3):
        parts = [X[i, c[piece] : c[piece + 1]] for i, c in enumerate(cuts)]
        got = hmm.filter(parts, initial_belief=belief)
        for i, c in enumerate(cuts):
            want = whole[i, c[piece] : c[piece + 1]]
            assert_allclose(got[i], want, **CLOSE)
        belief = [steps[-1] for steps in got]
    # A table is cut at one place; the missing steps before it are for `update`.
    t = 40
    belief = hmm.update(whole[:, t - 1], X[:, t])
    got = together(hmm, X[:, t + 1 :], initial_belief=belief)
    assert_allclose(got[:, :-1], whole[:, t + 1 : -1], **CLOSE)


@pytest.mark.parametrize("name", ["categorical", "left-right"])
def test_one_long_sequence_goes_on(name):
    """It is cut into pieces, of which the first is entered by the belief."""
    hmm = model(name)
    x = batch(hmm, 1, 4 * LONG)
    x[0, [999, -1]] = 1
    whole = hmm.filter(x)[0]
    belief = hmm.filter(x[:, :1000])[:, -1]
    assert_allclose(
        hmm.filter(x[:, 1000:], initial_belief=belief)[0], whole[1000:], **CLOSE
    )


def million(hmm, n_steps):
    """The largest difference over a stream of one sequence."""
    x = batch(hmm, 1, n_steps)
    x[0, -1] = 1
    whole, belief, worst = hmm.filter(x)[0], None, 0.0
    for t in range(n_steps):
        belief = hmm.update(belief, x[:, t])
        worst = max(worst, np.abs(belief[0] - whole[t]).max())
    return worst


def test_ten_thousand_steps():
    assert million(random_hmm("categorical", 4), 10_000) < 1e-12


@pytest.mark.campaign
def test_a_million_steps():
    assert million(random_hmm("categorical", 4), 1_000_000) < 1e-12


def test_what_is_missing_is_predicted():
    hmm = random_hmm("full", size=2)
    belief = hmm.update(None, [[np.nan, np.nan], [0.1, np.nan]])
    assert_allclose(belief[0], hmm.startprob, **CLOSE)
    after = hmm.update(belief, np.full((2, 2), np.nan))
    assert_allclose(after, belief @ hmm.transmat, **CLOSE)


def test_forms_of_observations():
    hmm = random_hmm("categorical")
    want = hmm.update(None, [1, -1])
    cells = np.array([1, None], dtype=object)
    masked = np.ma.masked_equal([1, 3], 3)
    for same in (
        [1, None],
        [1.0, np.nan],
        [[1], [-1]],
        [np.array([1]), np.array([-1])],
        cells,
        masked,
        pd.Series([1, None], dtype="Int64"),
        pd.DataFrame({"symbol": [1, -1]}),
    ):
        assert_array_equal(hmm.update(None, same), want)
    vectors = random_hmm("diag", size=2)
    frame = pd.DataFrame({"a": [0.0, 1.0], "b": [None, 2.0]})
    want = vectors.update(None, [[0.0, np.nan], [1.0, 2.0]])
    assert_array_equal(vectors.update(None, frame), want)
    belief = vectors.update(pd.DataFrame(want), frame)
    assert_array_equal(belief, vectors.update(want.tolist(), frame))


# What underflows --------------------------------------------------------------------


def far_apart(distance):
    """States that never change, and are told apart by any observation."""
    return GaussianHMM([0.5, 0.5], np.eye(2), [0.0, distance], [1.0, 1.0])


def test_a_state_that_is_all_but_ruled_out_comes_back():
    # exp(-35 ** 2 / 2) is 1e-266.
    hmm = far_apart(35.0)
    belief = hmm.update(None, [0.0])
    assert_allclose(belief[0, 1], np.exp(-612.5), rtol=1e-12)
    assert_allclose(hmm.update(belief, [35.0]), [[0.5, 0.5]], **CLOSE)
    assert_allclose(
        hmm.filter([[35.0, 36.0]], initial_belief=belief)[0],
        hmm.filter([[0.0, 35.0, 36.0]])[0][1:],
        **CLOSE,
    )


def unlikely():
    """Of symbol 0 both states give next to nothing, and symbol 1 only the second."""
    return CategoricalHMM(
        [1 - 1e-150, 1e-150],
        np.eye(2),
        [[1e-200, 1e-300, 1 - 1e-200], [1e-180, 0.5, 0.5]],
    )


def test_a_step_that_is_all_but_impossible_loses_no_state():
    # Unscaled, state 1 is at 1e-330 after the first step, below the least double; once
    # the step is divided by its probability, 1e-200, it is at 1e-130.
    hmm = unlikely()
    belief = hmm.update(None, [0])
    assert_allclose(belief, [[1.0, 1e-130]], rtol=1e-12)
    assert_allclose(hmm.update(belief, [1]), [[2e-170, 1.0]], rtol=1e-12)
    # States never change, so before a first step this belief is as good as none.
    belief = hmm.filter([[0]], initial_belief=hmm.startprob[None])[0]
    assert_allclose(belief, [[1.0, 1e-130]], rtol=1e-12)
    assert_allclose(hmm.filter([[0, 1]])[0][1], [0.0, 1.0], **CLOSE)


def test_what_no_double_holds_is_not_carried():
    # exp(-40 ** 2 / 2) is 1e-348: kept within a call, and not from call to call.
    hmm = far_apart(40.0)
    assert_allclose(hmm.filter([[0.0, 40.0]])[0][1], [0.5, 0.5], **CLOSE)
    belief = hmm.update(None, [0.0])
    assert_array_equal(belief, [[1.0, 0.0]])
    assert_array_equal(hmm.update(belief, [40.0]), [[1.0, 0.0]])


def test_states_that_others_lead_to_are_never_lost():
    hmm = GaussianHMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [0.0, 60.0], [1.0, 1.0])
    X = np.repeat([[0.0, 60.0, 0.0, 30.1, 29.9, 60.0]], 2, axis=0)
    assert_allclose(np.stack(stream(hmm, X), axis=1), hmm.filter(X), **CLOSE)


def test_rows_that_underflow_leave_the_others_alone():
    hmm = unlikely()
    beliefs = hmm.update(None, [2, 0, 1, 0])
    for i, symbol in enumerate([2, 0, 1, 0]):
        assert_allclose(beliefs[i], hmm.update(None, [symbol])[0], rtol=1e-14)


# What is refused --------------------------------------------------------------------


def test_impossible_as_in_filter():
    hmm = left_right()
    belief, X = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], np.array([[0], [1]])
    hmm = CategoricalHMM(hmm.startprob, hmm.transmat, np.eye(3))
    message = (
        "Sequence 0 is impossible under CategoricalHMM(n_states=3, n_symbols=3): its "
        "step 0 has probability zero given the steps before it."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        hmm.filter(X, initial_belief=belief)
    with pytest.raises(ValueError, match=re.escape(message)):
        hmm.update(belief, X[:, 0])
    with pytest.raises(ValueError, match=re.escape(message)):
        hmm.filter([[2], [0]])
    with pytest.raises(ValueError, match=re.escape(message)):
        hmm.update(None, [2, 0])


def test_a_chain_that_had_to_end_does_not_go_on():
    within = random_hmm("categorical")
    hmm = EndingHMM(within, [1.0, 0.5, 0.0])
    with pytest.raises(ValueError, match="Sequence 0 is impossible under EndingHMM"):
        hmm.update([[1.0, 0.0, 0.0]], [1])
    half = [[0.0, 0.5, 0.5]]
    goes_on = np.array(half) * [0.0, 0.5, 1.0] @ within.transmat
    want = goes_on * within.emissionprob[:, 1]
    assert_allclose(hmm.update(half, [1]), want / want.sum(), **CLOSE)


GOOD = [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("belief", "error", "message"),
    [
        (GOOD[:1], ValueError, r"\(n_sequences, n_states\) = \(2, 3\), got \(1, 3\)"),
        (GOOD[0], ValueError, r"= \(2, 3\), got \(3,\)"),
        (np.full((2, 2), 0.5), ValueError, r"= \(2, 3\), got \(2, 2\)"),
        (np.zeros((0, 3)), ValueError, r"= \(2, 3\), got \(0, 3\)"),
        (0.5, ValueError, r"= \(2, 3\), got \(\)"),
        ([GOOD[0], [0.5, 0.6, 0.0]], ValueError, r"row 1 must sum to one, got 1\.1"),
        ([GOOD[0], [0.0] * 3], ValueError, r"row 1 must sum to one, got 0\.0"),
        ([GOOD[0], [-0.1, 0.6, 0.5]], ValueError, r"in \[0, 1\], got values from -0.1"),
        ([GOOD[0], [np.nan, 0.5, 0.5]], ValueError, "got values from nan to nan"),
        ([GOOD[0], [np.inf, 0.5, 0.5]], ValueError, "got values from 0.2 to inf"),
        ([GOOD[0], [1e308, 1e308, 0]], ValueError, r"from 0.0 to 1e\+308"),
        ([GOOD[0], [0.5]], TypeError, "must be numbers in an array of shape"),
        ("belief", TypeError, "must be numbers in an array of shape .* got 'belief'"),
        (np.array(GOOD) + 0j, TypeError, "must be numbers in an array of shape"),
    ],
)
def test_beliefs_refused(belief, error, message):
    hmm = random_hmm("categorical")
    with pytest.raises(error, match=f"^belief .*{message}"):
        hmm.update(belief, [0, 1])
    with pytest.raises(error, match=f"^initial_belief .*{message}"):
        hmm.filter([[0, 1], [1, 1]], initial_belief=belief)


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        ([0], r"belief .* = \(1, 3\), got \(2, 3\)"),
        ([0, 7], "observation holds the symbol 7 in sequence 1.*at most 3"),
        ([0, 0.5], "observation must hold integer symbols .* got 0.5"),
        (["a", "b"], "text .*'a'.* in sequence 0 of observation .* TokenEncoder"),
        ([[0, 1], [1, 1]], "observation holds steps of 2 features"),
        ([[0], [1, 1]], "observation is ragged"),
        (3, r"observation must have shape \(n_sequences,\) or .* got shape \(\)"),
        (np.zeros((2, 1, 1), int), r"one step of each sequence, got shape \(2, 1, 1\)"),
        ([], "0 sample.* required of observation"),
        ([0, np.inf], "observation contains infinity.* in sequence 1"),
    ],
)
def test_observations_refused(observation, message):
    with pytest.raises(ValueError, match=message):
        random_hmm("categorical").update(GOOD, observation)


def test_vectors_refused():
    hmm = random_hmm("diag", size=2)
    for observation, message in (
        (
            [0.0, 1.0],
            r"steps of 1 features, .* made for 2\. .* single .* \[observation\]",
        ),
        ([0.0] * 3, "observation holds steps of 1 features, .* made for 2"),
        ([[1e200, 0.0]], "observation holds 1e.200 in sequence 0: its log-density"),
    ):
        with pytest.raises(ValueError, match=message):
            hmm.update(None, observation)
    with pytest.raises(ValueError, match=r"Fractions in .* as observation.* got 0\.5"):
        random_hmm("poisson", size=1).update(None, [1.0, 0.5])


# The Kalman filter ------------------------------------------------------------------


def linear(d=3, p=2, seed=0, radius=0.9):
    rng = np.random.RandomState(seed)
    A = rng.standard_normal((d, d))
    A *= radius / np.abs(np.linalg.eigvals(A)).max()
    Q, R = (f.T @ f / len(f) for f in map(rng.standard_normal, [(d, d), (p, p)]))
    W = rng.standard_normal((d, p))
    return LinearGaussianHMM(A, Q + 0.1 * np.eye(d), W, R + 0.2 * np.eye(p))


def textbook_step(hmm, mean, cov, x):
    """Predict and condition, in covariances, of one sequence."""
    if mean is None:
        mean, cov = hmm.start_mean, hmm.start_cov
    else:
        mean = mean @ hmm.transition
        cov = hmm.transition.T @ cov @ hmm.transition + hmm.transition_cov
    seen = ~np.isnan(x)
    W, R = hmm.emission[:, seen], hmm.emission_cov[np.ix_(seen, seen)]
    gain = np.linalg.solve(W.T @ cov @ W + R, W.T @ cov)
    return mean + (x[seen] - mean @ W) @ gain, cov - cov @ W @ gain


def test_kalman_step_by_its_definition():
    hmm = linear()
    X = batch(hmm, 4, 8, missing=0.3)
    want, belief = [(None, None)] * 4, None
    for t in range(8):
        belief = hmm.update(belief, X[:, t])
        want = [textbook_step(hmm, *w, x) for w, x in zip(want, X[:, t], strict=True)]
        assert isinstance(belief, GaussianBelief)
        assert_allclose(belief.mean, [mean for mean, _ in want], **CLOSE)
        assert_allclose(belief.cov, [cov for _, cov in want], **CLOSE)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_kalman_stream_is_one_filter(missing):
    hmm = linear()
    X = batch(hmm, 5, 80, missing)
    means, covs = together(hmm, X, return_cov=True)
    beliefs = stream(hmm, X)
    assert_allclose(np.stack([b.mean for b in beliefs], 1), means[:, :-1], **CLOSE)
    assert_allclose(np.stack([b.cov for b in beliefs], 1), covs[:, :-1], **CLOSE)
    # Cut anywhere: the whole batch, and each sequence at a place of its own.
    for t in (1, 33):
        belief = means[:, t - 1], covs[:, t - 1]
        got = together(hmm, X[:, t:], initial_belief=belief, return_cov=True)
        assert_allclose(got[0][:, :-1], means[:, t:-1], **CLOSE)
        assert_allclose(got[1][:, :-1], covs[:, t:-1], **CLOSE)
    X[:, -1] = 0.3
    means, covs = hmm.filter(X, return_cov=True)
    cuts = np.random.RandomState(0).randint(1, 79, 5)
    belief = means[range(5), cuts - 1], covs[range(5), cuts - 1]
    parts = [x[t:] for x, t in zip(X, cuts, strict=True)]
    got = hmm.filter(parts, initial_belief=belief, return_cov=True)
    for i, t in enumerate(cuts):
        assert_allclose(got[0][i], means[i, t:], **CLOSE)
        assert_allclose(got[1][i], covs[i, t:], **CLOSE)


def kalman_stream(n_steps):
    hmm = linear(2, 1)
    x = batch(hmm, 1, n_steps, missing=0.1)
    x[0, -1] = 0.0
    (means,), (covs,) = hmm.filter(x, return_cov=True)
    belief, worst = None, 0.0
    for t in range(n_steps):
        belief = hmm.update(belief, x[:, t])
        mean, cov = belief.mean[0] - means[t], belief.cov[0] - covs[t]
        worst = max(worst, np.abs(mean).max(), np.abs(cov).max())
    return worst


@pytest.mark.slow
def test_kalman_two_thousand_steps():
    assert kalman_stream(2_000) < 1e-12


@pytest.mark.campaign
def test_kalman_many_steps():
    assert kalman_stream(50_000) < 1e-12


def test_kalman_states_without_spread():
    # A state that is known for certain, and one that never changes.
    hmm = LinearGaussianHMM(np.eye(2), 0.0, [[1.0], [0.5]], 1.0, [1.0, 2.0], 0.0)
    belief = hmm.update(hmm.update(None, [3.0]), [5.0])
    assert_allclose(belief.mean, [[1.0, 2.0]], **CLOSE)
    assert_array_equal(belief.cov, np.zeros((1, 2, 2)))


def test_kalman_overflow_is_named():
    hmm = LinearGaussianHMM([[0.9]], 1.0, [[1e-10]], 1e-10)
    message = "observation holds 1.7e.308 in sequence 1: what follows from it overflows"
    with pytest.raises(ValueError, match=message):
        hmm.update(None, [0.0, 1.7e308])
    huge = [[1.7e308]], [[[1.0]]]
    hmm = LinearGaussianHMM([[2.0]], 1.0, [[1.0]], 1.0, start_cov=1.0)
    with pytest.raises(ValueError, match="what follows from it overflows"):
        hmm.update(huge, [0.0])


MEAN, COV = np.zeros((2, 3)), np.tile(np.eye(3), (2, 1, 1))
LOPSIDED = COV + np.eye(3, k=1)


@pytest.mark.parametrize(
    ("belief", "error", "message"),
    [
        (3.0, TypeError, r"^{0} must be a GaussianBelief or a pair .* got 3\.0"),
        ((MEAN,), TypeError, "^{0} must be a GaussianBelief or a pair"),
        (MEAN, ValueError, r"^mean of {0} must .* = \(2, 3\), got \(3,\)"),
        ((MEAN[:1], COV), ValueError, r"^mean of {0} .* = \(2, 3\), got \(1, 3\)"),
        ((MEAN, COV[0]), ValueError, r"^cov of {0} .* = \(2, 3, 3\), got \(3, 3\)"),
        ((MEAN + np.nan, COV), ValueError, "^mean of {0} must be finite, got nan"),
        ((MEAN, COV + np.inf), ValueError, "^cov of {0} must be finite, got inf"),
        ((MEAN, LOPSIDED), ValueError, "^cov of {0} in sequence 0 must be symmetric"),
        (
            (MEAN, COV * [[[1.0]], [[-1.0]]]),
            ValueError,
            "^cov of {0} in sequence 1 must be positive semi-definite; .* is -1",
        ),
        (("m", "c"), TypeError, "^mean of {0} must be numbers .* got 'm'"),
    ],
)
def test_gaussian_beliefs_refused(belief, error, message):
    hmm = linear(3, 1)
    with pytest.raises(error, match=message.format("belief")):
        hmm.update(belief, [0.0, 1.0])
    with pytest.raises(error, match=message.format("initial_belief")):
        hmm.filter([[0.0], [1.0]], initial_belief=belief)
