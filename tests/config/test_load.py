"""Sources and their order, every problem at once, and no secret in any of them."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.config.catalogue import toml
from appliance.config.load import Loaded, load_settings
from appliance.config.load import load as load_from_anywhere
from appliance.config.schema import walk
from appliance.config.sources import variable_of
from appliance.errors import ConfigError

VARIABLES = [variable_of(path) for path, _ in walk()]
SECRET = "sk-proj-Planted0123456789"
NOWHERE = Path("/nowhere/appliance.toml")  # the machine's own settings stay out of the tests
QUIET = "plain-gateway-secret"  # has not the look of a key


def load(path, environ, system_file=NOWHERE):
    return load_from_anywhere(path, environ, system_file=system_file)


@pytest.fixture
def write(tmp_path):
    def writer(text, name="appliance.toml"):
        file = tmp_path / name
        file.write_text(text)
        return file

    return writer


@pytest.fixture
def credentials(tmp_path):
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "openai_api_key").write_text("from-credential\n")
    return {"CREDENTIALS_DIRECTORY": str(folder)}


def problems(path=None, environ=None):
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {})
    return caught.value.problems


def key_of(loaded):
    return loaded.settings.endpoint.api_key.get_secret_value(), loaded.provenance[
        "endpoint.api_key"
    ]


# Order of the sources


def test_each_source_is_stronger_than_the_one_before(write, credentials):
    file = write('[endpoint]\napi_key = "from-file"\n')
    environ = {}
    assert key_of(load(None, environ, system_file=file.with_name("none"))) == ("", "default")
    assert key_of(load(file, environ)) == ("from-file", f"file {file}")
    environ["OPENAI_API_KEY"] = "from-openai\n"
    assert key_of(load(file, environ)) == ("from-openai", "environment OPENAI_API_KEY")
    environ["APPLIANCE_ENDPOINT__API_KEY"] = "from-appliance"
    assert key_of(load(file, environ)) == (
        "from-appliance",
        "environment APPLIANCE_ENDPOINT__API_KEY",
    )
    environ |= credentials
    assert key_of(load(file, environ)) == ("from-credential", "credential openai_api_key")


def test_the_order_of_variables_does_not_matter():
    environ = {"APPLIANCE_ENDPOINT__API_KEY": "strong", "OPENAI_API_KEY": "weak"}
    assert key_of(load(None, environ))[0] == "strong"


def test_sources_are_merged_setting_by_setting(write):
    file = write('[audio]\ninput_chunk_size = 480\n[voice]\nname = "echo"\nspeed = 2\n')
    loaded = load(file, {"APPLIANCE_VOICE__NAME": "sage", "HOME": "/root"})
    assert loaded.settings.audio.input_chunk_size == 480
    assert (loaded.settings.voice.name, loaded.settings.voice.speed) == ("sage", 2.0)
    assert loaded.provenance["voice.name"] == "environment APPLIANCE_VOICE__NAME"
    assert loaded.provenance["voice.speed"] == f"file {file}"
    assert loaded.provenance["voice.volume"] == "default"
    assert loaded.explicit == {"audio.input_chunk_size", "voice.name", "voice.speed"}


def test_which_file_is_read(write):
    asked = write('[voice]\nname = "ash"\n', "asked.toml")
    named = write('[voice]\nname = "coral"\n', "named.toml")
    system = write('[voice]\nname = "verse"\n', "system.toml")
    environ = {"APPLIANCE_CONFIG": str(named)}
    assert load_settings(asked, environ).voice.name == "ash"
    assert load_settings(None, environ).voice.name == "coral"
    assert load(None, {"APPLIANCE_CONFIG": ""}, system_file=system).settings.voice.name == "verse"


def test_only_the_system_file_may_be_missing(tmp_path):
    gone = tmp_path / "gone.toml"
    assert load(None, {}, system_file=gone).explicit == frozenset()
    assert problems(gone) == [f"{gone}: no such file"]
    assert problems(None, {"APPLIANCE_CONFIG": str(gone)}) == [f"{gone}: no such file"]


def test_nested_settings_and_languages_from_the_environment():
    loaded = load(
        None,
        {
            "APPLIANCE_SESSION__NOISE_REDUCTION__LEVEL": "high",
            "APPLIANCE_SESSION__MODALITIES": '["audio"]',
            "APPLIANCE_SESSION__MAX_RESPONSE_OUTPUT_TOKENS": "inf",
            "APPLIANCE_TURN_DETECTION__IDLE_TIMEOUT_MS": "none",
            "APPLIANCE_TURN_DETECTION__CREATE_RESPONSE": "No",
            "APPLIANCE_AUDIO__SAMPLE_RATE": "24000",
            "APPLIANCE_LANGUAGE__SUPPORTED__ENGLISH__CONFIDENCE": "0.5",
        },
    )
    session = loaded.settings.session
    assert session.noise_reduction.level == "high"
    assert session.modalities == ("audio",)
    assert session.max_response_output_tokens == "inf"
    assert loaded.settings.turn_detection.create_response is False
    english = loaded.settings.language.supported["english"]
    assert (english.confidence, english.code) == (0.5, "en")
    assert loaded.provenance["language.supported.english.code"] == "default"
    assert "language.supported.english.confidence" in loaded.explicit


def test_a_file_from_another_system_is_read(tmp_path):
    file = tmp_path / "windows.toml"
    file.write_bytes('\ufeff[voice]\r\nname = "echo"\r\n'.encode())
    assert load(file, {}).settings.voice.name == "echo"


def test_an_empty_credential_gives_nothing(credentials, tmp_path):
    (tmp_path / "credentials" / "openai_api_key").write_text(" \n")
    assert (
        key_of(load(None, {"OPENAI_API_KEY": "k-environment", **credentials}))[0] == "k-environment"
    )
    (tmp_path / "credentials" / "openai_api_key").unlink()
    assert key_of(load(None, credentials)) == ("", "default")


def test_a_credential_that_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / "openai_api_key").mkdir()
    assert problems(None, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == [
        "endpoint.api_key: credential openai_api_key cannot be read: Is a directory"
    ]
    (tmp_path / "openai_api_key").rmdir()
    (tmp_path / "openai_api_key").write_bytes(b"\xff\xfe")
    assert problems(None, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == [
        "endpoint.api_key: credential openai_api_key is not UTF-8 text"
    ]


# Problems


def test_every_problem_of_every_source_at_once(write, tmp_path):
    file = write(
        """
        zzz = 1
        [audio]
        sample_rate = 44100
        total_buffer = 1024
        [websocet]
        compression = true
        [session]
        noise_reduction = 3
        [language]
        fallback_language = "klingon"
        [language.supported]
        italian = { confidence = 2.0 }
        """
    )
    (tmp_path / "openai_api_key").mkdir()
    found = problems(
        file,
        {
            "APPLIANCE_VOICE__SPEED": "fast",
            "APPLIANCE_HARDWARE__LED_RED_PIN": "17",
            "APPLIANCE_HARDWARE__LED_PIN": "99",
            "CREDENTIALS_DIRECTORY": str(tmp_path),
        },
    )
    within = f"(in {file})"
    assert sorted(found) == sorted(
        [
            f"zzz: no such setting {within}",
            f"[websocet]: no such section; did you mean [websocket]? {within}",
            "session.noise_reduction: is a table, not a value: write [session.noise_reduction] "
            f"and below it one line for each setting {within}",
            "endpoint.api_key: credential openai_api_key cannot be read: Is a directory",
            "audio.sample_rate: 44100 is not allowed: the Realtime API takes 24000 only " + within,
            "language.supported.italian.confidence: 2.0 is not allowed: "
            f"use a number from 0 to 1 {within}",
            f'language.supported.italian.code: is missing; use an ISO 639 code like "it" {within}',
            'voice.speed: "fast" is not allowed: use a number from 0.25 to 4 '
            "(in environment APPLIANCE_VOICE__SPEED)",
            "hardware.led_pin: 99 is not allowed: use a whole number from 0 to 27 "
            "(in environment APPLIANCE_HARDWARE__LED_PIN)",
            # These show only when the section is looked at again without its wrong values.
            "audio.total_buffer: 1024 is less than output_chunk_size (2048): "
            f"one write would not fit {within}",
            'language.fallback_language: "klingon" is not one of language.supported: english, '
            f"spanish, french, german, japanese, chinese, portuguese, russian {within}",
            "hardware.led_red_pin: pin 17 is also button_pin "
            "(in environment APPLIANCE_HARDWARE__LED_RED_PIN)",
        ]
    )


def test_a_conflict_with_a_refused_value_is_no_news(write):
    file = write('[audio]\noutput_chunk_size = "512"\ntotal_buffer = 1024\n')
    assert [line.split(":")[0] for line in problems(file)] == ["audio.output_chunk_size"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[audio]\nsampleRate = 24000", "audio.sample_rate"),
        ("[audio]\nsampel_rate = 24000", "audio.sample_rate"),
        ("[audio]\nthreshold = 0.5", "turn_detection.threshold"),
        ("sample_rate = 24000", "audio.sample_rate"),
        ("[session.noise_reduction]\nlevle = 1", "session.noise_reduction.level"),
        ("[session]\nmax_output_tokens = 1", "session.max_response_output_tokens"),
        ("[circuitBreaker]\nfailureThreshold = 5", "[circuit_breaker]"),
        ("[turn-detection]\nthreshold = 0.5", "[turn_detection]"),
    ],
)
def test_unknown_names_in_a_file_say_what_was_meant(write, text, meant):
    (line,) = problems(write(text))
    assert f"did you mean {meant}?" in line


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("APPLIANCE_AUDIO_CHANNELS", "APPLIANCE_AUDIO__CHANNELS"),
        ("APPLIANCE_VOICE__SPED", "APPLIANCE_VOICE__SPEED"),
        ("APPLIANCE_SESSION__NOISE_REDUCTION_LEVEL", "APPLIANCE_SESSION__NOISE_REDUCTION__LEVEL"),
        ("APPLIANCE_API_KEY", "APPLIANCE_ENDPOINT__API_KEY"),
    ],
)
def test_unknown_variables_say_what_was_meant(name, meant):
    assert problems(None, {name: "1"}) == [
        f"{name}: no such setting; did you mean {meant}? (in environment {name})"
    ]


def test_a_table_is_not_one_variable():
    (line,) = problems(None, {"APPLIANCE_LANGUAGE__SUPPORTED": "{}"})
    assert "set its entries one by one" in line


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("VOICE__EMPHASIS", "modrate", '"moderate"'),
        ("TURN_DETECTION__TYPE", "Server_VAD", '"server_vad"'),
        ("HARDWARE__PANEL", "gpoi", '"gpio"'),
        ("SESSION__MAX_RESPONSE_OUTPUT_TOKENS", "info", '"inf"'),
    ],
)
def test_choices_say_what_was_meant(name, value, meant):
    (line,) = problems(None, {f"APPLIANCE_{name}": value})
    assert f"did you mean {meant}?" in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[audio\nchannels = 1", "line 1, column 7"),
        ("[audio]\nchannels 1", "line 2, column 10"),
        ('[voice]\nname = """ab\nc', "line 3, column 2"),  # the end of the document
        ("a = " + "[" * 5000, "nested too deeply"),
    ],
)
def test_what_is_not_toml_says_where(write, text, words):
    file = write(text)
    (line,) = problems(file)
    assert line.startswith(f"{file}: not valid TOML: ")
    assert words in line


