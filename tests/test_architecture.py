"""The layout of the code is the one that the documentation draws, and stays so."""

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import skhmmdd
from skhmmdd.hmm.pretraining._em_step import expected_counts

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skhmmdd"
PAGE = ROOT / "docs" / "architecture.md"


def modules():
    return [
        path.relative_to(PACKAGE).as_posix()
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "__init__.py"
    ]


def test_the_page_names_every_module_once():
    named = re.findall(r"`(_\w+\.py)`", PAGE.read_text())
    there = [Path(module).name for module in modules()]
    assert sorted(set(named)) == sorted(set(there))


def test_every_room_says_what_it_is_for():
    for path in PACKAGE.rglob("__init__.py"):
        assert path.read_text().startswith('"""'), path


# A module of a lower level, and a name of a higher one that it must not import.
PLANTED = {
    "package": ("heads/_regressor.py", "skhmmdd.curve"),
    "theory": ("theory/_ridge_risk.py", "skhmmdd.curve"),
    "hidden Markov models": ("curve/__init__.py", "skhmmdd.hmm"),
    "hmm": ("hmm/inference/_recursions.py", "skhmmdd.hmm.models"),
    "finetuning": ("hmm/finetuning/_fisher.py", "skhmmdd.hmm.pretraining"),
    "pretraining": ("hmm/pretraining/_em_step.py", "skhmmdd.hmm.interop"),
    "heads": ("heads/solvers/_spectrum.py", "skhmmdd.heads._regressor"),
    "measurement": ("curve/measurement/_risks.py", "skhmmdd.curve.display"),
    "display": ("curve/display/_figure.py", "skhmmdd.curve._curve"),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the package to plant imports in."""
    pytest.importorskip("importlinter")
    copy = tmp_path_factory.mktemp("checkout")
    shutil.copytree(PACKAGE, copy / "skhmmdd", ignore=shutil.ignore_patterns("__pyc*"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def lint_imports(checkout):
    command = Path(sysconfig.get_path("scripts")) / "lint-imports"
    program = [command] if command.exists() else [sys.executable, "-m", "importlinter"]
    return subprocess.run(
        [*program, "--no-cache"],
        cwd=checkout,
        env={"PYTHONPATH": str(checkout), "PATH": ""},
        capture_output=True,
        text=True,
    )


def test_contracts_hold(checkout):
    done = lint_imports(checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("level", PLANTED)
def test_contracts_find_an_upward_import(level, checkout):
    module, higher = PLANTED[level]
    path = checkout / "skhmmdd" / module
    text = path.read_text()
    try:
        path.write_text(f"{text}\nimport {higher}\n")
        done = lint_imports(checkout)
    finally:
        path.write_text(text)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout
    assert higher in done.stdout


def frames_above(recursion, run):
    """The package's frames on the stack when `run` first enters `recursion`."""
    found = []

    def look(frame, event, _):
        code = frame.f_code
        if event == "call" and code.co_name == recursion and not found:
            while frame is not None:
                path = Path(frame.f_code.co_filename)
                if path.is_relative_to(PACKAGE):
                    found.append((path.name, frame.f_code.co_name))
                frame = frame.f_back

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        run()
    finally:
        sys.setprofile(before)
    assert found, f"{recursion} was not entered"
    return found


def short_of_the_recursion():
    hmm = skhmmdd.CategoricalHMM([0.5, 0.5], np.full((2, 2), 0.5), np.eye(2))
    X = np.array([[0, 1, 0], [1, 1, 0]])
    block = hmm._read(X).block(np.arange(2))
    for representation in ("belief", "smoothed"):
        for pooling in ("last", "mean"):
            options = {"representation": representation, "pooling": pooling}
            features = skhmmdd.HMMFeatureTransformer(hmm, **options).fit(X)
            yield "filter_steps", lambda features=features: features.transform(X)
            if representation == "smoothed":
                yield "backward_steps", lambda features=features: features.transform(X)
    kalman = skhmmdd.LinearGaussianHMM([[0.5]], [[1.0]], [[1.0]], [[1.0]])
    features = skhmmdd.HMMFeatureTransformer(kalman).fit(X.astype(float))
    yield "filter_walk", lambda: features.transform(X.astype(float))
    yield "filter_steps", lambda: expected_counts(hmm, block)
    yield "backward_steps", lambda: expected_counts(hmm, block)


def test_few_frames_and_files_lead_to_the_recursion():
    for recursion, run in short_of_the_recursion():
        found = frames_above(recursion, run)
        assert len(found) <= 6, found
        assert len({file for file, _ in found}) <= 4, found
