"""Our own model server, which runs each text by itself."""

from __future__ import annotations

import sys

from catnap.models.serving import kinds
from catnap.models.serving.batcher import Limits
from catnap.models.serving.main import main

if __name__ == "__main__":
    kinds.limits = lambda threads: Limits(area=1, padding=0)
    sys.exit(main(sys.argv[1:]))
