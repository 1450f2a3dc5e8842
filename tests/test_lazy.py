"""Public names load when they are asked for, and are none the worse for it."""

import pickle
import subprocess
import sys

import pytest

import skhmmdd

PACKAGES = ["curve", "datasets", "features", "heads", "hmm", "inspection", "theory"]


def loaded_after(code):
    """The package's own modules that a fresh interpreter has after some code."""
    code += "\nimport sys; print(*[m for m in sys.modules if m.startswith('skhmmdd')])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


@pytest.mark.parametrize("name", PACKAGES)
def test_every_name_of_a_package_is_there_and_listed(name):
    package = getattr(skhmmdd, name)
    assert sorted(package.__all__) == sorted(set(package.__all__))
    assert set(package.__all__) <= set(dir(package))
    for public in package.__all__:
        value = getattr(package, public)
        assert value is vars(package)[public]  # found without a call from now on
        assert getattr(skhmmdd, public, value) is value
        assert value.__name__ == public


def test_the_flat_names_are_all_there():
    assert {*PACKAGES, *skhmmdd.__all__, "__version__"} <= set(dir(skhmmdd))
    for public in skhmmdd.__all__:
        value = getattr(skhmmdd, public)
        assert pickle.loads(pickle.dumps(value)) is value


def test_a_star_import_takes_all():
    names = "{name for name in __all__ if name not in globals()}"
    code = f"from skhmmdd import *\nfrom skhmmdd import __all__\nassert not {names}"
    assert "skhmmdd.curve._curve" in loaded_after(code)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match=r"'skhmmdd' has no attribute 'Ridge'"):
        skhmmdd.Ridge  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Ridge'"):
        from skhmmdd.heads import Ridge  # noqa: F401


@pytest.mark.slow
def test_an_import_loads_what_it_names():
    assert set(loaded_after("import skhmmdd")) == {"skhmmdd", "skhmmdd._lazy"}
    head = loaded_after("from skhmmdd import HeadRegressor")
    assert not [m for m in head if m.startswith(("skhmmdd.hmm", "skhmmdd.curve"))]
    # Drawing, files of features, exotic heads and models, fine-tuning, and what copies
    # the weights of other libraries stay where they are.
    usual = loaded_after(
        "from skhmmdd import BaumWelch, DoubleDescentCurve, HMMFeatureTransformer\n"
        "from skhmmdd import HeadClassifier, HeadRegressor, load_syllables"
    )
    late = "inspection", "hmm.finetuning", "heads._softmax", "features._encoding_store"
    late += "curve.display._display", "curve.display._figure", "hmm.inference._kalman"
    late += "hmm.interop._hmmlearn", "hmm.pretraining._pomegranate_engine", "_plotting"
    assert not [m for m in usual if m.startswith(tuple(f"skhmmdd.{a}" for a in late))]
    assert "skhmmdd.theory._ridge_risk" not in usual
