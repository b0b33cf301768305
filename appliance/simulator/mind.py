"""Find in a response's context what there is to answer, and answer it. Pure."""

from __future__ import annotations

from datetime import datetime

from appliance.simulator.brain import Answer, Say, answer, tell_result
from appliance.simulator.conversation import Item
from appliance.simulator.order import Order

GREETING = "Hello. How can I help you?"


def asked_text(context: list[Item]) -> Item | None:
    """Return the last item that asks for an answer: the user's, or a tool's result."""
    for item in reversed(context):
        if item.role == "user" or item.wire["type"] == "function_call_output":
            return item
    return None


def answer_to(order: Order, context: list[Item], now: datetime) -> Answer:
    """Return the answer. Audio in `context` must have been heard (`Item.heard`) before."""
    last = asked_text(context)
    if last is None:
        if order.own_instructions:
            return answer(order.own_instructions, [], "none", now)
        return Say(GREETING)
    if last.wire["type"] == "function_call_output":
        calls = [item.wire for item in context if item.wire["type"] == "function_call"]
        names = [call["name"] for call in calls if call.get("call_id") == last.wire["call_id"]]
        return tell_result(names[-1] if names else "", last.wire["output"])
    return answer(last.words(), list(order.tools), order.tool_choice, now)
