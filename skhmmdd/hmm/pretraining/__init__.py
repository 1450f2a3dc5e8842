"""Pretraining on unlabeled sequences by expectation-maximization."""
