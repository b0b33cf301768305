"""Build the device from its settings, start it, and stop it: the one place that does."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.app_status import limits_from, shown_of, telling_status
from appliance.app_systemd import Reload, beating
from appliance.config.apart import SettingsApart
from appliance.devices.calibration import Calibration, calibration_in, input_gain_db
from appliance.devices.echo_reference import EchoReference
from appliance.devices.health import Board
from appliance.devices.journal import journal_for
from appliance.devices.network_watch import KernelNetwork
from appliance.devices.pipe import JsonTrace, NoPanel, NoTrace, PipePanel
from appliance.devices.portaudio_microphone import PortAudioMicrophone
from appliance.devices.portaudio_speaker import PortAudioSpeaker, buffer_samples
from appliance.devices.portaudio_system import SoundSystem
from appliance.devices.reply_voice import ReplyVoice
from appliance.devices.sound_front import SoundFront
from appliance.devices.state_file import UNWRITABLE, StateFile, StateKeeper
from appliance.devices.systemd import is_service, notify_ready, notify_stopping
from appliance.devices.terminal import TerminalPanel
from appliance.devices.websocket import WebSocketConnector, WebSocketOptions, this_machine
from appliance.dsp.beam import Mode
from appliance.dsp.chain import STAGES, Chain
from appliance.dsp.frame import FRAME
from appliance.dsp.geometry import GEOMETRIES, SINGLE
from appliance.errors import ApplianceError
from appliance.faults import fault, sentence
from appliance.panel.gestures import GestureRules
from appliance.ports import Journal, Panel, Trace
from appliance.prompts.store import Prompts, default_directory
from appliance.realtime.client_events import SessionUpdate
from appliance.realtime.wire_session import endpoint_url, session_update
from appliance.runner.button import ButtonRules
from appliance.runner.core import Runner
from appliance.runner.insight import MetricsTrace
from appliance.runner.pulse import WatchedMicrophone
from appliance.runner.rules import Devices, Purse, Rules
from appliance.runner.tools import ToolBox, time_tool, volume_tool
from appliance.session.budget import VERSION, BudgetRules, BudgetState, load
from appliance.session.health import HealthRules
from appliance.session.hearing import HearingRules
from appliance.session.instructions import build_instructions
from appliance.session.link import LinkRules
from appliance.session.prices import Prices
from appliance.session.pulse import Pulse
from appliance.session.turn import TurnRules

if TYPE_CHECKING:
    from appliance.config.settings import Settings
    from appliance.devices.gpio import GpioPins

# Two frames of the sound chain: what is captured waits for no more, however much an append carries.
CAPTURE_SAMPLES = 480
# A frame must not wait for a busy thread: measured, this cuts its 99th percentile to a third.
SWITCH_INTERVAL_S = 0.001
STATE = Path("/var/lib/appliance")  # what outlasts a restart, unless systemd names another
FREE_SILENT_S = 60.0  # with hands free nobody need talk for hours


async def serve(
    settings: Settings,
    panel_kind: str,
    sent_to: Path | None = None,
    config: Path | None = None,
) -> None:
    """Run the device until SIGTERM or SIGINT, or until its panel asks to quit.

    As a service, SIGHUP has it read its settings again.

    Args:
        panel_kind: "gpio", "terminal", "pipe" or "none".
        sent_to: with "pipe", a file that gets all audio that was sent.
        config: where the settings were read from; None for the usual place.

    Raises:
        ConfigError, HardwareError: it cannot be built; nothing was left open.
        ApplianceError: it has ended by itself, to be started anew; everything is closed.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        notify_stopping()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    closing = ExitStack()
    trace: Trace = NoTrace()
    if panel_kind == "pipe":
        trace = JsonTrace(sys.stdout, time.monotonic, sent_to, quit=stop.set)
        closing.callback(trace.close)
    panel = build_panel(settings, panel_kind, stop)
    # A line must not run into the light that a terminal's panel draws.
    say = panel.say if isinstance(panel, TerminalPanel) else None
    journal = journal_for(settings.endpoint.api_key.get_secret_value(), say)
    pulse = Pulse()

    seen = MetricsTrace(limits_from(settings), time.monotonic, journal, beside=trace)

    def ready() -> None:
        trace.record("ready", well=runner.is_well)
        how = "ready: press the button and talk" if runner.is_well else "started, with a fault"
        journal.event("ready", how)
        if directory is None:
            told = f"{sentence(UNWRITABLE)} (there is no directory for it)"
            journal.event(UNWRITABLE, told, level=fault(UNWRITABLE).severity.level)
        notify_ready(how)
        begin_to_beat()

    with closing, SoundSystem() as sound:
        directory = state_directory(os.environ, panel_kind)
        calibration = calibration_in(directory, journal)
        microphone, speaker = build_sound(settings, sound, calibration)
        board = Board(directory or STATE)
        devices = Devices(
            microphone=WatchedMicrophone(microphone, pulse),
            speaker=speaker,
            panel=panel,
            connector=build_connector(settings),
            journal=journal,
            trace=seen,
            # What a program drives is no device: its machine's heat and memory are others' affair.
            board=None if panel_kind == "pipe" else board,
            network=KernelNetwork(this_machine()),
        )
        devices.speaker.set_volume(settings.voice.volume)
        tools = (
            time_tool(lambda: datetime.now().astimezone()),
            volume_tool(devices.speaker, settings.voice.volume),
        )
        opening, volume = opening_from(settings), settings.voice.volume

        def apply(latest: Settings) -> None:
            nonlocal opening, volume
            opening = opening_from(latest)
            if latest.voice.volume != volume:  # else one that was asked for by voice would be lost
                volume = latest.voice.volume
                speaker.set_volume(volume)
            seen.note("settings", **shown_of(latest))

        reload = Reload(settings, lambda: SettingsApart(config).wait(), apply, journal)
        if is_service():  # in a terminal, SIGHUP means that it was closed
            loop.add_signal_handler(signal.SIGHUP, reload.begin)
        runner = Runner(
            devices,
            rules_from(settings),
            lambda tools: opening(tools),  # noqa: PLW0108 - the newest one, after a reload
            tools,
            prompt_pcm=prompts_from(settings),
            purse=purse_in(directory, board, journal),
        )
        with beating(pulse, sound) as begin_to_beat:
            async with telling_status(settings, seen, devices, runner.ears, panel_kind):
                await runner.run(stop, ready)
    if runner.outgrown:
        journal.event("memory_outgrown", runner.outgrown, level="error")
        raise ApplianceError(runner.outgrown)


