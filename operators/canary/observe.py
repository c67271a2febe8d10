"""Read everything about a Canary in one pass: IO in, a frozen `Seen` out.

A read that fails raises, and the pass is tried again: what is not known is never taken for absent. Only the instruments
say for themselves that they do not know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from operators.kit.kube import KubeApi, Manifest, Ref

from . import names
from .configs import Reference, content_hash, copy_name, is_rotated, references, revision_of
from .gates import waiting
from .instruments import Instruments
from .jobs import answer, job_ref
from .metrics.pods import trouble
from .models import Canary
from .neighbours import neighbours
from .seen import ConfigSeen, DataPlane, GateAnswer, Seen, SlotSeen
from .situation import LOOKING, MOVING
from .terms import SLOTS, Slot
from .unwatched import version_of


@dataclass(frozen=True)
class Look:
    """A Canary and what was seen of it."""

    canary: Canary
    seen: Seen
    refs: frozenset[Ref]
    """Everything that was read, also what is not there: an event of any of it asks for another look."""
    unwatched: Mapping[Ref, str] = field(default_factory=dict)
    """The versions of what no event will tell of: Secrets."""


class Observer:
    """Looks at Canaries."""

    def __init__(self, api: KubeApi, instruments: Instruments, now: Callable[[], datetime]) -> None:
        self._api = api
        self._instruments = instruments
        self._now = now

    async def observe(self, canary: Canary) -> Look:
        """Look once."""
        reader = _Reader(self._api)
        alone = (names.template_ref(canary), names.apex_ref(canary), names.preview_ref(canary))
        template, apex, preview, *rest = await reader.get_all([*alone, *_slot_refs(canary), *names.route_refs(canary)])
        slots: dict[Slot, SlotSeen] = {
            slot: SlotSeen(rest[2 * number], rest[2 * number + 1]) for number, slot in enumerate(SLOTS)
        }
        routes = {ref.name: found for ref, found in zip(names.route_refs(canary), rest[4:], strict=True)}
        configs, missing = await self._configs(canary, reader, template)
        around = await neighbours(self._api, canary, template)
        is_looking = canary.status.phase in LOOKING and not canary.deleting
        data_plane, samples, gates, trouble_ = await asyncio.gather(
            self._data_plane(canary, routes),
            self._instruments.samples(self._api, canary, routes, self._now()) if is_looking else _nothing(),
            self._gates(canary, reader),
            self._trouble(canary, slots),
        )
        seen = Seen(
            template=template,
            revision="" if template is None or missing else revision_of(template, configs),
            missing=missing,
            configs=configs,
            copies=await self._copies(canary, configs),
            slots=slots,
            apex=apex,
            routes=routes,
            preview=preview,
            trouble=trouble_,
            data_plane=data_plane,
            samples=samples,
            gates=gates,
            around=around,
            features=self._instruments.features(canary.spec.traffic.router),
        )
        return Look(canary, seen, frozenset(reader.read), reader.unwatched)

    async def _data_plane(self, canary: Canary, routes: dict[str, Manifest | None]) -> DataPlane:
        if canary.status.stable is None:
            return DataPlane()
        return await self._instruments.data_plane(self._api, canary, routes)

    async def _configs(
        self, canary: Canary, reader: _Reader, template: Manifest | None
    ) -> tuple[tuple[ConfigSeen, ...], tuple[str, ...]]:
        if template is None or not canary.spec.config.copies:
            return (), ()
        named: dict[tuple[str, str], list[Reference]] = {}
        for reference in references(template["spec"]["template"].get("spec") or {}):
            named.setdefault((reference.kind, reference.name), []).append(reference)
        refs = [Ref("", kind, canary.namespace, name) for kind, name in sorted(named)]
        found = await reader.get_all(refs)
        configs = tuple(_config(canary, ref, one) for ref, one in zip(refs, found, strict=True))
        needed = {key for key, places in named.items() if not all(place.optional for place in places)}
        missing = tuple(f"{c.kind} {c.name}" for c in configs if c.manifest is None and (c.kind, c.name) in needed)
        return configs, missing

    async def _copies(self, canary: Canary, configs: tuple[ConfigSeen, ...]) -> frozenset[tuple[str, str]]:
        wanted = {(config.kind, copy_name(canary.name, config)) for config in configs if config.copied and config.hash}
        asked = sorted(wanted | {(copy.kind, copy.name) for copy in canary.status.copies})
        found = await _Reader(self._api).get_all([Ref("", kind, canary.namespace, name) for kind, name in asked])
        return frozenset(key for key, one in zip(asked, found, strict=True) if one is not None)

    async def _gates(self, canary: Canary, reader: _Reader) -> dict[str, GateAnswer]:
        answers: dict[str, GateAnswer] = {}
        if canary.status.phase not in MOVING or canary.deleting:
            return answers
        asked = waiting(canary.status)
        for gate in canary.spec.gates:
            if gate.name not in asked:
                continue
            if gate.webhook is not None:
                answers[gate.name] = await self._instruments.ask(self._api, canary, gate)
            elif gate.job is not None:
                said = answer((await reader.get_all([job_ref(canary, gate)]))[0])
                answers.update({gate.name: said} if said is not None else {})
        return answers

    async def _trouble(self, canary: Canary, slots: dict[Slot, SlotSeen]) -> str:
        """Ask the candidate's pods, while not all of them are ready."""
        candidate = canary.status.candidate
        if candidate is None or canary.status.phase not in MOVING:
            return ""
        seen = slots[candidate.slot]
        if seen.ready >= seen.replicas:
            return ""
        labels = ",".join(f"{key}={value}" for key, value in names.slot_labels(canary, candidate.slot).items())
        return trouble((await self._api.list("", "v1", "Pod", namespace=canary.namespace, label_selector=labels)).items)


class _Reader:
    """Reads objects, and remembers which."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self.read: set[Ref] = set()
        self.unwatched: dict[Ref, str] = {}

    async def get_all(self, refs: Iterable[Ref]) -> list[Manifest | None]:
        wanted = list(refs)
        self.read.update(wanted)
        found = list(await asyncio.gather(*(self._api.get(ref) for ref in wanted)))
        self.unwatched.update(
            {ref: version_of(one) for ref, one in zip(wanted, found, strict=True) if ref.kind == "Secret"}
        )
        return found


def _slot_refs(canary: Canary) -> list[Ref]:
    return [ref for slot in SLOTS for ref in (names.deployment_ref(canary, slot), names.service_ref(canary, slot))]


def _config(canary: Canary, ref: Ref, found: Manifest | None) -> ConfigSeen:
    kind = "ConfigMap" if ref.kind == "ConfigMap" else "Secret"
    if found is None:
        return ConfigSeen(kind, ref.name, None)  # type: ignore[arg-type]
    copied = ref.name not in canary.spec.config.ignore and not is_rotated(found)
    slim = {"metadata": found["metadata"]}  # no Secret's data travels on
    return ConfigSeen(kind, ref.name, slim, content_hash(found) if copied else "", copied)  # type: ignore[arg-type]


async def _nothing() -> tuple[()]:
    return ()
