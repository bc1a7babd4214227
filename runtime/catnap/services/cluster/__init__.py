"""What a cluster is given: every object, as a value.

names      what things are called there
"""
