"""Curves in a notebook: their words and figure, under the diagram of estimators."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from io import BytesIO

_DPI = 110


class ShownFindings:
    """Mixin of estimators with `results_`, `summary` and `plot`: a notebook shows them.

    It stands left of :class:`~sklearn.base.BaseEstimator`.
    """

    def _repr_html_inner(self):
        return self._with_findings(super()._repr_html_inner())

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] = self._with_findings(bundle["text/html"])
        return bundle

    def _with_findings(self, diagram):
        if not hasattr(self, "results_"):
            return diagram
        return under_diagram(diagram, self.summary(), self)


def under_diagram(diagram, text, display):
    """HTML of a fitted curve.

    Parameters
    ----------
    diagram : str
        scikit-learn's HTML of the estimator.
    text : str
        The summary; it is escaped.
    display : object
        With a method ``plot(ax)``.

    Returns
    -------
    str
        Without the figure where matplotlib is not installed.
    """
    figure = draw_png(display)
    image = ""
    if figure is not None:
        source = b64encode(figure).decode("ascii")
        image = (
            '<img alt="Risk against complexity" style="max-width: 44em; width: 100%" '
            f'src="data:image/png;base64,{source}">'
        )
    words = f'<pre style="white-space: pre-wrap">{escape(text)}</pre>'
    return f"<div>{diagram}{words}{image}</div>"


def findings_html(findings):
    """HTML of a result that is no estimator: its words and its figure.

    Parameters
    ----------
    findings : object
        With methods ``summary()`` and ``plot(ax)``.

    Returns
    -------
    str
    """
    return under_diagram("", findings.summary(), findings)


def draw_png(display):
    """The figure of a display as the bytes of a PNG file, or None without matplotlib.

    Parameters
    ----------
    display : object
        With a method ``plot(ax)``.

    Returns
    -------
    bytes or None
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    # A Figure of its own: pyplot would keep it, show it again and change its backend.
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    display.plot(figure.subplots())
    file = BytesIO()
    figure.savefig(file, format="png", dpi=_DPI)
    return file.getvalue()
