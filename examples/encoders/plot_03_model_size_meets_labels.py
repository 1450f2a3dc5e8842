"""
Model size meets labels
=======================

Five neural models of the spelling of words, frozen: the character LSTMs of the library
chars2vec (Apache licence 2.0), of 50, 100, 150, 200 and 300 cells. The head is linear,
of minimum norm, on the last state. This is the axis of the paper: not one model cut to
its leading columns, but models of growing size.

Needs the weights, not Keras: ``pip install --no-deps chars2vec`` and
``pip install h5py``.
"""

# %%
# A recurrent network as an encoder
# ---------------------------------
# An encoder is anything that is called with a batch of texts and gives an array of
# steps for each. Here it is two layers of LSTM, in NumPy. Its `weights_key` lets
# `FrozenFeatureTransformer` keep what was encoded: each word is encoded once by each
# model, for all training sets.

import pickle
import tempfile
from importlib.util import find_spec
from pathlib import Path

import h5py
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    DoubleDescentCurve,
    FrozenFeatureTransformer,
    HeadRegressor,
    load_syllables,
)

folder = Path(find_spec("chars2vec").submodule_search_locations[0], "trained_models")


def gate(x):
    """The hard sigmoid of Keras 2, by which the models were trained."""
    return np.clip(0.2 * x + 0.5, 0, 1)


class CharacterLSTM:
    """The steps of the upper layer, shape (n_letters, size), for each word."""

    def __init__(self, size):
        self.size, self.weights_key = size, f"chars2vec eng_{size}"
        with open(folder / f"eng_{size}" / "model.pkl", "rb") as file:
            _, self.place = pickle.load(file)
        with h5py.File(folder / f"eng_{size}" / "weights.h5") as file:
            layers = sorted(name for name in file if name.startswith("lstm"))
            self.layers = [
                [file[f"{name}/{name}/{part}:0"][:] for part in parts]
                for name in layers
                for parts in [("kernel", "recurrent_kernel", "bias")]
            ]

    def __call__(self, words):
        states = [None] * len(words)
        lengths = np.array([len(word) for word in words])
        for length in np.unique(lengths):  # words of one length need no padding
            index = np.flatnonzero(lengths == length)
            letters = [[self.place[letter] for letter in words[i]] for i in index]
            x = np.eye(len(self.place))[letters]
            for weights in self.layers:
                x = self.layer(x, *weights)
            for i, steps in zip(index, x, strict=True):
                states[i] = steps
        return states

    def layer(self, x, kernel, recurrent, bias):
        """All steps of one layer, from its input of shape (n, n_steps, n_inputs)."""
        h = c = np.zeros((len(x), len(recurrent)))
        out = []
        for t in range(x.shape[1]):
            z = x[:, t] @ kernel + h @ recurrent + bias
            i, f, new, o = np.split(z, 4, axis=1)
            c = gate(f) * c + gate(i) * np.tanh(new)
            h = gate(o) * np.tanh(c)
            out.append(h)
        return np.stack(out, axis=1)


# %%
# The curve over models
# ---------------------
# The parameter of the curve is the encoder itself; `complexity` says its size. Labels
# are syllable counts.

words, counts = load_syllables(return_X_y=True)
chosen = np.random.RandomState(0).permutation(len(words))[:2000]
words, y = words[chosen], counts[chosen].astype(float)
models = [CharacterLSTM(size) for size in (50, 100, 150, 200, 300)]

figure, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
with tempfile.TemporaryDirectory() as memory:
    for n_labels, color in ((100, "#56B4E9"), (150, "#009E73"), (200, "#0072B2")):
        features = FrozenFeatureTransformer(models[0], memory=memory)
        curve = DoubleDescentCurve(
            make_pipeline(features, HeadRegressor()),
            "frozenfeaturetransformer__encoder",
            models,
            complexity=lambda model: model.size,
            cv=20,
            train_size=n_labels,
            random_state=0,
        ).fit(words, y)
        risk = np.median(curve.test_risk_, axis=1)
        ax.semilogy(
            curve.complexity_, risk, "o-", color=color, label=f"{n_labels} labels"
        )
        ax.axvline(n_labels, color=color, ls=":", lw=1)
        print(f"{n_labels} labels:", *(f"{r:.2f}" for r in risk))
ax.axhline(y.var(), color="black", ls="--", lw=1.2, label="no head at all")
ax.set(
    xlabel="cells of the frozen LSTM",
    ylabel="squared error (syllables²)",
    title="The peak is at the model that has as many cells as there are labels",
)
ax.set_xticks([model.size for model in models])
ax.legend(loc="upper right")
plt.show()

# %%
# What transfers, and what does not
# ---------------------------------
# The paper (Luo, Wang and Huang, arXiv:2410.00699) finds this peak for hidden Markov
# models of growing size. Five separate neural models, trained apart and on another
# task, show it at the same place. That the smallest is the best with 150 and 200 labels
# is no rule: the largest are beyond the threshold, but not so far that a second descent
# could win, and a penalty (``HeadRegressor("loo")``) makes each of them usable.
