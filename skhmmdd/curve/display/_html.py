"""A fitted curve in a notebook: its words and its figure under the diagram."""

from base64 import b64encode
from html import escape
from io import BytesIO

_DPI = 110


def under_diagram(diagram, text, display):
    """HTML of a fitted curve.

    Parameters
    ----------
    diagram : str
        scikit-learn's HTML of the estimator.
    text : str
        The summary; it is escaped.
    display : DoubleDescentDisplay

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