def test_files_that_cannot_be_settings(tmp_path):
    assert problems(tmp_path) == [f"{tmp_path}: cannot be read: Is a directory"]
    binary = tmp_path / "binary"
    binary.write_bytes(b"ok = 1 # \xff")
    assert problems(binary) == [f"{binary}: byte 9 is not UTF-8 text"]
    big = tmp_path / "big"
    big.write_bytes(b"#" * ((1 << 20) + 1))
    assert problems(big) == [f"{big}: larger than 1 MiB; this is no settings file"]


def test_a_problem_is_one_line_whatever_the_names_are(write):
    (line,) = problems(write('"a\\nb\\u001b[31m" = 1'))
    assert line.isprintable()


# Secrets


def test_no_message_shows_a_key_wherever_it_was_put(write):
    file = write(
        f"""
        [endpoint]
        api_key = ["{SECRET}"]
        url = "wss://user:{SECRET}@host/"
        [audio]
        format = "{SECRET}"
        {SECRET} = 1
        channels = "{QUIET}"
        [voice]
        name = "a {SECRET}"
        speed = "{SECRET}"
        [session]
        api_key = "{SECRET}"
        tool_choice = "{QUIET}"
        modalities = ["{SECRET}"]
        noise_reduction = "{SECRET}"
        [{SECRET}]
        x = "{SECRET}"
        [hardware]
        microphone = "{QUIET}"
        """
    )
    environ = {name: SECRET for name in VARIABLES if "__ENDPOINT" not in name}
    environ |= {"APPLIANCE_ENDPOINT__API_KEY": QUIET, "APPLIANCE_APIKEY": SECRET}
    text = "\n".join(problems(file, {**environ, "OPENAI_API_KEY": SECRET + "\nx"}))
    text += "\n".join(problems(file, {"OPENAI_API_KEY": QUIET}))
    assert all(name in text for name in ("endpoint.api_key", "audio.format", "session.api_key"))
    assert "Planted" not in text
    assert QUIET not in text


