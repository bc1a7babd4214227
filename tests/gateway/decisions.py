"""What each route and each method takes, written down a second time: what is
added to the code has to be decided here, too."""

from __future__ import annotations

PUBLIC = "public"

HTTP = {
    "GET /healthz": PUBLIC,
    "GET /metrics": PUBLIC,  # on a loopback address, as here
    "GET /skills": "skills.read",
    "GET /skills/{skill}": "skills.read",
    "POST /skills/{skill}": "skills.call",
    "POST /events": "events.send",
    "POST /events/{skill}/{trigger}": "events.deliver",
    "GET /platform": "platform.read",
    "GET /platform/models": "platform.read",
    "GET /platform/skills/{skill}": "platform.read",
    "DELETE /platform/skills/{skill}": "platform.write",
    "PUT /platform/skills/{skill}/traffic": "platform.write",
    "POST /platform/skills/{skill}/deploy": "platform.write",
    "GET /audit": "audit.read",
    "GET /audit/verify": "audit.read",
    "GET /audit/export": "audit.read",
    "GET /secrets": "secrets.read",
    "PUT /secrets/{skill}/{name}": "secrets.write",
    "DELETE /secrets/{skill}/{name}": "secrets.write",
    "GET /keys": "keys.read",
    "POST /keys": "keys.write",
    "POST /keys/{key}/rotate": "keys.write",
    "DELETE /keys/{key}": "keys.write",
    "DELETE /users/{user}/credentials": "keys.write",
    "GET /usage": "usage.read",
    "GET /limits": "usage.read",
    "PUT /limits": "limits.write",
    "DELETE /limits": "limits.write",
    "GET /files": "files.read",
    "GET /files/{scope}": "files.read",
    "GET /files/{scope}/{key...}": "files.read",
    "HEAD /files/{scope}/{key...}": "files.read",
    "PUT /files/{scope}/{key...}": "files.write",
    "POST /files/{scope}/{key...}": "files.write",
    "DELETE /files/{scope}/{key...}": "files.write",
    "GET /links/{scope}/{key...}": "files.read",
    "POST /links/{scope}/{key...}": "files.write",
    "GET /sessions": "sessions.read",
    "GET /sessions/{skill}/{session}": "sessions.read",
    "DELETE /sessions/{skill}/{session}": "sessions.write",
    "GET /sessions/{skill}/{session}/files": "sessions.read",
    "GET /sessions/{skill}/{session}/files/{path...}": "sessions.read",
    "POST /sessions/{skill}/{session}/restore": "sessions.write",
    "POST /v1/chat/completions": "models.use",
    "POST /v1/completions": "models.use",
    "POST /v1/embeddings": "models.use",
    "GET /v1/models": "models.use",
    "GET /v1/models/{model...}": "models.use",
    "GET /v2": "models.use",
    "GET /v2/health/live": PUBLIC,
    "GET /v2/health/ready": PUBLIC,
    "POST /v2/repository/index": "models.use",
    "POST /v2/models/{model...}/versions/{version}/infer": "models.use",
    "POST /v2/models/{model...}/infer": "models.use",
    "GET /v2/models/{model...}/versions/{version}/ready": "models.use",
    "GET /v2/models/{model...}/ready": "models.use",
    "GET /v2/models/{model...}/versions/{version}/config": "models.use",
    "GET /v2/models/{model...}/config": "models.use",
    "GET /v2/models/{model...}/versions/{version}/stats": "models.use",
    "GET /v2/models/{model...}/stats": "models.use",
    "GET /v2/models/{model...}/versions/{version}": "models.use",
    "GET /v2/models/{model...}": "models.use",
}
"""By method and path."""

ADMIN_ONLY = {"DELETE /platform/skills/{skill}", "POST /platform/skills/{skill}/deploy"}
"""A folder's skills are every tenant's."""

ACT_FOR_USERS = {
    "POST /skills/{skill}",
    "POST /events",
    "POST /events/{skill}/{trigger}",
    *(route for route in HTTP if route.split("/")[1] in ("files", "links", "sessions")),
    *(route for route in HTTP if HTTP[route] == "models.use"),
}
"""Those that do so for the user whom `Catnap-User` names."""

