"""Writers that are killed, short of disk, without rights or not alone; run as a script.

A process of its own that starts no threads, so that it may fork: a writer is a child,
and what it left is looked at by the parent. It prints counts as JSON; anything that
must not be is an exception.

    python faults.py SEED TRIAL:FORMAT:N ...
"""

import errno
import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from random_models import random_hmm

from skhmmdd import BaumWelch, CategoricalHMM, HMMFamily
from skhmmdd.hmm.pretraining._checkpoints import Checkpoint
from skhmmdd.hmm.pretraining._em_loop import Run

KILLED, FAILED = -signal.SIGKILL, 1


class Weights:
    """Files of frozen weights: values to save, save and load."""

    def __init__(self, folder, size=6):
        self.path = self.root = folder / "weights"
        self.values = [
            random_hmm("categorical", size, size, seed=seed) for seed in range(4)
        ]

    def save(self, value):
        value.save(self.root)

    def load(self):
        return CategoricalHMM.load(self.root)


class Family(Weights):
    """Folders of a family."""

    def __init__(self, folder, size=6):
        self.root, self.path = folder, folder / "family.npz"
        self.values = [
            HMMFamily(
                [random_hmm("diag", 2, 2, seed=seed), random_hmm("full", seed=seed)]
            )
            for seed in range(4)
        ]

    def load(self):
        return HMMFamily.load(self.root)


class State(Weights):
    """Checkpoints of `fit`."""

    def __init__(self, folder, size=6):
        super().__init__(folder, size)
        names = CategoricalHMM._array_names
        self._checkpoint = Checkpoint(self.path, "f" * 64, CategoricalHMM, names, 3)
        keys = np.random.RandomState(0).get_state()
        self.values = [
            (keys, [], None, Run(hmm, (-2.0,), (-3.0,))) for hmm in self.values
        ]

    def save(self, value):
        self._checkpoint.save(*value)

    def load(self):
        (algorithm, keys, *rest), *runs = self._checkpoint.load()
        (want, want_keys, *want_rest), *_ = self.values[0]
        assert (algorithm, rest) == (want, want_rest)
        assert (keys == want_keys).all()
        return (self.values[0][0], *runs)


FORMATS = {"weights": Weights, "family": Family, "checkpoint": State}


