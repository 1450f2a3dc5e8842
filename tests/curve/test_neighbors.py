"""Recovery at all widths against refitting scikit-learn's classifier at each."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neighbors import KNeighborsClassifier

from skhmmdd import (
    HeadClassifier,
    HMMFeatureTransformer,
    flip_labels,
    make_hmm_classification,
    neighbor_recovery,
)


def refits(X, y_noisy, y_clean, widths, n_neighbors=5, metric="cosine"):
    correct = y_noisy == y_clean
    shares = []
    for width in widths:
        peer = KNeighborsClassifier(n_neighbors, metric=metric, algorithm="brute")
        peer.fit(X[correct, :width], y_noisy[correct])
        answers = peer.predict(X[~correct, :width])
        shares.append(np.mean(answers == y_clean[~correct]))
    return np.array(shares)


def clouds(n, n_columns, n_classes, seed=0):
    rng = np.random.RandomState(seed)
    y = rng.randint(n_classes, size=n)
    centres = 0.3 * rng.standard_normal((n_classes, n_columns))
    X = centres[y] + rng.standard_normal((n, n_columns))
    return X, flip_labels(y, 0.3, random_state=seed)[0], y


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("n_neighbors", [1, 2, 5, 40])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.slow
def test_every_width_is_a_refit(n_classes, n_neighbors, metric):
    X, y_noisy, y = clouds(150, 60, n_classes)
    options = {"n_neighbors": n_neighbors, "metric": metric}
    # At width 1 all cosines are 1 or -1: nothing but ties.
    widths = np.arange(1, 61)
    expected = refits(X, y_noisy, y, widths, **options)
    assert_array_equal(neighbor_recovery(X, y_noisy, y, **options), expected)
    assert 0 < np.ptp(expected)
    some = [3, 4, 17, 60]
    found = neighbor_recovery(X, y_noisy, y, widths=some, **options)
    assert_array_equal(found, expected[np.array(some) - 1])


@pytest.mark.parametrize("seed", range(5))
def test_ties_are_decided_as_scikit_learn_does(seed):
    """Rows of signs: their cosines at these widths are exact fractions."""
    rng = np.random.RandomState(seed)
    n, widths = 400, [1, 4, 16, 64]
    X = rng.choice([-1.0, 1.0], (n, 64)) * 2.0 ** rng.randint(-3, 4, (n, 1))
    X[n // 2 :] = X[rng.permutation(n // 2)]
    y = rng.randint(3, size=n)
    y_noisy = flip_labels(y, 0.4, random_state=seed)[0]
    expected = refits(X, y_noisy, y, widths)
    assert_array_equal(neighbor_recovery(X, y_noisy, y, widths=widths), expected)


def test_a_tie_of_votes_goes_to_the_first_class():
    angles = np.deg2rad([1, 2, 3, 4, 0.0])
    X = np.column_stack([np.cos(angles), np.sin(angles)])
    for labels, share in (("baabc", 1), ("bbaac", 1), ("cbbca", 0)):
        y_noisy = np.array(list(labels))
        y_clean = y_noisy.copy()
        y_clean[-1] = "a"
        if share == 0:
            y_noisy[-1], y_clean[-1] = "a", "c"
        found = neighbor_recovery(X, y_noisy, y_clean, n_neighbors=4, widths=[2])
        assert found == [share]


def test_blocks_and_scales_change_nothing(monkeypatch):
    X, y_noisy, y = clouds(300, 40, 3)
    expected = neighbor_recovery(X, y_noisy, y)
    for factor in (2.0**600, 2.0**-600):
        for metric in ("cosine", "euclidean"):
            assert_array_equal(
                neighbor_recovery(factor * X, y_noisy, y, metric=metric),
                neighbor_recovery(X, y_noisy, y, metric=metric),
            )
    monkeypatch.setattr("skhmmdd.curve._neighbor_recovery._BLOCK", 1)
    assert_array_equal(neighbor_recovery(X, y_noisy, y), expected)


def test_labels_of_any_kind():
    X, y_noisy, y = clouds(80, 10, 3)
    expected = neighbor_recovery(X, y_noisy, y)
    for names in (np.array(["x", "y", "z"]), np.array(["x", "y", "z"], dtype=object)):
        found = neighbor_recovery(X, names[y_noisy], names[y])
        assert_array_equal(found, expected)
    # A class that no correct sample has is never recovered.
    lone = y.copy()
    lone[0], noisy = 9, y.copy()
    assert_array_equal(neighbor_recovery(X, noisy, lone), np.zeros(10))


def negative_control(n_splits):
    """Medians over splits: recovery and accuracy of the head at three widths."""
    X, y, truth = make_hmm_classification(
        3000, n_classes=3, random_state=1, target_step="last", preset="first_minimum"
    )
    features = HMMFeatureTransformer(truth.hmm, 1000, random_state=0).fit_transform(X)
    widths = [20, 199, 1000]
    found = {}
    for fraction in (0.0, 0.1, 0.3):
        recovery, accuracy = [], []
        for seed in range(n_splits):
            order = np.random.RandomState(seed).permutation(3000)
            train, test = order[:200], order[200:]
            noisy, _ = flip_labels(y[train], fraction, random_state=seed)
            if fraction:
                shares = neighbor_recovery(
                    features[train], noisy, y[train], widths=widths
                )
                assert_array_equal(
                    shares, refits(features[train], noisy, y[train], widths)
                )
                recovery.append(shares)
            accuracy.append(
                [
                    HeadClassifier()
                    .fit(features[train, :p], noisy)
                    .score(features[test, :p], y[test])
                    for p in widths
                ]
            )
        share = np.median(recovery, axis=0) if fraction else None
        found[fraction] = share, np.median(accuracy, axis=0)
    return found


@pytest.mark.slow
def test_verified_negative_control():
    found = negative_control(12)
    assert_allclose(found[0.0][1], [0.89, 0.70, 0.94], atol=0.01)
    # The flips are others than the published ones: 20 and 60 of 200 a split.
    assert_allclose(found[0.1][0], [0.90, 0.88, 0.89], atol=0.06)
    assert_allclose(found[0.3][0], [0.89, 0.90, 0.90], atol=0.03)
    assert_allclose(found[0.1][1], [0.875, 0.46, 0.78], atol=0.05)
    assert_allclose(found[0.3][1], [0.81, 0.39, 0.56], atol=0.05)
    # The head falls at its threshold, the neighbors do not.
    for fraction in (0.1, 0.3):
        recovery, accuracy = found[fraction]
        assert accuracy[1] < accuracy[[0, 2]].min() - 0.15
        assert np.ptp(recovery) < 0.05


GOOD = {"X": np.ones((8, 3)), "y_noisy": [0, 1] * 4, "y_clean": [0, 1] * 3 + [1, 0]}
ZERO = np.vstack([[0.0, 0.0, 1.0], np.ones((7, 3))])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_noisy": [0, 1] * 3 + [1, 0]}, "no label is flipped"),
        (
            {"n_neighbors": 7},
            r"n_neighbors must be in \[1, .* correct label = 6\]; got 7",
        ),
        ({"n_neighbors": 0}, "n_neighbors"),
        ({"metric": "manhattan"}, "metric"),
        ({"X": ZERO}, r"X must have no zero row .*; row 0 is zero in its first 1 "),
        ({"X": np.zeros((8, 3)), "widths": [3]}, "row 0 is zero in its first 3"),
        ({"X": np.full((8, 3), np.nan)}, "X contains NaN"),
        ({"y_clean": [0, 1]}, "inconsistent"),
        ({"y_noisy": [0.5, 1] * 4}, "Unknown label type"),
        ({"y_noisy": [np.nan, 1.0] * 4}, "y_noisy contains NaN"),
        ({"widths": [0, 2]}, r"widths must be in \[1, 3\]"),
        ({"widths": [1.5]}, "widths must be integers"),
    ],
)
def test_bad_input(changes, message):
    with pytest.raises(ValueError, match=message):
        neighbor_recovery(**{**GOOD, **changes})


def test_zero_rows_are_fine_where_they_are_not_narrow_or_not_cosine():
    good = {**GOOD, "X": ZERO}
    assert len(neighbor_recovery(**good, widths=[3])) == 1
    assert len(neighbor_recovery(**good, metric="euclidean")) == 3
