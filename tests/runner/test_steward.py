"""The board, the card and the ears, watched while the device runs."""

from __future__ import annotations

import asyncio
import threading

from appliance.faults import fault
from appliance.ports import Flash, Level, Light
from appliance.session.health import HealthRules, Readings

MB = 1_000_000
HOT = Readings(temperature_c=85.0)
COOL = Readings(temperature_c=50.0)
LOUD = Level(-3.0, -20.0, 0.0)
CLIPPED = Level(0.0, -10.0, 0.05)
MUTED = Level(-96.0, -96.0, 0.0)


def names(bench):
    return [name for name, _ in bench.journal.lines]


async def look(bench):
    """Let it look once more."""
    looks = bench.board.looks
    bench.runner._steward.due_s = bench.clock()
    bench.runner._tick()
    await bench.until(lambda: bench.board.looks > looks and bench.runner._steward._look is None)


async def test_heat_is_told_once_shown_as_long_as_it_lasts_and_told_over(bench):
    async with bench(prompts=True) as b:
        await b.online()
        b.board.readings = HOT
        for _ in range(3):
            await look(b)
        assert b.panel.lights[-1] is Light.FAULT
        assert b.prompts == ["too_hot"]
        assert names(b).count("too_hot") == 1
        assert any("(85 °C)" in line for _, line in b.journal.lines)
        b.board.readings = COOL
        for _ in range(2):
            await look(b)
        assert names(b).count("too_hot_over") == 1
        assert b.panel.lights[-1] is Light.IDLE
        assert b.panel.flashes == [], "the table has none for it"


async def test_what_is_over_before_it_could_be_said_is_not_said(bench):
    async with bench(prompts=True) as b:
        await b.online()
        b.panel.press()
        for readings in (HOT, COOL):
            b.board.readings = readings
            await look(b)
        b.panel.release()
        b.microphone.say(bytes(480), b.clock() + 0.1)
        await b.until(lambda: b.state == "Idle")
        assert "too_hot" not in b.prompts


async def test_it_looks_at_the_start_and_every_ten_seconds(bench):
    async with bench() as b:
        await b.until(lambda: b.board.looks == 1)
        assert 9 < b.runner._steward.due_s - b.clock() <= 10


async def test_a_slow_look_is_waited_for_and_not_overtaken(bench):
    async with bench() as b:
        await b.online()
        await b.until(lambda: b.runner._steward._look is None)
        entered, done = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def slow():
            b.board.looks += 1
            loop.call_soon_threadsafe(entered.set)
            done.wait(5)
            return HOT

        b.board.look = slow
        looks = b.board.looks
        for _ in range(3):
            b.runner._steward.due_s = b.clock()
            b.runner._tick()
        await asyncio.wait_for(entered.wait(), 5)
        assert b.board.looks == looks + 1
        loop.call_later(0.05, done.set)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "look"]


async def test_a_notice_shows_no_light(bench):
    async with bench(prompts=True) as b:
        await b.online()
        b.board.readings = Readings(update_pending=True)
        await look(b)
        assert b.prompts == ["update_pending"]
        assert Light.FAULT not in b.panel.lights


async def test_a_full_card_is_a_fault_until_a_write_works(bench):
    async with bench(prompts=True) as b:
        await b.online()
        b.keeper.fail("disk_full", "No space left on device")
        assert b.panel.lights[-1] is Light.FAULT
        assert b.prompts == ["disk_full"]
        b.keeper.fail("", "")
        assert "disk_full_over" in names(b)
        assert b.panel.lights[-1] is Light.IDLE


async def test_a_card_that_cannot_be_written_is_a_line_for_those_who_look(bench):
    async with bench(prompts=True) as b:
        await b.online()
        b.keeper.fail("state_not_saved", "Read-only file system")
        assert "state_not_saved" in names(b)
        assert "Read-only file system" in b.journal.lines[-1][1]
        assert (b.prompts, b.panel.flashes) == ([], [])
        b.keeper.fail("", "")
        assert "state_not_saved_over" in names(b)
        assert Light.FAULT not in b.panel.lights


