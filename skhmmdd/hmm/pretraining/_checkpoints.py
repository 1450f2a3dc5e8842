"""An interrupted pretraining on disk: arrays only, put in place when whole."""

import os
from contextlib import suppress
from hashlib import sha256

import numpy as np

from skhmmdd.hmm.models._files import save_weights, stored_arrays
from skhmmdd.hmm.pretraining._em_loop import Run

_KIND = "BaumWelch checkpoint"
_CURVES = ("log_likelihoods", "log_posteriors", "held_out")
# What changes no number of the result.
_FREE = {"n_jobs", "verbose", "checkpoint", "random_state", "init", "step_power"}


class Checkpoint:
    """The file of one `fit` of `n_starts`.

    `digest` is the fingerprint of corpus and parameters, `names` are the arrays of
    frozen weights, and `make` turns those into weights.
    """

    def __init__(self, path, digest, make, names, n_starts):
        self.path, self.digest, self.make, self.names = path, digest, make, names
        self.n_starts = n_starts

    def save(self, rng_state, done, kept, run):
        """Write where a fit stands: starts done, the best of them, the one at work."""
        algorithm, keys, position, has_gauss, gauss = rng_state
        arrays = {
            "digest": np.array(self.digest),
            "rng_algorithm": np.array(algorithm),
            "rng_keys": keys,
            "rng_rest": np.array([position, has_gauss, gauss], dtype=float),
            "n_done": np.array(len(done)),
        }
        arrays |= self._pack("kept", kept) | self._pack("run", run)
        for i, finished in enumerate(done):
            arrays |= self._pack(f"done{i}", finished)
        save_weights(self.path, _KIND, arrays)

    def load(self):
        """What `save` was given, or None where there is no file.

        Raises
        ------
        ValueError
            If the file is damaged or belongs to other data or parameters.
        """
        try:
            with stored_arrays(self.path, _KIND) as stored:
                found = None
                if stored.text("digest") == self.digest:
                    found = self._read(stored)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(
                f"The checkpoint {str(self.path)!r} cannot be read: "
                f"{str(error).rstrip('.')}. It is left as it is; remove it to start "
                "afresh."
            ) from error
        if found is None:
            raise ValueError(
                f"The checkpoint {str(self.path)!r} is of other data or parameters. It "
                "is left as it is; remove it or name another path to start afresh."
            )
        return found

    def _read(self, stored):
        position, has_gauss, gauss = stored.numbers("rng_rest")
        rng_state = (
            stored.text("rng_algorithm"),
            stored.array("rng_keys", "u4"),
            int(position),
            int(has_gauss),
            float(gauss),
        )
        # NumPy would take any position, and read beyond the keys.
        is_known = rng_state[0] == "MT19937" and rng_state[1].shape == (624,)
        if not (is_known and 0 <= position <= 624):
            raise ValueError("it holds no state of a RandomState")
        if not 0 <= (n_done := stored.integer("n_done")) < self.n_starts:
            raise ValueError(f"it tells of {n_done} starts of {self.n_starts}")
        done = [self._unpack(f"done{i}", stored) for i in range(n_done)]
        kept, run = (self._unpack(name, stored) for name in ("kept", "run"))
        if None in done or (kept is None) != (not done):
            raise ValueError("it lacks a start that is done")
        if any(each is not None and each.hmm is None for each in (kept, run)):
            raise ValueError("it lacks weights")
        return rng_state, done, kept, run

    def remove(self):
        """The fit has ended."""
        with suppress(FileNotFoundError):
            os.unlink(os.path.realpath(self.path))

    def _pack(self, prefix, run):
        arrays = {"is_there": np.array(run is not None)}
        run = run or Run(None)
        arrays["converged"] = np.array(run.converged)
        arrays |= {name: np.array(getattr(run, name)) for name in _CURVES}
        for model in ("hmm", "best"):
            weights = getattr(run, model)
            found = weights._arrays() if weights is not None else {}
            for name in self.names:
                arrays[f"{model}_{name}"] = found.get(name, np.zeros(0))
        return {f"{prefix}_{name}": array for name, array in arrays.items()}

    def _unpack(self, prefix, stored):
        if not stored.flag(f"{prefix}_is_there"):
            return None
        models = {}
        for model in ("hmm", "best"):
            arrays = [stored.floats(f"{prefix}_{model}_{name}") for name in self.names]
            models[model] = self.make(*arrays) if arrays[0].size else None
        curves = {name: tuple(stored.numbers(f"{prefix}_{name}")) for name in _CURVES}
        n_steps = len(curves["log_likelihoods"])
        n_held_out = len(curves["held_out"])
        if not n_steps == len(curves["log_posteriors"]) > 0 or (
            n_held_out not in (0, n_steps)
        ):
            raise ValueError(f"the curves of {prefix!r} are not of one length")
        return Run(**models, **curves, converged=stored.flag(f"{prefix}_converged"))


def fit_digest(estimator, corpus):
    """Fingerprint of the corpus and of what else decides the result."""
    params = estimator.get_params(deep=False)
    told = {name: value for name, value in params.items() if name not in _FREE}
    seed, init = params["random_state"], params["init"]
    told["random_state"] = seed if isinstance(seed, int | np.integer) else "drawn"
    told["init"] = init
    digest = sha256(corpus.digest().encode())
    if hasattr(init, "_arrays"):
        told["init"] = type(init).__name__
        for array in init._arrays().values():
            digest.update(repr(array.shape).encode() + array.tobytes())
    digest.update(repr(sorted((k, str(v)) for k, v in told.items())).encode())
    return digest.hexdigest()
