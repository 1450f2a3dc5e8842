"""Which representation and which pooling: a table of four real tasks.

    python benchmarks/representations.py         some two minutes; needs aeon
    python benchmarks/representations.py 500     mapped at random to 500 columns

Every cell is the median over ten seeds: another pool, model and set of labels each.
Without a width the columns of a representation are used as they are.
"""

import sys

import numpy as np
from real_tasks import load_motions, load_power, load_spellings, load_vowels

from skhmmdd import HMMFeatureTransformer

SEEDS = range(10)
TASKS = (
    ("vowels", load_vowels, 90),
    ("motions", load_motions, 20),
    ("power", load_power, 100),
    ("syllables", load_spellings, 200),
)
READINGS = tuple(
    (representation, pooling)
    for representation in ("belief", "log_belief", "smoothed", "predictive")
    for pooling in ("last", "mean", "sum", "max")
)


def measure(load, n_labels, n_components):
    """The accuracy of every reading, of shape (seeds, readings)."""
    rows = []
    for seed in SEEDS:
        task = load(seed)
        hmm, train = task.pretrain(seed), task.draw(n_labels, seed)
        rows.append([])
        for representation, pooling in READINGS:
            features = HMMFeatureTransformer(
                hmm,
                n_components,
                representation=representation,
                pooling=pooling,
                random_state=seed,
            ).fit_transform(task.X)
            rows[-1].append(task.score(features, train))
    return np.array(rows)


def main():
    width = int(sys.argv[1]) if len(sys.argv) > 1 else None
    columns = [np.median(measure(load, n, width), axis=0) for _, load, n in TASKS]
    print("representation", "pooling", *(name for name, *_ in TASKS), sep="\t")
    for reading, *values in zip(READINGS, *columns, strict=True):
        print(*reading, *(f"{value:.3f}" for value in values), sep="\t")


if __name__ == "__main__":
    main()
