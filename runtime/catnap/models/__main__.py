"""`python -m catnap.models` is the process `catnap models`."""

import sys

from catnap.models.serving.main import main

sys.exit(main(sys.argv[1:]))
