"""From target tables and outputs to a checked calibration problem."""
