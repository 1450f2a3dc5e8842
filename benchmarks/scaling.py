"""Time and memory against size: the width path, and pretraining.

    python benchmarks/scaling.py            measures what scaling.json does not hold
                                            yet, and draws docs/images/scaling.png
    python benchmarks/scaling.py --fresh    measures all of it again, some 40 minutes
    python benchmarks/scaling.py --draw     measures nothing

Each size runs once, in a process of its own, on one thread and one core. The file is
written after each: what was interrupted goes on where it ended. The figure needs
matplotlib.
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
from tasks.corpus import N_STEPS, write_symbols
from tasks.memory import peak_bytes
from tasks.models import random_hmm
from tasks.timing import one_core

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "scaling.json"
IMAGE = HERE.parent / "docs/images/scaling.png"
N_TEST = 1000

# What is measured, by name, and at which sizes.
SIZES = {
    "width path": (250, 500, 1000, 2000, 4000),
    "iteration, 8 states": (10**5, 10**6, 10**7, 10**8),
    "iteration, 32 states": (10**5, 10**6, 10**7, 10**8),
    "annealed, 8 states": (10**5, 10**6, 10**7, 10**8),
    "annealed, 32 states": (10**5, 10**6, 10**7),
}


def path(n):
    """Seconds of the risk at all 4 n widths."""
    from skhmmdd import width_path

    rng = np.random.RandomState(0)
    X, X_test = rng.standard_normal((n, 4 * n)), rng.standard_normal((N_TEST, 4 * n))
    coef = rng.standard_normal(4 * n) / np.sqrt(4 * n)
    y, y_test = X @ coef, X_test @ coef
    start = time.perf_counter()
    width_path(X, y, X_test, y_test)
    return time.perf_counter() - start


def pretrain(name, n):
    """Seconds of pretraining on n symbols in a memory map."""
    from skhmmdd import BaumWelch

    kind, n_states = name.split(", ")
    init = random_hmm(int(n_states.split()[0]))
    options = {"algorithm": "annealed"} if kind == "annealed" else {}
    model = BaumWelch(init=init, max_iter=1, tol=0, random_state=0, **options)
    with tempfile.TemporaryDirectory() as folder:
        X = write_symbols(Path(folder) / "corpus", n)
        start = time.perf_counter()
        model.fit(X)
        seconds = time.perf_counter() - start
        del X
    # A fit has one E-step more than iterations; what it reads besides is small.
    return seconds if options else seconds / 2


def measure_all(results):
    for name, sizes in SIZES.items():
        done = results.setdefault(name, {})
        for n in sizes:
            if str(n) in done:
                continue
            output = subprocess.run(
                [sys.executable, __file__, name, str(n)],
                env={**os.environ, **ONE_THREAD},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            seconds, peak = map(float, output.split())
            done[str(n)] = {"seconds": round(seconds, 4), "peak_bytes": int(peak)}
            print(f"{name:22}{n:12,}{seconds:10.2f} s{peak / 2**30:8.2f} GiB")
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def columns(results, name):
    """Sizes, seconds and GiB."""
    rows = sorted((int(n), *row.values()) for n, row in results[name].items())
    sizes, seconds, peaks = np.array(rows, float).T
    return sizes, seconds, peaks / 2**30


def exponent(sizes, seconds):
    """The slope of the two largest sizes that are a factor of four apart, or more."""
    far = sizes <= sizes[-1] / 4
    return np.log(seconds[-1] / seconds[far][-1]) / np.log(sizes[-1] / sizes[far][-1])


def draw(results):
    """Time above, memory below; the path to the left, pretraining to the right."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        2,
        2,
        sharex="col",
        figsize=(8.6, 5.6),
        height_ratios=(5, 2),
        layout="constrained",
    )
    for panels, names in zip(axes.T, PANELS.values(), strict=True):
        for (name, (color, line, marker)), label in names.items():
            draw_line(panels, columns(results, name), color, line, marker, label)
    for (top, bottom), title in zip(axes.T, PANELS, strict=True):
        top.axhline(HOUR, color="0.5", lw=0.8)
        top.set(title=title, ylabel="seconds on one core")
        bottom.set(ylabel="peak GiB", ylim=(0.1, 64))
        for ax in (top, bottom):
            ax.set(xscale="log", yscale="log")
            ax.grid(alpha=0.25)
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
    with one_core():
        seconds = path(n) if name == "width path" else pretrain(name, n)
    print(seconds, peak_bytes())


if __name__ == "__main__":
    if len(sys.argv) == 3:
        run_one(sys.argv[1], int(sys.argv[2]))
    else:
        main()
