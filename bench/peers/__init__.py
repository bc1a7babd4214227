"""The same echo for each server that `bench/host.py` compares: an event in, an event out.

Each file runs in an environment of its own and imports only what is there.
"""
