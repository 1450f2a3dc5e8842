"""The callbacks of scikit-learn 1.9 and newer, such as its progress bar.

With an older scikit-learn nothing here does anything.
"""

from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, ProgressBar
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Takes no callbacks."""

    ProgressBar = ()


__all__ = ["CallbackSupportMixin", "FitTasks"]

_MARKS = ("skl_callbacks", "parent_callback_ctx")


class FitTasks:
    """Tells the callbacks of an estimator how far its fit is.

    Parameters
    ----------
    estimator : estimator
        With `CallbackSupportMixin` and a `fit` under `fit_context`.
    total : int
        Tasks that the fit has, one after another.
    X, y : object, default=None
        What it is fitted on.

    Attributes
    ----------
    shown : bool
        Whether a progress bar shows them, so that nobody else need.
    """

    def __init__(
        self, estimator: Any, total: int, X: Any = None, y: Any = None
    ) -> None:
        self._estimator, self._data, self._context = estimator, {"X": X, "y": y}, None
        self._done = 0
        callbacks = getattr(estimator, "_skl_callbacks", ())
        self.shown = any(isinstance(one, ProgressBar) for one in callbacks)
        # Its own, or those of a search that it is fitted in.
        if any(hasattr(estimator, f"_{name}") for name in _MARKS):
            self._context = estimator._init_callback_context(max_subtasks=total)
            self._context.call_on_fit_task_begin(estimator=estimator, **self._data)

    def update(self, done: int) -> None:
        """So many tasks are over."""
        if self._context is None:
            return
        for _ in range(self._done, done):
            task = self._context.subcontext(task_name="step")
            task.call_on_fit_task_begin(estimator=self._estimator, **self._data)
            task.call_on_fit_task_end(estimator=self._estimator, **self._data)
        self._done = done

    def end(self) -> None:
        """The fit is over."""
        if self._context is not None:
            self._context.call_on_fit_task_end(estimator=self._estimator, **self._data)
