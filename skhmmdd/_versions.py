"""The versions of what is installed, for reports of bugs."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

from threadpoolctl import threadpool_info

from skhmmdd._docs import docs_address

_PACKAGES = (
    *("skhmmdd", "numpy", "scipy", "scikit-learn", "joblib"),
    *("matplotlib", "pandas", "polars", "pyarrow"),
    *("hmmlearn", "pomegranate", "dynamax"),
    *("torch", "transformers", "sentence-transformers", "onnxruntime", "dask"),
)


def show_versions() -> None:
    """Print the versions of Python, of the libraries and of BLAS, as for a bug report.

    ``python -m skhmmdd`` does the same.

    See Also
    --------
    sklearn.show_versions : The same of scikit-learn.

    Examples
    --------
    >>> from skhmmdd import show_versions
    >>> show_versions()  # doctest: +ELLIPSIS
    Python ...
    """
    print(f"Python {platform.python_version()}, {sys.executable}")
    print(platform.platform())
    for package in _PACKAGES:
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            version = "not installed"
        print(f"{package:>22}: {version}")
    for library in threadpool_info():
        version = library["version"] or "of unknown version"
        name, n_threads = library["internal_api"], library["num_threads"]
        print(f"{name:>22}: {version}, {n_threads} threads")
    address = docs_address() or "in docs/ of the source distribution"
    print(f"{'documentation':>22}: {address}")
