"""Models that skills share: the model server, and the gateway's way to it.

The server's side is `main` (the process), `server`, `service` and `tensors`
(the Open Inference Protocol), `engine` and `batcher` (who runs when), `embedder`
and `tokenizer` (the model) and `build`, `graph` and `weights` (how its file comes to
be). Nothing here is imported for the sake of the package: a gateway that talks
to a model server far away must not pay for a model runtime.
"""
