"""The local Knative: instances are processes forked from a warm zygote."""

from catnap.services.local.platform import LocalPlatform

__all__ = ["LocalPlatform"]
