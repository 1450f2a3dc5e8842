"""Weights from other models, held against the donors' own answers."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from random_models import random_hmm, random_sequences
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture

from skhmmdd import (
    BaumWelch,
    CategoricalHMM,
    GaussianHMM,
    HMMFeatureTransformer,
    as_hmm,
)

lib = pytest.importorskip("hmmlearn.hmm")
vlib = pytest.importorskip("hmmlearn.vhmm")

LENGTHS = [30, 7, 50, 1]
COVARIANCES = ["spherical", "diag", "full", "tied"]
SETTINGS = {"n_iter": 3, "tol": 0, "random_state": 0}


def make_data(kind):
    rng = np.random.RandomState(0)
    n = sum(LENGTHS)
    regime = np.repeat(rng.randint(3, size=n // 8), 8)
    if kind == "symbols":
        distributions = rng.dirichlet(np.ones(4), 3)
        return np.array([[rng.choice(4, p=distributions[r])] for r in regime])
    if kind == "real":
        return 3 * rng.standard_normal((3, 2))[regime] + rng.standard_normal((n, 2))
    if kind == "counts":
        return rng.poisson(np.array([[1, 8], [5, 2], [9, 9]])[regime])
    distributions = rng.dirichlet(np.ones(3), 3)
    return np.array([rng.multinomial(5, distributions[r]) for r in regime])


FAMILIES = {
    "CategoricalHMM": (lambda: lib.CategoricalHMM(3, **SETTINGS), "symbols"),
    "VariationalCategoricalHMM": (
        lambda: vlib.VariationalCategoricalHMM(3, **SETTINGS),
        "symbols",
    ),
    "PoissonHMM": (lambda: lib.PoissonHMM(3, **SETTINGS), "counts"),
    "MultinomialHMM": (
        lambda: lib.MultinomialHMM(3, n_trials=5, **SETTINGS),
        "trials",
    ),
    "MultinomialHMM-trials from data": (
        lambda: lib.MultinomialHMM(3, **SETTINGS),
        "trials",
    ),
}
for c in COVARIANCES:
    FAMILIES[f"GaussianHMM-{c}"] = (
        lambda c=c: lib.GaussianHMM(3, c, **SETTINGS),
        "real",
    )
    FAMILIES[f"GMMHMM-{c}"] = (
        lambda c=c: lib.GMMHMM(3, 2, covariance_type=c, **SETTINGS),
        "real",
    )
    FAMILIES[f"VariationalGaussianHMM-{c}"] = (
        lambda c=c: vlib.VariationalGaussianHMM(3, c, **SETTINGS),
        "real",
    )
WITH_EMISSION = [
    name
    for name in FAMILIES
    if name.startswith(("GMM", "Multinomial")) and name != "GMMHMM-diag"
]


def make(name):
    """A fitted donor, its sequences as it takes them, and as we do."""
    build, kind = FAMILIES[name]
    X = make_data(kind)
    donor = build().fit(X, LENGTHS)
    theirs = np.split(X, np.cumsum(LENGTHS)[:-1])
    ours = [x[:, 0] for x in theirs] if kind == "symbols" else theirs
    return donor, theirs, ours


def log_joint_of(donor, x, path):
    """log P(path, x) by the donor's own distributions, term by term."""
    if hasattr(donor, "emissionprob_") and x.shape[1] == 1:
        emission = np.log(donor.emissionprob_[:, x[:, 0]].T)
    else:
        emission = donor._compute_log_likelihood(x)
    out = np.log(donor.startprob_[path[0]]) + emission[0, path[0]]
    for t in range(1, len(path)):
        out += np.log(donor.transmat_[path[t - 1], path[t]]) + emission[t, path[t]]
    return out


