"""The curve over a frozen model against scikit-learn's `validation_curve`."""

import numpy as np
from sklearn.model_selection import ShuffleSplit, validation_curve
from sklearn.pipeline import make_pipeline

from skhmmdd import DoubleDescentCurve, HeadRegressor, HMMFeatureTransformer

from .models import random_hmm, random_symbols
from .timing import Row, measure


def rows(quick):
    n, n_steps, n_states = (200, 20, 16) if quick else (1200, 50, 64)
    n_columns, n_widths = (100, 10) if quick else (1000, 50)
    X = random_symbols(n, n_steps)
    hmm = random_hmm(n_states)
    y = hmm.filter(X)[:, -1] @ np.arange(n_states) / n_states
    y += 0.1 * np.random.RandomState(0).standard_normal(n)
    transformer = HMMFeatureTransformer(hmm, n_columns, random_state=0)
    model = make_pipeline(transformer, HeadRegressor())
    name = "hmmfeaturetransformer__n_components"
    widths = np.linspace(n_columns // n_widths, n_columns, n_widths).astype(int)
    splits = ShuffleSplit(5, test_size=0.2, random_state=0)

    def ours():
        return DoubleDescentCurve(model, name, widths, cv=splits).fit(X, y)

    def theirs():
        return validation_curve(
            model,
            X,
            y,
            param_name=name,
            param_range=widths,
            cv=splits,
            scoring="neg_mean_squared_error",
        )

    curve = ours()
    scores = -theirs()[1]
    gap = np.max(np.abs(curve.test_risk_ - scores) / scores)
    yield Row(
        f"curve of {n_widths} widths x 5 splits, {n:,} x {n_steps}, {n_states} states",
        measure({"skhmmdd": ours, "scikit-learn": theirs}, repeats=3),
        f"`validation_curve` of the same pipeline; largest relative gap {gap:.0e}",
    )
    weights = np.random.RandomState(1).uniform(0, 2, n)

    def weighted(strategy="auto"):
        curve = DoubleDescentCurve(model, name, widths, cv=splits, strategy=strategy)
        return curve.fit(X, y, headregressor__sample_weight=weights)

    risks = [weighted(strategy).test_risk_ for strategy in ("auto", "refit")]
    gap = np.max(np.abs(risks[0] - risks[1]) / risks[1])
    times = measure({"path": weighted, "refit": lambda: weighted("refit")}, repeats=3)
    yield Row(
        f"weighted curve of {n_widths} widths x 5 splits, {n:,} x {n_steps}",
        {"skhmmdd": times["path"]},
        f"refits take {times['refit'] / times['path']:.0f} times as long; "
        f"largest relative gap {gap:.0e}",
    )
