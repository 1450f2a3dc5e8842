"""Jacobians of the readout against finite differences of the columns."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skhmmdd import (
    HMMFeatureTransformer,
    LinearGaussianHMM,
    make_hmm_regression,
)

X, _, TRUTH = make_hmm_regression(40, random_state=0)
HMM = TRUTH.hmm
P = 150


def columns(transformer, u):
    """The columns at points u, from the published map alone."""
    projected = u @ transformer.directions_ + transformer.offsets_
    if transformer.readout == "relu":
        return np.maximum(projected, 0)
    if transformer.readout == "fourier":
        return np.sqrt(2) * np.cos(projected)
    return projected


@pytest.mark.parametrize("readout", ["relu", "fourier", "linear"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pooling": "mean", "representation": "log_belief"},
        {"pooling": "sum"},
        {"representation": "predictive", "batch_size": 7},
    ],
)
def test_against_finite_differences(readout, options):
    features = HMMFeatureTransformer(HMM, P, readout=readout, random_state=0, **options)
    values = features.fit_transform(X)
    found = features.readout_jacobians(X)
    # 1. The points: the published map of them gives the features.
    np.testing.assert_allclose(columns(features, found.inputs), values, atol=1e-10)
    # 2. Central differences, where no kink of a ReLU is between the two points.
    dense, step = found.to_array(), 1e-6
    n, d = found.inputs.shape
    assert dense.shape == found.shape == (n, P, d) and len(found) == n == 40
    for k in range(0, d, 7):
        shift = np.zeros(d)
        shift[k] = step
        up, down = (columns(features, found.inputs + sign * shift) for sign in (1, -1))
        smooth = np.ones_like(values, dtype=bool)
        if readout == "relu":
            smooth = (up > 0) == (down > 0)
            assert smooth.mean() > 0.99
        np.testing.assert_allclose(
            ((up - down) / (2 * step))[smooth], dense[:, :, k][smooth], atol=1e-7
        )


def test_of_a_belief_itself():
    # The last belief of m states as u = sqrt(m) (b - 1/m).
    beliefs = HMMFeatureTransformer(HMM).fit_transform(X)
    m = beliefs.shape[1]
    found = HMMFeatureTransformer(HMM, 9, random_state=0).fit(X).readout_jacobians(X)
    np.testing.assert_allclose(found.inputs, np.sqrt(m) * (beliefs - 1 / m), atol=1e-14)


@pytest.mark.parametrize("n_components", [None, 3])
def test_of_what_is_not_mapped(n_components):
    features = HMMFeatureTransformer(HMM, n_components, readout="identity").fit(X)
    found = features.readout_jacobians(X)
    width = n_components or HMM.n_states
    expected = np.eye(HMM.n_states)[:width]
    np.testing.assert_array_equal(found.to_array(), np.tile(expected, (40, 1, 1)))
    np.testing.assert_array_equal(
        found.inputs, HMMFeatureTransformer(HMM).fit_transform(X)
    )
    assert found.operator_norm == pytest.approx(1.0, rel=1e-14)
    coef = np.arange(width) - 1.0
    np.testing.assert_array_equal(found(coef)[:, 0], np.tile(coef @ expected, (40, 1)))


@pytest.mark.parametrize(
    ("readout", "steepest"), [("relu", 1), ("fourier", np.sqrt(2)), ("linear", 1)]
)
def test_operator_norms(readout, steepest):
    features = HMMFeatureTransformer(HMM, P, readout=readout, random_state=0).fit(X)
    found = features.readout_jacobians(X)
    widths = [1, 2, 59, 60, 61, P]
    expected = [
        steepest * np.linalg.svd(features.directions_[:, :width])[1][0]
        for width in widths
    ]
    np.testing.assert_allclose(found.operator_norms(widths), expected, rtol=1e-12)
    assert found.operator_norm == pytest.approx(expected[-1], rel=1e-12)
    assert found.leading(59).operator_norm == pytest.approx(expected[2], rel=1e-12)


@pytest.mark.parametrize("readout", ["relu", "fourier", "linear"])
def test_nested_in_width(readout):
    def make(width):
        features = HMMFeatureTransformer(HMM, width, readout=readout, random_state=0)
        return features.fit(X).readout_jacobians(X)

    wide, narrow = make(P), make(40)
    np.testing.assert_array_equal(narrow.to_array(), wide.to_array()[:, :40])
    np.testing.assert_array_equal(narrow.to_array(), wide.leading(40).to_array())
    coef = np.random.RandomState(0).randn(3, 40)
    np.testing.assert_allclose(wide(coef), coef @ narrow.to_array(), atol=1e-10)
    np.testing.assert_array_equal(wide(coef), narrow(coef))
    np.testing.assert_array_equal(narrow(coef[0])[:, 0], narrow(coef)[:, 0])


def test_some_of_the_points():
    found = HMMFeatureTransformer(HMM, 9, random_state=0).fit(X).readout_jacobians(X)
    rows = [5, 0, 5]
    np.testing.assert_array_equal(found.take(rows).to_array(), found.to_array()[rows])
    mask = np.arange(40) % 2 == 0
    np.testing.assert_array_equal(found.take(mask).slopes, found.slopes[mask])


def test_other_models_types_and_containers():
    hmm = LinearGaussianHMM(0.9 * np.eye(3), np.eye(3), np.ones((3, 2)), np.eye(2))
    rows = np.random.RandomState(0).randn(6, 5, 2)
    features = HMMFeatureTransformer(hmm, 20, random_state=0).fit(rows)
    assert features.readout_jacobians(rows).shape == (6, 20, 3)
    features = HMMFeatureTransformer(HMM, 20, random_state=0).fit(X)
    plain = features.readout_jacobians(X).to_array()
    features.set_output(transform="pandas")
    np.testing.assert_array_equal(features.readout_jacobians(X).to_array(), plain)
    assert type(features.transform(X)).__name__ == "DataFrame"
    single = HMMFeatureTransformer(HMM, 20, dtype="float32", random_state=0).fit(X)
    found = single.readout_jacobians(X)
    assert found.inputs.dtype == np.float32 and found.to_array().dtype == np.float64
    np.testing.assert_array_equal(found.slopes, single.transform(X) > 0)


def test_survives_a_trip_to_a_worker():
    found = HMMFeatureTransformer(HMM, 9, random_state=0).fit(X).readout_jacobians(X)
    twin = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(twin(np.ones(9)), found(np.ones(9)))


def test_bad_widths():
    with pytest.raises(NotFittedError):
        HMMFeatureTransformer(HMM, 9).readout_jacobians(X)
    found = HMMFeatureTransformer(HMM, 9, random_state=0).fit(X).readout_jacobians(X)
    for width in (0, 10):
        with pytest.raises(ValueError, match=f"of 9 columns has no {width} leading"):
            found.leading(width)
    with pytest.raises(ValueError, match="has no 10 leading"):
        found(np.ones(10))
