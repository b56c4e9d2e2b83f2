"""Calibration by optimisers on log-weights, dense and with gates."""
