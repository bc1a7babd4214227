"""How many instances there should be: pure arithmetic, time as an argument."""

from catnap.scaling.load import Load
from catnap.scaling.scale import Scale, want

__all__ = ["Load", "Scale", "want"]
