"""A small calibration that several tests share."""

import numpy as np


def world(seed=0, units=60):
    rng = np.random.default_rng(seed)
    X = rng.gamma(1.0, 1.0, (4, units)) * (rng.random((4, units)) < 0.5)
    X[0] = 1.0
    base = rng.gamma(3.0, 1.0, units)
    return X, X @ (base * rng.lognormal(0, 0.4, units)), base