def state_directory(environ: Mapping[str, str], panel_kind: str) -> Path | None:
    """Return where the state is kept; None if it is to be kept nowhere.

    A demo or a test, whose panel is a pipe, must not spend the money of the device beside it.
    """
    named = environ.get("STATE_DIRECTORY", "").split(":")[0]  # systemd's, from StateDirectory=
    if named:
        return Path(named)
    usable = panel_kind != "pipe" and STATE.is_dir() and os.access(STATE, os.W_OK)
    return STATE if usable else None


def purse_in(directory: Path | None, board: Board, journal: Journal) -> Purse:
    """Return the day's cost so far, as the last run left it, and what keeps it.

    Without a directory it begins with nothing, and nothing is kept.
    """
    if directory is None:
        return Purse(clock_set=board.clock_set)
    file = StateFile(directory / "budget.json", VERSION)
    found = file.read()
    for line in found.lines:
        journal.event("state_damaged", line, level="warning")
    return Purse(
        state=load(found.state or {}) or BudgetState(),
        keeper=lambda told: StateKeeper(file, told),
        clock_set=board.clock_set,
    )


def build_panel(settings: Settings, kind: str, stop: asyncio.Event) -> Panel:
    """Return the panel of this kind; only its own library is imported, for memory's sake.

    Raises:
        HardwareError: this machine has no such panel.
    """
    match kind:
        case "gpio":
            from appliance.devices.gpio import GpioPanel, load_gpio

            return GpioPanel(load_gpio(), gpio_pins(settings))
        case "terminal":
            holding = settings.hardware.talk_mode == "hold"
            return TerminalPanel(sys.stdin, sys.stdout, quit=stop.set, latches=holding)
        case "pipe":
            return PipePanel(sys.stdin, time.monotonic, quit=stop.set)
        case _:
            return NoPanel()


