"""scikit-learn's checks of estimators, and those of its own transformers only."""

import pytest
from sklearn.utils import estimator_checks

_NAMES = [
    "check_dataframe_column_names_consistency",
    "check_get_feature_names_out_error",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


def common_checks(estimators, but=None, **options):
    """Decorator: calls a test with each estimator and each of its checks.

    `but` is a function of both, true for checks that are left out; `options` are
    those of `parametrize_with_checks`.
    """
    cases = estimator_checks.parametrize_with_checks(estimators, **options)
    # As a list: pytest 9.1 deprecates the generator of scikit-learn 1.6.
    kept = [case for case in cases.args[1] if but is None or not but(*case)]
    return pytest.mark.parametrize(cases.args[0], kept, **cases.kwargs)


def internal_checks(test):
    """Decorator: calls a test with each of the checks, functions of an estimator."""
    checks = [pytest.param(_of_estimator(name), id=name) for name in _NAMES]
    test = pytest.mark.parametrize("check", checks)(test)
    names = "ignore:X (has|does not have valid) feature names"
    return pytest.mark.filterwarnings(names)(test)


def _of_estimator(name):
    check = getattr(estimator_checks, name)
    return lambda estimator: check(type(estimator).__name__, estimator)
