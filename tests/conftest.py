"""Fixtures, and what every test process sets up."""

import warnings

import pytest
from random_models import KINDS, random_hmm

with warnings.catch_warnings():
    # matplotlib 3.8 calls functions that later versions of pyparsing deprecate.
    warnings.simplefilter("ignore", DeprecationWarning)
    import matplotlib.pyplot

    matplotlib.use("Agg")


@pytest.fixture(params=KINDS)
def hmm(request):
    return random_hmm(request.param, size=4 if request.param == "categorical" else 2)
