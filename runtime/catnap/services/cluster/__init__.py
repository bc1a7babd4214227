"""What a cluster is given: every object, as a value.

names      what things are called there
install    Install: what an installation is
skill      Skill; cluster_service, and manifest_of, description_of, tenant_of to read one back
triggers   Knative Eventing's Broker and Triggers
manifests  the folder knative/, as kustomize reads it
objects    cluster_objects(install, skills): all of it, in the order to apply
"""