def test_a_key_of_another_make_is_too_long_to_be_quoted():
    key = "0123456789abcdef" * 4
    (line,) = problems(None, {"APPLIANCE_VOICE__EMPHASIS": key})
    assert key[:16] not in line
    assert "a text of 64 characters" in line


def test_an_error_carries_no_other_error_that_knows_more():
    with pytest.raises(ConfigError) as caught:
        load(None, {"APPLIANCE_ENDPOINT__API_KEY": f"{SECRET} {SECRET}"})
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "Planted" not in str(caught.value)


# Whatever the sources hold


def outcome(path, environ):
    """Load, or return the ConfigError; anything else that is raised fails the test."""
    try:
        return load(path, environ)
    except ConfigError as error:
        return error


def is_clear(result):
    """Whether settings came, or one short printable line for each problem."""
    if isinstance(result, Loaded):
        return result.settings.audio.channels == 1
    return bool(result.problems) and all(
        line.isprintable() and len(line) < 600 for line in result.problems
    )


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(VARIABLES), value=st.text())
@example(name="APPLIANCE_AUDIO__CHANNELS", value="9" * 5000)
@example(name="APPLIANCE_SESSION__MODALITIES", value="[" * 100_000)
@example(name="APPLIANCE_SESSION__MODALITIES", value='["\\ud800"]')
@example(name="APPLIANCE_VOICE__NAME", value="\udcff")
@example(name="APPLIANCE_VOICE__SPEED", value="nan")
@example(name="APPLIANCE_VOICE__SPEED", value="1e999")
@example(name="APPLIANCE_ENDPOINT__URL", value="wss://[")
@example(name="APPLIANCE_ENDPOINT__URL", value="wss://\u2100/")
def test_no_value_raises_anything_else(name, value):
    assert is_clear(outcome(None, {name: value}))


