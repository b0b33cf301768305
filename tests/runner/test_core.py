"""Whole turns through the runner, with a service that is the test."""

from __future__ import annotations

import base64
import json

import pytest

from appliance.errors import RefusedError, RemoteError
from appliance.ports import Flash, Light


def audio_sent(bench) -> bytes:
    return b"".join(base64.b64decode(m["audio"]) for m in bench.sent("input_audio_buffer.append"))


async def test_press_speak_release_hear(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        assert b.panel.lights[-1] is Light.THINKING
        b.answer()
        await b.until(lambda: b.state == "Speaking" and b.runner.state.done)
        assert b.panel.lights[-1] is Light.SPEAKING
        b.speaker.hear_all()
        await b.until(lambda: b.state == "Idle")
        assert b.speaker.played == [("item_a", b"\x01\x02" * 24000)]
        assert b.panel.lights[-1] is Light.IDLE
        assert "turn 1: answered" in b.journal.lines[-1][1]
    assert b.trace.records[-1]["kind"] == "summary"


async def test_what_is_said_before_the_connection_is_kept_and_sent(bench):
    async with bench() as b:
        b.panel.press()
        said = b.speak() + b.speak()
        assert not [s for s in b.connector.sockets if "input_audio_buffer.append" in s.types()]
        await b.online()
        said += b.speak()
        await b.until(lambda: audio_sent(b) == said)


async def test_a_link_that_dies_before_the_answer_loses_nothing(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        said = audio_sent(b)
        b.socket.drop()
        await b.until(lambda: len(b.connector.sockets) == 2)
        await b.online()
        await b.until(lambda: b.socket.types()[-1] == "response.create")
        assert audio_sent(b) == said
        b.answer()
        await b.until(lambda: b.state == "Speaking")


async def test_pressing_while_it_speaks_cuts_cancels_and_truncates(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        b.answer(done=False)
        await b.until(lambda: b.state == "Speaking")
        b.speaker.hear(24 * 420)
        b.panel.press()
        await b.until(lambda: b.sent("conversation.item.truncate"))
        assert b.sent("response.cancel")
        assert b.sent("conversation.item.truncate")[0]["audio_end_ms"] == 420
        assert b.sent("conversation.item.truncate")[0]["item_id"] == "item_a"
        played = list(b.speaker.played)
        b.more()  # late audio of the cancelled reply
        b.finish(status="cancelled")
        await b.until(lambda: not b.runner._line.session.response_active)
        assert b.speaker.played == played
        assert b.state == "Listening"


async def test_asking_while_the_old_answer_still_ends_is_asked_again(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        request = b.sent("response.create")[0]
        b.socket.serve(
            type="error",
            error={
                "type": "invalid_request_error",
                "code": "conversation_already_has_active_response",
                "message": "busy",
                "event_id": request["event_id"],
            },
        )
        b.finish(response="resp_old", turn=0, status="cancelled")
        await b.until(lambda: len(b.sent("response.create")) == 2)
        assert b.state == "Waiting"


async def test_a_quiet_failure_is_explained(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        b.socket.serve(
            type="response.created", response={"id": "resp_1", "metadata": {"turn": "1"}}
        )
        b.finish(
            status="failed",
            status_details={"type": "failed", "error": {"code": "server_error", "type": "x"}},
        )
        await b.until(lambda: b.state == "Idle")
        assert b.panel.flashes == [Flash.ERROR]
        assert "service_error" in [name for name, _ in b.journal.lines]


async def test_tools_run_and_their_results_go_back(bench):
    async with bench() as b:
        await b.online()
        declared = b.sent("session.update")[0]["session"]["tools"]
        assert [tool["name"] for tool in declared] == ["get_time", "set_volume"]
        await b.ask()
        b.socket.serve(
            type="response.created", response={"id": "resp_1", "metadata": {"turn": "1"}}
        )
        call = {"type": "function_call", "id": "i", "status": "completed"}
        b.finish(
            output=[
                {**call, "name": "get_time", "call_id": "c1", "arguments": "{}"},
                {**call, "name": "set_volume", "call_id": "c2", "arguments": '{"percent": 30}'},
                {**call, "name": "set_volume", "call_id": "c3", "arguments": '{"percent": 300}'},
            ]
        )
        await b.until(lambda: len(b.sent("response.create")) == 2)
        outputs = {
            m["item"]["call_id"]: json.loads(m["item"]["output"])
            for m in b.sent("conversation.item.create")
        }
        assert outputs["c1"]["time"] == "12:00"
        assert outputs["c2"] == {"percent": 30, "before": 80}
        assert "from 0 to 100" in outputs["c3"]["error"]
        assert b.speaker.volume == 0.3


async def test_a_final_refusal_is_shown_and_a_press_tries_again(bench):
    async with bench(errors=[RefusedError("wrong key", "invalid_api_key")]) as b:
        await b.until(lambda: Light.FAULT in b.panel.lights)
        assert not b.connector.sockets
        b.panel.press()
        await b.online()
        assert b.panel.lights[-1] is Light.LISTENING


async def test_an_absent_network_is_shown_and_left_behind(bench):
    async with bench(errors=[RemoteError("no route")] * 3) as b:
        await b.until(lambda: Light.NO_NETWORK in b.panel.lights)
        await b.online()
        assert b.panel.lights[-1] is Light.IDLE


async def test_an_expired_session_is_replaced_at_once(bench):
    async with bench() as b:
        await b.online()
        b.socket.serve(
            type="error", error={"type": "x", "code": "session_expired", "message": "60 minutes"}
        )
        await b.until(lambda: len(b.connector.sockets) == 2)
        await b.online()


async def test_a_microphone_that_comes_back_is_used_again(bench):
    async with bench() as b:
        await b.online()
        b.microphone.unplug()
        assert b.panel.lights[-1] is Light.FAULT
        b.microphone.missing = False
        await b.until(lambda: b.microphone.opens == 2)
        assert b.panel.lights[-1] is Light.IDLE
        assert [name for name, _ in b.journal.lines][-2:] == ["microphone_lost", "microphone_back"]


@pytest.mark.parametrize("wanted", [False, True])
async def test_what_was_said_is_in_the_journal_only_if_asked_for(bench, wanted):
    async with bench(log_transcripts=wanted) as b:
        await b.online()
        b.socket.serve(
            type="conversation.item.input_audio_transcription.completed",
            item_id="u",
            content_index=0,
            transcript="my secret plan",
        )
        await b.until(lambda: any(r["kind"] == "heard" for r in b.trace.records))
        assert any("my secret plan" in line for _, line in b.journal.lines) is wanted


async def test_malformed_and_unknown_messages_change_nothing(bench):
    async with bench() as b:
        await b.online()
        b.socket._inbox.put_nowait("{")
        b.socket.serve(type="response.output_audio.delta", delta=3)
        b.socket.serve(type="something.new")
        await b.ask()
        b.answer()
        await b.until(lambda: b.state == "Speaking")


async def test_tap_is_ended_by_the_servers_voice_activity_detection(bench):
    async with bench(mode="tap") as b:
        await b.online()
        b.panel.press()
        b.panel.release()
        await b.until(lambda: b.state == "Listening")
        b.speak()
        b.socket.serve(type="input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
        b.socket.serve(type="input_audio_buffer.speech_stopped", item_id="u", audio_end_ms=9)
        b.socket.serve(type="input_audio_buffer.committed", item_id="u")
        await b.until(lambda: b.state == "Waiting")
        b.socket.serve(type="response.created", response={"id": "resp_1"})
        b.more()
        b.finish()
        await b.until(lambda: b.state == "Speaking")
        assert not b.sent("input_audio_buffer.commit")
        assert not b.sent("response.create")


async def test_hands_free_hears_nothing_of_its_own_voice(bench):
    async with bench(mode="hands_free") as b:
        await b.online()
        b.speak()
        b.socket.serve(type="input_audio_buffer.committed", item_id="u")
        await b.until(lambda: b.state == "Waiting")
        b.socket.serve(type="response.created", response={"id": "resp_1"})
        b.more()
        b.finish()
        await b.until(lambda: b.state == "Speaking" and b.runner.state.done)
        sent = len(b.socket.sent)
        b.speak()
        b.speaker.hear_all()
        await b.until(lambda: b.state == "Listening")
        assert len(b.socket.sent) == sent
        said = b.speak()
        await b.until(lambda: audio_sent(b).endswith(said))


async def test_fifty_presses_leave_it_idle_and_working(bench):
    async with bench() as b:
        await b.online()
        for _ in range(50):
            b.panel.press()
            b.speak(20)
            b.panel.release()
        await b.until(lambda: b.state in ("Idle", "Closing", "Waiting"))
        b.microphone.say(bytes(9600), b.clock())
        await b.until(lambda: b.sent("response.create"))
        turn = b.runner.state.turn
        b.answer(turn=turn)
        await b.until(lambda: b.state == "Speaking" and b.runner.state.done)
        b.speaker.hear_all()
        await b.until(lambda: b.state == "Idle")
        assert (b.microphone.opens, b.speaker.opens) == (1, 1)
        assert len(b.connector.sockets) == 1