def gpio_pins(settings: Settings) -> GpioPins:
    """Return which pin has what on it; ConfigError if one has two things."""
    from appliance.devices.gpio import GpioPins

    hardware = settings.hardware
    leds = {
        "rgb": (hardware.led_red_pin, hardware.led_green_pin, hardware.led_blue_pin),
        "single": (hardware.led_pin,),
        "none": (),
    }
    return GpioPins(
        hardware.button_pin, leds[hardware.led], leds_active_low=not hardware.led_active_high
    )


def build_sound(
    settings: Settings, system: SoundSystem, calibration: Calibration | None = None
) -> tuple[PortAudioMicrophone, PortAudioSpeaker]:
    """Return microphone and loudspeaker, with the sound chain between the two."""
    hardware, audio = settings.hardware, settings.audio
    chunk_samples = min(CAPTURE_SAMPLES, audio.input_chunk_size)
    queued_samples = buffer_samples(audio.output_chunk_size, audio.total_buffer)
    reference = EchoReference(chunk_samples + queued_samples + FRAME)
    stages = stages_from(settings)
    geometry, beam = GEOMETRIES[hardware.array], Mode(hardware.array_mode)

    def chain() -> Chain:
        level = settings.session.noise_reduction.level
        return Chain(stages, geometry=geometry, beam=beam, noise_level=level)

    def front() -> SoundFront:
        gain_db = input_gain_db(calibration, system, hardware.microphone)
        return SoundFront(chain(), reference, gain_db)

    if stages:
        chain()  # what machine code there is, is found now and not at the first word
    microphone = PortAudioMicrophone(
        system,
        hardware.microphone,
        chunk_samples=chunk_samples,
        channel=hardware.microphone_channel,
        front=front if stages or calibration is not None else None,
    )
    speaker = PortAudioSpeaker(
        system,
        hardware.speaker,
        chunk_samples=audio.output_chunk_size,
        total_samples=audio.total_buffer,
        handed_over=reference.put if "echo" in stages else None,
        voice=voice_from(settings),
    )
    return microphone, speaker


def voice_from(settings: Settings) -> ReplyVoice | None:
    """Return what is left to do of speed and pitch after the service has done its part."""
    speed, pitch = settings.voice.device_speed, settings.voice.pitch
    return None if (speed, pitch) == (1.0, 0.0) else ReplyVoice(speed, pitch)


def stages_from(settings: Settings) -> tuple[str, ...]:
    """Return the stages of the sound chain that the settings want; none leaves every bit alone."""
    session = settings.session
    wanted = {
        "beam": settings.hardware.array != SINGLE.name,
        "echo": session.echo_cancellation,
        "denoise": session.noise_reduction.enabled and session.noise_reduction.level != "off",
        "gain": session.auto_gain_control,
    }
    wanted["highpass"] = any(wanted.values())
    return tuple(stage for stage in STAGES if wanted[stage])


def prompts_from(settings: Settings) -> Callable[[str], bytes]:
    """Return what gives the sound of a prompt, in the language of the settings."""
    language = settings.language.supported[settings.language.fallback_language].code
    prompts = Prompts(default_directory())
    prompts.preload(language)  # it may have to speak when the card can no longer be read
    return lambda key: prompts.pcm(key, language)


