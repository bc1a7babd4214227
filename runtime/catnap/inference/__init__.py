"""The Open Inference Protocol: generated from proto/inference by `make proto`."""
