import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.decomposition import PCA
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from skhmmdd import (
    BaumWelch,
    DoubleDescentCurve,
    HeadRegressor,
    HMMFeatureTransformer,
    LeadingColumns,
    make_hmm,
)
from skhmmdd.curve.measurement._frozen import is_frozen

FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0], "c": [4.0, 7.0]})


def test_names_of_the_leading_columns():
    columns = LeadingColumns(2).fit(FRAME)
    assert columns.get_feature_names_out().tolist() == ["a", "b"]
    frame = columns.set_output(transform="pandas").transform(FRAME)
    pd.testing.assert_frame_equal(frame, FRAME[["a", "b"]])
    bare = LeadingColumns().fit(FRAME.to_numpy())
    assert bare.get_feature_names_out().tolist() == ["x0", "x1", "x2"]
    assert bare.get_feature_names_out(["u", "v", "w"]).tolist() == ["u", "v", "w"]


def test_too_many_columns_asked_for():
    with pytest.raises(ValueError, match=r"n_components=4 is more than the 3 columns"):
        LeadingColumns(4).fit(FRAME)


def test_a_union_is_frozen_if_all_in_it_are():
    frozen = HMMFeatureTransformer(make_hmm(3, 4, random_state=0))
    pretrained_anew = HMMFeatureTransformer(BaumWelch(3))
    assert is_frozen(FeatureUnion([("a", frozen), ("b", frozen), ("c", "drop")]))
    assert not is_frozen(FeatureUnion([("a", frozen), ("b", pretrained_anew)]))
    assert not is_frozen(FeatureUnion([("a", frozen), ("b", StandardScaler())]))
    assert not is_frozen(HeadRegressor())


@pytest.mark.parametrize(
    ("step", "name", "values", "reason"),
    [
        (LeadingColumns(), "leadingcolumns", [2, 3.5], "are not widths"),
        (PCA(svd_solver="randomized"), "pca", [1, 2], "not 'randomized'"),
        (StandardScaler(), "standardscaler", [1, 2], "not the n_components"),
    ],
)
def test_why_the_path_is_not_taken(step, name, values, reason):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((30, 4)), rng.standard_normal(30)
    parameter = "with_mean" if name == "standardscaler" else "n_components"
    curve = DoubleDescentCurve(
        make_pipeline(step, HeadRegressor()),
        f"{name}__{parameter}",
        values,
        strategy="path",
    )
    with pytest.raises(ValueError, match=f"'path' is not possible here: .*{reason}"):
        curve.fit(X, y)


def test_steps_that_pass_through_are_passed_on_the_path():
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((40, 6)), rng.standard_normal(40)
    model = make_pipeline(StandardScaler(), LeadingColumns(), HeadRegressor())
    curves = []
    for scaler in ("passthrough", None):
        model.set_params(standardscaler=scaler)
        curve = DoubleDescentCurve(model, "leadingcolumns__n_components", [1, 3, 6])
        curves.append(curve.fit(X, y))
    refit = DoubleDescentCurve(
        make_pipeline(LeadingColumns(), HeadRegressor()),
        "leadingcolumns__n_components",
        [1, 3, 6],
        strategy="refit",
    ).fit(X, y)
    assert [curve.strategy_ for curve in curves] == ["path", "path"]
    assert_array_equal(curves[0].test_risk_, curves[1].test_risk_)
    np.testing.assert_allclose(curves[0].test_risk_, refit.test_risk_, rtol=1e-9)
