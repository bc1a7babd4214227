"""The Kubernetes API: objects are the JSON that it speaks.

The `kubernetes` package finds the cluster, proves who we are and keeps that
proof fresh; its models are left out, since they know no custom resources.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec

from catnap.errors import NotFound, Unavailable
from catnap.services.knative.refusals import refused, unreachable

if TYPE_CHECKING:
    import urllib3

FIELD_MANAGER = "catnap"
TIMEOUT = 30.0
"""Seconds for one answer."""
_CONNECTIONS = 32
_JSON = "application/json"
_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_MERGE = "application/merge-patch+json"

Object = dict[str, Any]
"""An object as the API server writes it."""


class Api:
    """A cluster. Its methods may be called from any number of tasks at once.

    Raises in all of them: Unauthenticated, PermissionDenied (naming the right
    that is missing), NotFound, Conflict, InvalidRequest, ResourceExhausted and
    Unavailable, with the server's own reason.
    """

    def __init__(self, client: Any) -> None:
        """client: a kubernetes.client.ApiClient; see `connect`."""
        self._client = client
        # Of its own: an API server that does not answer must hold up nobody
        # else's work, files for one.
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="kubernetes")
        self._kinds: dict[str, dict[str, tuple[str, bool]]] = {}

    @classmethod
    def connect(cls, kubeconfig: Path | None = None, context: str | None = None) -> Api:
        """The cluster of a kube config: the given one, that of KUBECONFIG, of
        the pod we run in, or ~/.kube/config. Nothing is sent yet.

        Raises Unavailable where there is none, or no such context.
        """
        try:
            from kubernetes import client, config
        except ImportError:
            raise Unavailable("needs a cluster: install catnap-functions[deploy]") from None
        settings = client.Configuration()
        settings.keep_alive = True
        settings.connection_pool_maxsize = _CONNECTIONS
        in_pod: Any = config.load_incluster_config  # neither has types
        from_file: Any = config.load_kube_config
        named = kubeconfig or os.environ.get("KUBECONFIG")
        try:
            if not named and not context and os.environ.get("KUBERNETES_SERVICE_HOST"):
                in_pod(settings)
            else:
                from_file(
                    config_file=str(named) if named else None,
                    context=context,
                    client_configuration=settings,
                )
        except (config.ConfigException, OSError) as error:
            reason = " ".join(str(error).split())
            raise Unavailable(
                f"needs a cluster, and no kube config names one ({reason}): set KUBECONFIG"
            ) from None
        return cls(client.ApiClient(settings))

    @property
    def server(self) -> str:
        """The API server's URL."""
        host: str = self._client.configuration.host
        return host

    async def get(self, path: str) -> Object:
        return await self._call("GET", path)

    async def list(self, path: str, labels: str = "") -> Object:
        """The list object: `items`, and in `metadata` the resourceVersion.

        labels: a label selector.
        """
        return await self._call("GET", path, {"labelSelector": labels} if labels else {})

    async def create(self, path: str, obj: Mapping[str, Any]) -> Object:
        """path: of the kind in its namespace. Raises Conflict if it is there."""
        return await self._call("POST", path, _MANAGED, obj, _JSON)

    async def delete(self, path: str) -> Object:
        """Deletes an object; what it owns follows in the background."""
        return await self._call("DELETE", path, {"propagationPolicy": "Background"})

    async def merge(self, path: str, body: Mapping[str, Any]) -> Object:
        """Merges into the object at `path`; a later `apply` that does not name
        these fields leaves them."""
        return await self._call("PATCH", path, _MANAGED, body, _MERGE)

    async def patch_status(self, path: str, body: Mapping[str, Any]) -> Object:
        """Merges into the status of the object at `path`. body: with `status`,
        and with metadata.resourceVersion where a newer object should refuse it."""
        return await self._call("PATCH", f"{path}/status", _MANAGED, body, _MERGE)

    async def apply(
        self, obj: Mapping[str, Any], *, dry_run: bool = False, force: bool = True
    ) -> Object:
        """Server-side apply: the fields given are ours from then on, those
        that we gave up are removed. Unknown fields are refused.

        dry_run: everything but the writing; gives what would be there.
        """
        query = {**_MANAGED, "force": str(force).lower(), "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        return await self._call("PATCH", await self.path_of(obj), query, obj, _APPLY)

    async def path_of(self, obj: Mapping[str, Any]) -> str:
        """Where an object lives: apiVersion, kind, name, namespace -> REST path.

        Raises NotFound where the cluster does not know its kind.
        """
        meta = obj["metadata"]
        place = await self.path_of_kind(obj["apiVersion"], obj["kind"], meta.get("namespace", ""))
        return f"{place}/{quote(meta['name'])}"

    async def path_of_kind(self, version: str, kind: str, namespace: str = "") -> str:
        """Where objects of a kind live, in one namespace or in all.

        Raises NotFound where the cluster does not know it.
        """
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if version not in self._kinds:
            self._kinds[version] = await self._discover(root)
        try:
            plural, namespaced = self._kinds[version][kind]
        except KeyError:
            raise NotFound(f"{self.server} knows no kind {kind!r} of {version}") from None
        inside = f"/namespaces/{quote(namespace)}" if namespace and namespaced else ""
        return f"{root}{inside}/{plural}"

    async def _discover(self, root: str) -> dict[str, tuple[str, bool]]:
        try:
            found = await self.get(root)
        except NotFound:
            return {}
        return {
            each["kind"]: (each["name"], each["namespaced"])
            for each in found["resources"]
            if "/" not in each["name"]
        }

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content: str = "",
    ) -> Object:
        loop = asyncio.get_running_loop()
        work = functools.partial(self._send, method, path, query or {}, body, content)
        return await loop.run_in_executor(self._threads, work)

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None,
        content: str,
    ) -> Object:
        sent = None if body is None else msgspec.json.encode(body)
        response = self.open(method, path, query, sent, content, timeout=TIMEOUT)
        try:
            found: Object = msgspec.json.decode(response.data)
        except msgspec.DecodeError:
            raise Unavailable(f"{self.server} answered {path} with what is not JSON") from None
        return found

    def open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes | None = None,
        content: str = "",
        *,
        timeout: float,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """One request, from a thread that may block; for what the methods
        above do not do. stream: the body is left to be read.

        timeout: seconds between two bytes.
        """
        import urllib3

        headers = {"Accept": _JSON, **({"Content-Type": content} if content else {})}
        self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = self.server + path + (f"?{urlencode(query)}" if query else "")
        pool: urllib3.PoolManager = self._client.rest_client.pool_manager
        try:
            response = pool.request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(connect=5.0, read=timeout),
                # A kept connection may be closed at the moment it is used, and
                # a busy server says when to come again. All but POST may be
                # repeated: each of our writes says how the object should be.
                retries=urllib3.Retry(
                    total=3,
                    connect=0,
                    redirect=0,
                    raise_on_status=False,
                    allowed_methods={"GET", "PATCH", "DELETE"},
                ),
                preload_content=not stream,
            )
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(self.server, error) from None
        if response.status >= 400:
            raise refused(response.status, response.data, response.headers.get("Retry-After"))
        return response


_MANAGED = {"fieldManager": FIELD_MANAGER}
