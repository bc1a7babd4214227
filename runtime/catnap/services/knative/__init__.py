"""Catnap on a real cluster: Knative Serving through the Kubernetes API."""
