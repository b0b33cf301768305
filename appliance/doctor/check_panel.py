"""Do the button and the LEDs work? A person presses and looks; without one, the pins are tried."""

from __future__ import annotations

import asyncio

from appliance.app import gpio_pins
from appliance.devices.gpio import GpioPanel
from appliance.doctor.findings import Figures, Finding, cure_of, fail, ok, skipped, warn
from appliance.doctor.patient import Patient
from appliance.doctor.presses import Press, bounces_of
from appliance.errors import ConfigError, HardwareError
from appliance.panel.face import draw
from appliance.panel.lights import LIGHTS
from appliance.ports import Light

_LET_GO_S = 5.0  # within which a finger is expected to leave the button
_QUIET_S = 0.1  # after the release, for its bounces


def button(patient: Patient) -> Finding:
    """Is the button's press seen, and how many times does its contact bounce?"""
    reason = _why_not(patient)
    if reason:
        return _stuck(patient) or skipped(reason)
    hardware = patient.settings.hardware
    try:
        return asyncio.run(_press(patient, hardware.button_pin, hardware.debounce_ms))
    except (HardwareError, ConfigError) as error:
        return fail(str(error), "correct [hardware]; join the group gpio", pin=hardware.button_pin)


def _stuck(patient: Patient) -> Finding | None:
    for each in (patient.snapshot or {}).get("faults") or []:
        if each.get("fault") == "button_stuck":
            return fail("the running device reports button_stuck", cure_of("button_stuck"))
    return None


def _why_not(patient: Patient) -> str:
    """Return why the pins cannot be tried; "" if they can."""
    panel = patient.settings.hardware.panel
    if panel != "gpio":
        return f'hardware.panel is "{panel}": there are no pins to try'
    if patient.runs:
        return "the running device has the pins (--stop-service for a test)"
    return ""


async def _press(patient: Patient, pin: int, debounce_ms: float) -> Finding:
    gpio = patient.load_gpio()
    panel = GpioPanel(gpio, gpio_pins(patient.settings))
    edges: list[tuple[bool, float]] = []
    came = asyncio.Event()

    def edge(pressed: bool, at_s: float) -> None:
        edges.append((pressed, at_s))
        came.set()

    panel.start(edge)
    try:
        if gpio.input(pin) == gpio.LOW:
            said = f"pin {pin} is held down: a finger, a short, or the wrong pin"
            return fail(said, cure_of("button_stuck"), pin=pin)
        if not _has_a_person(patient):
            return ok(f"pin {pin} can be had and is open; nobody was asked to press", pin=pin)
        within_s = patient.allowed.for_a_press_s
        patient.teller.say(f"press the button once, and let go (within {within_s:.0f} s)")
        try:
            await asyncio.wait_for(came.wait(), within_s)
            await _released(edges, came)
        except TimeoutError:
            if not edges:
                cure = f"is it between pin {pin} (BCM) and ground? see hardware.button_pin"
                return fail(f"no press was seen within {within_s:.0f} s", cure, pin=pin)
            return fail("it was pressed, and did not come back", cure_of("button_stuck"), pin=pin)
        return judge_press(bounces_of(edges), pin, debounce_ms, panel.lost_edges)
    finally:
        panel.stop()


async def _released(edges: list[tuple[bool, float]], came: asyncio.Event) -> None:
    """Wait until the contact has been open for a while.

    Raises:
        TimeoutError: it stays closed.
    """
    async with asyncio.timeout(_LET_GO_S):
        while True:
            came.clear()
            try:
                await asyncio.wait_for(came.wait(), _QUIET_S)
            except TimeoutError:
                if not edges[-1][0]:
                    return


def judge_press(press: Press, pin: int, debounce_ms: float, lost_edges: int) -> Finding:
    """Say what one press was like."""
    figures: Figures = {
        "pin": pin,
        "edges": press.edges,
        "bounces": press.bounces,
        "settles_ms": round(press.settles_ms, 1),
        "lost_edges": lost_edges,
    }
    said = f"pressed; {press.bounces} bounces, settled within {press.settles_ms:.0f} ms"
    if press.settles_ms > debounce_ms:
        wanted = 10 * (int(press.settles_ms) // 10 + 1)
        cure = f"set hardware.debounce_ms to {wanted}, or take another button"
        return warn(f"{said}; debounce_ms is {debounce_ms:g}", cure, **figures)
    if lost_edges:
        cure = "it works all the same, 50 ms later; update rpi-lgpio if this goes on"
        return warn(f"{said}; {lost_edges} edges came by the poll alone", cure, **figures)
    return ok(said, **figures)


def leds(patient: Patient) -> Finding:
    """Does each light look like it should?"""
    reason = _why_not(patient)
    pins = gpio_pins(patient.settings).leds
    if not pins:
        return skipped('hardware.led is "none"')
    if reason:
        return skipped(reason)
    try:
        return asyncio.run(_walk(patient, list(pins)))
    except (HardwareError, ConfigError) as error:
        return fail(str(error), "correct [hardware]; join the group gpio", pins=list(pins))


async def _walk(patient: Patient, pins: list[int]) -> Finding:
    panel = GpioPanel(patient.load_gpio(), gpio_pins(patient.settings))
    panel.start(lambda _pressed, _at_s: None)
    try:
        if not _has_a_person(patient):
            named = ", ".join(map(str, pins))
            return skipped(f"pins {named} can be had; nobody was there to look", pins=pins)
        patient.teller.say("look at the LEDs: they show, one after the other")
        for light in Light:
            panel.show(light)
            patient.teller.say(f"  {draw(light, colour=patient.teller.colour)}")
            await asyncio.sleep(_shown_s(light, patient.allowed.light_s))
    finally:
        panel.stop()
    lights = [light.value for light in Light]
    if patient.teller.ask("did each of them show, in its colour?"):
        return ok(f"{len(lights)} lights were seen", pins=pins, lights=lights)
    cure = "check the pins (hardware.led_*_pin), hardware.led and hardware.led_active_high"
    return fail("not every light was seen", cure, pins=pins, lights=lights)


def _shown_s(light: Light, least_s: float) -> float:
    """Return how long to show a light: its rhythm once, but for `idle`, whose blip comes first."""
    period_s = sum(beat.for_s for beat in LIGHTS[light].beats)
    return least_s if light is Light.IDLE else min(max(least_s, period_s), 2 * least_s)


def _has_a_person(patient: Patient) -> bool:
    return patient.allowed.questions
