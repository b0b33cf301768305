"""What the documents say of the tree is true: links, paths, targets, commands, hooks, versions."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from appliance.cli import COMMANDS

ROOT = Path(__file__).parents[1]
IGNORED = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)")
TREE_PATH = re.compile(
    r"(?<![\w./~-])(?:appliance|docs|tests|requirements|systemd|hardware)/[\w./*-]*"
)
MAKE = re.compile(r"(?:^|\s)make ([a-z]+)")


def documents():
    """Yield every Markdown file of the project."""
    for folder, below, names in os.walk(ROOT):
        below[:] = [b for b in below if b not in IGNORED and not b.startswith(".")]
        yield from (Path(folder, name) for name in names if name.endswith(".md"))


DOCUMENTS = sorted(documents())
each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT))
)


def code_in(text):
    """Return what is written as code: lines of fenced blocks, and spans, each on one line."""
    fenced = [line for block in FENCE.findall(text) for line in block.splitlines()[1:-1]]
    return fenced + [" ".join(span.split()) for span in CODE.findall(FENCE.sub("", text))]


def anchors_of(text):
    """Return the anchors that headings get."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(text, document):
    """Return the links that lead nowhere, of those that stay in the project."""
    broken = []
    for link in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors_of(target.read_text())):
            broken.append(link)
    return broken


def missing_paths(text):
    """Return the paths named in code, from the project's root, at which nothing is."""
    named = {p.rstrip(".") for code in code_in(text) for p in TREE_PATH.findall(code)}
    return sorted(p for p in named if not any(ROOT.glob(p.rstrip("/"))))


def targets():
    """Return the Makefile's targets with their recipes, variables as they are written."""
    recipes, target = {}, None
    for line in (ROOT / "Makefile").read_text().splitlines():
        if found := re.match(r"([a-z]+):(?!=)", line):
            target = found.group(1)
            recipes[target] = []
        elif line.startswith("\t") and target:
            recipes[target].append(line.strip())
        else:
            target = None
    return recipes


def unknown_targets(text):
    return sorted({t for code in code_in(text) for t in MAKE.findall(code)} - targets().keys())


def parser_of(command):
    parser = argparse.ArgumentParser(prog=f"appliance {command}")
    importlib.import_module(COMMANDS[command][0]).configure(parser)
    return parser


def options_of(parser):
    """Return the options of a parser and of all parsers below it."""
    known = set()
    if late := getattr(parser, "module", ""):  # bench's subcommands get theirs when called
        importlib.import_module(late).configure(parser)
        parser.module = ""
    for action in parser._actions:  # argparse tells them in no other way
        known |= set(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                known |= options_of(below)
    return known


def wrong_commands(text):
    """Return the calls of `appliance` in code that it would not take, by command and option."""
    wrong = []
    for code in code_in(text):
        for call in re.findall(r"(?:^|[/ ])appliance ((?:[a-z]|--)[^|>;&#]*)", code):
            words = call.split()
            if words[0].startswith("--"):
                continue
            given = {w.partition("=")[0].rstrip("`,.") for w in words[1:] if w.startswith("--")}
            if words[0] not in COMMANDS or given - options_of(parser_of(words[0])):
                wrong.append(f"appliance {call.strip()}")
    return wrong


@each_document
def test_links_lead_somewhere(document):
    assert broken_links(document.read_text(), document) == []


@each_document
def test_paths_exist(document):
    assert missing_paths(document.read_text()) == []


@each_document
def test_make_targets_exist(document):
    assert unknown_targets(document.read_text()) == []


@each_document
def test_commands_and_their_options_exist(document):
    assert wrong_commands(document.read_text()) == []


def test_what_is_wrong_is_found(tmp_path):
    document = tmp_path / "a.md"
    text = (
        "# The top\n[a](no/such.md) [b](a.md#no-such) [c](#the-top) [d](https://example.org)\n"
        "`appliance/nowhere.py`, `make nonsense`, `appliance dance`, `appliance demo --no-such`,\n"
        "`appliance config show --json`, `docs/`, `tests/*/test_*.py`, `/usr/lib/tests/mine`\n"
        "```\nmake nothing  # appliance/absent/\n```\n"
    )
    document.write_text(text)
    assert broken_links(text, document) == ["no/such.md", "a.md#no-such"]
    assert missing_paths(text) == ["appliance/absent/", "appliance/nowhere.py"]
    assert unknown_targets(text) == ["nonsense", "nothing"]
    assert wrong_commands(text) == ["appliance dance", "appliance demo --no-such"]


# pre-commit and make


def parts_of_test():
    """Return what `make test` depends on."""
    makefile = (ROOT / "Makefile").read_text()
    return re.search(r"^test: ([a-z ]+)", makefile, re.MULTILINE).group(1).split()


def words_of(recipe_line):
    """Return the command of a recipe's line, without what make does around it."""
    command = recipe_line.lstrip("@-").partition("||")[0]
    return shlex.split(command.replace("$(BIN)", ".venv/bin"))


def test_hooks_are_the_commands_of_make_test():
    recipes = targets()
    made = {part: [words_of(line) for line in recipes[part]] for part in parts_of_test()}
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in config["repos"]] == ["local"], "nothing is downloaded"
    hooks = {"pre-commit": [], "pre-push": []}
    for hook in config["repos"][0]["hooks"]:
        assert (hook["language"], hook["pass_filenames"], hook["always_run"]) == (
            "system",
            False,
            True,
        )
        (stage,) = hook.get("stages", config["default_stages"])
        words = shlex.split(hook["entry"])
        hooks[stage].append([word for word in words if stage == "pre-commit" or word != "-q"])
    assert hooks["pre-push"] == made.pop("units")
    assert hooks["pre-commit"] == [command for commands in made.values() for command in commands]
    assert set(config["default_install_hook_types"]) == hooks.keys()


# The changelog, the decisions, the lock files


def test_the_newest_version_of_the_changelog_is_the_package_s():
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## \[([^\]]+)\](?: - (\d{4}-\d{2}-\d{2}))?$", text, re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    versions = [tuple(int(part) for part in version.split(".")) for version, _ in headings[1:]]
    assert versions == sorted(versions, reverse=True)
    assert all(date for _, date in headings[1:])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert headings[1][0] == project["version"]
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_decisions_are_numbered_without_a_gap():
    assert [int(record.name[:4]) for record in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("record", DECISIONS, ids=lambda record: record.stem)
def test_a_decision_has_its_parts_and_its_line_in_the_index(record):
    lines = record.read_text().splitlines()
    title = re.fullmatch(rf"# {record.name[:4]}: (.+)", lines[0]).group(1)
    status = re.fullmatch(r"Status: (.+)", lines[2]).group(1)
    assert re.fullmatch(r"Date: \d{4}-\d{2}-\d{2}", lines[3])
    assert [line for line in lines if re.match("#+ ", line)][1:] == [
        "## Context", "## Decision", "## Consequences",
    ]  # fmt: skip
    assert len(lines) <= 35
    index = (record.parent / "README.md").read_text().splitlines()
    assert f"| [{record.name[:4]}]({record.name}) | {title} | {status} |" in index


@pytest.mark.parametrize("name", ["run.lock", "dev.lock"])
def test_lock_files_have_hashes_and_name_no_host(name):
    text = (ROOT / "requirements" / name).read_text()
    assert "://" not in text
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert packages
    assert [p.splitlines()[0] for p in packages if "--hash=sha256:" not in p] == []
