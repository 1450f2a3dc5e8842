"""What `python -m skhmmdd` says."""

import platform
import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest

import skhmmdd


@pytest.mark.slow
def test_command_line():
    command = [sys.executable, "-m", "skhmmdd"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.startswith(f"Python {platform.python_version()}, ")
    assert f"numpy: {np.__version__}" in printed


def test_versions(capsys, monkeypatch):
    monkeypatch.setenv("SKHMMDD_DOCS_URL", "https://example.org/docs/")
    real = metadata.version

    def version(package):
        if package == "onnxruntime":
            raise metadata.PackageNotFoundError
        return real(package)

    monkeypatch.setattr(metadata, "version", version)
    skhmmdd.show_versions()
    printed = capsys.readouterr().out
    assert f"numpy: {np.__version__}\n" in printed
    assert "onnxruntime: not installed\n" in printed
    assert printed.endswith("documentation: https://example.org/docs\n")
    assert "threads" in printed

    monkeypatch.setenv("SKHMMDD_DOCS_URL", "")
    skhmmdd.show_versions()
    assert "docs/ of the source distribution" in capsys.readouterr().out
