import pytest

from appliance.config.load import load
from appliance.config.notices import warnings_for
from appliance.config.settings import Settings

KEY = {"api_key": "k-123456"}


def notices(explicit=(), **sections):
    """Warnings beyond those of good default settings with a key."""
    usual = warnings_for(Settings(endpoint=KEY), ())
    settings = Settings(**{"endpoint": KEY, **sections})
    return [line for line in warnings_for(settings, explicit) if line not in usual]


def test_defaults_with_a_key_have_one_honest_warning():
    (line,) = warnings_for(Settings(endpoint=KEY), ())
    assert line.startswith("session.input_audio_transcription.model: ")
    assert "whisper-1" in line
    assert "2027-02-26" in line


@pytest.mark.parametrize(
    ("model", "date", "instead"),
    [
        ("gpt-realtime", "2027-01-20", "use gpt-realtime-2.1"),
        ("gpt-realtime-2025-08-28", "2027-01-20", "use gpt-realtime-2.1"),
        ("gpt-realtime-mini", "2027-01-20", "use gpt-realtime-2.1-mini"),
        ("gpt-realtime-mini-2025-12-15", "2027-01-20", "use gpt-realtime-2.1-mini"),
        ("gpt-4o-realtime-preview", "2026-05-07", "refuses every connection"),
        ("gpt-4o-realtime-preview-2024-12-17", "2026-05-07", "refuses every connection"),
        ("gpt-4o-mini-realtime-preview", "2026-05-07", "refuses every connection"),
    ],
)
def test_deprecated_models_are_accepted_with_the_date(model, date, instead):
    (line,) = notices(session={"model": model})
    assert line.startswith(f"session.model: the service shuts {model} down on {date}")
    assert instead in line


@pytest.mark.parametrize("model", ["gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-2"])
def test_current_models_have_none(model):
    assert notices(session={"model": model}) == []


@pytest.mark.parametrize(
    ("model", "deprecated"),
    [
        ("gpt-4o-transcribe", True),
        ("gpt-4o-mini-transcribe-2025-12-15", True),
        ("gpt-4o-transcribe-diarize", True),
        ("gpt-transcribe", False),
        ("gpt-live-transcribe", False),
    ],
)
def test_transcription_models(model, deprecated):
    lines = notices(session={"input_audio_transcription": {"model": model}})
    assert any("2027-02-26" in line and model in line for line in lines) is deprecated


@pytest.mark.parametrize(
    ("sections", "explicit", "start"),
    [
        ({}, "session.temperature", "session.temperature: "),
        ({}, "session.modalities", "session.modalities: "),
        ({"session": {"modalities": ["text"]}}, "session.modalities", "session.modalities: "),
        ({"voice": {"name": "juniper"}}, None, 'voice.name: "juniper" is not a voice known'),
        ({"websocket": {"compression": True}}, None, "websocket.compression: "),
        ({"turn_detection": {"eagerness": "low"}}, "turn_detection.eagerness", "turn_detection.e"),
        (
            {"turn_detection": {"type": "semantic_vad", "idle_timeout_ms": 6000}},
            None,
            "turn_detection.idle_timeout_ms: ",
        ),
        ({"endpoint": {}}, None, "endpoint.api_key: none given"),
        ({"endpoint": {"url": "ws://lan/v1", **KEY}}, None, "endpoint.url: ws:// sends the key"),
    ],
)
def test_what_is_worth_a_word(sections, explicit, start):
    (line,) = notices([explicit] if explicit else [], **sections)
    assert line.startswith(start)


@pytest.mark.parametrize(
    ("sections", "explicit"),
    [
        ({"session": {"modalities": ["audio"]}}, "session.modalities"),
        ({"turn_detection": {"type": "semantic_vad"}}, "turn_detection.eagerness"),
        ({"voice": {"speed": 1.5, "name": "cedar"}}, "voice.speed"),
        ({"endpoint": {"url": "ws://127.0.0.1:8080/v1/realtime"}}, "endpoint.url"),
        ({"endpoint": {"url": "ws://127.0.0.1:8080/v1/realtime", **KEY}}, "endpoint.url"),
    ],
)
def test_what_is_not(sections, explicit):
    assert notices([explicit], **sections) == []


def test_a_default_written_out_counts_as_given(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text("[session]\ntemperature = 0.8\n")
    loaded = load(file, {"OPENAI_API_KEY": "k-123456"})
    lines = warnings_for(loaded.settings, loaded.explicit)
    assert [line.split(":")[0] for line in lines] == [
        "session.input_audio_transcription.model",
        "session.temperature",
    ]


def test_a_setting_that_nothing_reads_yet_is_said_so():
    settings = Settings(voice={"pitch": 3.0})
    (line,) = [
        w
        for w in warnings_for(settings, {"security.api_keys.key_length"})
        if w.startswith("security.api_keys")
    ]
    assert "no effect" in line
    assert not [w for w in warnings_for(settings, set()) if "security.api_keys" in w]
