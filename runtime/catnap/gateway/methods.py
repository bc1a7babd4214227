"""What each method of gRPC takes. One that has no line here is not served.

Health and reflection, which gRPC brings along, are answered to everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from catnap.access import Action
from catnap.gateway.table import PUBLIC, Public


@dataclass(frozen=True, slots=True)
class Method:
    """action: what the caller has to be allowed. skill: the field of the
    request that names the skill that it is about. many: the client sends many
    requests, which the method reads itself."""

    action: Action | Public
    skill: str = ""
    many: bool = False


METHODS: Mapping[str, Method] = {
    "Skills.Invoke": Method("skills.call", "skill"),
    "Skills.InvokeStream": Method("skills.call", "skill"),
    "Skills.List": Method("skills.read"),
    "Skills.Get": Method("skills.read", "name"),
    "Skills.Logs": Method("logs.read", "skill"),
    "Tasks.Submit": Method("skills.call", "skill"),
    "Tasks.Get": Method("tasks.read"),
    "Tasks.Wait": Method("tasks.read"),
    "Tasks.List": Method("tasks.read"),
    "Tasks.Cancel": Method("tasks.write"),
    "Tasks.Redrive": Method("tasks.redrive"),
    "Files.Put": Method("files.write", many=True),
    "Files.Get": Method("files.read"),
    "Files.Copy": Method("files.write"),
    "Files.List": Method("files.read"),
    "Files.Delete": Method("files.write"),
    "Models.Embed": Method("models.use"),
    "Models.Generate": Method("models.use"),
    "Models.List": Method("models.use"),
    "GRPCInferenceService.ServerLive": Method(PUBLIC),
    "GRPCInferenceService.ServerReady": Method(PUBLIC),
    "GRPCInferenceService.ServerMetadata": Method("models.use"),
    "GRPCInferenceService.ModelReady": Method("models.use"),
    "GRPCInferenceService.ModelMetadata": Method("models.use"),
    "GRPCInferenceService.ModelInfer": Method("models.use"),
    "GRPCInferenceService.ModelStreamInfer": Method("models.use", many=True),
    "GRPCInferenceService.ModelConfig": Method("models.use"),
    "GRPCInferenceService.ModelStatistics": Method("models.use"),
    "GRPCInferenceService.RepositoryIndex": Method("models.use"),
    "GRPCInferenceService.RepositoryModelLoad": Method("platform.write"),
    "GRPCInferenceService.RepositoryModelUnload": Method("platform.write"),
}
"""By service and method."""
