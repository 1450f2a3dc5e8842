"""A family of frozen models on disk: one file of arrays in a folder."""

import json
import re
from contextlib import suppress
from pathlib import Path

import numpy as np

from skhmmdd.hmm.models._families import FAMILIES
from skhmmdd.hmm.models._files import save_weights, stored_arrays

_FILE = "family.npz"
_KIND = "HMMFamily"
_KINDS = {kind.__name__: kind for kind in FAMILIES.values()}
# Of old: a file for each model, and a list of them.
_LIST, _LIST_FORMAT, _LONGEST_LIST = "family.json", "skhmmdd family 1", 2**20
_LISTED = re.compile(r"\d{3,}-\d+-states\.npz")


def save_family(folder, models, log_likelihoods):
    """Write a family into a folder, made if it is not there.

    All models are in one file, so that no crash can mix them with those of an older
    family.
    """
    kinds = [type(model).__name__ for model in models]
    if foreign := set(kinds) - set(_KINDS):
        raise TypeError(
            f"A family that is saved holds {', '.join(_KINDS)}, got {foreign}."
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"kinds": np.array(kinds, dtype=str), "log_likelihoods": log_likelihoods}
    for i, model in enumerate(models):
        arrays |= {f"{i}_{name}": array for name, array in model._arrays().items()}
    save_weights(folder / _FILE, _KIND, arrays)
    _remove_list(folder)


def load_family(folder):
    """The models and their log-likelihoods.

    Raises
    ------
    ValueError
        If a file is damaged or the folder holds anything else.
    OSError
        If it cannot be opened.
    """
    folder = Path(folder)
    try:
        with stored_arrays(folder / _FILE, _KIND) as stored:
            kinds = [_KINDS[kind] for kind in stored.array("kinds", "U")]
            models = [
                kind(*(stored.floats(f"{i}_{name}") for name in kind._array_names))
                for i, kind in enumerate(kinds)
            ]
            return models, stored.numbers("log_likelihoods")
    except FileNotFoundError:
        if not (folder / _LIST).exists():
            raise
    files, kinds, log_likelihoods = _read_list(folder)
    pairs = zip(kinds, files, strict=True)
    return [kind.load(file) for kind, file in pairs], log_likelihoods


def _read_list(folder):
    with open(folder / _LIST, "rb") as file:
        text = file.read(_LONGEST_LIST + 1)
    try:
        if len(text) > _LONGEST_LIST:
            raise ValueError(f"it is longer than {_LONGEST_LIST} bytes")
        told = json.loads(text)
        if told["format"] != _LIST_FORMAT:
            raise ValueError(f"its format is {told['format']!r}")
        # Names alone: nothing outside the folder is opened.
        files = [folder / Path(name).name for name in told["files"]]
        kinds = [_KINDS[kind] for kind in told["kinds"]]
        if len(files) != len(kinds):
            raise ValueError(f"it names {len(files)} files and {len(kinds)} kinds")
        return files, kinds, [float(value) for value in told["log_likelihoods"]]
    except Exception as error:
        # Not only ValueError: deep nesting and long numbers have errors of their own.
        raise ValueError(
            f"{str(folder / _LIST)!r} does not list a family of models: {error}"
        ) from error


def _remove_list(folder):
    """Take away a family of old, which the new file has replaced."""
    with suppress(OSError, ValueError):
        files, _, _ = _read_list(folder)
        for file in files:
            if _LISTED.fullmatch(file.name):
                file.unlink(missing_ok=True)
        (folder / _LIST).unlink()
