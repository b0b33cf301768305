"""Defaults are the seed's, ranges hold, and each section refuses what does not go together."""

import tomllib

import pytest
from pydantic import ValidationError

from appliance.config.catalogue import plain
from appliance.config.dialogue import Language, Session
from appliance.config.hardware import Hardware
from appliance.config.link import CircuitBreaker, Endpoint, Recovery, WebSocket
from appliance.config.load import load
from appliance.config.settings import Settings
from appliance.config.sound import Voice

# Literal on purpose: a default that changes must fail here.
DEFAULTS = """
[audio]
format = "pcm16"
sample_rate = 24000
input_chunk_size = 1024
output_chunk_size = 2048
total_buffer = 4096
channels = 1
[websocket]
compression = false
heartbeat_interval = 30000
heartbeat_timeout = 5000
max_payload_size = 10485760
handshake_timeout = 10000
reconnect_strategy = "exponential"
[turn_detection]
type = "server_vad"
threshold = 0.5
prefix_padding_ms = 300
silence_duration_ms = 500
create_response = true
interrupt_response = true
eagerness = "auto"
[voice]
name = "alloy"
speed = 1.0
pitch = 0.0
volume = 0.8
emphasis = "moderate"
[language]
confidence_threshold = 0.7
detection_window = 3000
fallback_language = "english"
auto_switch = true
confirmation_prompt = true
[language.supported]
english = { confidence = 0.95, code = "en" }
spanish = { confidence = 0.90, code = "es" }
french = { confidence = 0.88, code = "fr" }
german = { confidence = 0.85, code = "de" }
japanese = { confidence = 0.82, code = "ja" }
chinese = { confidence = 0.80, code = "zh" }
portuguese = { confidence = 0.78, code = "pt" }
russian = { confidence = 0.75, code = "ru" }
[session]
model = "gpt-realtime-2.1-mini"
modalities = ["text", "audio"]
personality = "friendly"
instructions = ""
input_audio_transcription = { model = "whisper-1" }
tool_choice = "auto"
temperature = 0.8
max_response_output_tokens = 4096
noise_reduction = { enabled = true, level = "moderate", remote = "none" }
echo_cancellation = true
auto_gain_control = true
[recovery]
max_retries = 5
base_delay = 1000
max_delay = 10000
backoff_multiplier = 2.0
jitter = true
[circuit_breaker]
failure_threshold = 5
reset_timeout = 60000
[metrics]
audio_latency = { target = 200.0, warning = 300.0, critical = 500.0 }
connection_uptime = { target = 99.9, warning = 99.0, critical = 95.0 }
error_rate = { target = 0.1, warning = 1.0, critical = 5.0 }
memory_usage = { target = 50.0, warning = 80.0, critical = 100.0 }
log_transcripts = false
[security]
authentication = { type = "JWT", expiry = 3600, refresh_threshold = 300, algorithm = "RS256" }
rate_limiting = { requests_per_hour = 1000, requests_per_minute = 60, burst_limit = 10 }
api_keys = { rotation_interval = 2592000, max_active_keys = 5, key_length = 64 }
[scaling]
max_concurrent_sessions = 100
session_timeout = 1800000
cleanup_interval = 60000
[scaling.resource_allocation]
cpu_per_session = 0.3
memory_per_session = 100.0
bandwidth_per_session = 1.0
[hardware]
panel = "gpio"
talk_mode = "hold"
microphone = "auto"
speaker = "auto"
microphone_channel = 0
array = "single"
array_mode = "superdirective"
button_pin = 17
led = "rgb"
led_red_pin = 22
led_green_pin = 23
led_blue_pin = 24
led_pin = 27
led_active_high = true
preroll_ms = 300
debounce_ms = 30
min_press_ms = 150
long_press_ms = 1000
double_press_ms = 400
max_turn_s = 60.0
reply_timeout_s = 15.0
[cost]
audio_input_usd = 10.0
audio_cached_usd = 0.30
audio_output_usd = 20.0
text_input_usd = 0.60
text_cached_usd = 0.06
text_output_usd = 2.40
transcription_usd = 0.006
daily_cap_usd = 0.0
idle_close = 0
[endpoint]
url = "wss://api.openai.com/v1/realtime"
api_key = ""
safety_identifier = ""
"""


def refused(build, *words):
    with pytest.raises(ValidationError) as caught:
        build()
    text = str(caught.value.errors(include_url=False))
    assert all(word in text for word in words), text


def test_defaults_are_the_documented_ones():
    expected = tomllib.loads(DEFAULTS)
    expected["turn_detection"]["idle_timeout_ms"] = None  # TOML has no word for unset
    assert plain(Settings()) == expected


def test_defaults_written_out_are_taken_back(tmp_path):
    file = tmp_path / "all.toml"
    file.write_text(DEFAULTS)
    assert load(file, {}).settings == Settings()


