"""One instance of one skill: load it, serve it, drain it, fork it.

Everything here is on the path of a cold start. It imports skills, events,
http and errors, and of other people's packages httptools and msgspec; a
functions-framework function brings its own.
"""
