"""Optional libraries, imported where they are used."""

from importlib import import_module


def import_extra(module, extra, user):
    """A module of an optional library.

    Raises
    ------
    ImportError
        If it is not installed, naming the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{user} needs {extra}, which is not installed or does not load: "
            f'pip install "skhmmdd[{extra}]"'
        ) from error
