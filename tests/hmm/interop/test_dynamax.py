"""Models of dynamax as sources of frozen weights."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError

from skhmmdd import CategoricalHMM, GaussianHMM, as_hmm

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

jax = pytest.importorskip("jax")
with warnings.catch_warnings():
    # Its dependencies announce deprecations when first imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    lib = pytest.importorskip("dynamax.hidden_markov_model")

KINDS = {
    "CategoricalHMM": lambda: lib.CategoricalHMM(3, 1, 4),
    "GaussianHMM": lambda: lib.GaussianHMM(3, 2),
    "DiagonalGaussianHMM": lambda: lib.DiagonalGaussianHMM(3, 2),
    "SphericalGaussianHMM": lambda: lib.SphericalGaussianHMM(3, 2),
    "SharedCovarianceGaussianHMM": lambda: lib.SharedCovarianceGaussianHMM(3, 2),
    "LowRankGaussianHMM": lambda: lib.LowRankGaussianHMM(3, 2, 1),
}
LENGTHS = [30, 7]


def make(name):
    model = KINDS[name]()
    params, props = model.initialize(jax.random.PRNGKey(1))
    sequences = [
        np.asarray(model.sample(params, jax.random.PRNGKey(i), n)[1])
        for i, n in enumerate(LENGTHS)
    ]
    return model, params, props, sequences


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("name", KINDS)
def test_answers_equal_the_donors(name, double):
    model, params, _, X = make(name)
    hmm = as_hmm(model, params)
    categorical = name == "CategoricalHMM"
    assert type(hmm) is (CategoricalHMM if categorical else GaussianHMM)
    ours = [x[:, 0] for x in X] if categorical else X
    smoothed, filtered = hmm.smooth(ours), hmm.filter(ours)
    for i, x in enumerate(X):
        posterior = model.smoother(params, x)
        want = np.asarray(posterior.smoothed_probs)
        assert_allclose(smoothed[i], want, rtol=0, atol=1e-10)
        want = np.asarray(posterior.filtered_probs)
        assert_allclose(filtered[i], want, rtol=0, atol=1e-10)
        want = float(posterior.marginal_loglik)
        assert_allclose(hmm.log_likelihood(ours[i : i + 1])[0], want, rtol=1e-10)


def test_fitted_in_single_precision():
    model, params, props, X = make("DiagonalGaussianHMM")
    batch = np.stack([X[0], X[0][::-1]])
    params, _ = model.fit_em(params, props, batch, num_iters=3, verbose=False)
    hmm = as_hmm(model, params)
    assert_allclose(hmm.transmat.sum(axis=1), 1, rtol=1e-14)
    want = np.asarray(model.smoother(params, X[0]).smoothed_probs)
    assert_allclose(hmm.smooth([X[0]])[0], want, rtol=0, atol=1e-4)


def test_refusals():
    model, params, props, _ = make("CategoricalHMM")
    with pytest.raises(NotFittedError, match=r"as_hmm\(model, params\)"):
        as_hmm(model)
    for wrong in (props, {}, make("GaussianHMM")[1], params.emissions):
        with pytest.raises(TypeError, match="params must be the parameters of a"):
            as_hmm(model, wrong)
    with pytest.raises(ValueError, match="num_states=5"):
        as_hmm(lib.CategoricalHMM(5, 1, 4), params)
    with pytest.raises(TypeError, match=r"takes CategoricalHMM, .*got a PoissonHMM"):
        as_hmm(lib.PoissonHMM(3, 1))
    model = lib.CategoricalHMM(3, 2, 4)
    with pytest.raises(ValueError, match="must have emission_dim=1"):
        as_hmm(model, model.initialize(jax.random.PRNGKey(0))[0])
