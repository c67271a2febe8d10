"""Stories that are told side by side: they mostly wait, and one API server has room for many of them.

In: the stories of the tests that were chosen; each gets a namespace, an operator and a folder of its own. Out: the end
of each, for its own test to await. All live on the session's event loop, which only runs while a test on it does: such
tests come after all others, and together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from operators.kit.kube import Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.controlplane import ControlPlane
from tests.support.canary_rights import rights_only
from tests.support.canary_stage import Stage, furnished

PARAMETER = "story"
OPERATORS = "story-operators"
"""The namespace of the ServiceAccount whose rights the operators have."""


@dataclass(kw_only=True)
class Scene(Stage):
    """A stage, and what else a story may need."""

    kubernetes: ControlPlane
    folder: Path


@dataclass(frozen=True)
class Story:
    """Something that happens in a namespace of its own; its name is the test's id."""

    name: str
    tell: Callable[[Scene], Awaitable[None]]


class Stories(list[Story]):
    """The stories of a module."""

    def add(self, tell: Callable[[Scene], Awaitable[None]]) -> Callable[[Scene], Awaitable[None]]:
        """Take in a function, under its own name: a decorator."""
        self.append(Story(getattr(tell, "__name__", ""), tell))
        return tell


def story_of(item: pytest.Item) -> Story | None:
    """Return the story that a test awaits."""
    found = item.callspec.params.get(PARAMETER) if hasattr(item, "callspec") else None
    return found if isinstance(found, Story) else None


class Beside:
    """Stories under way."""

    def __init__(self, tasks: dict[Story, asyncio.Task[None]]) -> None:
        self._tasks = tasks

    async def told(self, story: Story) -> None:
        """Wait for the story's end; what went wrong in it is raised here."""
        await self._tasks[story]


@asynccontextmanager
async def side_by_side(
    stories: Iterable[Story], kubernetes: ControlPlane, folder: Path, at_once: int
) -> AsyncIterator[Beside]:
    """Begin to tell, so many at a time, in their order; what is not told to its end is cut off."""
    room = asyncio.Semaphore(at_once)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(await KubernetesApi.connect(kubernetes.kubeconfig))
        await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPERATORS}})
        rights = await stack.enter_async_context(
            await KubernetesApi.connect(await rights_only(api, kubernetes, OPERATORS, folder))
        )

        async def tell(story: Story, name: str) -> None:
            (folder / name).mkdir()
            async with room:
                await _tell(story, Scene(api, name, rights=rights, kubernetes=kubernetes, folder=folder / name))

        tasks = {story: asyncio.create_task(tell(story, f"story-{n}")) for n, story in enumerate(stories)}
        try:
            yield Beside(tasks)
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)


async def _tell(story: Story, scene: Scene) -> None:
    namespace = Ref("", "Namespace", "", scene.namespace)
    await scene.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace.name}})
    async with furnished(scene):
        await story.tell(scene)
    await scene.api.delete(namespace)
