"""Models that skills share: the gateway's way to the servers of models, and
`serving`, the server of ours.

Nothing here is imported for the sake of the package: a gateway that talks to a
model server far away must not pay for a model runtime.
"""
