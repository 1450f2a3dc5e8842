"""
Where states meet labels
========================

The width of a frozen model need not be that of a map on top of it: here it is the
number of hidden states. A family of models with 1 to 300 states is pretrained on the
same bare spellings; a minimum-norm head is then trained on the beliefs of each.
"""

# %%
# A family of frozen models
# -------------------------

import time

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BaumWelch,
    DoubleDescentCurve,
    DoubleDescentDisplay,
    HeadRegressor,
    HMMFeatureTransformer,
    TokenEncoder,
    load_syllables,
)

words, counts = load_syllables(return_X_y=True)
order = np.random.RandomState(0).permutation(len(words))
words, counts = words[order], counts[order].astype(float)
spellings = TokenEncoder().fit_transform(words)
corpus = spellings[:10_000]


def pretrain(n_states):
    """Frozen weights with this many states."""
    return BaumWelch(n_states, max_iter=12, tol=0, random_state=0).fit(corpus).hmm_


sizes = [300, 240, 220, 200, 180, 160, 128, 100, 64, 32, 16, 8, 4, 2, 1]
started = time.perf_counter()
family = joblib.Parallel(n_jobs=2)(joblib.delayed(pretrain)(size) for size in sizes)
print(f"Pretrained {len(family)} models in {time.perf_counter() - started:.0f} s")

# %%
# The models themselves are the grid
# ----------------------------------
# `complexity="n_states"` says what of a model to put on the axis. The features are the
# beliefs, summed over the letters: one column a state.

labelled = slice(20_000, 24_000)
model = make_pipeline(HMMFeatureTransformer(pooling="sum"), HeadRegressor())
curves = {
    name: DoubleDescentCurve(
        model.set_params(headregressor__alpha=alpha),
        "hmmfeaturetransformer__hmm",
        family,
        complexity="n_states",
        cv=20,
        train_size=200,
        random_state=0,
        n_jobs=2,
    ).fit(spellings[labelled], counts[labelled])
    for name, alpha in {"minimum norm": 0.0, "ridge, leave-one-out": "loo"}.items()
}
plain = curves["minimum norm"]
print(f"Peak {plain.peak_.risk:.3g} at {plain.peak_.complexity:.0f} states")
print(f"Best {plain.best_.risk:.3g} at {plain.best_.complexity:.0f} states")

# %%
# With 200 labelled words the risk peaks at 200 states. The pretraining knows nothing of
# the labels: it is the head that runs into its threshold, and the number of states that
# takes it there.

figure, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
for name, curve in curves.items():
    main = name == "minimum norm"
    DoubleDescentDisplay.from_curve(curve).plot(
        ax, name=name, show_train=main, show_threshold=main, show_best=main
    )
ax.set(
    xlabel="hidden states of the frozen model",
    ylabel="squared error (syllables²)",
    title="Syllables from spelling, 200 labelled words, beliefs as they are",
)
ax.legend()
plt.show()
