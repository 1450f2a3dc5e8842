"""Where the documentation of the installed package is."""

import os
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata

# Where Sphinx puts the page of a public name: docs/api and its autosummary.
_PAGE = "api/generated/skhmmdd.{estimator_name}.html"


def docs_address() -> str:
    """The documentation's first page, without a slash at its end; empty if unknown.

    The environment variable ``SKHMMDD_DOCS_URL`` wins over the package's metadata.

    Returns
    -------
    str
    """
    base = os.environ.get("SKHMMDD_DOCS_URL")
    return (_address_in_metadata() if base is None else base).rstrip("/")


def doc_link_template() -> str:
    """The address of an estimator's page, in the form that scikit-learn fills in.

    Returns
    -------
    str
        Empty where the documentation's address is unknown.
    """
    base = docs_address()
    if not base:
        return ""
    # Braces mean something to a template.
    base = base.replace("{", "{{").replace("}", "}}")
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
