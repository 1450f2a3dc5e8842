"""The starts of one pretraining: drawn in order, run, the best of them kept."""

from functools import partial

import numpy as np
from sklearn.utils import check_random_state

from skhmmdd._callbacks import FitTasks
from skhmmdd._parallel import is_alone, map_threads, shares_memory
from skhmmdd.hmm.pretraining._annealed import anneal
from skhmmdd.hmm.pretraining._checkpoints import Checkpoint, fit_digest
from skhmmdd.hmm.pretraining._em_loop import Run, run_em


def best_run(estimator, corpus, draw, options, path=None):
    """EM from every start.

    Parameters
    ----------
    estimator : BaumWelch
        Whose `n_init`, `init`, `validation_fraction` and `random_state` hold.
    corpus : Corpus
    draw : callable
        Weights to start from, of a RandomState.
    options : Options
    path : path-like, default=None
        The checkpoint.

    Returns
    -------
    run : Run
        The best.
    corpus : Corpus
        What it learned from: without the sequences held out.
    done : list of Run
        Every one in order, without its weights.
    """
    n_starts = estimator.n_init if estimator._given_start is None else 1
    checkpoint, found = None, None
    if path is not None:
        digest = fit_digest(estimator, corpus)
        family = corpus.family
        names = family._array_names
        checkpoint = Checkpoint(path, digest, family, names, n_starts)
        found = checkpoint.load()
    rng = check_random_state(estimator.random_state)
    state, done, kept, resumed = found or (rng.get_state(), [], None, None)
    if found is not None:
        rng = np.random.RandomState()
        rng.set_state(state)
    held_out = None
    if (fraction := estimator.validation_fraction) is not None:
        corpus, held_out = corpus.split(fraction, rng)
    runs = [Run(draw(rng)) for _ in range(n_starts)]
    if options.algorithm == "annealed":
        seeds = rng.randint(np.iinfo(np.int32).max, size=n_starts)
        runs = [run._replace(seed=seed) for run, seed in zip(runs, seeds, strict=True)]
    runs = runs[len(done) :]
    if resumed is not None:
        runs[0] = resumed

    tasks = FitTasks(estimator, n_starts * options.max_iter)

    def after_step(run):
        if checkpoint is not None:
            checkpoint.save(state, done, kept, run)
        tasks.update(len(done) * options.max_iter + len(run.log_likelihoods))

    if checkpoint is None and _are_side_by_side(corpus, runs, options):
        alone = options._replace(n_jobs=1)
        work = partial(_climb, corpus, options=alone, held_out=held_out)
        finished = map_threads(work, runs, options.n_jobs)
    else:
        finished = (_climb(corpus, run, options, held_out, after_step) for run in runs)
    for run in finished:
        done.append(run._replace(hmm=None, best=None, counts=None))
        tasks.update(len(done) * options.max_iter)
        if options.verbose:
            _tell(run, len(done), n_starts)
        if kept is None or run.merit > kept.merit:
            kept = run
        if checkpoint is not None and len(done) < n_starts:
            checkpoint.save(state, done, kept, None)
    if kept.counts is None:
        # A start that ended before the interruption.
        kept = kept._replace(counts=corpus.expected_counts(kept.hmm))
    if checkpoint is not None:
        checkpoint.remove()
    tasks.end()
    return kept, corpus, done


def _climb(corpus, run, options, held_out, after_step=None):
    """EM from a start, after its passes of annealing, or on from an interruption."""
    is_new = not run.log_likelihoods
    if options.algorithm == "annealed" and options.engine == "numpy" and is_new:
        run = run._replace(hmm=anneal(corpus, run.hmm, options, run.seed))
    return run_em(corpus, run, options, held_out, after_step)


def _are_side_by_side(corpus, runs, options):
    """Whether each start gets a thread of its own."""
    # Elsewhere each start would need all sequences: blocks of them travel instead.
    one_by_one = corpus.source.is_streamed or not shares_memory()
    return len(runs) > 1 and not (one_by_one or is_alone(options.n_jobs))


def _tell(run, i, n_starts):
    print(
        f"BaumWelch start {i}/{n_starts}: {run.n_iter} "
        f"iterations, log-likelihood {run.log_likelihoods[-1]:.6g}, "
        f"{'converged' if run.converged else 'not converged'}"
    )
