"""What estimators show in a notebook: diagram, words, figure, documentation links."""

import re
import subprocess
import sys
from base64 import b64decode
from email.message import Message
from html import escape
from pathlib import Path

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline

import skhmmdd
from skhmmdd import (
    CategoricalHMM,
    DoubleDescentCurve,
    DoubleDescentFamily,
    FrozenFeatureTransformer,
    HeadRegressor,
    HMMFineTuner,
    HMMFineTuningClassifier,
    LeadingColumns,
    forecast_risk,
    risk_surface,
)
from skhmmdd import _docs as docs
from skhmmdd.curve.display._html import under_diagram

API = Path(__file__).parents[2] / "docs" / "api"
PUBLIC = [getattr(skhmmdd, name) for name in skhmmdd.__all__]
ESTIMATORS = [
    obj for obj in PUBLIC if isinstance(obj, type) and issubclass(obj, BaseEstimator)
]


@pytest.fixture(autouse=True)
def no_metadata_kept():
    yield
    docs._address_in_metadata.cache_clear()


def measure(n_widths=40):
    rng = np.random.RandomState(0)
    X = rng.randn(80, n_widths)
    y = X[:, 0] + 0.5 * rng.randn(80)
    model = make_pipeline(LeadingColumns(), HeadRegressor())
    return DoubleDescentCurve(
        model,
        "leadingcolumns__n_components",
        range(1, n_widths + 1),
        train_size=20,
        random_state=0,
    ).fit(X, y)


@pytest.fixture(scope="module")
def curve():
    return measure()


# The fitted curve


def test_fitted_curve_shows_diagram_words_and_figure(curve):
    html = curve._repr_html_()
    assert "sk-estimator" in html and "LeadingColumns" in html
    assert "Danger zone" in html
    assert "alpha=&quot;loo&quot;" in html and 'alpha="loo"' not in html
    (source,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert b64decode(source).startswith(b"\x89PNG")


def test_html_is_small():
    assert len(measure(500)._repr_html_()) < 200_000


def test_unfitted_curve_shows_its_diagram_only():
    html = DoubleDescentCurve(HeadRegressor(), "alpha", [0.1, 1.0])._repr_html_()
    assert "HeadRegressor" in html
    assert "<img" not in html and "Danger zone" not in html


def test_the_display_option_is_respected(curve):
    bundle = curve._repr_mimebundle_()
    assert bundle["text/plain"] == repr(curve)
    assert "<img" in bundle["text/html"]
    with config_context(display="text"):
        assert not hasattr(curve, "_repr_html_")
        assert list(curve._repr_mimebundle_()) == ["text/plain"]


def test_without_matplotlib_there_are_words(curve, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    html = curve._repr_html_()
    assert "<img" not in html and "Danger zone" in html


@pytest.mark.slow
def test_pyplot_is_not_touched():
    code = (
        "import sys, numpy as np\n"
        "from skhmmdd import DoubleDescentCurve, HeadRegressor\n"
        "X = np.random.RandomState(0).randn(30, 2)\n"
        "curve = DoubleDescentCurve(HeadRegressor(), 'alpha', [1, 2]).fit(X, X[:, 0])\n"
        "assert '<img' in curve._repr_html_()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_forecast_and_surface_show_words_and_figure():
    rng = np.random.RandomState(0)
    X = rng.randn(60, 40)
    y = X[:, 0] + rng.randn(60)
    for findings in (
        forecast_risk(X[:20], y[:20]),
        risk_surface(X, y, train_sizes=[10, 20], widths=[1, 10, 20], random_state=0),
    ):
        html = findings._repr_html_()
        assert escape(findings.summary()) in html
        assert 'src="data:image/png;base64,' in html


def test_words_are_escaped():
    class Nothing:
        def plot(self, ax):
            pass

    html = under_diagram("<p>", "a < b & <script>", Nothing())
    assert "a &lt; b &amp; &lt;script&gt;" in html and "<script>" not in html


# Links to the documentation


def links_of(estimator):
    """The address in an instance's HTML: what a reader can click."""
    return set(re.findall(r'href="([^"#]+)', estimator._repr_html_()))


def instance(estimator):
    curve = (HeadRegressor(), "alpha", [1.0])
    verbaliser = (CategoricalHMM([1.0], [[1.0]], [[0.5, 0.5]]), (0, 1))
    needs = {
        DoubleDescentCurve: curve,
        DoubleDescentFamily: (DoubleDescentCurve(*curve), "fit_intercept", [True]),
        FrozenFeatureTransformer: (np.asarray,),
        HMMFineTuner: verbaliser,
        HMMFineTuningClassifier: verbaliser,
    }
    return estimator(*needs.get(estimator, ()))


def pages():
    """The pages that autosummary makes of docs/api, by public name."""
    if not API.is_dir():
        pytest.skip("the documentation is not part of the source distribution")
    found = {}
    for file in API.glob("*.rst"):
        module, listing = "", False
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith(".. "):
                listing = line == ".. autosummary::"
                if line.startswith(".. currentmodule:: "):
                    module = line.split()[-1]
            elif listing and re.fullmatch(r"   \w+", line):
                name = line.strip()
                found[f"{module}.{name}"] = f"api/generated/{module}.{name}.html"
    return found


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_links_lead_to_pages_that_are_generated(estimator, monkeypatch):
    monkeypatch.setenv("SKHMMDD_DOCS_URL", "https://example.org/stable/")
    page = pages()[f"skhmmdd.{estimator.__name__}"]
    link = f"https://example.org/stable/{page}"
    assert instance(estimator)._get_doc_link() == link
    assert link in links_of(instance(estimator))


def test_every_public_name_has_a_page():
    assert {f"skhmmdd.{name}" for name in skhmmdd.__all__} <= set(pages())


def test_no_address_no_link(monkeypatch):
    monkeypatch.setenv("SKHMMDD_DOCS_URL", "")
    assert HeadRegressor()._get_doc_link() == ""
    assert links_of(HeadRegressor()) == set()


@pytest.mark.parametrize(
    ("addresses", "base"),
    [
        (["Source, https://a.org", "Documentation, https://b.org/"], "https://b.org"),
        (["documentation,https://c.org/latest"], "https://c.org/latest"),
        (["Source, https://a.org"], None),
        ([], None),
        (None, None),
    ],
)
def test_address_in_the_metadata(addresses, base, monkeypatch):
    def metadata(name):
        assert name == "skhmmdd"
        if addresses is None:
            raise docs.PackageNotFoundError(name)
        message = Message()
        for address in addresses:
            message["Project-URL"] = address
        return message

    monkeypatch.delenv("SKHMMDD_DOCS_URL", raising=False)
    monkeypatch.setattr(docs, "metadata", metadata)
    docs._address_in_metadata.cache_clear()
    page = "/api/generated/skhmmdd.HeadRegressor.html"
    assert HeadRegressor()._get_doc_link() == (base + page if base else "")
    # The environment wins.
    monkeypatch.setenv("SKHMMDD_DOCS_URL", "../{x}")
    assert HeadRegressor()._get_doc_link() == "../{x}" + page
