"""From folders of skills to skills that answer on a cluster."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from catnap.errors import CatnapError, Conflict, NotFound
from catnap.services.cluster.names import GATEWAY, INSTALL, TLS_SECRET, namespace_of
from catnap.services.cluster.skill import Skill
from catnap.services.knative import collect, given, undeploy
from catnap.services.knative.api import Api, Object
from catnap.services.knative.apply import Planned, apply, plan
from catnap.services.knative.ground import survey
from catnap.services.knative.order import Deployed, Order, Result, Tell
from catnap.services.knative.parts import Part, label_of, platform, skill_part, tenants
from catnap.services.knative.prepare import Workshop
from catnap.services.knative.ready import ADDRESS, Standing
from catnap.services.knative.rollout import Rollout, Subject

_SERVICE = "serving.knative.dev/service"


async def deploy(
    api: Api, order: Order, secrets: given.Secrets, tell: Tell, *, dry_run: bool = False
) -> Deployed:
    """Builds, publishes, applies what differs, and waits until it is ready.

    A skill that cannot be deployed keeps no other from it, and leaves what
    serves it as it is; its result says why. secrets: those that the platform
    needs are kept where there is none of that name yet. dry_run: images are made,
    and the server validates what it would be given; nothing is written.

    Raises what concerns all of it: no cluster, no Knative, no right, an image
    of the platform, a namespace that is somebody else's.
    """
    ground = await survey(api)
    order = await _beside_what_is_there(api, order, secrets)
    workshop = Workshop(order, ground.id, tell)
    install, made = await asyncio.gather(
        workshop.install(), asyncio.gather(*map(workshop.skill, order.folders))
    )
    work = _Work(api, replace(order, install=replace(install, eventing=ground.eventing)), tell)
    for folder, skill in zip(order.folders, made, strict=True):
        work.take(folder.name, skill)
    await work.plan()
    rollout = Rollout(api, order.install.name, ground.ingress)
    if not dry_run:
        await work.apply(secrets)
        if order.wait:
            await work.follow(rollout)
            await work.collect(rollout)
    return work.deployed(rollout)


async def _beside_what_is_there(api: Api, order: Order, secrets: given.Secrets) -> Order:
    """A platform is left alone where skills alone were asked for and it is
    there, and so is its volume: it can neither shrink nor change its class."""
    name = order.install.name
    if not order.whole and not await _find(api, "apps/v1", "Deployment", name, GATEWAY):
        order = replace(order, whole=True)
    if order.whole and await given.find(api, name, TLS_SECRET) is not None:
        order = replace(order, install=replace(order.install, tls=True))
    if order.whole and await given.stored(api, order, secrets):
        return replace(order, install=replace(order.install, replicated=True))
    claim = None if order.resize else await _find(api, "v1", "PersistentVolumeClaim", name, GATEWAY)
    if claim:
        spec = claim["spec"]
        storage = spec["resources"]["requests"]["storage"]
        kept = replace(
            order.install, storage=storage, storage_class=spec.get("storageClassName") or ""
        )
        order = replace(order, install=kept)
    return order


async def _find(api: Api, version: str, kind: str, namespace: str, name: str) -> Object | None:
    meta = {"namespace": namespace, "name": name}
    with suppress(NotFound):
        path = await api.path_of({"apiVersion": version, "kind": kind, "metadata": meta})
        return await api.get(path)
    return None


class _Work:
    """One deploy: its parts, what is planned for each, and what has failed."""

    def __init__(self, api: Api, order: Order, tell: Tell) -> None:
        self._api = api
        self._order = order
        self._install = order.install
        self._tell = tell
        self._platform = platform(order.install) if order.whole else [tenants(order.install)]
        self._skills: list[Part] = []
        self._subjects: dict[str, Subject] = {}
        self._standings: Mapping[Subject, Standing] = {}
        self._plans: dict[str, list[Planned]] = {}
        self._applied: list[Planned] = []
        self._failed: dict[str, CatnapError] = {}
        """By label."""

    def take(self, name: str, skill: Skill | CatnapError) -> None:
        """A skill for every tenant, or what kept it from being made."""
        for tenant in self._install.tenants:
            label = label_of(name, tenant, self._install)
            namespace = namespace_of(tenant, self._install.name)
            self._subjects[label] = Subject(label, namespace, name)
            if isinstance(skill, CatnapError):
                self._fail(label, skill)
                continue
            try:
                self._skills.append(skill_part(self._install, tenant, skill))
            except CatnapError as error:
                self._fail(label, error)

    async def plan(self) -> None:
        parts = [*self._platform, *self._skills]
        planned = iter(await plan(self._api, [each for part in parts for each in part.objects]))
        for part in parts:
            self._plans[part.label] = list(islice(planned, len(part.objects)))
        for each in self._shared():
            self._check_owner(each)
            if each.refused:
                raise type(each.refused)(f"{each.title}: {each.refused.message}")
        for part in self._skills:
            if error := _first(self._plans[part.label]):
                self._fail(part.label, error)

    def _shared(self) -> list[Planned]:
        return [each for part in self._platform for each in self._plans[part.label]]

    def _check_owner(self, planned: Planned) -> None:
        if planned.object["kind"] != "Namespace" or planned.live is None:
            return
        owner = planned.live["metadata"].get("labels", {}).get(INSTALL, "")
        if owner != self._install.name:
            whose = f"belongs to the installation {owner!r}" if owner else "is somebody else's"
            name = planned.object["metadata"]["name"]
            raise Conflict(
                f"namespace {name} is there and {whose}: choose another --install, or hand it "
                f"over: kubectl label namespace {name} {INSTALL}={self._install.name}"
            )

    async def apply(self, secrets: given.Secrets) -> None:
        shared = self._shared()
        spaces = [each for each in shared if each.object["kind"] == "Namespace"]
        await self._apply(spaces)
        for name in given.needed(self._order):
            if name in secrets:
                await given.ensure(self._api, self._install.name, name, secrets[name])
        await self._apply([each for each in shared if each not in spaces])
        parts = [part for part in self._skills if part.label not in self._failed]
        owners = {id(each): part for part in parts for each in self._plans[part.label]}
        wanted = [each for part in parts for each in self._plans[part.label]]
        for each, error in await apply(self._api, wanted):
            if error:
                self._fail(owners[id(each)].label, error)
            else:
                self._applied.append(each)
        if self._install.eventing:
            for part in parts:
                if part.subject:
                    await self._drop_triggers(part.subject, part.objects)

    async def _drop_triggers(self, skill: Subject, objects: Iterable[Object]) -> None:
        """Those that its manifest no longer has: they would go on delivering."""
        kept = {each["metadata"]["name"] for each in objects}
        for each in await undeploy.triggers(
            self._api, self._install.name, skill.namespace, [skill.name]
        ):
            if each.name not in kept:
                await undeploy.remove(self._api, [each])

    async def _apply(self, planned: Sequence[Planned]) -> None:
        """What all else needs: the first that fails ends the deploy."""
        for each, error in await apply(self._api, planned):
            if error:
                raise type(error)(f"{each.title}: {error.message}")
            self._applied.append(each)

    async def follow(self, rollout: Rollout) -> None:
        subjects = [part.subject for part in (*self._platform, *self._skills) if part.subject]
        wanted = [each for each in subjects if each.label not in self._failed]
        self._standings = await rollout.follow(wanted, self._order.timeout, self._say)
        for subject, standing in self._standings.items():
            if standing.fault and standing.state == "failed":
                self._failed[subject.label] = standing.fault.error(standing.text)

    def _say(self, subject: Subject, standing: Standing) -> None:
        if standing.state != "waiting":
            self._tell(subject.label, standing.state, standing.text or standing.revision)
            return
        # That no ingress has answered yet is what it waits for.
        told = standing.fault if standing.text != ADDRESS else None
        trouble = told.text if told else ""
        self._tell(subject.label, "working", f"waiting for {standing.text}", trouble)

    async def collect(self, rollout: Rollout) -> None:
        """Removes old revisions of the skills that are ready now."""
        by_service: dict[tuple[str, str], list[Object]] = defaultdict(list)
        for (namespace, _), revision in rollout.revisions.items():
            by_service[namespace, revision["metadata"]["labels"].get(_SERVICE, "")].append(revision)
        for subject, standing in self._standings.items():
            place = (subject.namespace, subject.name)
            if subject.platform or standing.state != "ready" or place not in rollout.services:
                continue
            old = collect.outdated(rollout.services[place], by_service[place])
            await collect.remove(self._api, subject.namespace, old)

    def deployed(self, rollout: Rollout) -> Deployed:
        platform = [part.subject for part in self._platform if part.subject]
        return Deployed(
            planned=tuple(each for plans in self._plans.values() for each in plans),
            applied=tuple(self._applied),
            results=tuple(
                self._result(each, rollout) for each in (*platform, *self._subjects.values())
            ),
            others=self._others(rollout),
        )

    def _result(self, subject: Subject, rollout: Rollout) -> Result:
        problem = self._failed.get(subject.label)
        standing = self._standings.get(subject)
        service = rollout.services.get((subject.namespace, subject.name), {})
        serving = (service.get("status") or {}).get("latestReadyRevisionName", "")
        if standing:
            serving = standing.serving
        images = {part.label: part.image for part in (*self._platform, *self._skills)}
        awaited = problem or standing
        return Result(
            label=subject.label,
            ready=problem is None if awaited else None,
            namespace=subject.namespace,
            image=images.get(subject.label, ""),
            revision=standing.revision if standing else "",
            serving=serving if problem else "",
            problem=problem,
        )

    def _others(self, rollout: Rollout) -> tuple[str, ...]:
        ours = {namespace_of(each, self._install.name) for each in self._install.tenants}
        known = {folder.name for folder in self._order.folders}
        found = {name for namespace, name in rollout.services if namespace in ours}
        return tuple(sorted(found - known))

    def _fail(self, label: str, error: CatnapError) -> None:
        self._failed[label] = error
        self._tell(label, "failed", error.message)


def _first(planned: Iterable[Planned]) -> CatnapError | None:
    return next((each.refused for each in planned if each.refused), None)
