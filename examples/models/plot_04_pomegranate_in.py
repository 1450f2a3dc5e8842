"""
A model of pomegranate in, features out
=======================================

Is your hidden Markov model one of pomegranate's already? `as_hmm` freezes it, and from
there on it is as any other: features, heads and curves, without torch in the loop. And
`BaumWelch(engine="pomegranate")` has pomegranate do the pretraining itself.

This example needs the extra ``skhmmdd[pomegranate]``.
"""

# %%
# A donor
# -------
# A `DenseHMM` of 16 states is fitted to 1,000 spellings, letter by letter. Its states
# may also end a word, each with a probability of its own.

import matplotlib.pyplot as plt
import numpy as np
import torch
from pomegranate.distributions import Categorical
from pomegranate.hmm import DenseHMM
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BaumWelch,
    DoubleDescentCurve,
    HeadRegressor,
    HMMFeatureTransformer,
    TokenEncoder,
    as_hmm,
    load_syllables,
)

words, counts = load_syllables(return_X_y=True)
order = np.random.RandomState(0).permutation(len(words))
words, counts = words[order], counts[order].astype(float)
encoder = TokenEncoder()
spellings = encoder.fit_transform(words)
corpus, labelled = spellings[:1_000], slice(20_000, 22_000)

rng = np.random.RandomState(0)
n_states, n_letters = 16, 1 + max(map(max, spellings))
donor = DenseHMM(
    [Categorical(rng.dirichlet(np.ones(n_letters), 1)) for _ in range(n_states)],
    edges=rng.dirichlet(np.ones(n_states), n_states) * 0.9,
    starts=np.full(n_states, 1 / n_states),
    ends=np.full(n_states, 0.1),
    max_iter=10,
).double()
# pomegranate cannot fit sequences of a single step.
corpus = [word for word in corpus if len(word) > 1]
letters = [torch.as_tensor(word[:, None]) for word in corpus]
donor.fit(letters)

# %%
# Frozen
# ------
# The weights keep the end probabilities, so that smoothed beliefs and likelihoods are
# the donor's. Causal beliefs know only that the word has not ended before.

frozen = as_hmm(donor)
print(frozen)
word = letters[0][None]
theirs = donor.predict_proba(word).numpy()[0]
ours = frozen.smooth([corpus[0]])[0]
print(f"Posteriors differ by {np.abs(ours - theirs).max():.1g}")

# %%
# Two engines, one result
# -----------------------
# From one start, pomegranate's fit and our own recursions reach the same likelihood.

fits = {
    engine: BaumWelch(n_states, engine=engine, max_iter=10, tol=0, random_state=0).fit(
        corpus
    )
    for engine in ("numpy", "pomegranate")
}
for engine, fitted in fits.items():
    print(f"{engine}: log-likelihood {fitted.log_likelihoods_[-1]:.6f}")

# %%
# Features out
# ------------
# The curve of a head on the donor's beliefs, summed over the letters: 100 words have
# their syllables counted, and the width of the random map goes through that number.

features = HMMFeatureTransformer(frozen, 400, pooling="sum", random_state=0)
model = make_pipeline(features, HeadRegressor())
curve = DoubleDescentCurve(
    model,
    "hmmfeaturetransformer__n_components",
    range(1, 401),
    cv=10,
    train_size=100,
    random_state=0,
).fit(spellings[labelled], counts[labelled])
print(f"Interpolation threshold: {curve.interpolation_threshold_:.0f}")
print(f"Best: {curve.best_.risk:.3g} at width {curve.best_.complexity:.0f}")

figure, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
curve.plot(ax)
ax.set(
    xlabel="width (columns)",
    ylabel="squared error (syllables²)",
    title="Syllables from a frozen model of pomegranate, 100 labelled words",
)
# sphinx_gallery_thumbnail_path = "images/pomegranate.png"
plt.show()
