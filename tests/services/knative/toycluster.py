"""A cluster in memory behind a real Kubernetes API: it keeps what is applied,
and says at once of what it keeps that it is ready, or what the test wants."""

from __future__ import annotations

import copy
import itertools
import json
import re
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml

from catnap.services.knative.api import Api
from tests.services.knative.apiserver import status

Object = dict[str, Any]
Key = tuple[str, str, str]
"""Path of the kind within its namespace, namespace, name."""

_PATH = re.compile(
    r"(?P<root>/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/(?P<ns>[^/]+))?/(?P<kind>[a-z]+)(?:/(?P<name>[^/]+))?"
)
_KINDS = {
    "/api/v1": "Namespace Pod Service Secret ConfigMap ServiceAccount ResourceQuota LimitRange "
    "PersistentVolumeClaim",
    "/apis/apps/v1": "Deployment ReplicaSet",
    "/apis/policy/v1": "PodDisruptionBudget",
    "/apis/networking.k8s.io/v1": "NetworkPolicy",
    "/apis/rbac.authorization.k8s.io/v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "/apis/storage.k8s.io/v1": "StorageClass",
    "/apis/serving.knative.dev/v1": "Service Revision",
    "/apis/eventing.knative.dev/v1": "Trigger Broker",
}
_ANYWHERE = {"Namespace", "ClusterRole", "ClusterRoleBinding", "StorageClass"}


class ToyCluster:
    """lacks: API groups that are not installed. refuses: by name, what the
    server has against an object. settle: given each object that was written,
    before it is kept; sets its status."""

    def __init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.written: list[str] = []
        """`VERB kind name`, in order; dry runs are not among them."""
        self.lacks: set[str] = set()
        self.refuses: dict[str, tuple[int, str]] = {}
        self.settle: Callable[[Object], None] = ready
        self.kubeconfig = Path()
        self._versions = itertools.count(1)
        self._lock = threading.RLock()
        self.put("/api/v1/namespaces/kube-system", {"metadata": {"uid": "toy"}})
        self.put(
            "/api/v1/namespaces/knative-serving/configmaps/config-network",
            {"data": {"ingress-class": "catnap.ingress.networking.knative.dev"}},
        )

    def api(self) -> Api:
        return Api.connect(self.kubeconfig)

    def put(self, path: str, obj: Object) -> None:
        """Something that is there already."""
        key = self._key(path)
        obj.setdefault("metadata", {}).update(
            {"name": key[2], "resourceVersion": str(next(self._versions))}
        )
        if key[1]:
            obj["metadata"]["namespace"] = key[1]
        self.objects[key] = obj

    def get(self, path: str) -> Object:
        return self.objects[self._key(path)]

    def names(self, path: str) -> list[str]:
        """Of the objects of a kind, as `namespace/name`."""
        wanted = self._key(path)
        found = [key for key in self.objects if key[0] == wanted[0]]
        return sorted("/".join(filter(None, key[1:])) for key in found)

    def _key(self, path: str) -> Key:
        match = _PATH.fullmatch(path)
        if not match:  # of a namespace itself
            return "/api/v1/namespaces", "", path.rpartition("/")[2]
        if match["ns"] is None and match["kind"] == "namespaces":
            return "/api/v1/namespaces", "", match["name"] or ""
        return f"{match['root']}/{match['kind']}", match["ns"] or "", match["name"] or ""

    def answer(
        self, verb: str, path: str, query: dict[str, str], body: Any, kind: str = ""
    ) -> tuple[int, Any]:
        with self._lock:
            if path in _KINDS:
                return self._discovery(path)
            key = self._key(path)
            if verb == "GET":
                return self._read(key, query) if not key[2] else self._one(key)
            if verb == "DELETE":
                return self._delete(key)
            if verb == "POST":
                key = (key[0], key[1], body["metadata"]["name"])
                if key in self.objects:
                    return 409, status(409, "AlreadyExists", f"{key[2]} already exists")
            if kind == "application/merge-patch+json":
                code, found = self._one(key)
                if code != 200:
                    return code, found
                body = merged(found, body)
            return self._write(verb, key, body, dry="dryRun" in query)

    def _discovery(self, root: str) -> tuple[int, Any]:
        if any(group in root for group in self.lacks):
            return 404, status(404, "NotFound", "the server could not find the requested resource")
        return 200, {
            "resources": [
                {"name": _plural(kind), "kind": kind, "namespaced": kind not in _ANYWHERE}
                for kind in _KINDS[root].split()
            ]
        }

    def _one(self, key: Key) -> tuple[int, Any]:
        if key in self.objects:
            return 200, self.objects[key]
        return 404, status(404, "NotFound", f"{key[0].rpartition('/')[2]} {key[2]!r} not found")

    def _read(self, key: Key, query: dict[str, str]) -> tuple[int, Any]:
        name, _, value = query.get("labelSelector", "").partition("=")
        items = [
            each
            for (kind, namespace, _), each in self.objects.items()
            if kind == key[0]
            and (not key[1] or namespace == key[1])
            and (not name or each["metadata"].get("labels", {}).get(name) == value)
        ]
        meta = {"resourceVersion": str(next(self._versions))}
        return 200, {"apiVersion": "v1", "kind": "AnyList", "metadata": meta, "items": items}

    def _delete(self, key: Key) -> tuple[int, Any]:
        code, found = self._one(key)
        if code == 200:
            self.written.append(f"DELETE {key[0].rpartition('/')[2]} {key[2]}")
            gone = [each for each in self.objects if each == key or _inside(each, key)]
            for each in gone:
                del self.objects[each]
        return code, found

    def _write(self, verb: str, key: Key, body: Object, *, dry: bool) -> tuple[int, Any]:
        if key[1] and ("/api/v1/namespaces", "", key[1]) not in self.objects:
            return 404, status(404, "NotFound", f'namespaces "{key[1]}" not found')
        if key[2] in self.refuses:
            code, message = self.refuses[key[2]]
            return code, status(code, "Invalid", message)
        before = self.objects.get(key, {})
        made = copy.deepcopy(body)
        if "stringData" in made:
            told = made.pop("stringData").items()
            made["data"] = {name: b64encode(value.encode()).decode() for name, value in told}
        old = before.get("metadata", {})
        made["metadata"]["generation"] = old.get("generation", 0) + (
            before.get("spec") != made.get("spec")
        )
        made["metadata"]["resourceVersion"] = str(next(self._versions))
        made["metadata"]["creationTimestamp"] = "2026-01-02T03:04:05Z"
        if "status" in before:
            made["status"] = before["status"]
        if not dry:
            self.written.append(f"{verb} {key[0].rpartition('/')[2]} {key[2]}")
            self.settle(made)
            self.objects[key] = made
        return 200, made


