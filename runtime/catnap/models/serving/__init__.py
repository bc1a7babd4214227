"""The process `catnap models`.

`main` (the process), `server`, `service`, `stream` and `describe` (the Open Inference
Protocol) ask the `repository`, whose models are loaded by their `kinds`: graphs of any
`tensors` (`onnx_model`, `session`, `rows`, `buckets`, `independence`), texts to vectors
(`embedding`, `batcher`, `embedder`, `tokenizer`; `build`, `graph` and `weights` make
its file) and texts to texts (`generation`, `genai`, `sampling`, `stops`). Each has a
`worker`, whose one thread runs it for all who ask.
"""
