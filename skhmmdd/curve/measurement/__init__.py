"""The measurement of a curve: refits or paths, risks, diagnostics."""
