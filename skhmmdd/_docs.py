"""Where the documentation of the installed package is."""

import os
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata

# Where Sphinx puts the page of a public name: docs/api and its autosummary.
_PAGE = "api/generated/skhmmdd.{estimator_name}.html"


def doc_link_template() -> str:
    """The address of an estimator's page, in the form that scikit-learn fills in.

    The environment variable ``SKHMMDD_DOCS_URL`` names the documentation's first page
    and wins over the package's metadata; empty, or with neither, there is no link.

    Returns
    -------
    str
    """
    base = os.environ.get("SKHMMDD_DOCS_URL")
    if base is None:
        base = _address_in_metadata()
    if not base:
        return ""
    # Braces mean something to a template.
    base = base.rstrip("/").replace("{", "{{").replace("}", "}}")
    return f"{base}/{_PAGE}"


@cache
def _address_in_metadata():
    """The project address labelled "Documentation", or an empty string."""
    try:
        addresses = metadata("skhmmdd").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    for address in addresses:
        label, _, url = address.partition(",")
        if label.strip().lower() == "documentation":
            return url.strip()
    return ""
