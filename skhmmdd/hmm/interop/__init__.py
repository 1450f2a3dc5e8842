"""Frozen weights from the fitted models of other libraries."""
