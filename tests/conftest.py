"""Fixtures that several rooms share."""

import os

import pytest
from hypothesis import settings

from appliance.demo.soundroom import SoundRoom

# pytest --hypothesis-profile=thorough: before a release, or after a change to a state machine.
settings.register_profile("thorough", max_examples=5000, deadline=None)


@pytest.fixture(scope="session")
def sound_room():
    """A room of null sinks that PyAudio in this process, and children, live in from now on."""
    with SoundRoom() as room, pytest.MonkeyPatch.context() as patch:
        for name, value in room.env.items():
            patch.setitem(os.environ, name, value)
        yield room
