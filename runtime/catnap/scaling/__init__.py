"""How many instances there should be: pure arithmetic, time as an argument."""

from catnap.scaling.annotations import from_annotations, from_values
from catnap.scaling.kpa import TICK, Decision, Observation, State, decide
from catnap.scaling.load import Load
from catnap.scaling.scale import Scale, want
from catnap.scaling.settings import Settings

__all__ = [
    "TICK",
    "Decision",
    "Load",
    "Observation",
    "Scale",
    "Settings",
    "State",
    "decide",
    "from_annotations",
    "from_values",
    "want",
]
