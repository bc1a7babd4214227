"""Traces: what a request was a part of, and where its time went.

A Tracer is asked wherever a request begins; nobody pays for the one that keeps
nothing. What is kept is written as OTLP JSON, which collectors read.
"""
