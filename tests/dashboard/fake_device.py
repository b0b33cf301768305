"""A device that is nothing but its status socket, and what it may say there."""

import asyncio
import copy
import json
import time

AT = 1_790_000_000.0  # Unix seconds: a day in September 2026


def indicator(value, unit, level, target, warning, critical, history):
    return {
        "value": value,
        "unit": unit,
        "level": level,
        "target": target,
        "warning": warning,
        "critical": critical,
        "history": history,
    }


def hour(*values):
    """An hour of which only the last minutes are known."""
    return [None] * (60 - len(values)) + list(values)


WELL = {
    "version": 1,
    "at": AT,
    "appliance": "0.1.0",
    "pid": 4711,
    "uptime_s": 93_784.0,
    "well": True,
    "state": "idle",
    "light": "idle",
    "link": {"state": "ready", "since_s": 812.5, "reconnects": 1},
    "faults": [],
    "recent_faults": [
        {
            "fault": "link_lost",
            "at": AT - 812.5,
            "cause": "The connection was lost.",
            "cure": "It is made again at once; ask again if an answer was cut off.",
        },
        {
            "fault": "too_short",
            "at": AT - 5000,
            "cause": "Too little sound was captured.",
            "cure": "Hold the button while you speak.",
        },
    ],
    "indicators": {
        "audio_latency": indicator(
            184.0,
            "ms",
            "good",
            200,
            300,
            500,
            [160 + (minute * 37) % 45 + (90 if minute in (21, 22) else 0) for minute in range(60)],
        ),
        "connection_uptime": indicator(
            99.72, "%", "fair", 99.9, 99.0, 95.0, [100.0] * 44 + [98.6, 99.2] + [99.72] * 14
        ),
        "error_rate": indicator(0.0, "%", "good", 0.1, 1.0, 5.0, hour(*[0.0] * 30)),
        "memory_usage": indicator(
            57.4, "MB", "fair", 50, 80, 100, [52 + minute * 0.09 for minute in range(60)]
        ),
    },
    "spans_ms": {
        "press_to_mic": {"n": 41, "p50": 11.2, "p95": 19.0, "p99": 22.4},
        "capture_to_sent": {"n": 1893, "p50": 46.0, "p95": 51.3, "p99": 63.9},
        "release_to_commit": {"n": 39, "p50": 2.1, "p95": 4.0, "p99": 4.4},
        "received_to_output": {"n": 38, "p50": 61.0, "p95": 72.5, "p99": 80.1},
        "release_to_first_sound": {"n": 38, "p50": 842.0, "p95": 1204.0, "p99": 1388.0},
        "connect": {"n": 2, "p50": 388.0, "p95": 402.0, "p99": 402.0},
        "barge_in_to_silence": {"n": 0, "p50": None, "p95": None, "p99": None},
    },
    "counters": {
        "turns": 41,
        "answered": 38,
        "failed": 0,
        "too_short": 2,
        "interrupted": 1,
        "reconnects": 1,
        "overflows": 0,
        "underflows": 0,
        "lost_samples": 0,
        "barge_ins": 1,
        "prompts": 3,
    },
    "turns": [
        {
            "turn": 41 - number,
            "at": AT - 30 - 95 * number,
            "outcome": "too_short" if number in (3, 9) else "answered",
            "said_ms": 120 if number in (3, 9) else 2300 + 170 * number,
            "release_to_first_sound_ms": None if number in (3, 9) else 790.0 + 31 * number,
            "cost_usd": None if number in (3, 9) else 0.0061 + 0.0007 * number,
        }
        for number in range(20)
    ],
    "cost": {"today_usd": 0.4137, "cap_usd": 2.0, "stopped": False},
    "echo": {"converged": True, "loss_db": 41.0, "delay_ms": 63.0},
    "board": {
        "temperature_c": 51.2,
        "resident_mb": 57.4,
        "disk_free_mb": 21_760.0,
        "undervolted": False,
    },
    "meters": {"microphone_rms_dbfs": -52.0, "microphone_peak_dbfs": -38.0},
    "settings": {
        "voice": "alloy",
        "language": "en",
        "talk_mode": "hold",
        "model": "gpt-realtime-2.1-mini",
    },
}

NEW = {
    **WELL,
    "uptime_s": 4.0,
    "recent_faults": [],
    "turns": [],
    "indicators": {
        name: {**each, "value": None, "level": "unknown", "history": [None] * 60}
        for name, each in WELL["indicators"].items()
    },
    "spans_ms": {
        name: {"n": 0, "p50": None, "p95": None, "p99": None} for name in WELL["spans_ms"]
    },
    "counters": dict.fromkeys(WELL["counters"], 0),
    "cost": {"today_usd": 0.0, "cap_usd": 0.0, "stopped": False},
    "echo": None,
    "board": dict.fromkeys(WELL["board"]),
    "meters": None,
}

