"""Solvers of least-squares heads: arrays in, arrays out."""
