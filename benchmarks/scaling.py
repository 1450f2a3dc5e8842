"""Time and memory against size: the width path, and pretraining.

    python benchmarks/scaling.py            measures what scaling.json does not hold
                                            yet, and draws docs/images/scaling.png
    python benchmarks/scaling.py --fresh    measures all of it again, some 20 minutes
    python benchmarks/scaling.py --draw     measures nothing

Each size runs once, in a process of its own, on one thread; its time is that of the
processor, so others may use the machine. The file is written after each: what was
interrupted goes on where it ended. The figure needs matplotlib.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from run import ONE_THREAD
from tasks.corpus import write_symbols
from tasks.memory import peak_bytes
from tasks.models import random_hmm

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "scaling.json"
IMAGE = HERE.parent / "docs/images/scaling.png"
N_TEST = 1000
HOUR = 3600.0

# What is measured: name, sizes, and how it is drawn.
PATH = "all widths"
PANELS = {
    "Risk at all widths: n rows, 4n columns": {
        PATH: ((250, 500, 1000, 2000, 4000), "#0072B2", "o"),
    },
    "Pretraining, symbols on disk": {
        "iteration, 8 states": ((10**5, 10**6, 10**7, 10**8), "#56B4E9", "v"),
        "iteration, 32 states": ((10**5, 10**6, 10**7, 10**8), "#009E73", "^"),
        "annealed, 8 states": ((10**5, 10**6, 10**7), "#E69F00", "D"),
        "annealed, 32 states": ((10**5, 10**6, 10**7), "#D55E00", "s"),
    },
}


def walk_path(n):
    """Seconds of the risk at all 4 n widths."""
    from skhmmdd import width_path

    rng = np.random.RandomState(0)
    X, X_test = rng.standard_normal((n, 4 * n)), rng.standard_normal((N_TEST, 4 * n))
    coef = rng.standard_normal(4 * n) / np.sqrt(4 * n)
    y, y_test = X @ coef, X_test @ coef
    start = time.process_time()
    width_path(X, y, X_test, y_test)
    return time.process_time() - start


def pretrain(name, n):
    """Seconds of pretraining on n symbols in a memory map."""
    from skhmmdd import BaumWelch

    kind, n_states = name.split(", ")
    init = random_hmm(int(n_states.split()[0]))
    options = {"algorithm": "annealed"} if kind == "annealed" else {}
    model = BaumWelch(init=init, max_iter=1, tol=0, random_state=0, **options)
    with tempfile.TemporaryDirectory() as folder:
        X = write_symbols(Path(folder) / "corpus", n)
        start = time.process_time()
        model.fit(X)
        seconds = time.process_time() - start
        del X
    # A fit has one E-step more than iterations; what it reads besides is small.
    return seconds if options else seconds / 2


def measure_all(results):
    """Measure what is missing, the smallest sizes first."""
    tasks = [
        (n, name)
        for panel in PANELS.values()
        for name, (sizes, *_) in panel.items()
        for n in sizes
        if str(n) not in results.get(name, {})
    ]
    for n, name in sorted(tasks, key=lambda task: task[0]):
        output = subprocess.run(
            [sys.executable, __file__, name, str(n)],
            env={**os.environ, **ONE_THREAD},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        seconds, peak = map(float, output.split())
        results.setdefault(name, {})[str(n)] = {
            "seconds": round(seconds, 4),
            "peak_bytes": int(peak),
        }
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
        print(f"{name:22}{n:12,}{seconds:10.2f} s{peak / 2**30:8.2f} GiB", flush=True)


def columns(results, name):
    """Sizes, seconds and GiB."""
    rows = sorted(
        (int(n), row["seconds"], row["peak_bytes"] / 2**30)
        for n, row in results[name].items()
    )
    return np.array(rows, float).T


def exponent(sizes, values):
    """Of the two largest sizes: small ones cost calls."""
    return np.log(values[-1] / values[-2]) / np.log(sizes[-1] / sizes[-2])


def in_words(size):
    """Two digits of a number of rows or symbols."""
    digits = float(f"{size:.2g}")
    if digits >= 10**9:
        return f"{digits / 10**9:.2g} billion"
    return f"{digits / 10**6:.3g} million" if digits >= 10**6 else f"{digits:,.0f}"


def label_of(name):
    """As the legend has it."""
    return name.replace("iteration", "one iteration").replace("annealed", "annealed EM")


def draw(results):
    """Time above, memory below; the path to the left, pretraining to the right."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        2,
        2,
        sharex="col",
        figsize=(9.6, 6.4),
        height_ratios=(5, 2),
        layout="constrained",
    )
    for (top, bottom), (title, panel) in zip(axes.T, PANELS.items(), strict=True):
        for name, (_, color, marker) in panel.items():
            if name not in results:
                continue
            sizes, seconds, peaks = columns(results, name)
            power = exponent(sizes, seconds)
            label = f"{label_of(name)}: size$^{{{power:.2f}}}$"
            style = {"color": color, "marker": marker, "ms": 5, "lw": 2}
            if not name.startswith("iteration"):
                # On to an hour; EM in proportion, whatever its first batches cost.
                most = sizes[-1] * (HOUR / seconds[-1]) ** (1 / max(power, 1))
                label += f", {in_words(most)} an hour"
                ends = [sizes[-1], most]
                top.plot(ends, [seconds[-1], HOUR], ":", color=color, lw=1.5)
                top.plot(most, HOUR, marker, color=color, mfc="white", ms=6, zorder=3)
            top.plot(sizes, seconds, label=label, **style)
            bottom.plot(sizes, peaks, **style)
        top.axhline(HOUR, color="0.4", lw=1)
        top.annotate(
            "one hour",
            (0.02, HOUR),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            color="0.4",
        )
        top.set(title=title, ylabel="seconds on one core")
        top.legend(loc="lower right", fontsize=8.5, handlelength=1.5, reverse=True)
        bottom.set(ylabel="peak memory, GiB")
        for ax in (top, bottom):
            ax.set(xscale="log", yscale="log")
            ax.grid(alpha=0.25)
        # Below the lines is the legend.
        top.set_ylim(top.get_ylim()[0] / 100, 5 * HOUR)
    path_ticks = [250, 1000, 4000, 16_000]
    axes[1, 0].set_xticks(path_ticks, [f"{n:,}" for n in path_ticks])
    axes[1, 0].minorticks_off()
    axes[1, 0].set_xlabel("training rows n")
    axes[1, 1].set_xlabel("symbols")
    for ax in axes[1]:
        ticks = [0.125, 0.25, 0.5, 1, 2, 4]
        ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
        ax.set_ylim(0.1, 6)
    figure.savefig(IMAGE, dpi=105)


def main():
    options = sys.argv[1:]
    results = {}
    if RESULTS.exists() and "--fresh" not in options:
        results = json.loads(RESULTS.read_text())
    if "--draw" not in options:
        measure_all(results)
    draw(results)


def run_one(name, n):
    seconds = walk_path(n) if name == PATH else pretrain(name, n)
    print(seconds, peak_bytes())


if __name__ == "__main__":
    if len(sys.argv) == 3:
        run_one(sys.argv[1], int(sys.argv[2]))
    else:
        main()