def child(work, *args):
    """The number of a new process that does some work and ends with its outcome."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work(*args)
    except BaseException:
        traceback.print_exc()
        os._exit(FAILED)
    os._exit(0)


def outcome(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def index_of(files):
    """Which of its values a file holds: an error where it is none of them."""
    return files.values.index(files.load())


def strays(files):
    return len(os.listdir(files.path.parent)) - files.path.exists()


def save_at_random_times(files, n, seed):
    """SIGKILL at a random time while a child saves again and again."""
    rng = random.Random(seed)
    found = {"kills": 0, "strays": 0}

    def save_for_ever():
        for i in range(10**9):
            files.save(files.values[1 + i % 3])

    files.save(files.values[0])
    for _ in range(n):
        pid = child(save_for_ever)
        time.sleep(rng.uniform(0.005, 0.08))
        os.kill(pid, signal.SIGKILL)
        assert outcome(pid) == KILLED
        index_of(files)
        found["kills"] += 1
        found["strays"] += strays(files)
    # Whatever the killed ones left goes with the next that saves.
    files.save(files.values[0])
    assert index_of(files) == strays(files) == 0
    return found


def save_at_every_step(files, n, seed):
    """SIGKILL at every line of Python that a save runs, or at `n` of them."""

    def save_until(line):
        def trace(frame, event, arg):
            nonlocal line
            line -= event == "line"
            if line == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        files.save(files.values[1])
        sys.settrace(None)

    def count():
        seen = 0

        def trace(frame, event, arg):
            nonlocal seen
            seen += event == "line"
            return trace

        sys.settrace(trace)
        files.save(files.values[0])
        sys.settrace(None)
        return seen

    count()
    n_lines = count()
    lines = range(1, n_lines + 1)
    if n < n_lines:
        # The last lines put the file in its place: all of them.
        lines = sorted({*random.Random(seed).sample(lines, n), *lines[-25:]})
    found = {"kills": 0, "strays": 0, "old": 0, "new": 0}
    for line in lines:
        files.save(files.values[0])
        assert index_of(files) == strays(files) == 0
        if (ended := outcome(child(save_until, line))) == KILLED:
            found["kills"] += 1
            found["strays"] += strays(files)
        else:
            assert ended == 0
        is_new = index_of(files)
        assert is_new in ((0, 1) if ended == KILLED else (1,))
        # Once new, it stays new: there is one moment that decides.
        assert is_new or not found["new"]
        found["new" if is_new else "old"] += 1
    return found


def fit_at_random_times(folder, n, seed):
    """SIGKILL at random times during a fit, which then goes on, until it has ended."""
    rng = random.Random(seed)
    X = np.random.RandomState(0).randint(4, size=(60, 20))
    found = {"kills": 0, "fits": 0, "resumed": 0}
    path, result = folder / "state", folder / "result"

    def fitted(i, checkpoint=None):
        options = {"tol": 0, "max_iter": 12, "n_init": 2, "random_state": i % 5}
        if i % 2:
            options["validation_fraction"] = 0.3
        return BaumWelch(3, checkpoint=checkpoint, **options).fit(X)

    def work(i):
        fitted(i, path).hmm_.save(result)

    plain = [fitted(i) for i in range(10)]
    while found["kills"] < n or not found["resumed"]:
        i, n_killed, ended = found["fits"], 0, KILLED
        while ended == KILLED:
            found["resumed"] += path.exists()
            pid = child(work, i)
            # Later and later, so that each comes to its end.
            time.sleep(rng.uniform(0.01, 0.15) * 1.3**n_killed)
            os.kill(pid, signal.SIGKILL)
            ended = outcome(pid)
            n_killed += ended == KILLED
        assert ended == 0
        assert CategoricalHMM.load(result) == plain[i % 10].hmm_
        assert os.listdir(folder) == ["result"]
        result.unlink()
        found["kills"] += n_killed
        found["fits"] += 1
    return found


def full_disk(files, n, seed):
    """No room for the file at `n` sizes from nothing to just too small."""
    import resource

    files.save(files.values[1])
    size = files.path.stat().st_size
    files.save(files.values[0])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    found = {"refused": 0}
    for limit in np.linspace(0, size - 1, n).astype(int).tolist():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            files.save(files.values[1])
        except OSError as error:
            assert error.errno == errno.EFBIG
            assert error.filename == str(files.path), error.filename
            found["refused"] += 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert index_of(files) == strays(files) == 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    files.save(files.values[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert index_of(files) == 1
    assert found["refused"] == n
    return found


def without_rights(files, n, seed):
    """A folder, and then a file, that may be read and not written, for any user."""
    folder = files.path.parent
    files.save(files.values[0])

    def refused(action):
        try:
            action()
        except PermissionError as error:
            assert error.filename == str(files.path), error.filename
        else:
            raise AssertionError("it was allowed")

    def as_nobody():
        # What is imported late may lie where nobody can read.
        assert index_of(files) == 0
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        assert index_of(files) == 0
        refused(lambda: files.save(files.values[1]))
        assert index_of(files) == strays(files) == 0

    folder.chmod(0o555)
    files.path.chmod(0o666)
    assert outcome(child(as_nobody)) == 0
    folder.chmod(0o777)
    files.path.chmod(0o444)
    assert outcome(child(as_nobody)) == 0
    return {"refused": 2}


def side_by_side(files, n, seed):
    """Three writers of at least `n` saves each, and a reader that reads meanwhile.

    However slow the machine, they go on until it has seen the files of two of them.
    """
    files.save(files.values[0])
    enough = files.path.with_name("enough")
    told = [files.path.with_name(f"told-{i}") for i in range(4)]

    def tell(i, count):
        # At once whole, for whoever waits for it.
        part = told[i].with_suffix(".count")
        part.write_text(str(count))
        part.rename(told[i])

    def write(i):
        count = 0
        while count < n or not enough.exists():
            files.save(files.values[i])
            count += 1
        tell(i, count)

    def read():
        count, seen = 0, set()
        while not all(path.exists() for path in told[1:]):
            seen.add(index_of(files))
            count += 1
            if count >= n and len(seen & {1, 2, 3}) > 1:
                enough.touch()
        tell(0, count)

    pids = {child(write, i) for i in (1, 2, 3)} | {child(read)}
    while pids:
        pid, status = os.wait()
        pids.remove(pid)
        if status:
            # The others would wait for it.
            for other in pids:
                os.kill(other, signal.SIGKILL)
            raise AssertionError("a writer or the reader failed, see above")
    reads, *writes = [int(path.read_text()) for path in told]
    for path in (enough, *told):
        path.unlink()
    assert index_of(files) in (1, 2, 3)
    assert strays(files) == 0
    return {"reads": reads, "writes": sum(writes)}


TRIALS = {
    trial.__name__: trial
    for trial in (
        save_at_random_times,
        save_at_every_step,
        fit_at_random_times,
        full_disk,
        without_rights,
        side_by_side,
    )
}


def run(told, seed):
    """The counts of a trial told as name:format:n, or name::n of a fit."""
    trial, name, n = told.split(":")
    with TemporaryDirectory() as folder:
        folder = Path(folder)
        # Also for a user without rights.
        folder.chmod(0o755)
        what = FORMATS[name](folder) if name else folder
        return TRIALS[trial](what, int(n), seed)


if __name__ == "__main__":
    print(json.dumps([run(told, int(sys.argv[1])) for told in sys.argv[2:]]))
