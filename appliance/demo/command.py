"""`appliance demo`: one conversation, with nothing but this machine."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from appliance.demo.conversation import Heard, Plan, converse, write_out
from appliance.demo.recording import default_recording, read_recording
from appliance.demo.room import DEFAULT, ROOMS, Room, room_named
from appliance.demo.soundroom import SoundRoom
from appliance.demo.stage import play_aloud
from appliance.demo.talk import TalkMode
from appliance.demo.timeline import draw_timeline
from appliance.errors import UsageError
from appliance.panel.face import draw
from appliance.ports import Light
from appliance.units import WIRE_RATE_HZ

EPILOG = """examples:
  appliance demo                               a recording asks, the local server answers
  appliance demo --input question.wav --out heard --json
  appliance demo --barge-in 1.0                press again one second into the answer
  appliance demo --endpoint ws://127.0.0.1:8765/v1/realtime
  appliance demo --room                        in a room with echo
  appliance demo --room hard --drift 100 --distance 1.5
  appliance demo --room --talk-mode hands_free --barge-in 1.5
                                               no button; speak over the answer
  appliance demo --live                        you, your microphone, and the space bar

It writes conversation.wav (left: you, right: the device), timeline.png, summary.json and
trace.jsonl, and in a room microphone.wav (what the device heard). Settings come from the
environment (APPLIANCE_AUDIO__INPUT_CHUNK_SIZE=480) or from --config.
"""

ROOM_OPTIONS = (
    ("distance", "M", "from mouth to microphone, 0.2 to 3"),
    ("drift", "PPM", "how much faster the loudspeaker's clock is than the microphone's, ±400"),
    ("saturation", "PART", "of the loudspeaker, 0 to 1"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Hold one spoken conversation: no Pi, no sound card, no key needed."
    parser.epilog = EPILOG
    parser.add_argument("--input", type=Path, metavar="WAV", help="what is said (8 to 48 kHz)")
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path("demo-out"))
    parser.add_argument("--json", action="store_true", help="print summary.json and nothing else")
    parser.add_argument("--endpoint", metavar="URL", help="a Realtime server (default: our own)")
    parser.add_argument(
        "--barge-in", type=float, metavar="S", help="speak again so long into the answer"
    )
    parser.add_argument(
        "--talk-mode",
        choices=get_args(TalkMode),
        default="hold",
        help="hold the button, tap it, or leave it alone (%(default)s)",
    )
    parser.add_argument(
        "--room",
        nargs="?",
        const=DEFAULT,
        metavar="NAME",
        help=f"stand in a room with echo: {', '.join(r.name for r in ROOMS)} ({DEFAULT})",
    )
    for name, unit, what in ROOM_OPTIONS:
        parser.add_argument(f"--{name}", type=float, metavar=unit, help=f"with --room: {what}")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file")
    parser.add_argument("--live", action="store_true", help="talk yourself, with the space bar")


def run(args: argparse.Namespace) -> int:
    """Return 0 if there was an answer, 1 if there was none."""
    if args.barge_in is not None and not 0 <= args.barge_in <= 60:
        raise UsageError("--barge-in takes 0 to 60 seconds")
    if args.live:
        from appliance.demo.live import talk_live

        return talk_live(args.endpoint, args.config)
    stands_in = _room(args)
    if args.talk_mode == "hands_free" and args.barge_in is not None and stands_in is None:
        raise UsageError(
            "--barge-in with --talk-mode hands_free needs --room: there is no button to press, "
            "and without an echo the device cannot learn to tell you from itself"
        )
    said = read_recording(args.input or default_recording())
    args.out = _out_folder(args.out)
    teller = Teller(to_terminal=sys.stderr.isatty() and not args.json, quiet=args.json)
    teller.say(f"you say {len(said) / WIRE_RATE_HZ:.1f} s; the device runs as a process of its own")
    with SoundRoom(echoes=stands_in is not None) as room:
        outside = dict(os.environ)
        os.environ.update(room.env)  # before PortAudio starts in this process
        try:
            plan = Plan(
                said,
                args.out,
                endpoint=args.endpoint,
                barge_in_s=args.barge_in,
                config=args.config,
                told=teller.told,
                mode=args.talk_mode,
                room=stands_in,
                sound_server=room.socket,
            )
            heard = asyncio.run(converse(plan))
        finally:
            os.environ.clear()
            os.environ.update(outside)
    files = write_out(heard)
    files["timeline"] = draw_timeline(heard, args.out / "timeline.png")
    if args.json:
        print(json.dumps(heard.summary, indent=2, ensure_ascii=False))
    else:
        teller.end(heard, files)
        player = play_aloud(heard.tapes.device)
        if player is not None:
            print("the answer is played on this machine's sound card")
            player.wait()
    answered = any(turn["outcome"] == "answered" for turn in heard.summary["turns"])
    return 0 if answered else 1


def _room(args: argparse.Namespace) -> Room | None:
    changed = {name: getattr(args, name) for name, _, _ in ROOM_OPTIONS}
    if args.room is None:
        given = [f"--{name}" for name, value in changed.items() if value is not None]
        if given:
            raise UsageError(f"{given[0]} goes with --room")
        return None
    return room_named(
        args.room,
        distance_m=changed["distance"],
        drift_ppm=changed["drift"],
        saturation=changed["saturation"],
    )


def _out_folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {path}: {error.strerror}") from error
    return path.resolve()


class Teller:
    """Draws the LED and tells what happens, line by line, or in place on a terminal."""

    def __init__(self, *, to_terminal: bool, quiet: bool) -> None:
        self._in_place = to_terminal
        self._colour = to_terminal and "NO_COLOR" not in os.environ
        self._quiet = quiet
        self._cancels = False
        self._began_s = time.monotonic()

    def say(self, text: str) -> None:
        if not self._quiet:
            end = "\r\033[K" if self._in_place else ""
            print(f"{end}{time.monotonic() - self._began_s:6.2f} s  {text}", flush=True)

    def told(self, record: dict[str, Any]) -> None:
        match record:
            case {"kind": "light", "light": light}:
                self.say(draw(Light(light), colour=self._colour))
            case {"kind": "heard", "text": text}:
                self.say(f"   you:    {text}")
            case {"kind": "reply", "text": text}:
                self.say(f"   device: {text}")
            case {"kind": "fault", "fault": fault}:
                self.say(f"   fault:  {fault}")
            case {"kind": "echo", "converged": True, "loss_db": loss_db}:
                self._cancels = True
                self.say(f"   echo:   the canceller has converged ({loss_db:.0f} dB)")
            case {"kind": "echo", "converged": False} if self._cancels:
                self._cancels = False
                self.say("   echo:   the canceller learns again")
            case {"kind": "barge_in"}:
                self.say("   the device hears you over its answer")
            case {"kind": "cut", "heard_ms": heard_ms}:
                self.say(f"   cut after {heard_ms / 1000:.2f} s of the answer")
            case _:
                pass

    def end(self, heard: Heard, files: dict[str, Path]) -> None:
        summary = heard.summary
        print(f"\n{'latency':24} {'n':>4} {'p50':>8} {'p95':>8} {'p99':>8}  ms")
        for name, span in summary["spans_ms"].items():
            figures = "".join(f" {span[p]:8.1f}" if span["n"] else "        -" for p in PERCENTILES)
            print(f"{name.replace('_', ' '):24} {span['n']:4}{figures}")
        print(
            f"\nspeech lost: {summary['speech_lost_samples']} samples"
            f" ({summary['speech_compared_with']}), xruns: {summary['xruns']},"
            f" memory: {summary['rss_mb']} MB, CPU: {summary['cpu_percent']} %"
        )
        for line in _of_the_room(summary):
            print(line)
        print()
        for name, path in files.items():
            print(f"{name:13} {path}")


def _of_the_room(summary: dict[str, Any]) -> Iterator[str]:
    room, echo = summary["room"], summary["echo"]
    if room is not None:
        yield (
            f"room {room['name']}: RT60 {room['rt60_s']:.2f} s, echo after {room['echo_delay_ms']}"
            f" ms, {room['echo_to_speech_db']} dB over your voice; rendered in"
            f" {room['latency_ms']['p50']} ms with {room['xruns']} xruns"
        )
    if echo is not None and echo["converged_after_s"] is not None:
        yield f"echo: learnt after {echo['converged_after_s']} s, {echo['loss_db']} dB down"
    if summary["talk_mode"] == "hands_free":
        silent = ", ".join(f"{ms} ms" for ms in summary["voice_to_silence_ms"]) or "-"
        yield (
            f"barge-ins: {summary['barge_ins_made']} made, {summary['barge_ins_missed']} missed,"
            f" {summary['false_barge_ins']} false; from voice to silence: {silent}"
        )


PERCENTILES = ("p50", "p95", "p99")
