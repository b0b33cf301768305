"""Every fault of the table has a test that brings it about, and does so by itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # pytest's import mode adds no folder by itself
from causes import CAUSES, FLOWS, CannotBeCaused, CausedBy

from appliance.faults import FAULTS

ROOT = Path(__file__).parents[1]
MOST_WITHOUT_A_CAUSE = 3
CAUSED = {fault: cause for fault, cause in CAUSES.items() if isinstance(cause, CausedBy)}
# What the device itself calls once it knows of a fault: a test that calls it has caused nothing.
HANDLERS = {
    "begins", "ends", "explain", "event", "hardware", "loss", "lines", "link_news", "stands",
    "wrote", "fail", "unplug", "_handle", "_perform", "_step", "_lose", "_tell_news",
    "_hardware_changed", "connection_ended", "line_down", "line_refused", "step", "link_step",
    "health_step", "hearing_step", "budget_step", "Failed", "Explain", "Begins", "Lost",
    "RemoteError", "RefusedError", "HardwareError",
}  # fmt: skip


@cache
def definitions(path):
    """Return what a test's file defines at its top, by name."""
    found = {}
    for node in ast.parse((ROOT / path).read_text()).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found[name] = node
            case ast.Assign(targets=[ast.Name(id=name)]):
                found[name] = node.value
    return found


def reached(node, known):
    """Return a node and all that it names in its own file, however far."""
    seen, todo = {}, [node]
    while todo:
        for each in ast.walk(todo.pop()):
            if isinstance(each, ast.Name) and each.id in known and each.id not in seen:
                seen[each.id] = known[each.id]
                todo.append(known[each.id])
    return [node, *seen.values()]


def texts(*nodes):
    """Return the strings in these; that of a child's program is taken as program text."""
    found = set()
    for node in nodes:
        for each in ast.walk(node):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                found.add(each.value)
    return found


def calls(*nodes):
    """Return the names of all that is called in these, and in programs written out in them."""
    programs = [ast.parse(text) for text in texts(*nodes) if "asyncio.run(" in text]
    found = set()
    for node in [*nodes, *programs]:
        for each in ast.walk(node):
            if isinstance(each, ast.Call):
                called = each.func
                found.add(called.attr if isinstance(called, ast.Attribute) else _name(called))
    return found


def _name(node):
    return node.id if isinstance(node, ast.Name) else ""


def row_of(test, parameter, known):
    """Return what a test's table of parameters holds for this one."""
    for node in reached(test, known):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == parameter:
                    return [key, value]
    return [test]  # the parameters stand in the decorator


def test_the_table_has_every_fault_and_no_other():
    assert set(CAUSES) == set(FAULTS)
    assert len({cause.node for cause in CAUSED.values()}) == len(CAUSED), "one test for each"


def test_few_faults_cannot_be_caused_and_those_say_why():
    without = [cause for cause in CAUSES.values() if isinstance(cause, CannotBeCaused)]
    assert len(without) <= MOST_WITHOUT_A_CAUSE
    assert all(cause.why[:1].isupper() and cause.why.endswith(".") for cause in without)


def test_pytest_finds_every_named_test():
    files = sorted({cause.path for cause in CAUSED.values()})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *files]
    listed = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert listed.returncode == 0, listed.stdout + listed.stderr
    found = set(listed.stdout.splitlines())
    assert {cause.node for cause in CAUSED.values()} <= found
    assert files == sorted(str(p.relative_to(ROOT)) for p in ROOT.glob(f"{FLOWS}*.py"))


@pytest.mark.parametrize("fault", CAUSED)
def test_it_is_about_that_fault_and_sees_its_signs(fault):
    cause, known = CAUSED[fault], definitions(CAUSED[fault].path)
    test = known[cause.function]
    row = row_of(test, cause.parameter, known) if cause.parameter else [test]
    assert fault in texts(*row), "it says which fault it brings about"
    signs = {"gives_the_signs_of"} if fault != "settings_invalid" else {"sentence"}
    assert signs <= calls(*reached(test, known)), "it looks at what a person gets to know"


@pytest.mark.parametrize("fault", CAUSED)
def test_it_hands_the_fault_to_nobody(fault):
    cause, known = CAUSED[fault], definitions(CAUSED[fault].path)
    assert calls(*reached(known[cause.function], known)) & HANDLERS == set()
