"""Pruning one column at a time against recursive elimination by scikit-learn."""

import numpy as np
from sklearn.feature_selection import RFE

from skhmmdd import HeadRegressor, PrunedHead

from .timing import Row, measure


def rows(quick):
    for n, p in [(30, 60)] if quick else [(60, 150), (100, 400), (500, 300)]:
        rng = np.random.RandomState(0)
        X = rng.standard_normal((n, p))
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        y = X[:, :10].sum(axis=1) + rng.standard_normal(n)

        def prune(X=X, y=y, p=p):
            return PrunedHead(5, n_rounds=p).fit(X, y).support_

        def peer(X=X, y=y):
            return RFE(HeadRegressor(), n_features_to_select=5).fit(X, y).support_

        same = "identical" if (prune() == peer()).all() else "DIFFERENT"
        times = measure({"skhmmdd": prune, "scikit-learn": peer}, repeats=3)
        yield Row(
            f"pruning {p} columns to 5, one at a time, n = {n}",
            times,
            f"`RFE` with the same head; supports {same}",
        )
