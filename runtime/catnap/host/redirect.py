"""All that a process writes, as records."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from catnap.host.inherit import inherit
from catnap.host.log import take_over
from catnap.host.output import Lines


def redirect(clean: Callable[[bytes], bytes] = bytes) -> None:
    """From here on, sys.stdout, sys.stderr and `logging` write records, and
    threads know whom they work for. clean: takes out what no record may hold."""
    sys.stdout = Lines("stdout", 1, time.time, clean)
    sys.stderr = errors = Lines("stderr", 2, time.time, clean)
    take_over(errors)
    inherit()
