"""A hundred million symbols on disk through one iteration of EM.

Run by itself, `python -m tasks.corpus 100000000`, it prints seconds and peak bytes.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from .memory import in_a_process, peak_bytes
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

    from .models import N_SYMBOLS, random_hmm

    with tempfile.TemporaryDirectory() as folder:
        path, shape = Path(folder) / "corpus", (n // N_STEPS, N_STEPS)
        rng = np.random.RandomState(0)
        with path.open("wb") as file:
            for _ in range(0, shape[0], _CHUNK):
                file.write(
                    rng.randint(N_SYMBOLS, size=(_CHUNK, N_STEPS), dtype=np.uint8)
                )
        X = np.memmap(path, np.uint8, mode="r", shape=shape)
        model = BaumWelch(init=random_hmm(N_STATES), max_iter=1, tol=0)
        start = time.perf_counter()
        model.fit(X)
        # A fit has one E-step more than iterations; what it reads besides is small.
        print((time.perf_counter() - start) / 2, peak_bytes())
        del X


if __name__ == "__main__":
    main(int(sys.argv[1]))
