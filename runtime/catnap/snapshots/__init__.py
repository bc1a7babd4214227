"""A folder as immutable snapshots, and back.

Knows files, bytes and objects with names, and nothing of sessions or of where
the objects are. `scan`, `capture` and `packing` make a snapshot; `restore` makes
the folder anew; `manifest` is what a snapshot is; `storing` brings both to an
object store. `visits` is which folders are at work, and when each is kept.

A part of every image: it imports nothing but the standard library, msgspec and
zstandard, and nothing of it is imported before the first folder is asked for.
"""
