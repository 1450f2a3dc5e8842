"""Compare skhmmdd with its peers, in a virtual environment made for it.

    python benchmarks/run.py            every task, some ten minutes
    python benchmarks/run.py --quick    small sizes, to see that it runs
    python benchmarks/run.py --write    also write benchmarks/RESULTS.md
    python benchmarks/run.py --tasks filtering em

The environment is `.venv-bench` at the root of the repository; it is made once, and a
peer that cannot be installed is reported as missing. `--fresh` makes it anew.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv-bench"

# torch comes first: this release is had as a build without CUDA, in megabytes.
PEERS = (
    ("torch==2.13.0",),
    ("pomegranate",),
    ("hmmlearn",),
    ("jax", "jaxlib", "dynamax"),
)

# One thread for every library, whichever it uses.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": ("--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"),
}


def main():
    options = sys.argv[1:]
    fresh = "--fresh" in options
    options = [option for option in options if option != "--fresh"]
    python = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if fresh and HOME.exists():
        shutil.rmtree(HOME)
    if not (HOME / "ready").exists():
        print(f"Making {HOME} ...", file=sys.stderr)
        venv.create(HOME, with_pip=True, clear=True)
        if not install(python, "-e", str(ROOT)):
            return "skhmmdd itself could not be installed."
        for packages in PEERS:
            install(python, *packages)
        (HOME / "ready").touch()
    compare = Path(__file__).with_name("compare.py")
    return subprocess.call(
        [python, compare, *options], env={**os.environ, **ONE_THREAD}
    )


def install(python, *packages):
    command = [python, "-m", "pip", "install", "--quiet", *packages]
    if subprocess.call(command) == 0:
        return True
    print(f"Could not install {' '.join(packages)}.", file=sys.stderr)
    return False


if __name__ == "__main__":
    sys.exit(main())
