"""Accuracy against the number of labels: frozen beliefs and simple rivals.

    python benchmarks/when_it_pays.py            prints the table, some minutes
    python benchmarks/when_it_pays.py --write    also draws docs/images/when_it_pays.png

It needs aeon, and matplotlib for the figure: ``pip install aeon matplotlib``.
The hidden Markov model is pretrained on the pool without labels, and so are the biases
of MiniRocket and the vocabulary of the n-grams; each head sees the labels alone.
"""

import sys
from pathlib import Path

import numpy as np
from real_tasks import load_power, load_spellings, load_vowels, rivals

from skhmmdd import HMMFeatureTransformer

IMAGE = Path(__file__).resolve().parent.parent / "docs/images/when_it_pays.png"
OURS = "frozen beliefs"
SEEDS = range(10)

# Title, loader, labels, and how the beliefs are read.
TASKS = (
    (
        "spoken vowels, 9 speakers",
        load_vowels,
        (18, 27, 45, 90, 180, 270),
        {"representation": "log_belief", "pooling": "mean"},
    ),
    (
        "syllables of a spelling",
        load_spellings,
        (25, 50, 100, 200, 400, 1000),
        {"representation": "belief", "pooling": "sum"},
    ),
    (
        "power demand, 2 seasons",
        load_power,
        (4, 10, 20, 50, 100, 500),
        {"representation": "log_belief", "pooling": "mean"},
    ),
)
STYLES = {
    OURS: ("#0072B2", "-", "o"),
    "MiniRocket + ridge": ("#D55E00", "--", "s"),
    "channel means": ("#009E73", "-.", "^"),
    "letter counts": ("#009E73", "-.", "^"),
    "raw values": ("0.35", ":", "D"),
    "character n-grams": ("0.35", ":", "D"),
}


def measure(load, sizes, reading):
    """name -> accuracies of shape (seeds, sizes)."""
    table = {}
    for seed in SEEDS:
        task = load(seed)
        hmm = task.pretrain(seed)
        beliefs = HMMFeatureTransformer(hmm, **reading).fit_transform(task.X)
        for name, (features, rocket) in {
            OURS: (beliefs, False),
            **rivals(task, seed),
        }.items():
            table.setdefault(name, []).append(
                [task.score(features, task.draw(n, seed), rocket) for n in sizes]
            )
    return {name: np.array(rows) for name, rows in table.items()}


def draw(results):
    """One panel a task: medians over the seeds, and their quartiles."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 1, figsize=(7.2, 8), layout="constrained")
    for ax, (title, sizes, table) in zip(axes, results, strict=True):
        for name, rows in table.items():
            color, line, marker = STYLES[name]
            low, middle, high = np.quantile(rows, [0.25, 0.5, 0.75], axis=0)
            ax.fill_between(sizes, low, high, color=color, alpha=0.15, lw=0)
            ax.plot(
                sizes, middle, line, color=color, marker=marker, ms=4, lw=2, label=name
            )
        ax.set(title=title, ylabel="share of right answers", xscale="log")
        ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
        ax.minorticks_off()
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    axes[-1].set_xlabel("labels")
    figure.savefig(IMAGE, dpi=105)


def main():
    results = []
    for title, load, sizes, reading in TASKS:
        table = measure(load, sizes, reading)
        results.append((title, sizes, table))
        print(title, *sizes, sep="\t")
        for name, rows in table.items():
            print(name, *(f"{value:.3f}" for value in np.median(rows, 0)), sep="\t")
    if "--write" in sys.argv[1:]:
        draw(results)


if __name__ == "__main__":
    main()
