"""Recipes: everything they fetch is pinned and has a sum that is checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cluster.local import binaries
from cluster.local.images.catalogue import CATALOGUE, GoImage, WheelImage
from cluster.local.settings import ROOT

RECIPES = ROOT / "cluster" / "local" / "recipes"
GO = sorted(path.parent for path in (RECIPES / "go").glob("*/go.mod"))
LOCKS = sorted(RECIPES.rglob("*.lock"))


@pytest.mark.parametrize("recipe", GO, ids=lambda path: path.name)
def test_every_required_module_has_its_sum(recipe: Path) -> None:
    text = (recipe / "go.mod").read_text()
    required = re.findall(r"^\s*(?:require )?([\w.-]+\.[\w./-]+) (v\S+)", text, re.MULTILINE)
    replaced = set(re.findall(r"^\s*(?:replace )?(\S+) =>", text, re.MULTILINE))
    sums = (recipe / "go.sum").read_text() if required else ""
    wanted = [f"{name} {version}" for name, version in required if name not in replaced]
    missing = [one for one in wanted if f"{one} h1:" not in sums and f"{one}/go.mod h1:" not in sums]
    assert missing == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_wheel_is_pinned_and_hashed(lock: Path) -> None:
    wheels = re.split(r"\n(?=\S)", lock.read_text().strip())
    assert [wheel for wheel in wheels if "==" not in wheel or "--hash=sha256:" not in wheel] == []


def test_every_image_of_the_catalogue_has_a_tag_and_a_recipe_that_is_there() -> None:
    for image in CATALOGUE:
        assert re.fullmatch(r"[\w.-]+\.[\w]+/[\w./-]+:[\w.-]+", image.name), image.name
        assert not image.name.endswith(":latest")
        if isinstance(image.recipe, GoImage):
            assert image.recipe.program in binaries.PROGRAMS
        if isinstance(image.recipe, WheelImage):
            assert (RECIPES / "wheels" / image.recipe.lock).exists()
