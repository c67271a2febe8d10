"""Replay a graph against an AWS API that costs nothing, each resource after what it needs.

In:  a graph, and where the API is: moto in server mode, never AWS itself.
Out: a `Rehearsal`: what was created and read back, what is not supported and why, and what is not as the graph says.

A reference is replaced by what was really created. Where that was not, something of the right form is made up and
counted: the call is still made with every other parameter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cluster.graph.model import SECRET, Graph, Resource
from cluster.rehearse import identity, network, stores
from cluster.rehearse.model import Call, Done, Mismatch, Rehearsal
from cluster.rehearse.unsupported import UNSUPPORTED

CALLS: dict[str, Call] = {**network.CALLS, **identity.CALLS, **stores.CALLS}
ACCOUNT = "123456789012"
"""moto's account; credentials are made up, so that nothing can reach a real one."""
HIDDEN_VALUE = "https://hidden.invalid/"
"""For a secret input, whose value no graph holds."""
_REFERENCE = re.compile(r"\$\{(?P<key>[\w.-]+/[\w.-]+):(?P<attribute>[\w.]+)\}")


def rehearse(graph: Graph, url: str) -> Rehearsal:
    """Return what comes of a graph at an API; ValueError for one that is not on this machine."""
    if not re.match(r"http://(127\.0\.0\.1|localhost):\d+$", url):
        raise ValueError(f"a rehearsal is on this machine only, not at {url}")
    replay = _Replay(graph, url)
    done = tuple(replay.create(one) for one in graph.order() if one.type.startswith("aws:"))
    return Rehearsal(graph.environment, done, replay.compared, tuple(replay.mismatches), replay.stand_ins)


class _Replay:
    def __init__(self, graph: Graph, url: str) -> None:
        self._graph = graph
        self._url = url
        self._clients: dict[tuple[str, str], Any] = {}
        self._made: dict[str, dict[str, str]] = {}
        self.compared = 0
        self.mismatches: list[Mismatch] = []
        self.stand_ins = 0

    def create(self, one: Resource) -> Done:
        if one.is_declared:
            return Done(one.key, one.type, "declared", f"made later by {one.declared_by}")
        call = CALLS.get(one.type)
        reason = UNSUPPORTED.get(one.key) or UNSUPPORTED.get(one.type)
        if call is None or reason:
            return Done(one.key, one.type, "unsupported" if reason else "failed", reason or "nobody says how")
        inputs = self._known(dict(one.inputs))
        client = self._client(call.service, self._graph.region(one))
        try:
            self._call(one, call, client, inputs)
        except (BotoCoreError, ClientError, KeyError) as error:
            return Done(
                one.key, one.type, "failed", f"{call.service}.{call.operation}: {type(error).__name__}: {error}"
            )
        return Done(one.key, one.type, "created")

    def _call(self, one: Resource, call: Call, client: Any, inputs: dict[str, Any]) -> None:
        parameters = call.parameters(inputs)
        answer = getattr(client, call.operation)(**parameters)
        made = {name: _taken(path, answer, parameters) for name, path in call.outputs.items()}
        if one.type == "aws:sqs/queue:Queue":
            made["arn"] = f"arn:aws:sqs:{self._graph.region(one)}:{ACCOUNT}:{parameters['QueueName']}"
        if one.type == "aws:s3/bucket:Bucket":
            made["arn"] = f"arn:aws:s3:::{parameters['Bucket']}"
        self._made[one.key] = made
        known = {**inputs, "id": made.get("id", "")}
        for then in call.then:
            getattr(client, then.operation)(**then.parameters(known))
        if call.read:
            seen = getattr(client, call.read.operation)(**call.read.parameters(known))
            for path, name in call.read.same.items():
                wanted = _at(inputs, name)
                if wanted is not None:
                    self._compare(one.key, name, wanted, _at(seen, path))

    def _compare(self, key: str, name: str, wanted: object, found: object) -> None:
        self.compared += 1
        if _plain(wanted) != _plain(found):
            self.mismatches.append(Mismatch(key, name, str(wanted), str(found)))

    def _client(self, service: str, region: str) -> Any:
        place = service, region or "us-east-1"
        if place not in self._clients:
            self._clients[place] = boto3.client(
                service,
                region_name=place[1],
                endpoint_url=self._url,
                aws_access_key_id="rehearsal",
                aws_secret_access_key="rehearsal",  # noqa: S106 — moto asks for some, and none is real
            )
        return self._clients[place]

    def _known(self, value: Any) -> Any:
        if isinstance(value, str):
            return _REFERENCE.sub(self._output, value)
        if isinstance(value, Mapping):
            if SECRET in value:
                return HIDDEN_VALUE
            return {name: self._known(item) for name, item in value.items()}
        return [self._known(item) for item in value] if isinstance(value, list) else value

    def _output(self, match: re.Match[str]) -> str:
        key, attribute = match["key"], match["attribute"]
        made = self._made.get(key, {})
        if attribute in made:
            return made[attribute]
        source = self._graph.get(key)
        own = source.get(attribute) if source else None
        if isinstance(own, str):
            return str(self._known(own))
        self.stand_ins += 1
        name = key.replace("/", "-").replace(".", "-").lower()
        return f"arn:aws:iam::{ACCOUNT}:role/{name}" if attribute.lower().endswith("arn") else f"stand-in-{name}"


def _taken(path: str, answer: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    return str(parameters[path[1:]] if path.startswith("=") else _at(answer, path))


def _at(value: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _plain(value: object) -> str:
    """Return a value as it is compared: AWS answers with numbers and booleans as text, or the other way round."""
    text = str(value).lower()
    return f"{float(text):g}" if re.fullmatch(r"-?\d+(\.\d+)?", text) else text
