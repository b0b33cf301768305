"""The settings file of a new installation says everything and changes nothing."""

import re
import tomllib

from appliance.config.catalogue import entries
from appliance.config.example import example_toml
from appliance.config.load import load
from appliance.config.notices import has_effect


def test_it_changes_nothing(tmp_path):
    path = tmp_path / "appliance.toml"
    path.write_text(example_toml())
    assert not load(path, {}).explicit


def test_every_setting_that_does_something_can_be_switched_on(tmp_path):
    switched_on = re.sub(r"^#(?=[a-z_]+ = [^…])", "", example_toml(), flags=re.MULTILINE)
    tomllib.loads(switched_on)
    path = tmp_path / "appliance.toml"
    path.write_text(switched_on)
    loaded = load(path, {})
    wanted = {
        entry.name
        for entry in entries()
        if has_effect(entry.name) and entry.default and entry.name != "endpoint.api_key"
    }
    named = {name if name in wanted else name.rpartition(".")[0] for name in loaded.explicit}
    assert wanted <= named | {"language.supported"}
    assert loaded.settings == load(None, {}, system_file=tmp_path / "none").settings


def test_it_has_no_place_for_the_key_and_says_where_that_belongs():
    text = example_toml()
    assert "api_key =" not in text
    assert "/etc/credstore/openai_api_key" in text
    assert max(map(len, text.splitlines())) < 1000


def test_comments_fit_a_terminal():
    comments = [line for line in example_toml().splitlines() if line.startswith("# ")]
    assert max(map(len, comments)) <= 100
