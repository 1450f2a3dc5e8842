"""EM from one start to its end: a pure loop over E-steps and M-steps."""

import time
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from skhmmdd._repr import short_repr
from skhmmdd.hmm.pretraining._em_step import log_prior, maximise


class Options(NamedTuple):
    """When a run ends, and how its steps are worked out."""

    max_iter: int
    tol: float
    pseudocount: float
    n_iter_no_change: int
    batch_size: int | None
    n_jobs: int | None
    verbose: int
    engine: str = "numpy"
    fixed: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()
    structural_zeros: bool = False
    algorithm: str = "em"

    def prior(self, corpus):
        """What `maximise` and `log_prior` are told beside weights and counts."""
        return (
            self.pseudocount,
            corpus.center,
            corpus.scale,
            self.fixed,
            self.tied,
            self.structural_zeros,
        )


class Run(NamedTuple):
    """One run of EM as it stands: weights, what they gave so far, the best of them.

    `hmm` are the weights that the next E-step takes. Without sequences held out
    `best` is None until the end.
    """

    hmm: object
    log_likelihoods: tuple = ()
    log_posteriors: tuple = ()
    held_out: tuple = ()
    best: object = None
    counts: object = None
    converged: bool = False
    seed: int | None = None

    @property
    def n_iter(self):
        return len(self.log_likelihoods) - 1

    @property
    def merit(self):
        """What the best of several runs has most of."""
        return max(self.held_out) if self.held_out else self.log_posteriors[-1]


class Start(NamedTuple):
    """How EM went from one start.

    Attributes
    ----------
    log_likelihoods : ndarray of shape (n_iter + 1,)
        Log-likelihood of the corpus, in nats, at the start and after each iteration.
    validation_log_likelihoods : ndarray of shape (n_iter + 1,) or None
        Log-likelihood of an observed step held out, in nats.
    converged : bool
        Whether it reached `tol`, or stopped early.
    kept : bool
        Whether it is the best, whose weights are `hmm_`.
    """

    log_likelihoods: np.ndarray
    validation_log_likelihoods: np.ndarray | None
    converged: bool
    kept: bool

    def __repr__(self) -> str:
        return short_repr(self)


def list_starts(runs):
    """What is kept of finished runs; the best is the first of greatest merit."""
    best = int(np.argmax([run.merit for run in runs]))
    return [
        Start(
            np.array(run.log_likelihoods),
            np.array(run.held_out) if run.held_out else None,
            run.converged,
            i == best,
        )
        for i, run in enumerate(runs)
    ]


def run_em(corpus, run, options, held_out=None, after_step=None):
    """EM until it converges, stops early or has made `max_iter` iterations.

    Parameters
    ----------
    corpus : Corpus
    run : Run
        A start, `Run(hmm)`, or a run that was interrupted.
    options : Options
    held_out : Corpus, default=None
        Sequences whose log-likelihood stops the run early.
    after_step : callable, default=None
        Told the Run after every M-step.

    Returns
    -------
    Run
        Whose `best` are the weights to keep.
    """
    began, n_before = time.perf_counter(), len(run.log_likelihoods)
    em = _start_em(corpus, run.hmm, options)
    while True:
        value = float(em.expect(run.hmm))
        penalty = log_prior(run.hmm, *options.prior(corpus))
        run = run._replace(
            log_likelihoods=(*run.log_likelihoods, value),
            log_posteriors=(*run.log_posteriors, value + float(penalty)),
            counts=em.counts,
        )
        if held_out is not None:
            value = held_out.log_likelihood(run.hmm, options.batch_size, options.n_jobs)
            value /= held_out.n_observed
            if not run.held_out or value > max(run.held_out):
                run = run._replace(best=run.hmm)
            run = run._replace(held_out=(*run.held_out, value))
        if options.verbose > 1:
            _tell(run, time.perf_counter() - began, n_before, options.max_iter)
        run = run._replace(converged=_is_at_rest(run, corpus.n_observed, options))
        if run.converged or run.n_iter == options.max_iter:
            return run if run.held_out else run._replace(best=run.hmm)
        with named_failure(options.pseudocount):
            run = run._replace(hmm=em.maximise(run.hmm))
        if after_step is not None:
            after_step(run)


def _start_em(corpus, hmm, options):
    """What runs EM from `hmm` on: `expect` and `maximise`, in turn."""
    if options.engine == "numpy":
        return _NumpyEM(corpus, options)
    if options.fixed or options.tied or options.structural_zeros:
        raise ValueError(
            "engine='pomegranate' estimates every parameter anew: fixed, tied and "
            "structural_zeros need engine='numpy'."
        )
    if options.algorithm != "em":
        raise ValueError(
            f"engine='pomegranate' runs full EM: algorithm={options.algorithm!r} needs "
            "engine='numpy'."
        )
    from skhmmdd.hmm.pretraining._pomegranate_engine import PomegranateEM

    return PomegranateEM(
        hmm,
        corpus.only_sequences("engine='pomegranate'"),
        options.pseudocount,
        corpus.center,
        corpus.scale,
        options.batch_size,
    )


class _NumpyEM:
    """EM by the recursions of this package."""

    def __init__(self, corpus, options):
        self._corpus, self._options = corpus, options

    def expect(self, hmm):
        """The E-step; the log-likelihood under `hmm`."""
        options = self._options
        self.counts = self._corpus.expected_counts(
            hmm, options.batch_size, options.n_jobs
        )
        return self.counts.log_likelihood

    def maximise(self, hmm):
        """The M-step: the weights after `hmm`."""
        return maximise(hmm, self.counts, *self._options.prior(self._corpus))


@contextmanager
def named_failure(pseudocount):
    """A message for weights that an M-step cannot make."""
    try:
        yield
    except ValueError as error:
        raise ValueError(
            f"EM at pseudocount={pseudocount:g} came to weights that are "
            f"not valid: {error} A state has shrunk onto too few different "
            "observations; raise pseudocount or lower n_states."
        ) from error


def next_weights(hmm, counts, options, corpus):
    """The M-step, with a message for weights that it cannot make."""
    with named_failure(options.pseudocount):
        return maximise(hmm, counts, *options.prior(corpus))


def _is_at_rest(run, n_observed, options):
    # At tol=0 a fall by rounding is no convergence.
    if run.held_out:
        reached = np.maximum.accumulate(run.held_out)[-1 - options.n_iter_no_change :]
        gain = (reached[-1] - reached[0]) / options.n_iter_no_change
        return len(reached) > options.n_iter_no_change and bool(gain <= options.tol)
    if options.tol == 0 or run.n_iter == 0:
        return False
    gain = (run.log_posteriors[-1] - run.log_posteriors[-2]) / n_observed
    return bool(gain < options.tol)


def _tell(run, seconds, n_before, max_iter):
    left = seconds / (len(run.log_likelihoods) - n_before) * (max_iter - run.n_iter)
    held_out = f", held out {run.held_out[-1]:.6g} a step" if run.held_out else ""
    print(
        f"  iteration {run.n_iter}: log-likelihood {run.log_likelihoods[-1]:.6g}, "
        f"{seconds:.1f} s, at most {left:.1f} s left{held_out}"
    )