def ends(bench):
    """Return whether it has ended by itself."""
    return bench.runner._stop.is_set()


async def test_a_process_that_has_outgrown_its_limit_ends_when_nobody_talks(bench):
    async with bench(health=HealthRules(10.0, 20.0, 30.0)) as b:
        await b.online()
        b.board.readings = Readings(resident_bytes=9 * MB)
        await look(b)
        b.panel.press()
        b.speak()
        b.board.readings = Readings(resident_bytes=40 * MB)
        await look(b)
        b.runner._tick()
        assert not ends(b), "somebody talks"
        b.panel.release()
        await b.until(lambda: b.state == "Closing")
        b.microphone.say(bytes(4800), b.clock())
        await b.until(lambda: b.sent("response.create"))
        b.answer()
        await b.until(lambda: b.state == "Speaking" and b.runner.state.done)
        b.runner._tick()
        assert not ends(b), "somebody listens"
        b.speaker.hear_all()
        await b.until(lambda: b.state == "Idle")
        b.runner._tick()
        assert ends(b)
        assert "40 MB" in b.runner.outgrown


async def test_a_process_that_is_too_large_from_its_start_does_not_start_again_and_again(bench):
    async with bench(health=HealthRules(10.0, 20.0, 30.0)) as b:
        b.board.readings = Readings(resident_bytes=40 * MB)
        await b.online()
        for _ in range(3):
            await look(b)
        b.runner._tick()
        assert not ends(b)
        assert "memory_high" in names(b)


async def hear(bench, level, seconds):
    for _ in range(round(seconds * 10)):
        bench.at_s = getattr(bench, "at_s", 100.0) + 0.1
        bench.microphone.say(bytes(4800), bench.at_s, level=level)


async def test_a_muted_microphone_is_told_while_somebody_talks(bench):
    async with bench() as b:
        await b.online()
        await hear(b, MUTED, 5)
        assert "microphone_silent" not in names(b), "nobody is expected to talk"
        b.panel.press()
        await hear(b, MUTED, 2.5)
        assert "microphone_silent" not in names(b)
        await hear(b, MUTED, 3)
        assert names(b).count("microphone_silent") == 1
        assert b.panel.flashes == [Flash.ERROR]
        assert b.state == "Listening", "the turn goes on"
        await hear(b, LOUD, 0.5)
        assert "microphone_silent_over" in names(b)


async def test_an_overdriven_microphone_is_told_after_the_turn(bench):
    async with bench(prompts=True) as b:
        await b.online()
        b.panel.press()
        await hear(b, CLIPPED, 2.5)
        assert "microphone_clipping" in names(b)
        assert b.prompts == [], "somebody talks"
        assert b.panel.flashes == []


async def test_sound_that_nobody_measured_says_nothing_of_the_microphone(bench):
    async with bench() as b:
        await b.online()
        b.panel.press()
        await hear(b, None, 10)
        assert "microphone_silent" not in names(b)


async def test_a_stuck_button_is_a_fault_until_it_is_let_go(bench):
    gestures = {"stuck_s": 0.05, "max_turn_s": 0.03}
    async with bench(mode="hold", gestures=gestures, prompts=True) as b:
        await b.online()
        b.panel.press()
        b.speak()
        await b.until(lambda: "button_stuck" in names(b))
        await b.until(lambda: b.state != "Listening")
        b.microphone.say(bytes(4800), b.clock())
        await b.until(lambda: b.sent("response.create"))
        b.answer()
        await b.until(lambda: b.state == "Speaking" and b.runner.state.done)
        b.speaker.hear_all()
        await b.until(lambda: b.state == "Idle")
        assert b.panel.lights[-1] is Light.FAULT
        assert Flash.ERROR in b.panel.flashes
        assert fault("button_stuck").prompt in b.prompts
        b.panel.release()
        await b.until(lambda: "button_stuck_over" in names(b))
        assert b.panel.lights[-1] is Light.IDLE
        b.speaker.hear_all()
        await b.ask()
