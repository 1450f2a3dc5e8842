"""Frozen weights: immutable values, one module for each kind of model."""