def merged(target: Any, patch: Any) -> Any:
    """Source: RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = merged(made.get(name), value)
    return made


def _plural(kind: str) -> str:
    name = kind.lower()
    return name[:-1] + "ies" if name.endswith("y") else name + ("es" if name[-1] == "s" else "s")


def _inside(each: Key, gone: Key) -> bool:
    return gone[0] == "/api/v1/namespaces" and each[1] == gone[2]


def ready(obj: Object) -> None:
    """What its controllers say of an object once all is well."""
    meta = obj["metadata"]
    if obj["kind"] == "Deployment":
        wanted = obj["spec"]["replicas"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), wanted)
        obj["status"] = {"observedGeneration": meta["generation"], **counts}
    if obj["apiVersion"].startswith("serving.") and obj["kind"] == "Service":
        newest = f"{meta['name']}-{meta['generation']:05}"
        obj["status"] = {
            "observedGeneration": meta["generation"],
            "latestCreatedRevisionName": newest,
            "latestReadyRevisionName": newest,
            "conditions": [{"type": "Ready", "status": "True"}],
        }


@contextmanager
def running(folder: Path) -> Iterator[ToyCluster]:
    cluster = ToyCluster()

    class Handler(_Handler):
        toy = cluster

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    cluster.kubeconfig = folder / "kubeconfig"
    cluster.kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {"name": "toy", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
                ],
                "users": [{"name": "ada", "user": {"token": "secret"}}],
                "contexts": [{"name": "toy", "context": {"cluster": "toy", "user": "ada"}}],
                "current-context": "toy",
            }
        )
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield cluster
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    toy: ToyCluster

    def _any(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "watch" in query:
            # All is as it was when it was listed, until the client leaves.
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.connection.recv(1)
            self.close_connection = True
            return
        body = json.loads(sent) if sent else None
        kind = self.headers.get("Content-Type", "")
        code, found = self.toy.answer(self.command, unquote(url.path), query, body, kind)
        data = json.dumps(found).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass
