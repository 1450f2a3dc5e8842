"""A million sequences through the transformer, written to disk as they come.

Run by itself, `python -m tasks.memory 1000000`, it prints seconds and peak bytes.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from .timing import Row

N_STEPS, N_STATES, WIDTH = 20, 16, 100


def rows(quick):
    n = 50_000 if quick else 1_000_000
    seconds, peak = in_a_process("tasks.memory", n)
    yield Row(
        f"transform {n:,} x {N_STEPS} bytes, {N_STATES} states to {WIDTH} float32 "
        "columns, to a memory map",
        {"skhmmdd": seconds},
        f"peak resident memory {peak / 2**30:.2f} GiB, of which "
        f"{n * WIDTH * 4 / 2**30:.2f} are the map's own pages",
    )


def in_a_process(task, n):
    """Seconds and peak bytes that a task prints, run by itself."""
    done = subprocess.run(
        [sys.executable, "-m", task, str(n)],
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return map(float, done.stdout.split())


def main(n):
    from skhmmdd import HMMFeatureTransformer

    from .models import N_SYMBOLS, random_hmm

    X = np.random.RandomState(0).randint(N_SYMBOLS, size=(n, N_STEPS), dtype=np.uint8)
    transformer = HMMFeatureTransformer(
        random_hmm(N_STATES), WIDTH, dtype="float32", random_state=0
    ).fit(X[:10])
    with tempfile.TemporaryDirectory() as folder:
        out = np.memmap(
            Path(folder) / "features", np.float32, mode="w+", shape=(n, WIDTH)
        )
        start = time.perf_counter()
        transformer.transform(X, out=out)
        seconds = time.perf_counter() - start
        peak = peak_bytes()
        del out
    print(seconds, peak)


def peak_bytes():
    """The most memory that this process has held."""
    # On Linux `getrusage` would count the parent that started this process.
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main(int(sys.argv[1]))
