"""Frozen weights as immutable values: equality, hash, clone and files."""

from __future__ import annotations

from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import Floats, StrPath
from skhmmdd.hmm.models._files import save_weights, stored_arrays


class FrozenValue:
    """Named read-only arrays that never change after they are made.

    Attributes cannot be set, and `copy.copy`, `copy.deepcopy` and
    `sklearn.base.clone` return the very same object. Two of them are equal when they
    are of one class and all that they hold is equal. Subclasses name their arrays, in
    the order of their constructor's parameters, in `_array_names`, and what else they
    hold, hashable and set by themselves, in `_other_names`.
    """

    _array_names: tuple[str, ...] = ()
    _other_names: tuple[str, ...] = ()

    def __init__(self, **arrays: ArrayLike) -> None:
        for name, array in arrays.items():
            array = np.array(array, dtype=np.float64, order="C")
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(
            f"{type(self).__name__} is frozen: {name!r} cannot be set. Make a new one."
        )

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"{type(self).__name__} is frozen: cannot delete {name!r}."
        )

    def _arrays(self) -> dict[str, Floats]:
        return {name: getattr(self, name) for name in self._array_names}

    def _others(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._other_names)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (*self._arrays().values(), *self._others())

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __sklearn_clone__(self) -> Self:
        return self

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        mine, theirs = self._arrays(), other._arrays()
        same = all(np.array_equal(mine[name], theirs[name]) for name in mine)
        return same and self._others() == other._others()

    def __hash__(self) -> int:
        arrays = ((a.shape, a.tobytes()) for a in self._arrays().values())
        return hash((type(self), *arrays, *self._others()))

    def save(self, path: StrPath) -> None:
        """Write the weights to a file: plain arrays, no pickle.

        Parameters
        ----------
        path : str or path-like
            The file, used as it is: no ending is added. An older file is replaced in
            one step when the new one is whole, which gets its mode. A symbolic link
            stays, and the file that it leads to is replaced.

        Raises
        ------
        OSError
            If the file cannot be written; an older one is as it was.
        ValueError
            If `path` names a device or a pipe.
        """
        save_weights(path, type(self).__name__, self._arrays())

    @classmethod
    def load(cls, path: StrPath) -> Self:
        """Read weights that `save` wrote; nothing in the file is executed.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        Frozen weights of this class.

        Raises
        ------
        ValueError
            If the file is damaged, is no weights file, or holds another model.
        OSError
            If it cannot be opened.
        """
        with stored_arrays(path, cls.__name__) as stored:
            arrays = {name: stored.floats(name) for name in cls._array_names}
        try:
            return cls(**arrays)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"The weights in {str(path)!r} are not valid: {error}"
            ) from error