def test_settings_do_not_look_at_the_machine(monkeypatch):
    monkeypatch.setenv("APPLIANCE_VOICE__NAME", "echo")
    monkeypatch.setenv("VOICE", '{"name": "echo"}')
    assert Settings().voice.name == "alloy"


def test_settings_are_frozen_through_and_through():
    settings = Settings()
    for table, name in ((settings, "audio"), (settings.audio, "channels")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(table, name, None)


@pytest.mark.parametrize(
    ("section", "name", "good", "bad"),
    [
        ("audio", "input_chunk_size", [240, 8192], [239, 8193, 1024.0, "1024", True]),
        ("audio", "output_chunk_size", [240, 4096], [239, 8193]),
        ("audio", "sample_rate", [24000], [16000, 48000, 24000.0]),
        ("audio", "channels", [1], [2, True, 1.0]),
        ("turn_detection", "type", ["server_vad", "semantic_vad"], ["none", ""]),
        ("turn_detection", "idle_timeout_ms", [None, 5000, 30000], [4999, 30001, "none"]),
        ("voice", "speed", [0.25, 4, 4.0], [0.24, 4.01, float("nan")]),
        ("voice", "pitch", [-20, 20], [-21, 21]),
        ("voice", "volume", [0, 1], [-0.1, 1.1, float("inf")]),
        ("voice", "name", ["juniper"], ["", "two words"]),
        ("session", "max_response_output_tokens", [1, 4096, "inf"], [0, 4097, "all", None]),
        ("session", "modalities", [["audio"], ["text"], []], [["video"], "audio", [1]]),
        ("hardware", "button_pin", [0, 27], [-1, 28]),
        ("hardware", "microphone_channel", [0, 7], [-1, 8]),
        ("cost", "daily_cap_usd", [0.0, 0.05, 100000], [-0.01, 100001, float("nan"), "1"]),
        ("endpoint", "safety_identifier", ["", "user-7f"], ["a b", "é", "a\r\nX: y"]),
    ],
)
def test_ranges(section, name, good, bad):
    for value in good:
        given = Settings(**{section: {name: value}})
        kept = getattr(getattr(given, section), name)
        assert kept == (tuple(value) if isinstance(value, list) else value)
    for value in bad:
        refused(lambda value=value: Settings(**{section: {name: value}}), section, name)


@pytest.mark.parametrize(
    ("section", "values", "first", "words"),
    [
        ("audio", {"total_buffer": 2047}, "total_buffer", "less than output_chunk_size (2048)"),
        ("audio", {"output_chunk_size": 8192}, "total_buffer", "4096 is less than"),
        ("recovery", {"max_delay": 999}, "max_delay", "less than base_delay (1000)"),
        ("language", {"fallback_language": "latin"}, "fallback_language", "english, spanish"),
        ("metrics", {"error_rate": {"warning": 9.0}}, "warning", "9 is not between"),
        ("security", {"authentication": {"expiry": 300}}, "refresh_threshold", "300 is not less"),
        ("hardware", {"led_red_pin": 17}, "led_red_pin", "pin 17 is also button_pin"),
        ("hardware", {"led": "single", "led_pin": 17}, "led_pin", "pin 17 is also button_pin"),
        ("hardware", {"long_press_ms": 150}, "long_press_ms", "not more than min_press_ms (150)"),
    ],
)
def test_what_does_not_go_together(section, values, first, words):
    with pytest.raises(ValidationError) as caught:
        Settings(**{section: values})
    (detail,) = caught.value.errors()
    (conflict,) = detail["ctx"]["found"]
    assert conflict.names[0] == first
    assert words in conflict.message


@pytest.mark.parametrize(
    "values",
    [
        {"led": "single", "led_red_pin": 17},
        {"led": "none", "led_pin": 17, "led_blue_pin": 17},
        {"panel": "terminal", "led_red_pin": 17},
    ],
)
def test_pins_that_are_not_in_use_may_be_shared(values):
    assert Hardware(**values)


def test_a_pin_shared_by_three_is_told_for_each():
    with pytest.raises(ValidationError) as caught:
        Hardware(led_red_pin=5, led_green_pin=5, led_blue_pin=5)
    (detail,) = caught.value.errors()
    assert [conflict.names[0] for conflict in detail["ctx"]["found"]] == [
        "led_green_pin",
        "led_blue_pin",
    ]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("auto", "auto"),
        ("card:ArrayUAC10", "card:ArrayUAC10"),
        ("usb:2886:001A", "usb:2886:001a"),
        ("usb-path:1-1.2", "usb-path:1-1.2"),
        ("pcm:mic", "pcm:mic"),
        ("pcm:hw:CARD=Device,DEV=0", "pcm:hw:CARD=Device,DEV=0"),
    ],
)
def test_sound_cards_by_what_stays(given, kept):
    hardware = Hardware(microphone=given, speaker=given)
    assert (hardware.microphone, hardware.speaker) == (kept, kept)