NAMES = st.text(alphabet="ABCDEIMNORSTUV_\x00é", max_size=20)


@settings(max_examples=100, deadline=None)
@given(
    environ=st.dictionaries(
        st.one_of(NAMES.map("APPLIANCE_".__add__), st.sampled_from(["CREDENTIALS_DIRECTORY"])),
        st.text(max_size=20),
    )
)
@example(environ={"CREDENTIALS_DIRECTORY": "a\x00b"})
@example(environ={"APPLIANCE_CONFIG": "a\x00b"})
@example(environ={"APPLIANCE_": "1"})
def test_no_environment_raises_anything_else(environ):
    assert is_clear(outcome(None, environ))


TOML_VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.dates()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(path=st.sampled_from([path for path, _ in walk()]), value=TOML_VALUES, cut=st.booleans())
def test_no_toml_value_raises_anything_else(tmp_path_factory, path, value, cut):
    file = tmp_path_factory.getbasetemp() / f"any-{os.getpid()}.toml"
    file.write_text(f"{'.'.join(path[: -1 if cut else None])} = {toml(value)}\n")
    assert is_clear(outcome(file, {}))


def test_the_variable_that_names_the_kernels_is_no_setting():
    assert load_settings(environ={"APPLIANCE_KERNELS": "/usr/lib/k"}) == load_settings(environ={})
