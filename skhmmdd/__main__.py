"""Print versions: ``python -m skhmmdd``."""

from skhmmdd._versions import show_versions

if __name__ == "__main__":
    show_versions()
