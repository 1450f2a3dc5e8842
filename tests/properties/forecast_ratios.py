"""Forecasts against what came true, by region: far from the threshold and at it.

    PYTHONPATH=.:tests python tests/properties/forecast_ratios.py --sets 24

draws training sets of several kinds, forecasts the risk of each, and measures it on
rows that the forecast has not seen. It prints the medians of their ratios.
"""

import argparse

import numpy as np

from properties.advice import forecast_of, make_table, random_features, risk_of_rows

# Name, source and fault as in `advice`, number of labels.
SETTINGS = (
    ("spellings, 60 labels", "spellings", "none", 60),
    ("spellings, 200 labels", "spellings", "none", 200),
    ("preset second_descent", "beliefs, second descent", "none", 100),
    ("preset first_minimum", "beliefs, first minimum", "none", 100),
    ("heteroscedastic noise", "beliefs, second descent", "heteroscedastic", 100),
    ("heavy-tailed noise", "beliefs, second descent", "heavy tails", 100),
    ("every row twice", "beliefs, second descent", "duplicated rows", 100),
    ("groups of four", "groups", "none", 100),
)
COLUMNS = ("below", "at", "above", "best", "in zone", "flagged")
# The 230 beliefs about a spelling would end at the threshold of 200 labels.
_MAPPED = 800


def compare(source, fault, n_labels, seed):
    """One forecast against the risk on rows that it has not seen.

    Parameters
    ----------
    source, fault, n_labels, seed
        As for `make_table`.

    Returns
    -------
    ndarray of shape (6,)
        The risk that is predicted over the one measured, median of the widths below
        the threshold, of those within 20 % of it, and of those above; the risk to
        expect at the best width over that measured there; the share of the widths with
        more than twice the lowest risk that are in the danger zone, and the share of
        the others. NaN where there is no such width.
    """
    table = make_table(source, fault, n_labels, seed)
    if source == "spellings":
        table = table._replace(X=random_features(table.X, _MAPPED, seed))
    forecast = forecast_of(table)
    widths, ratio = forecast.widths, np.full(3, np.nan)
    risk = risk_of_rows(table, widths).mean(axis=1)
    near = np.flatnonzero(~np.isfinite(forecast.block_risk).all(axis=1))
    parts = np.split(forecast.risk / risk, [near[0], near[-1] + 1])
    for i, part in enumerate(parts):
        ratio[i] = np.median(part) if len(part) else np.nan
    low, high = forecast.danger_zone or (0, 0)
    inside, dangerous = (widths >= low) & (widths <= high), risk > 2 * risk.min()
    best = forecast.corrected_risk / risk[widths == forecast.best[0]]
    flagged = [
        inside[one].mean() if one.any() else np.nan for one in (dangerous, ~dangerous)
    ]
    return np.concatenate([ratio, best, flagged])


def table_of(n_sets, settings=SETTINGS):
    """Medians over the sets, as lines.

    Parameters
    ----------
    n_sets : int
    settings : sequence of (str, str, str, int)

    Returns
    -------
    list of str
    """
    lines = [f"{'':<24}" + "".join(f"{name:>9}" for name in COLUMNS)]
    for name, *setting in settings:
        found = np.array([compare(*setting, seed) for seed in range(n_sets)])
        shares = np.r_[
            np.nanmedian(found[:, :4], axis=0), np.nanmean(found[:, 4:], axis=0)
        ]
        lines.append(f"{name:<24}" + "".join(f"{one:>9.2f}" for one in shares))
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", type=int, default=24)
    print("\n".join(table_of(parser.parse_args().sets)))
