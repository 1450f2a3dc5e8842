"""Threads of linear algebra, forks and worker processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from time import monotonic, sleep

import pytest

pytestmark = pytest.mark.slow

PATIENCE = 60


def run(code, *arguments, **options):
    """Start a Python of its own, with two threads of linear algebra."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    environment.pop("MKL_NUM_THREADS", None)
    command = [sys.executable, "-W", "ignore", "-c", dedent(code), *arguments]
    return subprocess.Popen(command, env=environment, text=True, **options)


def wait_until(condition, what):
    end = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < end, f"no {what} in {PATIENCE} seconds"
        sleep(0.05)


FORKS = """
    import os, signal, sys, threading, time
    import numpy as np
    from threadpoolctl import threadpool_info
    from skhmmdd import BaumWelch, GaussianHMM
    from skhmmdd._parallel import single_blas_thread

    def n_threads():
        found = threadpool_info()
        return max([k["num_threads"] for k in found if k["user_api"] == "blas"] or [1])

    before = n_threads()
    X = list(np.random.RandomState(0).standard_normal((20, 20, 1)))
    hmm = GaussianHMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [-1.0, 1.0], [1.0, 1.0])
    works = {
        "log_likelihood": hmm.log_likelihood,
        "BaumWelch": BaumWelch(2, emission="gaussian", max_iter=2).fit,
    }

    stop = threading.Event()

    def work_on(work):
        while not stop.is_set():
            work(X)

    def check_forks(in_child, n):
        for _ in range(n):
            pid = os.fork()
            if not pid:
                try:
                    signal.alarm(20)  # ends a child that is blocked
                    in_child()
                except BaseException:
                    os._exit(1)
                os._exit(0)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            assert status == 0, f"a child ended with {status}"
            time.sleep(0.01)

    def in_child():
        assert n_threads() == before, "the limit of another thread is still there"
        with single_blas_thread():
            assert n_threads() == 1
        hmm.log_likelihood(X)
        assert n_threads() == before

    thread = threading.Thread(target=work_on, args=[works[sys.argv[1]]])
    thread.start()
    try:
        check_forks(in_child, 25)
    finally:
        stop.set()
        thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
@pytest.mark.parametrize(
    "work", [pytest.param("log_likelihood", marks=pytest.mark.slow), "BaumWelch"]
)
def test_a_fork_under_load_leaves_no_lock_behind(work):
    process = run(FORKS, work, stderr=subprocess.PIPE)
    _, error = process.communicate()
    assert process.returncode == 0, error


FORK_INSIDE = """
    import os
    from threadpoolctl import threadpool_info
    import numpy, scipy.linalg
    from skhmmdd._parallel import single_blas_thread

    def n_threads():
        found = threadpool_info()
        return max([k["num_threads"] for k in found if k["user_api"] == "blas"] or [1])

    before = n_threads()
    with single_blas_thread():
        pid = os.fork()
        with single_blas_thread():
            assert n_threads() == 1
        assert n_threads() == 1
    assert n_threads() == before
    if pid:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_fork_inside_the_limit_keeps_it_to_the_end():
    process = run(FORK_INSIDE, stderr=subprocess.PIPE)
    _, error = process.communicate()
    assert process.returncode == 0, error


CURVE = """
    import os, sys, time
    from pathlib import Path
    import numpy as np
    from sklearn.linear_model import Ridge
    from skhmmdd import DoubleDescentCurve

    class Slow(Ridge):
        def fit(self, X, y):
            Path(sys.argv[1], str(os.getpid())).touch()
            time.sleep(0.02)
            return super().fit(X, y)

    X = np.random.RandomState(0).standard_normal((40, 3))
    DoubleDescentCurve(Slow(), "alpha", np.arange(1.0, 1e5), n_jobs=2).fit(X, X[:, 0])
"""


def is_running(pid):
    try:
        state = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.slow
def test_the_workers_of_a_curve_end_with_it(tmp_path):
    process = run(CURVE, str(tmp_path), stderr=subprocess.DEVNULL)
    pids = []
    try:
        wait_until(lambda: len(list(tmp_path.iterdir())) >= 2, "two workers")
        pids = [path.name for path in tmp_path.iterdir()]
        assert all(map(is_running, pids))
        process.terminate()
        assert process.wait(PATIENCE) == -signal.SIGTERM
        wait_until(lambda: not any(map(is_running, pids)), "end of the workers")
    finally:
        process.kill()
        process.wait()
        for pid in filter(is_running, pids):
            os.kill(int(pid), signal.SIGKILL)