NO_NETWORK = {
    "fault": "no_wifi",
    "since_s": 72.0,
    "severity": "standing",
    "cause": "The device is in no network.",
    "cure": "Check the router, and the network name and password that the device has.",
}

ILL = {
    **WELL,
    "well": False,
    "state": "idle",
    "light": "no_network",
    "link": {"state": "waiting_to_retry", "since_s": 72.0, "reconnects": 4},
    "faults": [NO_NETWORK],
    "recent_faults": [
        {"fault": f"fault_number_{n}", "at": AT - 60 * n, "cause": "A cause.", "cure": "A cure."}
        for n in range(20)
    ],
    "indicators": {
        "audio_latency": {**WELL["indicators"]["audio_latency"], "value": 344, "level": "warning"},
        "connection_uptime": indicator(
            81.3, "%", "critical", 99.9, 99.0, 95.0, [100.0] * 48 + [97, 94, 91, 88, 85, 83] * 2
        ),
        "error_rate": indicator(7.5, "%", "critical", 0.1, 1.0, 5.0, hour(0, 0, 2.5, 5, 7.5)),
        "memory_usage": WELL["indicators"]["memory_usage"],
    },
    "turns": [
        {
            "turn": 7,
            "at": AT - 40,
            "outcome": "insufficient_quota",
            "said_ms": 61_200,
            "release_to_first_sound_ms": None,
            "cost_usd": None,
        },
        {
            "turn": 6,
            "at": AT - 86_400 * 2,
            "outcome": "answered",
            "said_ms": 59_900,
            "release_to_first_sound_ms": 12_345.0,
            "cost_usd": 12.3456,
        },
    ],
    "cost": {"today_usd": 2.0112, "cap_usd": 2.0, "stopped": True},
    "echo": {"converged": False, "loss_db": 3.0, "delay_ms": None},
    "board": {**WELL["board"], "undervolted": True, "temperature_c": 81.4},
}


def of_today(snapshot):
    """The same, as it would be told now."""
    later_s = time.time() - AT

    def moved(value):
        if isinstance(value, dict):
            return {
                key: each + later_s if key == "at" else moved(each) for key, each in value.items()
            }
        return [moved(each) for each in value] if isinstance(value, list) else value

    return moved(snapshot)


class FakeDevice:
    """Speaks the status socket's language; what it says, the test decides."""

    def __init__(self, path):
        self.path = path
        self.asked = []  # every question, in order
        self.watchers = 0
        self._now = copy.deepcopy(WELL)
        self._server = None
        self._writers = set()
        self._changed = asyncio.Condition()
        self._silent = False

    async def start(self):
        self.path.unlink(missing_ok=True)
        self._silent = False
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))

    async def stop(self):
        """End as a process does: with all that it held."""
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        self._server = None
        self.path.unlink(missing_ok=True)
        await self._until(lambda: not self._writers)

    def hang(self):
        """Keep every connection, and say no more."""
        self._silent = True

    async def say(self, snapshot=None, **changes):
        """Be as `snapshot` says (default: as before), but for the changes."""
        self._now = {**copy.deepcopy(snapshot or self._now), **changes}
        async with self._changed:
            self._changed.notify_all()

    async def say_raw(self, line):
        """Send these bytes to everybody who watches."""
        for writer in self._writers:
            writer.write(line)

    async def watched_by(self, number):
        """Wait until so many connections watch."""
        await self._until(lambda: self.watchers == number)

    async def _until(self, holds):
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(holds)

    async def _serve(self, reader, writer):
        self._writers.add(writer)
        watches = False
        try:
            question = (await reader.readline()).decode().strip()
            self.asked.append(question)
            watches = question == "watch"
            if self._silent:
                await reader.read()
                return
            self._send(writer)
            if watches:
                await self._count(1)
                await self._watch(reader, writer)
            else:
                await writer.drain()
        except ConnectionError:
            return
        finally:
            self._writers.discard(writer)
            writer.close()
            await self._count(-1 if watches else 0)

    async def _watch(self, reader, writer):
        ended = asyncio.ensure_future(reader.read())
        try:
            while not ended.done():
                seen = self._now
                changed = asyncio.ensure_future(self._change(seen))
                await asyncio.wait({ended, changed}, timeout=1, return_when="FIRST_COMPLETED")
                changed.cancel()
                if not self._silent and not ended.done():
                    self._send(writer)
        finally:
            ended.cancel()

    async def _change(self, seen):
        async with self._changed:
            await self._changed.wait_for(lambda: self._now is not seen)

    async def _count(self, by):
        async with self._changed:
            self.watchers += by
            self._changed.notify_all()

    def _send(self, writer):
        writer.write(json.dumps(self._now).encode() + b"\n")
