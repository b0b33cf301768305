import pytest

from appliance.config import schema


def test_every_setting_is_found_by_its_own_path():
    for path, field in schema.walk():
        assert schema.find(path) is field


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("audio",),
        ("audio", "nothing"),
        ("audio", "channels", "deeper"),
        ("session", "noise_reduction"),
        ("language", "supported", "english"),
        ("language", "supported", "english", "colour"),
        ("language", "supported", "english", "code", "deeper"),
    ],
)
def test_a_path_that_is_no_setting(path):
    assert schema.find(path) is None


def test_entries_of_a_table_with_free_names_are_settings():
    field = schema.find(("language", "supported", "klingon", "code"))
    assert field is not None
    assert field.annotation is str


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("sampleRate", "sample_rate"), ("CHANNELS", "channels"), ("zzz", None)],
)
def test_similar_names(wrong, meant):
    assert schema.similar_name(wrong, ["sample_rate", "channels"]) == meant
