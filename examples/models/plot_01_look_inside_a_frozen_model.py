"""
Look inside a frozen model
==========================

What has a hidden Markov model learned that saw nothing but bare spellings? Frozen
weights can be looked at: how states follow each other, what each of them emits, what
the model believes while it reads a word, and whether its pretraining came to an end.

That two states sort letters into vowels and consonants was found in 1980, by R. L. Cave
and L. P. Neuwirth, who also read larger models state by state.
"""

# %%
# Vowels and consonants
# ---------------------
# Two states, 8,000 spellings, five random starts. No one told the model what a vowel
# is. The letters under the name of a state are those that it emits most: one state has
# a, e, i, o and u, the other nearly all the rest. After a vowel comes a consonant with
# probability 0.85.

import matplotlib.pyplot as plt
import numpy as np

from skhmmdd import (
    BaumWelch,
    BeliefDisplay,
    HMMDisplay,
    TokenEncoder,
    TrainingCurveDisplay,
    load_syllables,
)

words, _ = load_syllables(return_X_y=True)
words = words[np.random.RandomState(0).permutation(len(words))[:8000]]
encoder = TokenEncoder()
spellings = encoder.fit_transform(words)
options = {"n_init": 5, "tol": 1e-4, "validation_fraction": 0.2, "random_state": 0}

two = BaumWelch(2, **options).fit(spellings).hmm_
vowels = np.argmax(two.emissionprob[:, encoder.transform(["e"])[0][0]])
names = ["vowels" if state == vowels else "consonants" for state in range(2)]
HMMDisplay.from_hmm(two, encoder=encoder, state_labels=names).plot(kind="graph")

after_vowel = two.transmat[vowels, 1 - vowels]
print(f"A consonant follows a vowel with probability {after_vowel:.2f}")

# %%
# Six states
# ----------
# With six states the vowels still share one, and the consonants fall apart by what they
# follow and what follows them. States are in order of how often they are visited.

pretrained = BaumWelch(6, **options).fit(spellings)
display = HMMDisplay.from_hmm(pretrained, encoder=encoder).plot()

# %%
# ``frame`` has the same numbers as a table. After state 4, that of h and r behind
# another consonant as in *th* and *tr*, comes the state of the vowels nearly always.

frame = display.frame()
transitions = frame[frame["table"] == "transition"]
print(transitions.sort_values("value", ascending=False).head(5).to_string(index=False))

# %%
# One word
# --------
# What the model believes while it reads *strengthening* with a letter missing. Above it
# knows of the letters so far, as all causal features do; below of the whole word. Where
# the letter is missing it has but its expectation, spread over several states. That
# *th* comes next speaks for a consonant there.

_, axes = plt.subplots(2, 1, figsize=(8, 6.4), layout="constrained")
word = [*"stren", None, *"thening"]
for ax, representation in zip(axes, ("filtered", "smoothed"), strict=True):
    BeliefDisplay.from_hmm(
        pretrained, word, encoder=encoder, representation=representation
    ).plot(ax, show_path=representation == "smoothed")

# %%
# Was that enough pretraining?
# ----------------------------
# Five starts end within 0.03 bits a letter of each other on words that were held out,
# and each had levelled off when it stopped: more iterations would gain little. All of
# them first stand where letters are drawn one by one, until the states part.

TrainingCurveDisplay.from_estimator(pretrained).plot()

held_out = [max(start.validation_log_likelihoods) for start in pretrained.starts_]
letters = np.bincount(np.concatenate(spellings)) / sum(map(len, spellings))
print(f"Letters one by one: {letters @ np.log2(letters):.3f} bits each")
print("Bits a letter, held out:", np.round(held_out / np.log(2), 3))

# %%
# In a notebook an estimator shows its parameters and, with a link, its documentation:

pretrained

# %%
plt.show()
