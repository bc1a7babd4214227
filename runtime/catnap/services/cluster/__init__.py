"""What a cluster is given: every object, as a value.

names      what things are called there
skill      Skill; cluster_service, and manifest_of, description_of, tenant_of to read one back
"""
