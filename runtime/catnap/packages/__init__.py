"""Packages that sessions install: one index behind a list of names, and what of
it was asked for once, kept on disk.

Wheels alone, since nothing may be built: building runs code that nobody named.
"""

from catnap.packages.address import Index
from catnap.packages.bounds import Bounds
from catnap.packages.packages import Packages

__all__ = ["Bounds", "Index", "Packages"]
