"""Configuration of the documentation.

    pip install -e ".[docs]"
    sphinx-build -W --keep-going docs docs/_build/html

Nothing is downloaded while building or reading: MathJax is shipped with the pages, and
names of other libraries are not linked.
"""

import inspect
import os
import re
import sys
import warnings
from pathlib import Path

import matplotlib

import skhmmdd

sys.path.insert(0, str(Path(__file__).parent))
from thumbnails import scrape_with_thumbnail

matplotlib.use("agg")
# Estimators are shown on pages of the gallery, two folders below the first page.
os.environ["SKHMMDD_DOCS_URL"] = "../.."

project = "skhmmdd"
author = "The skhmmdd developers"
copyright = "The skhmmdd developers, BSD-3-Clause"
version = release = skhmmdd.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "myst_parser",
]

root_doc = "index"
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]
suppress_warnings = ["config.cache"]
default_role = "py:obj"
add_module_names = False
smartquotes = False
toc_object_entries_show_parents = "hide"

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
numpydoc_validation_checks = set()

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

# What is copied runs: no prompts, no output.
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True


def write_plain_decades(gallery_conf, name):
    """Write 0.1, 1, 10, 100 on logarithmic axes, as the displays of the package do."""
    matplotlib.rcParams["axes.formatter.min_exponent"] = 5


sphinx_gallery_conf = {
    "image_scrapers": (scrape_with_thumbnail,),
    "remove_config_comments": True,
    "examples_dirs": "../examples",
    "subsection_order": [
        f"../examples/{theme}"
        for theme in ("curves", "heads", "encoders", "models", "theory", "values")
    ],
    "gallery_dirs": "auto_examples",
    # What needs torch, or weights of others, is shown and not run.
    "filename_pattern": r"/plot_(?!\d+_(?:pomegranate|every_layer|model_size))",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "api/generated/backreferences",
    "doc_module": ("skhmmdd",),
    "reset_modules": ("matplotlib", write_plain_decades),
    "min_reported_time": 1,
    "show_memory": False,
    "image_srcset": ["2x"],
    "thumbnail_size": (400, 280),  # as docs/thumbnails.py draws them
}

html_theme = "pydata_sphinx_theme"
html_title = "skhmmdd"
html_static_path = ["_static"]
html_css_files = ["skhmmdd.css", "explore.css"]
html_show_sourcelink = False
html_sidebars = {
    page: []
    for page in (
        "index install tutorial decide explore theory compare benchmarks contributing "
        "architecture changelog citing glossary"
    ).split()
}
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}

warnings.filterwarnings("ignore", message=".*FigureCanvasAgg is non-interactive.*")


def keep_to_own_members(app, what, name, obj, skip, options):
    """Leave out what scikit-learn or a tuple gives to every class."""
    if skip or name.startswith("_"):
        return True
    if inspect.isfunction(obj) or inspect.ismethod(obj):
        return True if not obj.__module__.startswith("skhmmdd") else None
    if isinstance(obj, property) or inspect.isclass(obj):
        return None
    return True


def find_by_public_name(app, env, node, contnode):
    """Link `skhmmdd.curve.width_path` to its page, which is `skhmmdd.width_path`."""
    if node.get("refdomain") != "py":
        return None
    target = node.get("reftarget", "")
    last = target.split(".")[-1]
    inside = target == last or target.startswith("skhmmdd.")
    if not inside or last not in skhmmdd.__all__:
        return None
    domain = env.get_domain("py")
    return domain.resolve_xref(
        env, node["refdoc"], app.builder, "obj", f"skhmmdd.{last}", node, contnode
    )


def quote_trailing_underscores(app, what, name, obj, options, lines):
    """Keep `(n_features_in_,)` in the type of an attribute from being a link."""
    for i, line in enumerate(lines):
        head, colon, kind = line.partition(" : ")
        if colon and re.fullmatch(r"[\w, ]+", head.strip()):
            kind = re.sub(r"(?<![`\w.])(\w+_)(?![\w`])", r"``\1``", kind)
            lines[i] = head + colon + kind


def tabulate_api(app, docname, source):
    """Put the tables of all API pages, a line an object, on their landing page."""
    if docname != "api/index":
        return
    folder = Path(app.srcdir) / "api"
    for page in re.findall(r"(?<=\n   )\w+(?=\n)", source[0]):
        text = (folder / f"{page}.rst").read_text(encoding="utf-8")
        title = f":doc:`{text.splitlines()[0]} <{page}>`"
        tables = re.findall(
            r"^\.\. (?:currentmodule|autosummary)::.*\n(?:\n|   .*\n?)*", text, re.M
        )
        tables = "\n".join(tables).replace("   :toctree: generated/\n", "")
        source[0] += f"\n{title}\n{'-' * len(title)}\n\n{tables}\n"


def setup(app):
    app.connect("source-read", tabulate_api)
    app.connect("autodoc-process-docstring", quote_trailing_underscores, priority=100)
    app.connect("autodoc-skip-member", keep_to_own_members)
    app.connect("missing-reference", find_by_public_name)