@pytest.mark.parametrize(
    "number", ["1", "card:1", "hw:1", "hw:1,0", "plughw:2,0", "hw:CARD=1", "pcm:hw:0", "pcm:3"]
)
def test_a_sound_card_by_number_is_refused_with_the_reason(number):
    refused(lambda: Hardware(microphone=number), "changes with plugs and boots", "card:NAME")


@pytest.mark.parametrize(
    "bad", ["", "mic", "usb:1:2", "usb-path:one", "pcm:", "card:a b", "pcm:a\n"]
)
def test_what_is_no_selector_is_refused(bad):
    refused(lambda: Hardware(speaker=bad), "names no sound card")


@pytest.mark.parametrize(
    ("given", "kept", "public"),
    [
        ("https://api.openai.com/v1/realtime", "wss://api.openai.com/v1/realtime", True),
        ("WSS://API.OpenAI.com/v1/realtime", "wss://API.OpenAI.com/v1/realtime", True),
        ("http://127.0.0.1:8080", "ws://127.0.0.1:8080", False),
        ("ws://[::1]:9/v1?deployment=a", "ws://[::1]:9/v1?deployment=a", False),
        ("wss://api.openai.com.evil.example/x", "wss://api.openai.com.evil.example/x", False),
    ],
)
def test_addresses_become_websocket_addresses(given, kept, public):
    endpoint = Endpoint(url=given)
    assert endpoint.url == kept
    assert endpoint.is_public is public


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ("ftp://host/x", "must begin"),
        ("api.openai.com", "must begin"),
        ("wss:///v1", "no host"),
        ("wss://", "no host"),
        ("wss://host:port/", "cannot be read"),
        ("wss://host:99999/", "cannot be read"),
        ("wss://[::1/", "cannot be read"),
        ("wss://ho st/", "space"),
        ("wss://host/\n", "control"),
        ("wss://me:hunter2@host/", "user name or password"),
        ("wss://host/#a", "'#'"),
        ("", "must begin"),
    ],
)
def test_addresses_that_are_none(bad, word):
    refused(lambda: Endpoint(url=bad), word)


def test_a_key_is_stripped_and_must_fit_a_header():
    assert Endpoint(api_key=" sk-abc\n").api_key.get_secret_value() == "sk-abc"
    refused(lambda: Endpoint(api_key="sk-abc\r\nX-Evil: 1"), "holds a space")
    assert "sk-abcdef" not in repr(Settings(endpoint={"api_key": "sk-abcdef"}))


@pytest.mark.parametrize(
    ("url", "key", "exposed"),
    [
        ("ws://gateway.lan/v1", "k", True),
        ("ws://gateway.lan/v1", "", False),
        ("ws://localhost:1/v1", "k", False),
        ("wss://gateway.lan/v1", "k", False),
    ],
)
def test_a_key_in_clear_on_a_network_is_noticed(url, key, exposed):
    assert Endpoint(url=url, api_key=key).exposes_key is exposed


def test_durations_in_seconds():
    hardware = Hardware()
    assert (WebSocket().heartbeat_interval_s, WebSocket().heartbeat_timeout_s) == (30.0, 5.0)
    assert WebSocket().handshake_timeout_s == 10.0
    assert (Recovery().base_delay_s, Recovery(max_delay=2500).max_delay_s) == (1.0, 2.5)
    assert CircuitBreaker().reset_timeout_s == 60.0
    assert Language().detection_window_s == 3.0
    assert (hardware.preroll_s, hardware.debounce_s, hardware.min_press_s) == (0.3, 0.03, 0.15)
    assert (hardware.long_press_s, hardware.double_press_s) == (1.0, 0.4)
    scaling = Settings().scaling
    assert (scaling.session_timeout_s, scaling.cleanup_interval_s) == (1800.0, 60.0)


@pytest.mark.parametrize(
    ("speed", "wire", "device"), [(0.25, 0.25, 1.0), (1.5, 1.5, 1.0), (3.0, 1.5, 2.0)]
)
def test_speed_is_split_between_service_and_device(speed, wire, device):
    voice = Voice(speed=speed)
    assert (voice.wire_speed, voice.device_speed) == (wire, device)


def test_the_wire_gets_audio_alone():
    assert Session().output_modalities == ("audio",)
    assert Session(modalities=("text",)).output_modalities == ("audio",)


def test_naming_languages_replaces_the_list_and_keeps_what_the_seed_says_of_them():
    language = Language(
        fallback_language="german",
        supported={
            "german": {},
            "french": {"confidence": 0.5},
            "italian": {"confidence": 0.6, "code": "it"},
        },
    )
    assert plain(language.supported) == {
        "german": {"confidence": 0.85, "code": "de"},
        "french": {"confidence": 0.5, "code": "fr"},
        "italian": {"confidence": 0.6, "code": "it"},
    }
