"""
Streaming a corpus
==================

A corpus need not be in memory. `BaumWelch.fit` takes an object that yields batches, as
often as it is asked to, and `partial_fit` takes them one by one and learns from each.
Here the corpus is a folder of text files, and the two ways are held against full
expectation-maximisation in memory.
"""

# %%
# A corpus on disk
# ----------------
# 20,000 spellings, one a line, in ten files. A `Shard` knows its file and reads it when
# it is asked for its sequences; the corpus is nothing but a list of shards that can be
# walked again and again. So one shard is in memory at a time, and on a cluster the
# workers read the shards themselves.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skhmmdd import BaumWelch, TokenEncoder, load_syllables

words, _ = load_syllables(return_X_y=True)
words = words[np.random.RandomState(0).permutation(len(words))]
encoder = TokenEncoder().fit(words)
n_letters = 1 + max(map(max, encoder.transform(words)))
held_out = encoder.transform(words[20_000:24_000])

folder = tempfile.TemporaryDirectory()
for i, lines in enumerate(np.array_split(words[:20_000], 10)):
    Path(folder.name, f"{i}.txt").write_text("\n".join(lines), encoding="utf-8")


class Shard:
    """The spellings in one file."""

    def __init__(self, path):
        self.path = path

    def __iter__(self):
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return iter(encoder.transform(lines))


class Shards:
    """All files of a folder, as often as one likes."""

    def __init__(self, folder):
        self.paths = sorted(Path(folder).glob("*.txt"))

    def __iter__(self):
        return map(Shard, self.paths)


shards = Shards(folder.name)

# %%
# Passes over the stream
# ----------------------
# One iteration of `fit` is one pass over all files. To look at the held-out words after
# every pass, `fit` makes a single iteration from the weights of the pass before; the
# same is done with all spellings in memory. Where the words held out may come from the
# stream itself, `validation_fraction` does so in one fit, and stops by itself.

N_PASSES = 20
common = {"n_symbols": n_letters, "random_state": 0}
some = list(Shard(shards.paths[0]))
start = BaumWelch(16, max_iter=1, tol=0, **common).fit(some).hmm_


def bits_after_passes(corpus):
    """Bits a held-out letter costs, at the start and after each pass."""
    model, bits = BaumWelch(init=start, max_iter=1, tol=0, emission="categorical"), []
    for _ in range(N_PASSES):
        bits.append(model.fit(corpus).bits_per_step(held_out))
        model.set_params(init=model.hmm_)
    return bits


streamed = bits_after_passes(shards)
in_memory = bits_after_passes(encoder.transform(words[:20_000]))
difference = np.abs(np.subtract(streamed, in_memory)).max()
print(f"Streamed and in memory differ by {difference:.1g} bits")

# %%
# Learning from every batch
# -------------------------
# `partial_fit` does not wait for the end of a pass: it takes batches of 200 words, in
# an order drawn anew in every pass, and moves the weights after each.

rng = np.random.RandomState(0)
stepwise, passes = BaumWelch(init=start, **common), []
for _ in range(N_PASSES):
    for j in rng.permutation(len(shards.paths)):
        spellings = list(Shard(shards.paths[j]))
        for index in np.array_split(rng.permutation(len(spellings)), 10):
            stepwise.partial_fit([spellings[i] for i in index])
        passes.append(stepwise.bits_per_step(held_out))
folder.cleanup()

reached = np.argmax(np.array(passes) <= streamed[-1]) + 1
print(f"After {N_PASSES} passes of EM a letter costs {streamed[-1]:.3f} bits")
print(f"Stepwise EM is there after {reached / len(shards.paths):.1f} passes")
print(f"and at {passes[-1]:.3f} bits after {N_PASSES}")

# %%
# Streamed, EM is the same EM, pass by pass. Stepwise EM has learned as much in about a
# tenth of the passes: where reading the corpus is what takes long, it is the way.

figure, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
each_pass = np.arange(1, N_PASSES + 1)
ax.plot(each_pass, streamed, label="fit, streamed from files")
ax.plot(each_pass, in_memory, "o", mfc="none", color="0.35", label="fit, in memory")
ax.plot(
    np.arange(1, len(passes) + 1) / len(shards.paths),
    passes,
    label="partial_fit, batches of 200 words",
)
ax.set(
    xlabel="passes over the corpus",
    ylabel="held-out spellings (bits a letter)",
    title="Learning from every batch takes a tenth of the passes",
    xlim=(0, N_PASSES + 0.5),
    xticks=range(0, N_PASSES + 1, 5),
)
ax.legend()
plt.show()
