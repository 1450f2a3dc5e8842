"""Inference on arrays: forward-backward, Viterbi, Kalman, likelihoods."""
