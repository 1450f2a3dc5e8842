"""Checks that scikit-learn runs on its own transformers only."""

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


def internal_checks(test):
    """Decorator: calls a test with each of the checks, functions of an estimator."""
    checks = [pytest.param(_of_estimator(name), id=name) for name in _NAMES]
    test = pytest.mark.parametrize("check", checks)(test)
    names = "ignore:X (has|does not have valid) feature names"
    return pytest.mark.filterwarnings(names)(test)


def _of_estimator(name):
    check = getattr(estimator_checks, name)
    return lambda estimator: check(type(estimator).__name__, estimator)
