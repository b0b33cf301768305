import itertools

from appliance.panel.face import draw
from appliance.ports import Flash, Light


def test_a_light_is_a_symbol_and_its_name():
    assert draw(Light.LISTENING) == "● listening"
    assert draw(Light.NO_NETWORK) == "● no network"
    assert draw(Light.IDLE) == "○ idle"


def test_a_flash_stands_in_brackets():
    assert draw(Light.IDLE, Flash.TOO_SHORT) == "● idle (too short)"


def test_the_symbol_is_painted_on_request():
    assert draw(Light.LISTENING, colour=True) == "\x1b[38;2;0;255;0m●\x1b[0m listening"
    assert draw(Light.LISTENING, Flash.ERROR, colour=True).startswith("\x1b[38;2;255;0;0m●")


def test_every_face_is_its_own_and_one_line():
    faces = [draw(light, flash) for light, flash in itertools.product(Light, (None, *Flash))]
    assert len(set(faces)) == len(faces)
    assert not any("\n" in face or "\x1b" in face for face in faces)
