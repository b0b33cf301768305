"""The synthesiser, and sounds that were rendered with it."""

import pytest

from appliance.prompts.keys import LANGUAGES
from appliance.prompts_build.build import build
from appliance.prompts_build.espeak import Espeak

RENDERED = ("offline_now", "key_invalid", "back_online")


@pytest.fixture(scope="session")
def espeak():
    return Espeak()


@pytest.fixture(scope="session")
def rendered(espeak, tmp_path_factory):
    """A directory with three prompts in all languages; not to be changed."""
    directory = tmp_path_factory.mktemp("prompts")
    build(espeak, LANGUAGES, directory, keys=RENDERED)
    return directory
