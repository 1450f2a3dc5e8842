"""Frozen weights as values: immutability, equality, files; and what they refuse."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from random_models import random_hmm
from sklearn.base import clone

from skhmmdd import CategoricalHMM, GaussianHMM


def test_never_changes(hmm):
    source = np.array(hmm.transmat)
    arrays = dict(hmm._arrays(), transmat=source)
    other = type(hmm)(*arrays.values())
    source[:] = 0
    assert other == hmm
    for name in hmm._array_names:
        with pytest.raises(ValueError, match="read-only"):
            getattr(hmm, name)[0] = 0
        with pytest.raises(AttributeError, match="frozen"):
            setattr(hmm, name, 1)
        with pytest.raises(AttributeError, match="frozen"):
            delattr(hmm, name)


def test_copies_are_the_same_object(hmm):
    assert clone(hmm) is hmm
    assert copy.copy(hmm) is hmm
    assert copy.deepcopy(hmm) is hmm
    again = pickle.loads(pickle.dumps(hmm))
    assert again is not hmm
    assert again == hmm
    assert hash(again) == hash(hmm)
    assert not again.transmat.flags.writeable


def test_equality_tells_models_apart():
    kinds = ["categorical", "diag", "full"]
    models = [random_hmm(kind, size=2, seed=seed) for kind in kinds for seed in (0, 1)]
    assert len(set(models)) == 6
    assert random_hmm("diag", size=2) == models[2]
    assert models[0] != "CategoricalHMM"


def test_save_and_load(hmm, tmp_path):
    path = tmp_path / "weights.hmm"
    hmm.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["weights.hmm"]
    loaded = type(hmm).load(path)
    assert loaded == hmm
    for name in hmm._array_names:
        assert_array_equal(getattr(loaded, name), getattr(hmm, name))


def test_bad_files_are_refused(tmp_path):
    hmm = random_hmm("categorical")
    path = tmp_path / "weights"
    hmm.save(path)
    whole = path.read_bytes()
    with pytest.raises(ValueError, match="holds a CategoricalHMM, not a GaussianHMM"):
        GaussianHMM.load(path)
    for cut in (0, 10, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="not a readable file"):
            CategoricalHMM.load(path)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 255
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match="weights"):
        CategoricalHMM.load(path)
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    with pytest.raises(ValueError, match="lacks the array 'format'"):
        CategoricalHMM.load(tmp_path / "other.npz")
    arrays = dict(hmm._arrays(), transmat=np.ones((3, 3)))
    np.savez(
        tmp_path / "bad.npz",
        format="skhmmdd weights 1",
        kind="CategoricalHMM",
        **arrays,
    )
    with pytest.raises(ValueError, match="not valid: transmat row 0 must sum to one"):
        CategoricalHMM.load(tmp_path / "bad.npz")
    with pytest.raises(FileNotFoundError):
        CategoricalHMM.load(tmp_path / "absent")


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("a pickle was executed",)


@pytest.mark.parametrize("inside", ["bare", "npz"])
def test_pickles_are_never_executed(tmp_path, inside):
    path = tmp_path / "bomb"
    with open(path, "wb") as file:
        if inside == "bare":
            pickle.dump(Bomb(), file)
        else:
            np.savez(file, startprob=np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match="not a readable file"):
        CategoricalHMM.load(path)


def test_repr_is_one_line():
    assert repr(random_hmm("categorical")) == "CategoricalHMM(n_states=3, n_symbols=4)"
    assert repr(random_hmm("full", size=2)) == (
        "GaussianHMM(n_states=3, n_features=2, covariance_type='full')"
    )


GOOD = {"startprob": [0.5, 0.5], "transmat": np.eye(2)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"startprob": [0.5, 0.4]}, "startprob must sum to one, got 0.9"),
        ({"startprob": [1.5, -0.5]}, r"startprob must hold probabilities in \[0, 1\]"),
        ({"startprob": [np.nan, 1]}, "startprob must hold probabilities"),
        ({"startprob": []}, "startprob must have shape"),
        ({"transmat": [[1, 0], [0.5, 0.6]]}, "transmat row 1 must sum to one, got 1.1"),
        (
            {"transmat": np.eye(3)},
            r"transmat must have shape .* \(2, 2\), got \(3, 3\)",
        ),
        ({"emissionprob": [[1, 0]]}, r"emissionprob must have shape .* got \(1, 2\)"),
        ({"emissionprob": [0.5, 0.5]}, "emissionprob must have shape"),
        ({"emissionprob": [[1, 0], [1, 1]]}, "emissionprob row 1 must sum to one"),
    ],
)
def test_categorical_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        CategoricalHMM(**{**GOOD, "emissionprob": np.eye(2), **changes})


@pytest.mark.parametrize(
    ("means", "covars", "message"),
    [
        ([0, 1, 2], [1, 1, 1], r"means must have shape .* = \(2, 1\), got \(3, 1\)"),
        ([0, np.inf], [1, 1], "means and covars must be finite"),
        ([0, 1], [1, 0], "covars must be positive, got 0"),
        ([0, 1], np.ones((2, 3)), r"covars must have shape .* = \(2, 1\)"),
        (np.eye(2), np.ones((2, 2, 2)), r"covars\[0\] must be positive definite"),
        (np.eye(2), [[[1, 0.5], [0, 1]]] * 2, r"covars\[0\] must be symmetric"),
    ],
)
def test_gaussian_refuses(means, covars, message):
    with pytest.raises(ValueError, match=message):
        GaussianHMM(**GOOD, means=means, covars=covars)
