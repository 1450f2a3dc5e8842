"""
Forecast and outcome
====================

Where does the danger zone lie, and how bad is it? The labelled words at hand tell:
leave-one-out along the width path foretells the curve without any test set.
"""

# %%
# Frozen features of spellings
# ----------------------------
# Ten small models, pretrained on bare spellings, side by side: 310 columns.

import joblib
import matplotlib.pyplot as plt
import numpy as np

from skhmmdd import (
    BaumWelch,
    HMMFeatureTransformer,
    TokenEncoder,
    forecast_risk,
    load_syllables,
    width_path,
)

words, counts = load_syllables(return_X_y=True)
order = np.random.RandomState(0).permutation(len(words))
spellings = TokenEncoder().fit_transform(words[order][:9000])
y = counts[order][5000:9000].astype(float)


def features(seed):
    """Beliefs of one frozen model, summed over the letters."""
    hmm = (
        BaumWelch(32, max_iter=15, tol=0, random_state=seed).fit(spellings[:5000]).hmm_
    )
    transformer = HMMFeatureTransformer(hmm, 31, readout="identity", pooling="sum")
    return transformer.fit_transform(spellings[5000:])


X = np.hstack(
    joblib.Parallel(n_jobs=2)(joblib.delayed(features)(seed) for seed in range(10))
)

# %%
# One training set
# ----------------

n_samples = 200
widths = np.unique(np.geomspace(2, 310, 26).round().astype(int))
widths = np.union1d(widths, [180, 190, 195, 199, 203, 210, 220])
shuffled = np.random.RandomState(0).permutation(len(X))[:n_samples]
one = forecast_risk(X[shuffled], y[shuffled], widths=widths)
print(f"The head interpolates from width {one.interpolation_threshold} on")
print(f"Predicted peak at width {one.peak[0]}, best width {one.best[0]}")
print(f"Stay out of {one.danger_zone[0]} to {one.danger_zone[1]}")
print(
    f"A width of 93 would be at its threshold with {one.labels_at_threshold(93)} labels"
)

# %%
# Many training sets
# ------------------
# The spread of the forecast over training sets, beside what then happens on test words.

forecasts, outcomes = [], []
for seed in range(40):
    shuffled = np.random.RandomState(seed).permutation(len(X))
    train, test = shuffled[:n_samples], shuffled[n_samples:]
    forecasts.append(forecast_risk(X[train], y[train], widths=widths, n_jobs=2).risk)
    path = width_path(X[train], y[train], X[test], y[test], widths=widths)
    outcomes.append(path.test_risk)
low, median, high = np.quantile(forecasts, [0.25, 0.5, 0.75], axis=0)
outcome = np.median(outcomes, axis=0)
far = np.abs(widths - n_samples) >= 0.3 * n_samples
gap = np.abs(median[far] / outcome[far] - 1).max()
print(f"Median forecast within {gap:.0%} of the median risk away from the threshold")

figure, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
ax.axvspan(*one.danger_zone, color="#E69F00", alpha=0.15, lw=0, label="danger zone")
ax.fill_between(widths, low, high, color="#0072B2", alpha=0.25, lw=0)
ax.loglog(widths, median, color="#0072B2", lw=2, label="forecast from 200 words")
ax.loglog(widths, outcome, "--", color="black", lw=2, label="risk on 3,800 other words")
ax.axvline(n_samples - 1, color="0.4", ls=":", label="threshold (199)")
ax.set(
    xlabel="width of the frozen representation (columns)",
    ylabel="squared error (syllables²)",
    title="Leave-one-out foretells the curve (median and quartiles, 40 sets)",
    ylim=(0.8 * outcome.min(), 4 * outcome.max()),
)
ax.legend(loc="upper left")
plt.show()
