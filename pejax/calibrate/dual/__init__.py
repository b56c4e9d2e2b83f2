"""Calibration by distance: Newton's method on the dual."""
