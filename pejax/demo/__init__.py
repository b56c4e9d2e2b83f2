"""The main job from end to end: people, law, reform, weights, imputation, gradients, a sweep."""

from ._run import Screen as Screen, run as run
from ._settings import Settings as Settings
