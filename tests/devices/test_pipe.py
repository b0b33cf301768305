"""The panel and the trace that another program uses."""

from __future__ import annotations

import asyncio
import io
import json
import os
from contextlib import contextmanager

import pytest

from appliance.devices.pipe import JsonTrace, PipePanel
from appliance.errors import UsageError


@contextmanager
def piped():
    read, write = os.pipe()
    with os.fdopen(read) as commands, os.fdopen(write, "wb", buffering=0) as finger:
        yield commands, finger


async def test_every_line_of_a_chunk_is_a_press_or_a_release():
    edges, gone = [], asyncio.Event()
    with piped() as (commands, finger):
        panel = PipePanel(commands, lambda: 7.0, gone.set)
        panel.start(lambda pressed, at_s: edges.append((pressed, at_s)))
        finger.write(b"press\nrelease\nnonsense\npre")
        finger.write(b"ss\n")
        finger.close()
        await asyncio.wait_for(gone.wait(), 5)
    assert edges == [(True, 7.0), (False, 7.0), (True, 7.0), (False, 7.0)], "let go at the end"


async def test_what_is_no_pipe_is_told_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with (tmp_path / "file").open() as file:
        for commands in (file, None):
            with pytest.raises(UsageError, match="no pipe"):
                PipePanel(commands, lambda: 0.0, lambda: None).start(lambda *_: None)


def test_the_trace_ends_with_its_reader():
    gone = []
    with piped() as (commands, finger), os.fdopen(os.dup(finger.fileno()), "w") as stream:
        trace = JsonTrace(stream, lambda: 1.5, quit=lambda: gone.append(1))
        trace.record("light", light="idle")
        assert json.loads(commands.readline()) == {"kind": "light", "t": 1.5, "light": "idle"}
        commands.close()
        trace.record("light", light="idle")
        trace.record("light", light="idle")
        with pytest.raises(BrokenPipeError):
            stream.flush()  # what could not be written, at its close
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    assert gone == [1]


def test_what_was_sent_is_kept_or_refused_in_one_line(tmp_path):
    trace = JsonTrace(io.StringIO(), lambda: 0.0, tmp_path / "sent.pcm")
    trace.sent_audio(b"\1\0")
    trace.close()
    assert (tmp_path / "sent.pcm").read_bytes() == b"\1\0"
    with pytest.raises(UsageError, match="--sent"):
        JsonTrace(io.StringIO(), lambda: 0.0, tmp_path / "no/such")