@pytest.mark.parametrize("name", FAMILIES)
def test_answers_equal_the_donors(name):
    donor, theirs, ours = make(name)
    hmm = as_hmm(donor)
    assert hmm.n_states == 3
    smoothed, paths, scores = (
        hmm.smooth(ours),
        hmm.decode(ours),
        hmm.log_likelihood(ours),
    )
    for i, x in enumerate(theirs):
        score, posterior = donor.score_samples(x)
        assert_allclose(scores[i], score, rtol=1e-10)
        assert_allclose(smoothed[i], posterior, rtol=0, atol=1e-10)
        log_joint, path = donor.decode(x)
        assert_allclose(log_joint_of(donor, x, paths[i]), log_joint, rtol=1e-10)
        if "Categorical" not in name:  # symbols can tie: the best path is not unique
            assert_array_equal(paths[i], path)
        # The last filtered belief has seen the whole of its sequence.
        assert_allclose(hmm.filter(ours)[i][-1], posterior[-1], rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", FAMILIES)
def test_kind_of_the_weights(name):
    hmm = as_hmm(make(name)[0])
    if name in WITH_EMISSION:
        assert repr(hmm) == f"EmissionHMM(n_states=3, emission={name.split('-')[0]})"
    elif name == "PoissonHMM":
        assert repr(hmm) == "PoissonHMM(n_states=3, n_features=2)"
    elif name == "GMMHMM-diag":
        assert (
            repr(hmm) == "GaussianMixtureHMM(n_states=3, n_components=2, n_features=2)"
        )
    elif "Categorical" in name:
        assert type(hmm) is CategoricalHMM
        assert hmm.n_symbols == 4
    else:
        assert type(hmm) is GaussianHMM
        kind = "full" if name.endswith(("full", "tied")) else "diag"
        assert hmm.covariance_type == kind
        assert hmm.n_features == 2


@pytest.mark.parametrize("name", FAMILIES)
def test_unfitted_donor(name):
    with pytest.raises(NotFittedError, match="is not fitted"):
        as_hmm(FAMILIES[name][0]())


@pytest.mark.parametrize("name", FAMILIES)
def test_later_changes_of_the_donor_change_nothing(name):
    donor, theirs, ours = make(name)
    hmm = as_hmm(donor)
    before, code = hmm.filter(ours), hash(hmm)
    score = donor.score(theirs[0])
    donor.init_params = donor.params = ""
    donor.transmat_ = np.full((3, 3), 1 / 3)
    donor.startprob_ = np.full(3, 1 / 3)
    for attribute in ("emissionprob_", "lambdas_", "means_", "weights_"):
        if hasattr(donor, attribute) and not isinstance(
            getattr(type(donor), attribute, None), property
        ):
            getattr(donor, attribute)[:] = getattr(donor, attribute)[::-1].copy()
    assert donor.score(theirs[0]) != score
    for a, b in zip(hmm.filter(ours), before, strict=True):
        assert_array_equal(a, b)
    assert hash(hmm) == code
    assert as_hmm(donor) != hmm


@pytest.mark.parametrize("name", ["GaussianHMM-diag", "PoissonHMM"])
def test_refit_of_the_donor_changes_nothing(name):
    donor, theirs, ours = make(name)
    hmm = as_hmm(donor)
    before, score = hmm.smooth(ours), donor.score(theirs[0])
    donor.fit(theirs[2] + 3)
    assert donor.score(theirs[0]) != score
    for a, b in zip(hmm.smooth(ours), before, strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("name", FAMILIES)
def test_is_a_value(name):
    donor, _, ours = make(name)
    hmm = as_hmm(donor)
    again = as_hmm(donor)
    assert again == hmm
    assert hash(again) == hash(hmm)
    assert copy.deepcopy(hmm) is hmm
    assert as_hmm(hmm) is hmm
    loaded = pickle.loads(pickle.dumps(hmm))
    assert loaded == hmm
    assert hash(loaded) == hash(hmm)
    for a, b in zip(loaded.filter(ours), hmm.filter(ours), strict=True):
        assert_array_equal(a, b)
    with pytest.raises(AttributeError, match="frozen"):
        hmm.transmat = np.eye(3)


def test_different_emissions_are_different_weights():
    mixture, trials = as_hmm(make("GMMHMM-full")[0]), as_hmm(make("MultinomialHMM")[0])
    same_chain = type(mixture)(mixture.startprob, mixture.transmat, trials.emission)
    assert same_chain != mixture
    assert mixture != random_hmm("diag")


@pytest.mark.parametrize("name", [*WITH_EMISSION, "PoissonHMM", "GMMHMM-diag"])
def test_predict_next_is_the_expected_observation(name):
    donor, _, ours = make(name)
    hmm = as_hmm(donor)
    if name.startswith("Poisson"):
        means = donor.lambdas_
    elif name.startswith("Multinomial"):
        means = 5 * donor.emissionprob_
    else:
        means = np.einsum("km,kmd->kd", donor.weights_, donor.means_)
    predicted = hmm.predict_next(ours)
    for belief, got in zip(hmm.filter(ours), predicted, strict=True):
        assert_allclose(got, belief[-1] @ donor.transmat_ @ means, rtol=1e-12)


@pytest.mark.parametrize("name", WITH_EMISSION)
def test_sample_follows_the_emissions(name):
    hmm = as_hmm(make(name)[0])
    X, states = hmm.sample(400, 5, random_state=0)
    assert X.shape == (400, 5, hmm.n_features)
    assert states.shape == (400, 5)
    means = hmm.emission.state_means
    for k in range(3):
        seen = X[states == k]
        error = 5 * seen.std(axis=0) / np.sqrt(len(seen)) + 1e-9
        assert (np.abs(seen.mean(axis=0) - means[k]) < error).all()
    assert_array_equal(X, hmm.sample(400, 5, random_state=0)[0])
    assert np.isfinite(hmm.log_likelihood(X)).all()


def test_trials_that_differ_have_no_mean():
    X = make_data("trials")
    X[0, 0] += 2
    donor = lib.MultinomialHMM(3, **SETTINGS).fit(X, LENGTHS)
    hmm = as_hmm(donor)
    assert np.isfinite(hmm.log_likelihood([X])).all()
    with pytest.raises(TypeError, match="no known mean"):
        hmm.predict_next([X])


@pytest.mark.parametrize("name", WITH_EMISSION)
def test_missing_steps_are_marginalised_out(name):
    donor, _, ours = make(name)
    hmm = as_hmm(donor)
    x = ours[1].astype(float)
    gap = x.copy()
    gap[2:4] = np.nan
    padded = np.vstack([gap, np.full((3, x.shape[1]), np.nan)])
    # Two steps without news: the belief moves by the transition matrix alone.
    before = hmm.filter([x[:2]])[0][-1]
    for got in (hmm.filter([gap])[0], hmm.filter([padded])[0]):
        assert got.shape == (7, 3)
        moved = before @ donor.transmat_ @ donor.transmat_
        assert_allclose(got[3], moved, rtol=0, atol=1e-12)
        likelihood = np.exp(donor._compute_log_likelihood(x.astype(ours[1].dtype))[4])
        want = (moved @ donor.transmat_) * likelihood
        assert_allclose(got[4], want / want.sum(), rtol=0, atol=1e-10)
    gap[2, 1:] = x[2, 1:]
    with pytest.raises(ValueError, match="observed whole"):
        hmm.filter([gap])


def test_impossible_observation_is_named():
    # No state gives the first outcome a chance.
    donor = make("MultinomialHMM")[0]
    donor.emissionprob_ = np.array([[0, 0.5, 0.5], [0, 0.2, 0.8], [0, 0.9, 0.1]])
    hmm = as_hmm(donor)
    X = [np.array([[0, 3, 2], [0, 4, 1]]), np.array([[0, 3, 2], [1, 2, 2]])]
    assert_array_equal(np.isneginf(hmm.log_likelihood(X)), [False, True])
    with pytest.raises(ValueError, match=r"Sequence 1 is impossible.*step 1"):
        hmm.filter(X)
    with pytest.raises(ValueError, match=r"steps of 2 features.*made for 3"):
        hmm.filter([np.ones((2, 2))])


@pytest.mark.parametrize("name", WITH_EMISSION)
def test_save_is_refused(name, tmp_path):
    hmm = as_hmm(make(name)[0])
    with pytest.raises(TypeError, match="another library"):
        hmm.save(tmp_path / "weights")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", FAMILIES)
def test_in_the_transformer(name):
    donor, theirs, ours = make(name)
    transformer = HMMFeatureTransformer(
        donor, representation="smoothed", pooling="mean"
    )
    got = transformer.fit_transform(ours)
    want = [donor.predict_proba(x).mean(axis=0) for x in theirs]
    assert_allclose(got, want, rtol=0, atol=1e-10)
    assert transformer.hmm_ == as_hmm(donor)
    narrow = HMMFeatureTransformer(donor, 4, random_state=0, pooling="mean")
    wide = HMMFeatureTransformer(donor, 200, random_state=0, pooling="mean")
    assert_array_equal(narrow.fit_transform(ours), wide.fit_transform(ours)[:, :4])
    single = narrow.set_params(dtype="float32").fit_transform(ours)
    assert single.dtype == np.float32
    assert_allclose(single, wide.fit_transform(ours)[:, :4], atol=1e-4)


# Our own


def test_our_weights_are_themselves(hmm):
    assert as_hmm(hmm) is hmm


def test_baum_welch():
    X = random_sequences(random_hmm("categorical"))
    model = BaumWelch(n_states=2, tol=0, max_iter=2, random_state=0)
    with pytest.raises(NotFittedError, match=r"BaumWelch is not fitted.*hmm_"):
        as_hmm(model)
    weights = as_hmm(model.fit(X))
    assert weights is model.hmm_
    before = np.array(weights.transmat)
    model.set_params(random_state=1).fit(X)
    assert model.hmm_ != weights
    assert_array_equal(weights.transmat, before)


def test_subclasses_are_known():
    class OurKind(BaumWelch):
        pass

    class TheirKind(lib.GaussianHMM):
        pass

    X = make_data("real")
    model = OurKind(n_states=2, tol=0, max_iter=2, random_state=0).fit([X])
    assert as_hmm(model) is model.hmm_
    donor = TheirKind(3, "full", **SETTINGS).fit(X)
    assert_allclose(as_hmm(donor).log_likelihood([X]), donor.score(X), rtol=1e-10)


@pytest.mark.parametrize(
    "model", [None, 3, "CategoricalHMM", BaumWelch, GaussianMixture()]
)
def test_unknown_model(model):
    with pytest.raises(TypeError, match=r"hmm must be frozen weights.*got"):
        as_hmm(model)


@pytest.mark.parametrize("name", ["GaussianHMM-diag", "PoissonHMM"])
def test_donor_resized_after_its_fit(name):
    donor, _, ours = make(name)
    donor.set_params(n_components=5)
    with pytest.raises(ValueError, match="of 3 states whose n_components was set to 5"):
        as_hmm(donor)
    with pytest.raises(ValueError, match="of 3 states whose n_components was set to 5"):
        HMMFeatureTransformer(donor).fit(ours)


OPTIONAL = ["torch", "pomegranate", "hmmlearn", "dynamax", "jax", "matplotlib"]
OPTIONAL += ["polars", "statsmodels", "dask", "distributed", "numba", "numpydoc"]


def run_python(code):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_import_takes_no_optional_library():
    loaded = f"[name for name in {OPTIONAL!r} if name in sys.modules]"
    assert run_python(f"import sys, skhmmdd; print({loaded})") == "[]"


def test_import_leaves_the_slow_parts_of_scikit_learn_alone():
    # Loaded by nothing that scikit-learn's pipelines and linear models need.
    slow = ["sklearn.cluster", "sklearn.decomposition", "sklearn.manifold"]
    loaded = f"[name for name in {slow!r} if name in sys.modules]"
    assert run_python(f"import sys, skhmmdd; print({loaded})") == "[]"


def test_import_needs_no_optional_library():
    # scikit-learn itself takes pandas where it finds it.
    code = f"""
import sys
class Absent:
    def find_spec(name, *args):
        if name.split(".")[0] in {[*OPTIONAL, "pandas"]!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent)
from skhmmdd import BaumWelch, as_hmm
print(as_hmm(BaumWelch(2, tol=0, max_iter=2).fit([[0, 1, 1], [1, 0]])))
"""
    assert run_python(code) == "CategoricalHMM(n_states=2, n_symbols=2)"
