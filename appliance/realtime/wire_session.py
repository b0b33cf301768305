"""From the settings to the endpoint's URL and the first `session.update`.

Every value that matters is sent, defaults included: the server's own defaults have been seen to
differ. `temperature` is never sent, for the API no longer knows it; `model` stands in the URL,
because a session cannot change it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from appliance.realtime.client_events import SessionUpdate
from appliance.realtime.client_structures import (
    UNSET,
    AudioInput,
    AudioOutput,
    AudioSettings,
    FunctionTool,
    NoiseReduction,
    PcmFormat,
    SemanticVad,
    ServerVad,
    SessionSettings,
    Transcription,
    TurnDetection,
)

if TYPE_CHECKING:
    from appliance.config.settings import Settings


def endpoint_url(settings: Settings) -> str:
    """Return `endpoint.url` with `model` in its query; other query parameters stay."""
    parts = urlsplit(settings.endpoint.url)
    query = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k != "model"]
    query.append(("model", settings.session.model))
    return urlunsplit(parts._replace(query=urlencode(query)))


def session_update(
    settings: Settings,
    *,
    push_to_talk: bool,
    instructions: str,
    tools: tuple[FunctionTool, ...],
) -> SessionUpdate:
    """Return the event that sets a new session up.

    Args:
        push_to_talk: the button ends a turn, so the server's turn detection is off.
        instructions: what the model is told, language and emphasis included.
        tools: the functions that it may call; () for none.
    """
    session = settings.session
    output = AudioOutput(
        format=PcmFormat(),
        voice=settings.voice.name,
        speed=settings.voice.wire_speed,  # 0.25 to 1.5; what is beyond is done on the device
    )
    return SessionUpdate(
        SessionSettings(
            instructions=instructions,
            output_modalities=session.output_modalities,
            audio=AudioSettings(_audio_input(settings, push_to_talk), output),
            max_output_tokens=session.max_response_output_tokens,
            tools=tools,
            tool_choice=session.tool_choice,
        )
    )


def _audio_input(settings: Settings, push_to_talk: bool) -> AudioInput:
    remote = settings.session.noise_reduction.remote
    return AudioInput(
        format=PcmFormat(),
        # No language: a wrong one is worse than none, and people change theirs in mid-talk.
        transcription=Transcription(model=settings.session.input_audio_transcription.model),
        noise_reduction=None if remote == "none" else NoiseReduction(remote),
        turn_detection=None if push_to_talk else _turn_detection(settings),
    )


def _turn_detection(settings: Settings) -> TurnDetection:
    wanted = settings.turn_detection
    if wanted.type == "semantic_vad":
        return SemanticVad(
            eagerness=wanted.eagerness,
            create_response=wanted.create_response,
            interrupt_response=wanted.interrupt_response,
        )
    return ServerVad(
        threshold=wanted.threshold,
        prefix_padding_ms=wanted.prefix_padding_ms,
        silence_duration_ms=wanted.silence_duration_ms,
        idle_timeout_ms=UNSET if wanted.idle_timeout_ms is None else wanted.idle_timeout_ms,
        create_response=wanted.create_response,
        interrupt_response=wanted.interrupt_response,
    )