CALLBACKS = {
    "GET /callback/grant": PUBLIC,
    "GET /callback/files/{scope}": "files.read",
    "GET /callback/files/{scope}/{key...}": "files.read",
    "HEAD /callback/files/{scope}/{key...}": "files.read",
    "PUT /callback/files/{scope}/{key...}": "files.write",
    "POST /callback/files/{scope}/{key...}": "files.write",
    "DELETE /callback/files/{scope}/{key...}": "files.write",
    "GET /callback/links/{scope}/{key...}": "files.read",
    "POST /callback/links/{scope}/{key...}": "files.write",
    "POST /callback/models/{model}/embed": "models.use",
    "POST /callback/models/{model}/generate": "models.use",
    "POST /callback/models/{model}/infer": "models.use",
    **{
        route.replace(" /", " /callback/"): action
        for route, action in HTTP.items()
        if " /v1/" in route
    },
    "POST /callback/packages": "packages.use",
    "GET /callback/packages/simple/{name}/": "packages.use",
    "GET /callback/packages/files/{sha256}/{file}": "packages.use",
    "POST /callback/skills/{skill}": "skills.call",
    "POST /callback/events": "events.send",
    "POST /callback/workspace": "sessions.write",
}
"""What a Grant opens, by the roles of the call that it is of."""

GRPC = {
    "/catnap.v1.Skills/Invoke": "skills.call",
    "/catnap.v1.Skills/InvokeStream": "skills.call",
    "/catnap.v1.Skills/List": "skills.read",
    "/catnap.v1.Skills/Get": "skills.read",
    "/catnap.v1.Skills/Logs": "logs.read",
    "/catnap.v1.Tasks/Submit": "skills.call",
    "/catnap.v1.Tasks/Get": "tasks.read",
    "/catnap.v1.Tasks/Wait": "tasks.read",
    "/catnap.v1.Tasks/List": "tasks.read",
    "/catnap.v1.Tasks/Cancel": "tasks.write",
    "/catnap.v1.Tasks/Redrive": "tasks.redrive",
    "/catnap.v1.Files/Put": "files.write",
    "/catnap.v1.Files/Get": "files.read",
    "/catnap.v1.Files/Copy": "files.write",
    "/catnap.v1.Files/List": "files.read",
    "/catnap.v1.Files/Delete": "files.write",
    "/catnap.v1.Models/Embed": "models.use",
    "/catnap.v1.Models/Generate": "models.use",
    "/catnap.v1.Models/List": "models.use",
    "/inference.GRPCInferenceService/ServerLive": PUBLIC,
    "/inference.GRPCInferenceService/ServerReady": PUBLIC,
    "/inference.GRPCInferenceService/ServerMetadata": "models.use",
    "/inference.GRPCInferenceService/ModelReady": "models.use",
    "/inference.GRPCInferenceService/ModelMetadata": "models.use",
    "/inference.GRPCInferenceService/ModelInfer": "models.use",
    "/inference.GRPCInferenceService/ModelStreamInfer": "models.use",
    "/inference.GRPCInferenceService/ModelConfig": "models.use",
    "/inference.GRPCInferenceService/ModelStatistics": "models.use",
    "/inference.GRPCInferenceService/RepositoryIndex": "models.use",
    "/inference.GRPCInferenceService/RepositoryModelLoad": "platform.write",
    "/inference.GRPCInferenceService/RepositoryModelUnload": "platform.write",
    "/grpc.health.v1.Health/Check": PUBLIC,
    "/grpc.health.v1.Health/Watch": PUBLIC,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": PUBLIC,
}

WHOSE = {"user", "id", "session", "task"}
"""Fields of requests that name what may be somebody else's."""

NEUTRAL = {
    *("skill", "name", "tag", "idempotency_key", "traceparent", "content_type"),
    *("key", "source_key", "version", "prefix", "if_match", "if_none_match", "page_token"),
    *("model", "texts", "prompt", "stop", "role", "content"),
}
"""Fields of requests that mean the same for every tenant, or something in a
scope that another field names."""
