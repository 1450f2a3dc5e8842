"""
Choose the complexity with GridSearchCV
=======================================

A frozen hidden Markov model is a hyperparameter like any other: `clone` hands on the
very same object, so a grid may run over models of several sizes, over the width of the
random map on top of them, and over the penalty of the head, in one ordinary search.
"""

# %%
# Pretrain a few sizes once
# -------------------------
# The search below never refits them.

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skhmmdd import (
    BaumWelch,
    HeadRegressor,
    HMMFeatureTransformer,
    TokenEncoder,
    load_syllables,
)

words, counts = load_syllables(return_X_y=True)
order = np.random.RandomState(0).permutation(len(words))
words, counts = words[order], counts[order].astype(float)
spellings = TokenEncoder().fit_transform(words)


def pretrain(n_states):
    """Frozen weights with this many states."""
    return (
        BaumWelch(n_states, max_iter=20, tol=0, random_state=4)
        .fit(spellings[:20_000])
        .hmm_
    )


hmms = joblib.Parallel(n_jobs=2)(joblib.delayed(pretrain)(k) for k in (8, 16, 32, 64))

# %%
# One search over three kinds of complexity
# -----------------------------------------
# 200 words carry labels. Each candidate is an ordinary Pipeline; the words stay a list
# of sequences of unequal length throughout.

labelled, held_out = slice(20_000, 20_200), slice(30_000, 33_000)
pipeline = Pipeline(
    [
        ("features", HMMFeatureTransformer(pooling="sum", random_state=0)),
        ("head", HeadRegressor()),
    ]
)
widths = [10, 20, 40, 80, 120, 160, 200, 300, 500]
grid = {
    "features__hmm": hmms,
    "features__n_components": widths,
    "head__alpha": [0.0, "loo"],
}
search = GridSearchCV(
    pipeline, grid, scoring="neg_mean_squared_error", cv=5, n_jobs=2
).fit(spellings[labelled], counts[labelled])

best = search.best_params_
print(f"Best: {best}")
same = search.best_estimator_["features"].hmm is best["features__hmm"]
print(f"Its model is the one that was passed in: {same}")
error = np.mean((search.predict(spellings[held_out]) - counts[held_out]) ** 2)
print(f"Cross-validated squared error {-search.best_score_:.3f}, held out {error:.3f}")

# %%
# What the search saw
# -------------------
# In 5 folds of 200 words a head is trained on 160. Without a penalty the error explodes
# where the width comes near that number (for the smallest model a little beyond: some
# of its random units are dead): a grid that happens to stop there would call wide
# features useless. With the penalty chosen by
# leave-one-out inside each fit the danger zone is gone.

results = pd.DataFrame(search.cv_results_)
results["n_states"] = [hmm.n_states for hmm in results["param_features__hmm"]]
results["risk"] = -results["mean_test_score"]
figure, axes = plt.subplots(
    1, 2, figsize=(9, 4.2), sharey=True, sharex=True, layout="constrained"
)
titles = {0.0: "minimum norm", "loo": "ridge, leave-one-out"}
colours = ["#56B4E9", "#0072B2", "#D55E00", "#000000"]
for ax, (alpha, title) in zip(axes, titles.items(), strict=True):
    chosen = results[[value == alpha for value in results["param_head__alpha"]]]
    for colour, (n_states, curve) in zip(
        colours, chosen.groupby("n_states"), strict=True
    ):
        ax.loglog(
            curve["param_features__n_components"].astype(float),
            curve["risk"],
            color=colour,
            marker="o",
            ms=4,
            label=f"{n_states} states",
        )
    ax.axvline(160, color="0.5", ls=":", label="160 training words")
    ax.set(title=title, xlabel="width of the features")
    ax.set_xticks(widths, map(str, widths), rotation=45)
    ax.minorticks_off()
axes[0].set_ylabel("cross-validated squared error")
axes[0].legend(fontsize="small")
plt.show()
