"""Gradients of the log-likelihood in all weights, and fine-tuning by them."""
