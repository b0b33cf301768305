"""Whole turns through the runner, with a service that is the test."""

from __future__ import annotations

import asyncio
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
        assert "turn 1 answered" in b.journal.lines[-1][1]
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


async def test_a_server_that_echoes_no_metadata_is_understood(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        b.socket.serve(type="response.created", response={"id": "resp_1"})
        b.more()
        await b.until(lambda: b.state == "Speaking")
        assert not b.sent("response.cancel")


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
        b.hears("u")
        b.socket.serve(type="input_audio_buffer.speech_stopped", item_id="u", audio_end_ms=9)
        b.socket.serve(type="input_audio_buffer.committed", item_id="u")
        await b.until(lambda: b.state == "Waiting")
        b.socket.serve(type="response.created", response={"id": "resp_1"})
        b.more()
        b.finish()
        await b.until(lambda: b.state == "Speaking")
        assert not b.sent("input_audio_buffer.commit")
        assert not b.sent("response.create")


async def test_a_press_that_begins_the_next_question_is_no_end_of_the_one_before(bench):
    async with bench(mode="tap", gestures={"double_press_ms": 1.0}) as b:
        await b.online()
        b.panel.press()
        b.panel.release()
        await b.until(lambda: b.state == "Listening")
        b.speak()
        b.hears("u")
        b.socket.serve(type="input_audio_buffer.speech_stopped", item_id="u", audio_end_ms=9)
        b.socket.serve(type="input_audio_buffer.committed", item_id="u")
        await b.until(lambda: b.state == "Waiting")
        b.socket.serve(type="response.created", response={"id": "resp_1"})
        b.more()
        await b.until(lambda: b.state == "Speaking")
        ended_s = b.runner._book[1].ended_s
        b.panel.press()
        b.panel.release()
        await b.until(lambda: b.state == "Listening")
        assert b.runner._book[1].ended_s == ended_s, "else its answer came before its question"


async def test_hands_free_hears_nothing_of_its_own_voice(bench):
    async with bench(mode="hands_free") as b:
        await b.online()
        b.speak()
        b.hears("u")
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


async def commit_by_vad(b, item):
    b.hears(item)
    b.socket.serve(type="input_audio_buffer.committed", item_id=item)


async def test_a_brush_of_the_button_takes_nothing_from_the_turn_before(bench):
    async with bench(min_press_ms=50.0) as b:
        b.panel.press()
        said = b.speak()
        await asyncio.sleep(0.06)
        b.panel.release()
        await b.until(lambda: b.state == "Closing")
        said += b.speak(100)
        await b.until(lambda: b.state == "Waiting")
        b.panel.press()
        b.panel.release()
        await b.until(lambda: b.state == "Idle")
        await b.online()
        await b.until(lambda: b.sent("input_audio_buffer.commit"))
        assert audio_sent(b) == said


async def test_a_turn_that_vad_ended_survives_a_lost_link(bench):
    async with bench(mode="tap") as b:
        await b.online()
        b.panel.press()
        b.panel.release()
        await b.until(lambda: b.state == "Listening")
        said = b.speak()
        await commit_by_vad(b, "u1")
        await b.until(lambda: b.state == "Waiting")
        b.socket.drop()
        await b.until(lambda: len(b.connector.sockets) == 2)
        await b.online()
        await b.until(lambda: b.sent("response.create"))
        assert audio_sent(b) == said


async def test_the_servers_answer_to_an_earlier_turn_is_not_played_for_the_next(bench):
    async with bench(mode="hands_free") as b:
        await b.online()
        b.speak()
        await commit_by_vad(b, "u1")
        await b.until(lambda: b.state == "Waiting")
        b.panel.press()
        b.panel.release()
        await b.until(lambda: b.state == "Listening" and b.runner.state.turn == 2)
        cancels = len(b.sent("response.cancel"))
        b.socket.serve(type="response.created", response={"id": "resp_old"})
        await b.until(lambda: len(b.sent("response.cancel")) > cancels)
        b.more("resp_old", "item_old")
        b.socket.serve(type="session.updated", session={"type": "realtime"})
        b.speak()
        await commit_by_vad(b, "u2")
        await b.until(lambda: b.state == "Waiting")
        assert not b.speaker.played


async def test_two_sentences_said_offline_get_the_answer_to_both(bench):
    async with bench(mode="tap") as b:
        b.panel.press()
        b.panel.release()
        await b.until(lambda: b.state == "Listening")
        b.speak()
        await b.online()
        await commit_by_vad(b, "u1")
        b.socket.serve(type="response.created", response={"id": "r1"})
        b.hears("u2")
        details = {"type": "cancelled", "reason": "turn_detected"}
        b.socket.serve(
            type="response.done",
            response={"id": "r1", "status": "cancelled", "status_details": details},
        )
        b.socket.serve(type="input_audio_buffer.committed", item_id="u2")
        b.socket.serve(type="response.created", response={"id": "r2"})
        b.more("r2", "item_b")
        await b.until(lambda: b.speaker.played)


async def test_a_silent_service_is_dialled_anew_and_gets_everything(bench, monkeypatch):
    monkeypatch.setattr("appliance.runner.uplink.ACKNOWLEDGED_WITHIN_S", 0.0)
    async with bench() as b:
        await b.online()
        b.panel.press()
        b.speak()
        b.panel.release()
        await b.until(lambda: b.state == "Closing")
        b.microphone.say(bytes(4800), b.clock())
        await b.until(lambda: b.sent("response.create"))
        said = audio_sent(b)
        await b.until(lambda: len(b.connector.sockets) == 2)  # nothing came back
        await b.online()
        await b.until(lambda: b.sent("response.create"))
        assert audio_sent(b) == said


async def test_a_mistake_of_ours_ends_the_connection_and_not_the_device(bench, monkeypatch):
    async with bench() as b:
        await b.online()

        def wrong(*_):
            raise ZeroDivisionError("planted")

        monkeypatch.setattr(b.runner._service, "read", wrong)
        b.socket.serve(type="response.created", response={"id": "r"})
        await b.until(lambda: len(b.connector.sockets) == 2)
        monkeypatch.undo()
        await b.online()
        await b.ask()
        b.answer()
        await b.until(lambda: b.state == "Speaking")
        assert any("planted" in line for _, line in b.journal.lines)


async def test_a_writer_that_fails_ends_the_connection_too(bench, monkeypatch):
    async with bench() as b:
        await b.online()

        def full(_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(b.trace, "sent_audio", full)
        b.panel.press()
        b.speak()
        await b.until(lambda: len(b.connector.sockets) == 2)


async def test_a_loudspeaker_that_is_lost_while_it_speaks_is_told_at_once(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        b.answer()
        await b.until(lambda: b.state == "Speaking")
        b.speaker.unplug()
        assert b.state == "Idle"
        assert "speaker_lost" in [name for name, _ in b.journal.lines]
        b.speaker.missing = False
        await b.until(lambda: b.speaker.opens == 2)


async def test_a_refusal_is_told_to_who_waits(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
        b.socket.serve(
            type="error", error={"type": "x", "code": "insufficient_quota", "message": "pay"}
        )
        await b.until(lambda: b.state == "Idle")
        assert "insufficient_quota" in [name for name, _ in b.journal.lines]


async def test_ending_in_the_middle_of_a_turn_tells_so(bench):
    async with bench() as b:
        await b.online()
        await b.ask()
    assert any("turn 1 stopped" in line for _, line in b.journal.lines)


async def test_hands_free_does_not_send_a_quiet_room_again(bench):
    async with bench(mode="hands_free") as b:
        await b.online()
        for _ in range(20):
            b.speak(1000)
        b.socket.drop()
        await b.until(lambda: len(b.connector.sockets) == 2)
        await b.online()
        await b.until(lambda: b.sent("input_audio_buffer.append"))
        assert len(audio_sent(b)) <= 10 * 48_000


async def test_a_panel_that_fails_once_stops_no_timer(bench, monkeypatch):
    async with bench(reply_timeout_s=0.2) as b:
        await b.online()

        def broken(_):
            raise OSError("the LED is gone")

        monkeypatch.setattr(b.panel, "flash", broken)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        await b.ask()
        await b.until(lambda: b.state == "Idle")
        monkeypatch.undo()
        await b.ask()
        await b.until(lambda: b.state == "Idle")  # its deadline came, too
        assert b.panel.lights[-1] is Light.IDLE
