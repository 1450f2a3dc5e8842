"""Thumbnails of the gallery, drawn for their size: the curve alone, and thick.

    python docs/thumbnails.py EXAMPLE IMAGE

draws that of an example which the documentation does not run.
"""

import pickle
import runpy
import sys
from pathlib import Path

from matplotlib import pyplot

_SIZE, _DPI = (400, 280), 100
# A thumbnail of 400 pixels is shown at about half its size.
_THICKER, _THINNEST, _THICKEST = 2.0, 2.5, 5.0


def scrape_with_thumbnail(block, block_vars, gallery_conf, **kwargs):
    """Save the figures of a block, and the first of an example as its thumbnail.

    An image scraper of sphinx-gallery. It makes the setting of the example that names
    the file of the thumbnail, where the example does not make one itself. An example
    whose first axes tell little names others by ``sphinx_gallery_thumbnail_axes``.
    """
    from sphinx_gallery.scrapers import matplotlib_scraper

    settings, figures = block_vars["file_conf"], pyplot.get_fignums()
    if figures and not settings.keys() & {"thumbnail_path", "thumbnail_number"}:
        example = Path(block_vars["target_file"])
        path = example.parent / "images" / f"{example.stem}_plain.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        # A copy, for the figure itself is yet to be saved.
        figure = pickle.loads(pickle.dumps(pyplot.figure(figures[0])))
        draw_thumbnail(figure, path, settings.get("thumbnail_axes", 0))
        pyplot.close(figure)
        settings["thumbnail_path"] = path.relative_to(gallery_conf["src_dir"])
    return matplotlib_scraper(block, block_vars, gallery_conf, **kwargs)


def draw_thumbnail(figure, path, index=0):
    """Leave of a figure the data of one of its axes, and save them.

    Parameters
    ----------
    figure : matplotlib Figure
        It is changed.
    path : Path
    index : int, default=0
        Of the axes.
    """
    # 1. One axes, without words.
    ax = figure.axes[index]
    for other in figure.axes:
        if other is not ax:
            other.remove()
    legends = [legend for legend in [ax.get_legend()] if legend is not None]
    for words in (*figure.texts, *figure.legends, *ax.texts, *legends):
        words.remove()
    figure.suptitle("")
    ax.set(title="", xlabel="", ylabel="")
    ax.tick_params(
        which="both", length=0, labelleft=False, labelbottom=False, labeltop=False
    )
    # 2. Thick.
    for line in ax.get_lines():
        line.set_linewidth(
            min(max(_THICKER * line.get_linewidth(), _THINNEST), _THICKEST)
        )
        line.set_markersize(1.4 * line.get_markersize())
    ax.spines[["top", "right"]].set_visible(False)
    for spine in ax.spines.values():
        spine.set(linewidth=2.0, color="0.4")
    # 3. To the edges.
    figure.set_layout_engine("none")
    figure.set_size_inches(*(pixels / _DPI for pixels in _SIZE))
    ax.set_position((0.03, 0.04, 0.94, 0.92))
    figure.savefig(path, dpi=_DPI)


def _draw_at_first_show(image):
    draw_thumbnail(pyplot.figure(1), image)
    raise SystemExit


if __name__ == "__main__":
    example, image = sys.argv[1:]
    pyplot.switch_backend("agg")
    pyplot.show = lambda: _draw_at_first_show(image)
    runpy.run_path(example)
