"""The value head against explicit solves, refits and published figures."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skhmmdd import LSTDHead

CHECKS = parametrize_with_checks([LSTDHead(), LSTDHead(alpha=1.0, discount=0.0)])


@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
