"""A hundred million symbols on disk through one iteration of EM.

Run by itself, `python -m tasks.corpus 100000000`, it prints seconds and peak bytes.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from .memory import in_a_process, peak_bytes
from .models import N_SYMBOLS, random_hmm
from .timing import Row

N_STEPS, N_STATES = 100, 32
_CHUNK = 10_000


def rows(quick):
    n = 10**6 if quick else 10**8
    seconds, peak = in_a_process("tasks.corpus", n)
    yield Row(
        f"one EM iteration, {n:,} symbols in a memory map, {N_STATES} states",
        {"skhmmdd": seconds},
        f"{n / seconds / 1e6:.2f} million symbols a second, peak resident memory "
        f"{peak / 2**30:.2f} GiB",
    )


def main(n):
    from skhmmdd import BaumWelch

    with tempfile.TemporaryDirectory() as folder:
        X = write_symbols(Path(folder) / "corpus", n)
        model = BaumWelch(init=random_hmm(N_STATES), max_iter=1, tol=0)
        start = time.perf_counter()
        model.fit(X)
        # A fit has one E-step more than iterations; what it reads besides is small.
        print((time.perf_counter() - start) / 2, peak_bytes())
        del X


def write_symbols(path, n):
    """A memory map of n symbols, in sequences of `N_STEPS` bytes."""
    rng, shape = np.random.RandomState(0), (n // N_STEPS, N_STEPS)
    with path.open("wb") as file:
        for first in range(0, shape[0], _CHUNK):
            size = min(_CHUNK, shape[0] - first), N_STEPS
            file.write(rng.randint(N_SYMBOLS, size=size, dtype=np.uint8))
    return np.memmap(path, np.uint8, mode="r", shape=shape)


if __name__ == "__main__":
    main(int(sys.argv[1]))
