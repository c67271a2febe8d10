"""A cache of its own per test; Go's downloads and compiled packages are shared, for they are checked by content."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.local import engine as engines
from cluster.local.engine import Engine
from cluster.local.progress import Progress
from cluster.local.settings import Settings

MakeSettings = Callable[..., Settings]


@pytest.fixture(scope="session")
def go_cache() -> Path:
    """Go's own caches: those of the user's platform cache, so that nothing is fetched twice."""
    path = Settings.from_environment().cache_dir / "go"
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def make_settings(tmp_path: Path, go_cache: Path) -> MakeSettings:
    """Settings with an empty cache; keyword arguments are AMX_* variables."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "go").symlink_to(go_cache)

    def make(**variables: str) -> Settings:
        own = {"AMX_CACHE_DIR": str(cache), "AMX_STATE_DIR": str(tmp_path / "state")}
        return Settings.from_environment({**own, **variables})

    return make


@pytest.fixture
def told() -> io.StringIO:
    """What progress printed."""
    return io.StringIO()


@pytest.fixture
def progress(told: io.StringIO) -> Progress:
    return Progress(told)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A container engine; one that was started for this is stopped afterwards, unless others have begun to use it."""
    with engines.borrowed(Settings.from_environment(), Progress(quiet=True)) as used:
        yield used
