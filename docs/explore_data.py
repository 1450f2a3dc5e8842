"""Measure the two curves that the page "Explore double descent" shows.

python docs/explore_data.py

Writes `docs/_static/explore_data.js`; takes some minutes.
"""

import json
from pathlib import Path

import joblib
import numpy as np
from sklearn.pipeline import FeatureUnion, make_pipeline

from skhmmdd import (
    BaumWelch,
    DoubleDescentCurve,
    HeadRegressor,
    HMMFeatureTransformer,
    LeadingColumns,
    TokenEncoder,
    load_syllables,
    load_valence,
)

TARGET = Path(__file__).parent / "_static" / "explore_data.js"


def pretrain(corpus, seed):
    """Frozen weights from one random start."""
    return BaumWelch(32, max_iter=30, tol=0, random_state=seed).fit(corpus).hmm_


def spellings():
    """Beliefs of twenty models on 4,000 words, and their numbers of syllables."""
    words, counts = load_syllables(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(words))
    symbols = TokenEncoder().fit_transform(words[order])
    hmms = joblib.Parallel(n_jobs=2)(
        joblib.delayed(pretrain)(symbols[:20_000], seed) for seed in range(20)
    )
    beliefs = FeatureUnion(
        [
            (str(i), HMMFeatureTransformer(hmm, 31, readout="identity", pooling="sum"))
            for i, hmm in enumerate(hmms)
        ]
    )
    labelled = slice(20_000, 24_000)
    features = beliefs.fit_transform(symbols[labelled])
    return features, counts[order][labelled].astype(float)


def measured(X, y, labels):
    """Widths, and the median risk over the variance of the targets."""
    threshold, full = labels - 1, X.shape[1]
    near = threshold + np.array([-40, -20, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 40])
    widths = np.unique(np.concatenate([np.geomspace(1, full, 45).round(), near]))
    widths = widths[(widths >= 1) & (widths <= full)].astype(int)
    curve = DoubleDescentCurve(
        make_pipeline(LeadingColumns(), HeadRegressor()),
        "leadingcolumns__n_components",
        widths,
        cv=20,
        train_size=labels,
        random_state=0,
    ).fit(X, y)
    risk = np.median(curve.test_risk_, axis=1) / y.var()
    return {
        "widths": widths.tolist(),
        "risk": [float(f"{value:.4g}") for value in risk],
        "labels": labels,
    }


def main():
    curves = {
        "spelling": measured(*spellings(), labels=200),
        "language model": measured(
            *load_valence(return_X_y=True, embeddings=True), labels=300
        ),
    }
    text = json.dumps(curves, indent=None)
    TARGET.write_text(
        "/* Made by docs/explore_data.py. */\n"
        f"const exploreData = {text};\n"
        "if (typeof module !== 'undefined') module.exports = exploreData;\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
