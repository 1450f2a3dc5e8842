"""
A frozen family from a cluster
==============================

Pretraining sums over sequences, so it spreads over machines: under
``joblib.parallel_config(backend="dask")`` blocks of the corpus stay on the workers of a
Dask cluster, and each iteration sends the weights there once. Here a family of models
is pretrained so on a cluster of two processes, and the curve of a head over its sizes
is measured there too. A cluster of machines differs only in the scheduler's address.

This example needs the extra ``skhmmdd[plot,dask]``.
"""

# %%
# The data
# --------
# The syllables of words from their spelling: 5,000 bare spellings to pretrain on, and
# some thousand words whose syllables are known.

import os
import time

import joblib
import matplotlib.pyplot as plt
import numpy as np
from dask.distributed import Client, LocalCluster
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    DoubleDescentCurve,
    DoubleDescentDisplay,
    HeadRegressor,
    HMMFeatureTransformer,
    TokenEncoder,
    load_syllables,
    pretrain_family,
)

SIZES = [1, 2, 4, 8, 16, 24, 32, 40, 45, 49, 54, 64, 80, 90, 99, 110, 128, 160, 200]
LABELS = [50, 100]


def load():
    """A corpus of spellings; spellings with their numbers of syllables."""
    words, counts = load_syllables(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(words))
    spellings = TokenEncoder().fit_transform(words[order])
    labelled = slice(20_000, 24_000)
    return spellings[:5_000], spellings[labelled], counts[order[labelled]].astype(float)


# %%
# The work
# --------
# Nothing in it speaks of Dask. Each model starts from the one before it, with states
# split in two. The models are then the values of a parameter, and each of them goes to
# a worker with all its fits.


def work(corpus, X, y):
    """A family of frozen models, and a curve over its sizes for some labels."""
    started = time.perf_counter()
    family = pretrain_family(corpus, SIZES, random_state=0)
    print(f"Pretrained {len(family)} models in {time.perf_counter() - started:.0f} s")
    model = make_pipeline(HMMFeatureTransformer(pooling="sum"), HeadRegressor())
    curves = {
        n_labels: DoubleDescentCurve(
            model,
            "hmmfeaturetransformer__hmm",
            family,
            complexity="n_states",
            cv=20,
            train_size=n_labels,
            random_state=0,
        ).fit(X, y)
        for n_labels in LABELS
    }
    print(f"With the curves: {time.perf_counter() - started:.0f} s")
    return curves


# %%
# The figure
# ----------
# Whatever the cluster, the risk of the minimum-norm head peaks where the number of
# states meets the number of labels: twice the labels, and the peak moves to twice the
# states.


def draw(curves):
    """The curves on one pair of axes."""
    _, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
    for n_labels, curve in curves.items():
        DoubleDescentDisplay.from_curve(curve).plot(
            ax, name=f"{n_labels} labelled words", show_train=False, show_best=False
        )
        peak = curve.peak_
        print(f"{n_labels} labels: peak at {peak.complexity:.0f} states")
    ax.set(
        xlabel="hidden states of the frozen model",
        ylabel="squared error (syllables²)",
        title="The peak stands where states meet labels",
    )
    ax.legend()


# %%
# The cluster
# -----------
# The workers are new processes, which read this file as a module: what only the first
# process shall do stands behind the guard.

if __name__ == "__main__":
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        print(f"Worker processes: {sorted(client.run(os.getpid).values())}")
        curves = work(*load())
    draw(curves)
    plt.show()
