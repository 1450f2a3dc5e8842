"""Damaged files, killed writers, full disks, folders without rights, many writers.

What `pytest -m campaign` adds is the same at every place instead of at some. It prints
what it tried.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from faults import FORMATS, index_of
from random_models import random_hmm

from skhmmdd import GaussianHMM, HMMFamily, LinearGaussianHMM

# Damage --------------------------------------------------------------------------


def linear():
    one = np.eye(1)
    return LinearGaussianHMM(one / 2, one, 2 * one, one / 4)


class Other:
    """Files of the other kinds of weights."""

    def __init__(self, folder, make):
        self.path = folder / "weights"
        self.values = [make()]
        self.values[0].save(self.path)

    def load(self):
        return type(self.values[0]).load(self.path)


OTHERS = {
    "diag": lambda: random_hmm("diag", 2, 2),
    "full": lambda: random_hmm("full", 2, 2),
    "linear": linear,
}


def written(name, folder):
    if name in OTHERS:
        return Other(folder, OTHERS[name])
    files = FORMATS[name](folder, 2)
    files.save(files.values[0])
    return files


class Damage:
    """Loads of a file after each of some changes: equal, or refused by ValueError."""

    def __init__(self, files):
        self.files, self.whole = files, files.path.read_bytes()
        self.counts = {"equal": 0, "refused": 0}

    def __call__(self, changed):
        if changed == self.whole:
            return
        path = self.files.path
        path.write_bytes(changed)
        try:
            found = self.files.load()
        except ValueError as error:
            assert str(path) in str(error)
            self.counts["refused"] += 1
        else:
            assert found == self.files.values[0]
            self.counts["equal"] += 1

    def flip(self, bit):
        changed = bytearray(self.whole)
        changed[bit // 8] ^= 1 << bit % 8
        self(changed)

    def truncate(self, n):
        self(self.whole[:n])

    def scramble(self, rng):
        """Bytes that are other, lost, doubled, moved or zero, up to a sector."""
        whole = self.whole
        start, other = rng.randint(len(whole), size=2)
        n = 2 ** rng.randint(10)
        end = start + n
        self(
            [
                whole[:start] + rng.bytes(n) + whole[end:],
                whole[:start] + bytes(n) + whole[end:],
                whole[:start] + whole[end:],
                whole[:start] + whole[start:end] + whole[start:],
                whole[:start] + whole[other : other + n] + whole[end:],
                whole[:start] + rng.bytes(n) + whole[start:],
            ][rng.randint(6)]
        )


@pytest.mark.parametrize("name", [*FORMATS, *OTHERS])
def test_damage(tmp_path, name):
    damage, rng = Damage(written(name, tmp_path)), np.random.RandomState(0)
    n_bits = 8 * len(damage.whole)
    for bit in rng.choice(n_bits, 250, replace=False):
        damage.flip(bit)
    # Where a byte may be unused, in the directory at the end, and where none is.
    assert damage.counts["refused"] > damage.counts["equal"] > 0
    damage.counts["equal"] = 0
    for n in {*range(0, len(damage.whole), 29), len(damage.whole) - 1}:
        damage.truncate(n)
    assert damage.counts["equal"] == 0
    for _ in range(100):
        damage.scramble(rng)


@pytest.mark.campaign
@pytest.mark.parametrize("name", [*FORMATS, *OTHERS])
def test_damage_everywhere(tmp_path, capsys, name):
    told = {}
    for what in ("truncations", "flips", "scrambles"):
        damage = Damage(written(name, tmp_path))
        if what == "truncations":
            for n in range(len(damage.whole)):
                damage.truncate(n)
            assert damage.counts["equal"] == 0
        elif what == "flips":
            for bit in range(8 * len(damage.whole)):
                damage.flip(bit)
        else:
            seed = np.random.RandomState().randint(2**31)
            rng = np.random.RandomState(seed)
            told["seed"] = seed
            for _ in range(5_000):
                damage.scramble(rng)
        told[what] = damage.counts
    with capsys.disabled():
        print(f"\ndamage of {name}, {len(damage.whole)} bytes: {told}")


# Processes -----------------------------------------------------------------------

needs_fork = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="no fork here, and no signals"
)


def trials(seed, *told):
    """The counts of trials in a process of their own, see faults.py."""
    script = os.path.join(os.path.dirname(__file__), "faults.py")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, script, str(seed), *told],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = dict(zip(told, json.loads(done.stdout), strict=True))
    for each, counts in found.items():
        if "every_step" in each:
            # It was cut short before and after the moment that decides.
            assert min(counts["old"], counts["new"], counts["strays"]) > 0
        assert all(count > 0 for name, count in counts.items() if name != "strays")
    return found


@needs_fork
@pytest.mark.slow
def test_processes():
    trials(
        0,
        "save_at_every_step:weights:6",
        "save_at_every_step:family:5",
        "save_at_random_times:checkpoint:6",
        "fit_at_random_times::4",
        *(f"full_disk:{name}:5" for name in FORMATS),
        *(f"without_rights:{name}:1" for name in FORMATS),
        *(f"side_by_side:{name}:12" for name in FORMATS),
    )


@needs_fork
@pytest.mark.campaign
def test_processes_at_length(capsys):
    seed = int(np.random.RandomState().randint(2**31))
    found = trials(
        seed,
        *(f"save_at_every_step:{name}:1000000" for name in FORMATS),
        *(f"save_at_random_times:{name}:500" for name in FORMATS),
        "fit_at_random_times::300",
        *(f"full_disk:{name}:500" for name in FORMATS),
        *(f"side_by_side:{name}:2000" for name in FORMATS),
    )
    with capsys.disabled():
        print(f"\nseed {seed}")
        for told, counts in found.items():
            print(told, counts)


@pytest.mark.parametrize("name", FORMATS)
def test_threads_side_by_side(tmp_path, name):
    files = FORMATS[name](tmp_path)
    files.save(files.values[0])

    def write(i):
        for _ in range(10):
            files.save(files.values[i])
            index_of(files)

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(write, (1, 2, 3))) == [None] * 3
    assert index_of(files) in (1, 2, 3)
    assert os.listdir(tmp_path) == [files.path.name]


def test_a_family_is_never_a_mixture(tmp_path, monkeypatch):
    """An error after any number of models leaves the old family, whole."""
    old, new = (
        HMMFamily([random_hmm("diag", k, 2, seed=seed) for k in (1, 2, 3)], [seed] * 3)
        for seed in (0, 1)
    )
    old.save(tmp_path)
    write, written = np.lib.format.write_array, []

    def fails(*args, **options):
        written.append(1)
        if len(written) == n_written:
            raise OSError("no more")
        write(*args, **options)

    n_arrays = 2 + 2 + 3 * len(GaussianHMM._array_names)
    for n_written in range(1, n_arrays + 1):
        written.clear()
        with monkeypatch.context() as patch:
            patch.setattr(np.lib.format, "write_array", fails)
            with pytest.raises(OSError, match=r"no more"):
                new.save(tmp_path)
        assert len(written) == n_written
        assert HMMFamily.load(tmp_path) == old
    new.save(tmp_path)
    assert HMMFamily.load(tmp_path) == new
