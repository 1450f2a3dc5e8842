"""How far a long job is, and how long it may take yet."""

import sys
from time import perf_counter


class Progress:
    """Lines on the standard error stream, few of them and a last one.

    Parameters
    ----------
    total : float
        The work there is.
    verbose : int
        Silent at zero.
    what : str, default="fits"
        What is counted.
    who : str, default="DoubleDescentCurve"
        Who is at work.
    interval : float, default=1.0
        Least seconds between two lines.
    tasks : callable, default=None
        From the total to what is told of every update too, verbose or not. No lines
        are printed where that is `shown`.
    """

    def __init__(
        self,
        total,
        verbose,
        what="fits",
        who="DoubleDescentCurve",
        interval=1.0,
        tasks=None,
    ):
        self.total, self.verbose = total, verbose
        self.what, self.who, self.interval = what, who, interval
        self._start = self._printed = perf_counter()
        self._tasks = tasks and tasks(total)
        if self._tasks and self._tasks.shown:
            self.verbose = 0

    def update(self, done, share=None):
        """Tell that `done` of `total` are over, and with them a `share` of the work."""
        if self._tasks:
            self._tasks.update(done)
            if done == self.total:
                self._tasks.end()
        now = perf_counter()
        due = done == self.total or now - self._printed >= self.interval
        if not (self.verbose and due):
            return
        self._printed = now
        elapsed = now - self._start
        share = done / self.total if share is None else share
        remaining = elapsed * (1 - share) / share
        print(
            f"[{self.who}] {done}/{self.total} {self.what}, "
            f"elapsed {elapsed:.1f} s, remaining {remaining:.1f} s",
            file=sys.stderr,
        )
