"""One screen for a person: how the device is, what is wrong, what helps. Pure.

A level is told in words as well as in colour, and colour only if it is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Snapshot = Mapping[str, Any]

_COLOURS = {
    "good": "32",
    "fair": "32",
    "warning": "33",
    "critical": "31",
    "unknown": "2",
    "well": "32",
    "not well": "31",
    "faint": "2",
}
_INDICATORS = {
    "audio_latency": "audio latency",
    "connection_uptime": "connection",
    "error_rate": "turns that failed",
    "memory_usage": "memory",
}
_LINK = {
    "disconnected": "closed while nobody talks",
    "connecting": "being connected",
    "ready": "connected",
    "renewing": "connected, and being renewed",
    "waiting_to_retry": "lost: waits for the next try",
    "open_circuit": "offline: tries now and then",
    "refused": "refused by the service",
}
_TALK = {"hold": "hold to talk", "tap": "tap to talk", "hands_free": "hands free"}
_BARS = "▁▂▃▄▅▆▇█"
METER_WIDTH = 40
METER_FLOOR_DBFS = -72.0
TURNS, FAULTS = 5, 3  # of those that have been, on one screen


def screen(told: Snapshot, *, colour: bool = False, meters: bool = False) -> str:
    """Return the screen, some thirty lines of up to 100 characters.

    Args:
        told: a snapshot.
        colour: whether it goes to a terminal that shows colours.
        meters: whether the level of the microphone belongs to it.
    """
    paint = _Paint(colour)
    blocks = [
        _head(told, paint),
        _indicators(told, paint),
        _spans(told),
        _faults(told, paint),
        _turns(told),
        _rest(told, paint),
    ]
    if meters:
        blocks.append(_meters(told, paint))
    return "\n\n".join("\n".join(block) for block in map(list, blocks) if block) + "\n"


class _Paint:
    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, look: str) -> str:
        return f"\x1b[{_COLOURS[look]}m{text}\x1b[0m" if self._colour else text


def _head(told: Snapshot, paint: _Paint) -> Iterator[str]:
    well = "well" if told["well"] else "not well"
    yield (
        f"Appliance {told['appliance']}: {paint(well, well)}, "
        f"for {lasted(told['uptime_s'])} (process {told['pid']})"
    )
    link, settings = told["link"], told["settings"]
    yield f"  state       {told['state']}, light: {told['light'].replace('_', ' ')}"
    yield (
        f"  link        {_LINK.get(link['state'], link['state'])}, for {lasted(link['since_s'])}; "
        f"{_found_again(link['reconnects'])}"
    )
    yield (
        f"  settings    {_TALK.get(settings['talk_mode'], settings['talk_mode'])}, "
        f"voice {plain(settings['voice'])}, language {settings['language']}, "
        f"{plain(settings['model'])}"
    )


def _found_again(times: int) -> str:
    if not times:
        return "never lost"
    return f"lost and found again {f'{times} times' if times > 1 else 'once'}"


def _indicators(told: Snapshot, paint: _Paint) -> Iterator[str]:
    yield "Indicators           now                  good, warning, critical   the last hour"
    for name, words in _INDICATORS.items():
        one = told["indicators"][name]
        value = "not known" if one["value"] is None else f"{_shown(one['value'])} {one['unit']}"
        level = paint(f"{one['level']:<9}", one["level"])
        limits = f"{one['target']:g}, {one['warning']:g}, {one['critical']:g}"
        hour = sparks(one["history"])
        yield f"  {words:<18} {value:<10}  {level} {limits:<24}  {hour}".rstrip()


def _spans(told: Snapshot) -> Iterator[str]:
    known = {name: one for name, one in told["spans_ms"].items() if one["n"]}
    if known:
        yield "Spans                     times    half within    95 % within"
    for name, one in known.items():
        words = plain(name).replace("_", " ")
        yield f"  {words:<22} {one['n']:>6} {one['p50']:>11.0f} ms {one['p95']:>11.0f} ms"


def _faults(told: Snapshot, paint: _Paint) -> Iterator[str]:
    for one in told["faults"]:
        bad = "warning" if one["severity"] in ("harmless", "notice") else "critical"
        name = paint(plain(one["fault"]), bad)
        yield f"{name}, for {lasted(one['since_s'])}: {plain(one['cause'])}"
        yield f"  {plain(one['cure'])}"
    standing = {one["fault"] for one in told["faults"]}
    past = [one for one in told["recent_faults"] if one["fault"] not in standing][:FAULTS]
    if past:
        yield "Faults that have been"
    for one in past:
        ago = lasted(max(0.0, told["at"] - one["at"]))
        yield f"  {plain(one['fault'])}, {ago} ago: {plain(one['cause'])}"
        yield paint(f"    {plain(one['cure'])}", "faint")


def _turns(told: Snapshot) -> Iterator[str]:
    counts = told["counters"]
    yield (
        f"{counts['turns']} turns: {counts['answered']} answered, {counts['interrupted']} "
        f"interrupted, {counts['too_short']} too short, {counts['failed']} failed"
    )
    for turn in told["turns"][:TURNS]:
        words = [f"  {_clock(turn['at'])}  {plain(turn['outcome'].replace('_', ' '))}"]
        if turn["said_ms"] is not None:
            words.append(f"{turn['said_ms'] / 1000:.1f} s said")
        if turn["release_to_first_sound_ms"] is not None:
            words.append(f"answered after {turn['release_to_first_sound_ms']:.0f} ms")
        if turn["cost_usd"]:
            words.append(f"${turn['cost_usd']:.4f}")
        yield ", ".join(words)


def _rest(told: Snapshot, paint: _Paint) -> Iterator[str]:
    cost, board, counts = told["cost"], told["board"], told["counters"]
    cap = f" of ${cost['cap_usd']:.2f}" if cost["cap_usd"] else ", no cap"
    stopped = paint(" (no turn begins until tomorrow)", "critical") if cost["stopped"] else ""
    yield f"Cost of today ${cost['today_usd']:.4f}{cap}{stopped}"
    yield (
        f"Sound  {counts['overflows']} overflows, {counts['underflows']} underflows, "
        f"{counts['lost_samples']} samples of speech lost; {_echo(told['echo'])}"
    )
    known = [
        f"{value:.0f} {unit}"
        for value, unit in (
            (board["temperature_c"], "°C"),
            (board["disk_free_mb"], "MB of card free"),
        )
        if value is not None
    ]
    if board["undervolted"]:
        known.append(paint("supply too weak", "critical"))
    if known:
        yield f"Board  {', '.join(known)}"


def _echo(echo: Mapping[str, Any] | None) -> str:
    if echo is None:
        return "echo is not cancelled"
    if not echo["converged"]:
        return "echo not learnt yet"
    delay = "" if echo["delay_ms"] is None else f", {echo['delay_ms']:.0f} ms late"
    return f"echo {echo['loss_db']:.0f} dB down{delay}"


def _meters(told: Snapshot, paint: _Paint) -> Iterator[str]:
    meters = told["meters"]
    if meters is None:
        yield "Microphone  no sound comes in"
        return
    rms, peak = meters["microphone_rms_dbfs"], meters["microphone_peak_dbfs"]
    look = "critical" if peak >= -1.0 else "good"
    yield f"Microphone  {paint(meter(rms, peak), look)}  {rms:5.1f} dBFS, peak {peak:5.1f}"


def meter(rms_dbfs: float, peak_dbfs: float) -> str:
    """Return a bar: as long as the RMS level, with a mark where the peak is."""

    def place(dbfs: float) -> int:
        share = (dbfs - METER_FLOOR_DBFS) / -METER_FLOOR_DBFS
        return round(min(max(share, 0.0), 1.0) * METER_WIDTH)

    bar = list("█" * place(rms_dbfs) + "·" * (METER_WIDTH - place(rms_dbfs)))
    if place(peak_dbfs):
        bar[place(peak_dbfs) - 1] = "│"
    return "".join(bar)


def sparks(history: Sequence[float | None]) -> str:
    """Return a line of small bars, two minutes each; nothing if nothing is known."""
    pairs = [history[i : i + 2] for i in range(0, len(history), 2)]
    known = [[value for value in pair if value is not None] for pair in pairs]
    values = [sum(each) / len(each) if each else None for each in known]
    there = [value for value in values if value is not None]
    if not there:
        return ""
    low, span = min(there), (max(there) - min(there)) or 1.0
    top = len(_BARS) - 1
    return "".join(
        " " if value is None else _BARS[round((value - low) / span * top)] for value in values
    )


def lasted(seconds: float) -> str:
    """Return a duration in the two largest units that it has."""
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def plain(text: str) -> str:
    """Return a text that cannot command a terminal; some of it comes from the service."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _shown(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.4g}"


def _clock(at: float) -> str:
    """Return the time of the day, where the reader is."""
    return time.strftime("%H:%M:%S", time.localtime(at))
