"""Answers to simple things."""

import json
from datetime import datetime

import pytest

from appliance.simulator.brain import NOTHING, Call, Say, answer, number_in, tell_result

NOW = datetime(2026, 11, 23, 21, 5)


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("what is two plus three", "2 plus 3 is 5."),
        ("What's 12 * 12", "12 times 12 is 144."),
        ("twenty five minus one hundred", "25 minus 100 is -75."),
        ("seven divided by two", "7 divided by 2 is 3.5."),
        ("one divided by zero", "Nothing can be divided by zero."),
        ("what time is it", "It is 21:05."),
        ("which day is it", "Today is Monday, 23 November 2026."),
        ("Repeat after me: Two plus two.", "Two plus two."),
        ("time flies", "I heard: time flies"),
        ("ten of clubs", "I heard: ten of clubs"),
        ("  ", NOTHING),
    ],
)
def test_answers(heard, said):
    assert answer(heard, [], "auto", NOW) == Say(said)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("fifty percent", 50),
        ("25 of them", 25),
        ("thirty-one", 31),
        ("two hundred", 200),
        ("none", None),
    ],
)
def test_numbers(text, number):
    assert number_in(text) == number


def tool(name, **properties):
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "name": name, "parameters": parameters}


@pytest.mark.parametrize(
    ("rule", "text", "value"),
    [
        ({"type": "integer", "maximum": 100}, "volume to fifty", 50),
        ({"type": "number", "maximum": 1}, "volume to fifty percent", 0.5),
        ({"type": "number", "maximum": 1}, "volume to one", 1.0),
        ({"type": "string", "enum": ["up", "down"]}, "turn the volume down", "down"),
    ],
)
def test_arguments_follow_the_tool_s_schema(rule, text, value):
    call = answer(text, [tool("set_volume", level=rule)], "auto", NOW)
    assert isinstance(call, Call)
    assert json.loads(call.arguments) == {"level": value}


def test_an_argument_that_was_not_said_is_left_out():
    call = answer("the volume please", [tool("volume", level={"type": "number"})], "auto", NOW)
    assert call == Call("volume", "{}")


def test_mcp_tools_are_never_called():
    assert isinstance(answer("hello", [{"type": "mcp", "server_label": "x"}], "required", NOW), Say)


@pytest.mark.parametrize(
    ("name", "output", "said"),
    [
        ("get_time", '{"time": "21:05"}', "The time is: time 21:05"),
        ("set_volume", '{"new_level": 0.5}', "Done: new level 0.5"),
        ("set_volume", "all right", "Done: all right"),
        ("set_volume", "", "Done."),
    ],
)
def test_results_are_spoken(name, output, said):
    assert tell_result(name, output) == Say(said)