def build_connector(settings: Settings) -> WebSocketConnector:
    return WebSocketConnector(
        endpoint_url(settings),
        settings.endpoint.api_key.get_secret_value(),
        safety_identifier=settings.endpoint.safety_identifier,
        options=WebSocketOptions(
            compression=settings.websocket.compression,
            ping_interval_s=settings.websocket.heartbeat_interval_s,
            ping_timeout_s=settings.websocket.heartbeat_timeout_s,
            max_message_bytes=settings.websocket.max_payload_size,
            open_timeout_s=settings.websocket.handshake_timeout_s,
        ),
    )


def opening_from(settings: Settings) -> Callable[[ToolBox], SessionUpdate]:
    """Return what makes the `session.update` that opens each session."""
    instructions = build_instructions(
        settings.language.fallback_language,
        settings.session.personality,
        settings.voice.emphasis,
        settings.session.instructions,
    )
    push_to_talk = settings.hardware.talk_mode == "hold"

    def opening(tools: ToolBox) -> SessionUpdate:
        return session_update(
            settings, push_to_talk=push_to_talk, instructions=instructions, tools=tools.declared
        )

    return opening


def rules_from(settings: Settings) -> Rules:
    """Return the limits of every room, from the settings."""
    hardware, recovery = settings.hardware, settings.recovery
    cost, memory = settings.cost, settings.metrics.memory_usage
    hands_free = hardware.talk_mode == "hands_free"
    return Rules(
        turn=TurnRules(
            talk_mode=hardware.talk_mode,
            min_press_ms=hardware.min_press_ms,
            max_turn_s=hardware.max_turn_s,
            reply_timeout_s=hardware.reply_timeout_s,
            tidy_s=settings.scaling.cleanup_interval / 1000,
            # Only what is cancelled can be told from somebody who speaks.
            voice_interrupts=hands_free
            and settings.session.echo_cancellation
            and settings.turn_detection.interrupt_response,
        ),
        link=LinkRules(
            base_delay_s=recovery.base_delay / 1000,
            max_delay_s=recovery.max_delay / 1000,
            multiplier=recovery.backoff_multiplier,
            jitter=recovery.jitter,
            dial_timeout_s=settings.websocket.handshake_timeout_s + 5.0,  # and the session's set-up
            session_age_s=settings.scaling.session_timeout / 1000,
            max_retries=recovery.max_retries,
            failure_threshold=settings.circuit_breaker.failure_threshold,
            reset_s=settings.circuit_breaker.reset_timeout_s,
            # With hands free nobody presses to say that they are about to talk.
            idle_close_s=math.inf if hands_free else cost.idle_close_s,
            stall_s=hardware.reply_timeout_s * 2 / 3,  # so that it can be asked for once more
        ),
        button=ButtonRules(
            debounce_ms=hardware.debounce_ms,
            gestures=GestureRules(
                talk_mode=hardware.talk_mode,
                min_press_ms=hardware.min_press_ms,
                double_press_ms=hardware.double_press_ms,
                long_press_ms=hardware.long_press_ms,
                max_turn_s=hardware.max_turn_s,
            ),
        ),
        preroll_s=hardware.preroll_ms / 1000,
        chunk_samples=settings.audio.input_chunk_size,
        server_responds=settings.turn_detection.create_response,
        log_transcripts=settings.metrics.log_transcripts,
        budget=BudgetRules(
            Prices(
                audio_input_usd=cost.audio_input_usd,
                audio_cached_usd=cost.audio_cached_usd,
                audio_output_usd=cost.audio_output_usd,
                text_input_usd=cost.text_input_usd,
                text_cached_usd=cost.text_cached_usd,
                text_output_usd=cost.text_output_usd,
                transcription_usd=cost.transcription_usd,
            ),
            cost.daily_cap_usd,
        ),
        health=HealthRules(memory.target, memory.warning, memory.critical),
        hearing=HearingRules(silent_s=FREE_SILENT_S) if hands_free else HearingRules(),
    )
