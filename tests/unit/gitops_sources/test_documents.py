"""YAML with the meanings kubectl and Helm give it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from operators.gitops.render.documents import as_node, parse_json, parse_yaml
from operators.gitops.render.globs import base_of, compiled
from operators.gitops.sources import SourceError


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("22:22", "22:22"), ("2024-01-01", "2024-01-01"), ("1e3", 1000), ("0644", 420), ("0o17", 15), ("0x1F", 31),
        ("1_000", 1000), ("yes", True), ("off", False), ("none", "none"), ("nonsense", "nonsense"), ("onion", "onion"),
        ("null", None), ("~", None), ("1.5", 1.5), ("1.0", 1), ("=", "="), ("y", "y"), ("1.2.3", "1.2.3"), ("-7", -7),
        ("12e03", 12000), ("08", "08"), (".5", 0.5), ("'1'", "1"), (".inf", ".inf"), ("9e99999", "9e99999"),
    ],
)  # fmt: skip
def test_scalars(text: str, want: Any) -> None:
    value = parse_yaml(f"a: {text}\n", "f.yaml")[0].value["a"]
    assert value == want
    assert type(value) is type(want)


def test_keys_are_texts_as_go_writes_them() -> None:
    assert parse_yaml("8080: a\non: b\nnull: c\n", "f.yaml")[0].value == {"8080": "a", "true": "b", "null": "c"}


def test_documents_have_their_lines_and_empty_ones_are_left_out() -> None:
    documents = parse_yaml("# a comment\na: 1\n---\n---\n# only this\n---\n\nb: 2\n", "f.yaml")
    assert [(d.value, d.line) for d in documents] == [({"a": 1}, 2), ({"b": 2}, 8)]


def test_anchors_and_merges() -> None:
    assert parse_yaml("a: &x {b: 1}\nc: {<<: *x, d: 2}\n", "f.yaml")[0].value["c"] == {"b": 1, "d": 2}


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)

LADDER = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 5000))


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        pytest.param("a: 1\nb: [\n", "did not find", 3, id="cut off"),
        pytest.param("a: 1\nb: 2\na: 3\n", "'a' stands twice", 3, id="a key twice"),
        pytest.param("a:\n  - x: 1\n    x: 2\n", "'x' stands twice", 3, id="a key twice below"),
        pytest.param("a: &x [*x]\n", "contains itself", 1, id="a circle"),
        pytest.param(BOMB, "stand for too much", 7, id="a bomb"),
        pytest.param(
            "a: !!python/object/apply:os.system [x]\n", "could not determine a constructor", 1, id="a Python tag"
        ),
        pytest.param("[a, b]: 1\n", "a key must be a plain value", 1, id="a key that is a list"),
        pytest.param("\n" + "[" * 5000, "nested too deeply", 2, id="nested too deeply"),
        pytest.param("{a: " * 500, "nested too deeply", 1, id="mappings nested too deeply"),
        pytest.param("- " * 500 + "a", "nested too deeply", 1, id="lists in lists on one line"),
        pytest.param(LADDER, "nested too deeply", 100, id="aliases nested too deeply"),
    ],
)
def test_what_is_wrong_has_its_line(text: str, words: str, line: int) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        parse_yaml(text, "f.yaml")
    assert caught.value.file == "f.yaml"
    assert not line or caught.value.line == line


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000])
def test_a_text_of_nothing_but_brackets_does_not_end_the_process(text: str) -> None:
    with pytest.raises(SourceError, match="nested too deeply"):
        parse_yaml(text, "f.yaml")
    assert as_node(text) is None


def test_a_hundred_levels_are_not_too_deep() -> None:
    assert parse_yaml("[" * 100 + "]" * 100, "f.yaml")
    assert parse_json("[" * 100 + "]" * 100, "f.json")


@pytest.mark.parametrize("depth", [101, 500, 100_000])
def test_json_is_not_nested_deeper_than_yaml(depth: int) -> None:
    with pytest.raises(SourceError, match="nested too deeply"):
        parse_json("[" * depth + "]" * depth, "f.json")


def test_json_errors_have_their_line() -> None:
    with pytest.raises(SourceError) as caught:
        parse_json('{"a": 1,\n"b": }', "f.json")
    assert caught.value.line == 2
    with pytest.raises(SourceError, match="stands twice"):
        parse_json('{"a": 1, "a": 2}', "f.json")


@pytest.mark.parametrize(
    ("pattern", "path", "crossing", "want"),
    [
        ("*.yaml", "a.yaml", False, True), ("*.yaml", "d/a.yaml", False, False), ("*.yaml", "d/a.yaml", True, True),
        ("**/*.yaml", "a.yaml", False, True), ("**/*.yaml", "d/e/a.yaml", False, True), ("d/**", "d/e/a", False, True),
        ("{a,b}.yaml", "b.yaml", False, True), ("{*.yml,d/*}", "d/x", True, True),
        ("{a,b}.yaml", "c.yaml", True, False),
        ("[!a].yaml", "b.yaml", False, True), ("[a-c].yaml", "b.yaml", False, True), ("?.yaml", "/.yaml", False, False),
        ("a+b.yaml", "a+b.yaml", False, True), ("a.yaml", "axyaml", False, False), ("x}", "x}", False, True),
    ],
)  # fmt: skip
def test_globs(pattern: str, path: str, crossing: bool, want: bool) -> None:
    assert bool(compiled(pattern, crossing=crossing).match(path)) is want


def test_a_globs_folder() -> None:
    assert [base_of(p) for p in ("envs/*/a.yaml", "*.yaml", "a/b/c.yaml", "../x/{a,b}")] == ["envs", "", "a/b", "../x"]


def test_a_bad_glob_is_refused() -> None:
    with pytest.raises(ValueError, match="not a glob"):
        compiled("{a", crossing=True)


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 30 + "b",
        "**a" * 30 + "b",
        "{a,a" * 5 + "}" * 5 + "{a,*}" * 100 + "b",
        "**/" * 60 + "b",
        "[a]*" * 60 + "b",
    ],
)
@pytest.mark.parametrize("crossing", [True, False])
def test_no_glob_takes_for_ever(pattern: str, crossing: bool) -> None:
    started = time.monotonic()
    assert not compiled(pattern, crossing=crossing).match("a" * 3000)
    assert not compiled(pattern, crossing=crossing).match("a/" * 1500)
    assert time.monotonic() - started < 20  # it hung


@pytest.mark.parametrize("pattern", ["x" * 1001, "{" * 11 + "}" * 11, "{a,{b}", "[b-a]"])
def test_a_glob_that_is_too_much_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"not a glob|too long|braces"):
        compiled(pattern, crossing=True)


@pytest.mark.parametrize(
    ("pattern", "path", "want"),
    [
        ("{a,{b,c}d}.yaml", "cd.yaml", True), ("{a,{b,c}d}.yaml", "c.yaml", False), ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True), ("a/**/b", "a/xb", False), (r"\*.yaml", "*.yaml", True), ("{,a}b", "b", True),
        (r"\*.yaml", "a.yaml", False), ("*", "", True), ("?", "", False), ("[]a]", "]", True), ("a,b", "a,b", True),
    ],
)  # fmt: skip
def test_globs_in_globs(pattern: str, path: str, want: bool) -> None:
    assert compiled(pattern, crossing=False).match(path) is want


@pytest.mark.parametrize("text", ["9" * 5000, "-" + "9" * 5000, "1e999", "NaN", "-Infinity"])
def test_a_json_number_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SourceError, match="a number is too large"):
        parse_json(f'{{"a": {text}}}', "f.json")


@pytest.mark.parametrize("text", ["9" * 5000, "0x" + "f" * 5000, "0" + "7" * 5000])
def test_a_yaml_number_too_large_for_any_is_a_text(text: str) -> None:
    assert parse_yaml(f"a: {text}\n", "f.yaml")[0].value == {"a": text}


def test_whole_numbers_beyond_64_bits_are_floating_as_in_go() -> None:
    assert parse_json('{"a": 18446744073709551615, "b": 1.0}', "f.json")[0].value == {"a": (1 << 64) - 1, "b": 1.0}
    large = parse_yaml("a: 0xffffffffffffffffffffffffffff\n", "f.yaml")[0].value["a"]
    assert (large, type(large)) == (float((1 << 112) - 1), float)


def test_half_a_pair_of_escapes_is_refused() -> None:
    with pytest.raises(SourceError, match="no character"):
        parse_json(r'{"a": "\ud800"}', "f.json")
