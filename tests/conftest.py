"""Fixtures, and what every test process sets up."""

# ruff: noqa: E402
import os
import warnings

# BLAS reads these when NumPy loads it, and what the tests start inherits them. On a
# machine that runs several tests at a time its threads would only stand in their way.
for library in ("OPENBLAS", "OMP", "MKL", "BLIS"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
os.environ["VECLIB_MAXIMUM_THREADS"] = "1"

import joblib
import pytest
from campaign import (  # noqa: F401
    pytest_addoption,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
)
from random_models import KINDS, random_hmm
from threadpoolctl import threadpool_limits

# Again, for where a plugin of pytest had loaded NumPy before.
threadpool_limits(1)

with warnings.catch_warnings():
    # matplotlib 3.8 calls functions that later versions of pyparsing deprecate.
    warnings.simplefilter("ignore", DeprecationWarning)
    import matplotlib.pyplot

    matplotlib.use("Agg")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Test processes of `pytest -n auto`: the cores that this process may use.

    Each imports and collects all tests by itself: beyond eight that costs more than
    they win. By itself pytest-xdist looks neither at affinity nor at a container's
    quota, and takes two hyperthreads for one core.
    """
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return min(joblib.cpu_count(), 8)


@pytest.fixture(params=KINDS)
def hmm(request):
    return random_hmm(request.param, size=4 if request.param == "categorical" else 2)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    matplotlib.pyplot.close("all")
