"""The measurements of a curve as columns, and what they may not hold."""

from numbers import Real

import numpy as np

from skhmmdd._tables import object_array
from skhmmdd.curve._landmarks import median_over_splits, quantile_over_splits


def make_results(param_name, param_range, complexity, table, quantiles):
    """Columns of a `CurveTable`, one entry for each parameter value, by name."""
    results = {
        f"param_{param_name}": as_column(param_range),
        "complexity": complexity,
        "fit_time_median": median_over_splits(table.fit_time),
        "score_time_median": median_over_splits(table.score_time),
    }
    lower, upper = quantiles
    for subset, risks in (("train", table.train), ("test", table.test)):
        for name, risk in risks.items():
            column = f"{subset}_{name}"
            results[f"{column}_median"] = median_over_splits(risk)
            results[f"{column}_lower"] = quantile_over_splits(risk, lower)
            results[f"{column}_upper"] = quantile_over_splits(risk, upper)
            for split, of_split in enumerate(risk.T):
                results[f"split{split}_{column}"] = of_split
    results.update(_diagnostic_columns(table.diagnostics))
    return results


def _diagnostic_columns(diagnostics):
    """Columns of those diagnostics that there are."""
    columns = {"bias": diagnostics.bias, "variance": diagnostics.variance}
    over_splits = {"coef_norm": diagnostics.coef_norm}
    for name in ("effective_parameters", "lipschitz"):
        pair = getattr(diagnostics, name)
        for part, values in (pair._asdict() if pair is not None else {}).items():
            over_splits[f"{name}_{part}"] = values
    for name, values in over_splits.items():
        if values is not None:
            columns[f"{name}_median"] = median_over_splits(values)
    return {name: column for name, column in columns.items() if column is not None}


def refuse_nan(risks, subset, param_name, param_range):
    """Raise ValueError where one of the named risks is NaN; infinity is allowed."""
    for name, risk in risks.items():
        where = np.argwhere(np.isnan(risk))
        if len(where):
            point, split = where[0]
            raise ValueError(
                f"The {subset} risk {name!r} is NaN at "
                f"{param_name}={param_range[point]!r} in split {split}."
            )


def as_column(values):
    """Numbers as a numeric array, anything else as an array of objects."""
    if all(isinstance(value, Real) for value in values):
        return np.array(values)
    return object_array(values)
