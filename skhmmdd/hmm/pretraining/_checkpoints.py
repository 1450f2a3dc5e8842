"""An interrupted pretraining on disk: arrays only, put in place when whole."""

import os
from hashlib import sha256

import numpy as np

from skhmmdd.hmm.models._files import load_weights, save_weights
from skhmmdd.hmm.pretraining._em_loop import Run

_KIND = "BaumWelch checkpoint"
_CURVES = ("log_likelihoods", "log_posteriors", "held_out")
# What changes no number of the result.
_FREE = {"n_jobs", "verbose", "checkpoint", "random_state", "init", "step_power"}


class Checkpoint:
    """The file of one `fit`.

    Parameters
    ----------
    path : str or path-like
    digest : str
        Fingerprint of the corpus and of the parameters.
    make : callable
        Turns arrays into frozen weights.
    names : tuple of str
        The arrays of frozen weights.
    """

    def __init__(self, path, digest, make, names):
        self.path, self.digest, self.make, self.names = path, digest, make, names

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
            found = load_weights(self.path, _KIND, ["digest", "n_done"])
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(
                f"The checkpoint {str(self.path)!r} cannot be read: {error} It is left "
                "as it is; remove it to start afresh."
            ) from error
        if str(found["digest"]) != self.digest:
            raise ValueError(
                f"The checkpoint {str(self.path)!r} is of other data or parameters. It "
                "is left as it is; remove it or name another path to start afresh."
            )
        done = [f"done{i}" for i in range(int(found["n_done"]))]
        names = ["rng_algorithm", "rng_keys", "rng_rest"]
        for run in ("kept", "run", *done):
            names += [f"{run}_{name}" for name in (*_CURVES, "converged", "is_there")]
            for model in ("hmm", "best"):
                names += [f"{run}_{model}_{name}" for name in self.names]
        found = load_weights(self.path, _KIND, names)
        position, has_gauss, gauss = found["rng_rest"]
        rng_state = (
            str(found["rng_algorithm"]),
            found["rng_keys"],
            int(position),
            int(has_gauss),
            float(gauss),
        )
        kept, run, *done = (
            self._unpack(name, found) for name in ("kept", "run", *done)
        )
        return rng_state, done, kept, run

    def remove(self):
        """The fit has ended."""
        if os.path.exists(self.path):
            os.unlink(self.path)

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

    def _unpack(self, prefix, found):
        if not found[f"{prefix}_is_there"]:
            return None
        models = {}
        for model in ("hmm", "best"):
            arrays = [found[f"{prefix}_{model}_{name}"] for name in self.names]
            models[model] = self.make(*arrays) if arrays[0].size else None
        curves = {name: tuple(found[f"{prefix}_{name}"].tolist()) for name in _CURVES}
        return Run(**models, **curves, converged=bool(found[f"{prefix}_converged"]))


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
