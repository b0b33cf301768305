"""Decide what to answer: simple things, by rules, in English. Pure.

Time, date, arithmetic, "repeat after me", a tool if one fits; otherwise what was heard.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime

from appliance.simulator.shape import Json

NOTHING = "I heard nothing I understood."
_UP_TO_NINETEEN = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
NUMBERS = {word: value for value, word in enumerate(_UP_TO_NINETEEN)} | {
    word: 10 * (place + 2) for place, word in enumerate(_TENS)
}
_WORD = "|".join(sorted(NUMBERS, key=len, reverse=True))
_NUMBER = rf"\d+(?:\.\d+)?|\b(?:(?:{_WORD})(?:[ -]|\b))+(?:hundred\b)?"
_OPERATOR = r"plus|\+|minus|-|times|multiplied by|\*|divided by|/"
_SUM = re.compile(rf"({_NUMBER})\s*({_OPERATOR})\s*({_NUMBER})")
_REPEAT = re.compile(r"\b(?:repeat after me|say exactly)[,:]?\s+(.+)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """Call this tool; `arguments` is a JSON object as text."""

    name: str
    arguments: str


Answer = Say | Call


def answer(heard: str, tools: list[dict[str, Json]], tool_choice: Json, now: datetime) -> Answer:
    """Return the answer to what a person said or wrote.

    Args:
        tools: the session's tools; only those of type "function" are called.
        tool_choice: "none", "auto", "required", or an object that names a function.
        now: local time, for "what time is it".
    """
    text = heard.strip().lower()
    functions = [tool for tool in tools if tool["type"] == "function"]
    if call := _call(text, functions, tool_choice):
        return call
    if not text:
        return Say(NOTHING)
    if found := _REPEAT.search(heard):
        return Say(found.group(1).strip())
    if (result := _arithmetic(text)) is not None:
        return Say(result)
    if re.search(r"\btime\b", text) and re.search(r"\b(what|tell)\b", text):
        return Say(f"It is {now:%H:%M}.")
    if re.search(r"\b(date|day)\b", text) and re.search(r"\b(what|which|tell)\b", text):
        return Say(f"Today is {now:%A}, {now.day} {now:%B %Y}.")
    return Say(f"I heard: {heard.strip()}")


def tell_result(name: str, output: str) -> Say:
    """Return how the result of tool `name` is spoken."""
    try:
        result = json.loads(output)
    except ValueError:
        result = output
    if isinstance(result, dict):
        spoken = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in result.items())
    else:
        spoken = str(result)
    if "time" in name:
        return Say(f"The time is: {spoken}")
    return Say(f"Done: {spoken}" if spoken else "Done.")


def number_in(text: str) -> float | None:
    """Return the first number in `text`, in digits or words ("twenty five")."""
    found = re.search(_NUMBER, text.lower())
    return _value(found.group(0)) if found else None


def _call(text: str, functions: list[dict[str, Json]], tool_choice: Json) -> Call | None:
    if not functions or tool_choice == "none":
        return None
    if isinstance(tool_choice, dict):
        named = [f for f in functions if f["name"] == tool_choice.get("name")]
        return _made(named[0], text) if named else None
    for subject in ("time", "volume"):
        if re.search(rf"\b{subject}\b", text):
            for function in functions:
                if subject in function["name"].lower():
                    return _made(function, text)
    return _made(functions[0], text) if tool_choice == "required" else None


def _made(function: dict[str, Json], text: str) -> Call:
    schema = function.get("parameters") or {}
    known = schema.get("properties") or {}
    arguments = {}
    for name, rule in known.items():
        value = _argument(rule, text)
        if value is not None:
            arguments[name] = value
    return Call(function["name"], json.dumps(arguments))


def _argument(rule: dict[str, Json], text: str) -> Json:
    if choices := rule.get("enum"):
        return next((each for each in choices if str(each).lower() in text), None)
    number = number_in(text)
    if rule.get("type") not in ("number", "integer") or number is None:
        return None
    if number > rule.get("maximum", number) == 1:
        number /= 100  # "fifty per cent", for a tool that counts from 0 to 1
    return int(number) if rule["type"] == "integer" else number


def _arithmetic(text: str) -> str | None:
    found = _SUM.search(text)
    if found is None:
        return None
    left, right = _value(found.group(1)), _value(found.group(3))
    match found.group(2):
        case "plus" | "+":
            result = left + right
        case "minus" | "-":
            result = left - right
        case "times" | "multiplied by" | "*":
            result = left * right
        case _:
            if right == 0:
                return "Nothing can be divided by zero."
            result = left / right
    return f"{_said(left)} {_spoken(found.group(2))} {_said(right)} is {_said(result)}."


def _spoken(operator: str) -> str:
    return {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}.get(operator, operator)


def _value(text: str) -> float:
    total = 0.0
    for word in re.split(r"[\s-]+", text.strip()):
        if word == "hundred":
            total *= 100
        elif word in NUMBERS:
            total += NUMBERS[word]
        elif word:
            total += float(word)
    return total


def _said(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")
