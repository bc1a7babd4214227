"""Generated from proto/catnap/v1 by `make proto`."""
