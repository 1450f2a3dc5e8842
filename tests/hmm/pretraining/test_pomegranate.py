"""pomegranate as a source of frozen weights, and as the engine of Baum-Welch."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from random_models import random_hmm, random_sequences
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skhmmdd import (
    BaumWelch,
    CategoricalHMM,
    GaussianHMM,
    HMMFeatureTransformer,
    as_hmm,
)

torch = pytest.importorskip("torch")
lib = pytest.importorskip("pomegranate.hmm")
distributions = pytest.importorskip("pomegranate.distributions")

LENGTHS = [12, 2, 30, 5, 12]
KINDS = ["Categorical", "Normal-full", "Normal-diag", "Normal-sphere", "Normal-mixed"]
KINDS += ["Poisson", "Exponential", "Mixture", "Independent", "two symbols"]


def make_states(kind, n_states=3, seed=0):
    """Distributions of a kind, and a sampler of observations they allow."""
    rng = np.random.RandomState(seed)
    name, _, structure = kind.partition("-")
    if name in ("Categorical", "two symbols"):
        d = 1 if name == "Categorical" else 2
        states = [
            distributions.Categorical(rng.dirichlet(np.ones(4), d)) for _ in range(3)
        ]
        return states, lambda n: rng.randint(4, size=(n, d))
    if name == "Poisson":
        states = [distributions.Poisson(rng.uniform(1, 9, 2)) for _ in range(n_states)]
        return states, lambda n: rng.poisson(4, size=(n, 2)).astype(float)
    if name == "Exponential":
        states = [
            distributions.Exponential(rng.uniform(1, 9, 2)) for _ in range(n_states)
        ]
        return states, lambda n: rng.exponential(4, size=(n, 2))

    def normal(k):
        shape = {"mixed": "full" if k else "diag"}.get(structure, structure) or "diag"
        factor = rng.standard_normal((2, 2))
        covs = {
            "full": factor @ factor.T + np.eye(2),
            "diag": rng.uniform(0.5, 2, 2),
            "sphere": np.full(2, rng.uniform(0.5, 2)),
        }[shape]
        return distributions.Normal(2 * rng.standard_normal(2), covs, shape)

    if name == "Mixture":
        from pomegranate.gmm import GeneralMixtureModel

        states = [
            GeneralMixtureModel([normal(0), normal(0)], priors=[0.3, 0.7])
            for _ in range(n_states)
        ]
    elif name == "Independent":
        states = [
            distributions.IndependentComponents(
                [
                    distributions.Normal([float(k)], [1.0], "diag"),
                    distributions.Exponential([k + 1.0]),
                ]
            )
            for k in range(n_states)
        ]
        return states, lambda n: rng.exponential(2, size=(n, 2))
    else:
        states = [normal(k) for k in range(n_states)]
    return states, lambda n: 2 * rng.standard_normal((n, 2))


def make(kind, ends="different", sparse=False):
    """A donor in double precision, and sequences as it takes them."""
    states, draw = make_states(kind)
    rng = np.random.RandomState(1)
    transitions = rng.dirichlet(np.ones(3), 3)
    endprob = {
        "different": np.array([0.1, 0.0, 0.4]),
        "alike": np.full(3, 0.2),
        "uniform, on top": np.full(3, 1 / 3),
    }[ends]
    edges = (
        transitions
        if ends == "uniform, on top"
        else (1 - endprob)[:, None] * transitions
    )
    start = rng.dirichlet(np.ones(3))
    if sparse:
        edges[0, 1], edges[0, 0] = 0, edges[0, 0] + edges[0, 1]
        rows, columns = edges.nonzero()
        edges = [
            (states[i], states[j], float(edges[i, j]))
            for i, j in zip(rows, columns, strict=True)
        ]
        donor = lib.SparseHMM(states, edges=edges, starts=start, ends=endprob)
    else:
        donor = lib.DenseHMM(states, edges, start, endprob)
    return donor.double(), [draw(n) for n in LENGTHS]


def tensor(x):
    return torch.as_tensor(x[None])


def as_ours(kind, X):
    return [x[:, 0] for x in X] if kind == "Categorical" else X


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("ends", ["different", "alike", "uniform, on top"])
@pytest.mark.parametrize("kind", KINDS)
def test_answers_equal_the_donors(kind, ends, sparse):
    donor, X = make(kind, ends, sparse)
    hmm, ours = as_hmm(donor), as_ours(kind, X)
    smoothed, scores, paths = (
        hmm.smooth(ours),
        hmm.log_likelihood(ours),
        hmm.decode(ours),
    )
    with_ends = ends == "different"
    assert ("EndingHMM" in repr(hmm)) == with_ends
    for i, x in enumerate(X):
        posterior = donor.predict_proba(tensor(x)).numpy()[0]
        # The weights of mixtures stay in single precision.
        atol = 3e-5 if kind == "Mixture" else 1e-5
        assert_allclose(smoothed[i], posterior, rtol=0, atol=atol)
        score = donor.log_probability(tensor(x)).item()
        if not with_ends:
            # Ours is given the length, whose distribution is the same from every state.
            end = donor.ends.exp().numpy()[0]
            goes_on = 0.8 if ends == "alike" else 1.0
            score -= np.log(end) + (len(x) - 1) * np.log(goes_on)
        assert_allclose(scores[i], score, rtol=1e-5)
        if not sparse and kind != "Categorical":  # symbols can tie
            assert_array_equal(paths[i], donor.viterbi(tensor(x)).numpy()[0])


@pytest.mark.parametrize("kind", KINDS)
def test_kind_of_the_weights(kind):
    hmm = as_hmm(make(kind, "alike")[0])
    if kind == "Categorical":
        assert type(hmm) is CategoricalHMM
    elif kind.startswith("Normal"):
        assert type(hmm) is GaussianHMM
        full = kind.endswith(("full", "mixed"))
        assert hmm.covariance_type == ("full" if full else "diag")
    else:
        assert type(hmm).__name__ == "EmissionHMM"
        assert hmm.n_features == 2


@pytest.mark.parametrize("kind", ["Categorical", "Normal-diag", "Poisson"])
def test_beliefs_are_causal_and_know_the_chain_went_on(kind):
    donor, X = make(kind)
    hmm, ours = as_hmm(donor), as_ours(kind, X)
    filtered = hmm.filter(ours)
    for x, belief in zip(X, filtered, strict=True):
        log_alpha = donor.forward(tensor(x))[0]
        assert_allclose(belief, torch.softmax(log_alpha, 1).numpy(), atol=1e-6)
    prefixes = hmm.filter([x[: len(x) // 2] for x in ours])
    for belief, prefix in zip(filtered, prefixes, strict=True):
        assert_allclose(belief[: len(prefix)], prefix, atol=1e-14)
    transformer = HMMFeatureTransformer(donor).fit(ours)
    assert_allclose(transformer.transform(ours), [b[-1] for b in filtered], atol=1e-14)
    transformer.set_params(representation="smoothed").fit(ours)
    last = [b[-1] for b in hmm.smooth(ours)]
    assert_allclose(transformer.transform(ours), last, atol=1e-12)
    with pytest.raises(ValueError, match="not linear in the belief"):
        transformer.set_params(representation="predictive").fit(ours)


def test_ends_by_enumeration():
    donor, _ = make("Categorical")
    hmm = as_hmm(donor)
    total = 0.0
    for n_steps in range(1, 5):
        grid = np.indices((4,) * n_steps).reshape(n_steps, -1).T
        total += np.exp(hmm.log_likelihood(grid)).sum()
    # What is missing to one is the probability of going on after four steps.
    goes_on = (1 - hmm.endprob)[:, None] * hmm.transmat
    distribution = hmm.startprob @ np.linalg.matrix_power(goes_on, 3)
    assert_allclose(total, 1 - distribution @ (1 - hmm.endprob), rtol=1e-12)


def test_predict_next_and_sample_with_ends():
    hmm = as_hmm(make("Categorical")[0])
    belief = hmm.filter([[1, 2, 0]])[0][-1] * (1 - hmm.endprob)
    want = belief / belief.sum() @ hmm.transmat @ hmm.within.emissionprob
    assert_allclose(hmm.predict_next([[1, 2, 0]])[0], want, rtol=1e-12)
    X, states = hmm.sample(4000, 500, random_state=0)
    lengths = np.array([len(x) for x in X])
    assert [len(z) for z in states] == lengths.tolist()
    goes_on = (1 - hmm.endprob)[:, None] * hmm.transmat
    mean = hmm.startprob @ np.linalg.inv(np.eye(3) - goes_on) @ np.ones(3)
    assert abs(lengths.mean() - mean) < 5 * lengths.std() / np.sqrt(len(X))


def test_long_sequences_with_ends():
    donor, _ = make("Normal-diag")
    x = np.random.RandomState(0).standard_normal((3000, 2))
    hmm = as_hmm(donor)
    posterior = donor.predict_proba(tensor(x)).numpy()[0]
    assert_allclose(hmm.smooth([x])[0], posterior, rtol=0, atol=1e-5)
    log_alpha = donor.forward(tensor(x))[0]
    belief = torch.softmax(log_alpha, 1).numpy()
    assert_allclose(hmm.filter([x])[0], belief, rtol=0, atol=1e-5)
    score = donor.log_probability(tensor(x)).item()
    assert_allclose(hmm.log_likelihood([x]), score, rtol=1e-6)


def test_missing_steps_and_padding_with_ends():
    hmm = as_hmm(make("Categorical")[0])
    table = [[1, -1, 2, -1], [0, 3, 1, 2]]
    got = hmm.log_likelihood(np.array(table))
    want = np.exp(hmm.log_likelihood([[1, s, 2] for s in range(4)])).sum()
    assert_allclose(np.exp(got[0]), want, rtol=1e-12)
    assert_allclose(got[1], hmm.log_likelihood([table[1]])[0], rtol=1e-12)
    assert_array_equal(hmm.filter(np.array(table))[0, 3], 0)


@pytest.mark.parametrize("kind", KINDS)
def test_is_a_value_that_the_donor_cannot_change(kind):
    donor, X = make(kind)
    hmm, ours = as_hmm(donor), as_ours(kind, X)
    before, code = hmm.smooth(ours), hash(hmm)
    assert as_hmm(donor) == hmm
    assert hash(as_hmm(donor)) == code
    assert copy.deepcopy(hmm) is hmm
    loaded = pickle.loads(pickle.dumps(hmm))
    assert loaded == hmm
    assert hash(loaded) == code
    with torch.no_grad():
        for parameter in donor.parameters():
            parameter *= 0.9
    for a, b, c in zip(hmm.smooth(ours), before, loaded.smooth(ours), strict=True):
        assert_array_equal(a, b)
        assert_array_equal(c, b)
    assert make(kind, "alike")[0] != hmm


@pytest.mark.parametrize("kind", ["Poisson", "Exponential", "Mixture", "Independent"])
def test_means_and_samples_of_other_families(kind):
    if kind == "Mixture":
        pytest.skip("pomegranate's mixtures of diagonal normals sample wrongly")
    hmm = as_hmm(make(kind, "alike")[0])
    if kind == "Exponential":
        pytest.skip("checked through IndependentComponents")
    generator = torch.random.get_rng_state()
    X, states = hmm.sample(300, 5, random_state=0)
    assert_array_equal(X, hmm.sample(300, 5, random_state=0)[0])
    assert torch.equal(generator, torch.random.get_rng_state())
    means = hmm.emission.state_means
    for k in range(3):
        seen = X[states == k]
        if kind == "Poisson":
            error = 5 * seen.std(axis=0) / np.sqrt(len(seen))
            assert (np.abs(seen.mean(axis=0) - means[k]) < error).all()
    predicted = hmm.predict_next(X)
    last = np.array([b[-1] for b in hmm.filter(X)])
    assert_allclose(predicted, last @ hmm.transmat @ means, rtol=1e-12)


@pytest.mark.parametrize("kind", ["Categorical", "Normal-full"])
def test_fitted_donor_in_single_precision(kind):
    states, draw = make_states(kind)
    donor = lib.DenseHMM(states, [[0.8, 0.1, 0.1]] * 3, [0.4, 0.3, 0.3], max_iter=4)
    with pytest.raises(NotFittedError, match="DenseHMM is not fitted"):
        as_hmm(donor)
    X = [draw(n) for n in [20, 9, 20, 3]]
    X = [x if kind == "Categorical" else x.astype(np.float32) for x in X]
    for state in states:
        state.float()
    donor = donor.float()
    donor.fit([torch.as_tensor(x) for x in X])
    hmm, ours = as_hmm(donor), as_ours(kind, X)
    assert_allclose(hmm.transmat.sum(axis=1), 1, rtol=1e-14)
    for x, smoothed, score in zip(
        X, hmm.smooth(ours), hmm.log_likelihood(ours), strict=True
    ):
        posterior = donor.predict_proba(tensor(x)).numpy()[0]
        assert_allclose(smoothed, posterior, rtol=0, atol=1e-5)
        assert_allclose(score, donor.log_probability(tensor(x)).item(), rtol=1e-5)


def test_chain_that_never_ends():
    states, _ = make_states("Categorical")
    edges = [(a, b, 1 / 3) for a in states for b in states]
    hmm = as_hmm(lib.SparseHMM(states, edges=edges))
    assert type(hmm) is CategoricalHMM
    assert_allclose(hmm.transmat, 1 / 3)


def test_state_that_always_ends():
    states, _ = make_states("Categorical")
    edges = np.array([[0.5, 0.2, 0.3], [0.1, 0.6, 0.1], [0.0, 0.0, 0.0]])
    donor = lib.DenseHMM(states, edges, [0.5, 0.5, 0.0], [0.0, 0.2, 1.0]).double()
    hmm, x = as_hmm(donor), np.array([[1], [0], [3]])
    posterior = donor.predict_proba(tensor(x)).numpy()[0]
    assert_allclose(hmm.smooth([x[:, 0]])[0], posterior, atol=1e-6)
    assert hmm.smooth([x[:, 0]])[0][0, 2] == 0


def test_refusals(tmp_path):
    states, _ = make_states("Categorical")
    edges, start = np.full((3, 3), 1 / 3), np.full(3, 1 / 3)
    odd = lib.DenseHMM(states, edges, start, [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"no distribution: .* 2 sum to 1\.3"):
        as_hmm(odd)
    for unfitted in (
        lib.DenseHMM(),
        lib.SparseHMM(),
        lib.DenseHMM([distributions.Normal()]),
    ):
        with pytest.raises(NotFittedError, match="HMM is not fitted"):
            as_hmm(unfitted)
    donor, _ = make("Categorical")
    with pytest.raises(TypeError, match="params goes with a model of dynamax"):
        as_hmm(donor, {})
    with pytest.raises(TypeError, match="cannot be saved"):
        as_hmm(donor).save(tmp_path / "weights")
    with torch.no_grad():
        donor.edges[1] = float("nan")
    with pytest.raises(ValueError, match="edges of this DenseHMM hold NaN"):
        as_hmm(donor)
    impossible = as_hmm(
        lib.DenseHMM(states, [[0.5, 0.5, 0], [1, 0, 0], [0, 0, 0]], start, [0, 0, 1])
    )
    assert_array_equal(
        np.isinf(impossible.log_likelihood([[0, 1], [0]])), [True, False]
    )
    with pytest.raises(TypeError, match="hmm must be frozen weights"):
        as_hmm(states[0])


# The engine


def fit(engine, X, init, **options):
    options = {"max_iter": 5, "tol": 0, **options}
    return BaumWelch(init=init, engine=engine, **options).fit(X)


@pytest.mark.parametrize("pseudocount", [0.0, 1e-3, 1.0])
@pytest.mark.parametrize("kind", ["categorical", "diag", "full"])
def test_engines_agree(kind, pseudocount):
    size = 4 if kind == "categorical" else 2
    lengths = np.random.RandomState(0).choice([1, 4, 9], 30)
    X = random_sequences(random_hmm(kind, 3, size), lengths)
    init = random_hmm(kind, 3, size, seed=5)
    ours, theirs = (
        fit(engine, X, init, pseudocount=pseudocount)
        for engine in ("numpy", "pomegranate")
    )
    assert type(theirs.hmm_) is type(ours.hmm_)
    for name in ("log_likelihoods_", "log_posteriors_"):
        assert_allclose(getattr(theirs, name), getattr(ours, name), rtol=1e-10)
    for name, array in ours.hmm_._arrays().items():
        assert_allclose(getattr(theirs.hmm_, name), array, rtol=1e-6, atol=1e-9)
    score = theirs.score_samples(X).sum()
    assert_allclose(theirs.log_likelihoods_[-1], score, rtol=1e-10)


def test_engines_agree_from_random_starts():
    X, _ = random_hmm("categorical").sample(40, 15, random_state=0)
    options = {"n_states": 4, "n_init": 2, "tol": 1e-3, "random_state": 0}
    ours, theirs = (
        BaumWelch(engine=engine, **options).fit(X)
        for engine in ("numpy", "pomegranate")
    )
    assert theirs.n_iter_ == ours.n_iter_
    assert theirs.converged_ is ours.converged_ is True
    assert_allclose(theirs.log_likelihoods_, ours.log_likelihoods_, rtol=1e-8)
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        BaumWelch(engine="pomegranate", max_iter=1, **options).fit(X)


def test_engine_pads_and_batches():
    X = np.array([[0, 1, 1, -1], [1, 0, 1, 1], [0, -1, -1, -1]])
    init = random_hmm("categorical", 2, 2)
    batched = fit("pomegranate", X, init, batch_size=1)
    assert_allclose(
        batched.log_likelihoods_, fit("numpy", X, init).log_likelihoods_, rtol=1e-10
    )


def test_engine_keeps_states_without_data():
    init = CategoricalHMM([1, 0], [[1, 0], [0.5, 0.5]], [[0.5, 0.5], [0.2, 0.8]])
    X = [[0, 1, 1], [1, 1]]
    ours, theirs = (
        fit(e, X, init, pseudocount=0).hmm_ for e in ("numpy", "pomegranate")
    )
    for name, array in ours._arrays().items():
        assert_allclose(getattr(theirs, name), array, atol=1e-12)


def test_engine_refusals():
    init = random_hmm("categorical", 2, 2)
    with pytest.raises(ValueError, match="takes no missing observations"):
        fit("pomegranate", [[0, -1, 1]], init)
    never = CategoricalHMM([1, 0], np.eye(2), np.eye(2))
    with pytest.raises(ValueError, match="impossible under"):
        fit("pomegranate", [[0, 1]], never)
    tight = GaussianHMM([0.5, 0.5], np.full((2, 2), 0.5), [0.0, 5.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="came to weights that are not valid"):
        fit("pomegranate", [[0.0, 0.1, 5.0]], tight, pseudocount=0, max_iter=60)
