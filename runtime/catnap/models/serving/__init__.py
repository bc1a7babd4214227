"""The process `catnap models`.

`main` (the process), `server`, `service` and `tensors` (the Open Inference Protocol),
`engine` and `batcher` (who runs when), `embedder` and `tokenizer` (the model) and
`build`, `graph` and `weights` (how its file comes to be).
"""
