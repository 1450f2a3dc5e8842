"""Show the figures of an example, or save them where there is no display."""

import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt


def show(script):
    """Show every open figure; without a display, save them under figures/."""
    if "sphinx_gallery" in sys.modules:
        return
    if matplotlib.get_backend().lower() != "agg":
        plt.show()
        return
    folder = Path("figures")
    folder.mkdir(exist_ok=True)
    numbers = plt.get_fignums()
    for number in numbers:
        suffix = f"_{number}" if len(numbers) > 1 else ""
        path = folder / f"{Path(script).stem}{suffix}.png"
        plt.figure(number).savefig(path, dpi=150)
        print(f"Saved {path.resolve()}")
