"""Frozen encoders out of the models of other libraries, one module a library."""
