"""From a revision to an instance, and what is looked after while that lives."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from catnap.http import Client
from catnap.services.local import usage
from catnap.services.local.background import Background
from catnap.services.local.cgroups import Cgroups
from catnap.services.local.instance import Instance, Plan
from catnap.services.local.keeping import Keeping
from catnap.services.local.probing import follow
from catnap.services.local.scratch import Scratch
from catnap.services.local.secrets import Secrets, none
from catnap.services.local.sockets import Sockets
from catnap.services.local.zygotes import Zygotes
from catnap.services.probes import Probes
from catnap.services.revision import Revision

LAST_WORDS = 1.0
"""Seconds after its end that the output of an instance is still read: what
it started may hold the pipe for ever."""

_log = logging.getLogger(__name__)

Output = Callable[[str, str, str, str, bytes], None]
"""Namespace, service, instance, `stdout` or `stderr`, and one line."""


class Launch:
    """Makes instances, and keeps those that run or are still read."""

    def __init__(
        self,
        home: Path,
        env: Mapping[str, str],
        on_output: Output,
        zygotes: Zygotes,
        cgroups: Cgroups,
        client: Client,
        background: Background,
        keeping: Keeping | None = None,
        secrets: Secrets = none,
    ) -> None:
        """env: of every instance, whatever its skill says. keeping: of the
        sessions' folders, where there are any. secrets: gives those of instances."""
        self._env = env
        self._on_output = on_output
        self._zygotes = zygotes
        self._cgroups = cgroups
        self._client = client
        self._background = background
        self._keeping = keeping
        self._secrets = secrets
        self._scratch = Scratch(home)
        self._sockets = Sockets(home)
        self.instances: set[Instance] = set()

    def instance(self, revision: Revision, name: str, python: Path, folder: Path) -> Instance:
        """A new one, not started yet. python, folder: its interpreter and its
        code. Raises Unavailable where the disk is full."""
        scratch = self._scratch.make()
        keeping = self._keeping if revision.workspace else None
        room = keeping.room(name) if keeping else None
        wanted = self._secrets if revision.secrets else none
        plan = Plan(
            revision=revision.name,
            folder=folder,
            env=self._environment(revision, name, scratch, room),
            limits=self._cgroups.limits(revision.bounds),
            memory=revision.bounds.memory,
            grace=_grace(revision),
            watched=self._cgroups.unbound,
            sockets=self._sockets.folder,
            scratch=scratch,
            on_output=lambda instance, stream, line: self._on_output(
                revision.namespace, revision.service, instance, stream, line
            ),
            secrets=lambda: wanted(revision.namespace, revision.service, revision.secrets),
            on_ready=lambda instance: self._probe(revision.probes, instance),
        )
        instance = Instance(name, plan, self._zygotes.get(python, revision.preload))
        self.instances.add(instance)
        instance.exited.add_done_callback(lambda _: self._ended(instance, scratch))
        if keeping:
            instance.exited.add_done_callback(
                lambda exited: keeping.closed(name, whole=exited.result() == 0)
            )
        return instance

    def _environment(
        self, revision: Revision, name: str, scratch: Path, room: Path | None
    ) -> dict[str, str]:
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            **revision.env,
            "PORT": "8080",
            "K_SERVICE": revision.service,
            "K_CONFIGURATION": revision.service,
            "K_REVISION": revision.name,
            **self._env,
            "CATNAP_CONCURRENCY": str(revision.concurrency),
            "CATNAP_GRACE": str(_grace(revision)),
            "CATNAP_INSTANCE": name,
            "CATNAP_LOG": "json",
            "TMPDIR": str(scratch),
            **({"CATNAP_WORKSPACES": str(room)} if room else {}),
        }

    def _probe(self, probes: Probes, instance: Instance) -> None:
        """Follows an instance that is ready for as long as it lives."""

        def open_(well: bool) -> None:
            instance.unready = not well
            instance.mended()

        def alive(well: bool) -> None:
            if not well:
                _log.warning("instance %s fails its liveness probe and is ended", instance.name)
                instance.fail()

        for probe, turned in ((probes.readiness, open_), (probes.liveness, alive)):
            if probe is not None:
                work = follow(probe, self._client, instance.target, turned)
                following = self._background.start(work)
                instance.exited.add_done_callback(functools.partial(_cancel, following))

    def _ended(self, instance: Instance, scratch: Path) -> None:
        self._background.start(self._scratch.remove(scratch))
        self._client.forget(instance.target)
        asyncio.get_running_loop().call_later(LAST_WORDS, self.forget, instance)

    def forget(self, instance: Instance) -> None:
        """Reads no more of what it wrote."""
        instance.close()
        self.instances.discard(instance)

    async def watch(self) -> None:
        """Ends what takes more than it may, where no cgroup binds it."""
        live = {each.pid: each for each in self.instances if each.pid}
        for pid, taken in (await asyncio.to_thread(usage.taken, live.keys())).items():
            live[pid].check(taken)

    def close(self) -> None:
        for instance in self.instances:
            instance.close()
        self._scratch.close()
        self._sockets.close()


def _grace(revision: Revision) -> float:
    """Seconds to drain. As Knative Serving has it: a pod's
    terminationGracePeriodSeconds is its revision's timeoutSeconds."""
    return revision.timeouts.whole


def _cancel(task: asyncio.Task[None], _: object) -> None:
    task.cancel()
