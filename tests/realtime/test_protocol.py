import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import ProtocolError, SignalError
from appliance.realtime.client_events import (
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    ResponseCancel,
    ResponseCreate,
)
from appliance.realtime.client_structures import ResponseSettings
from appliance.realtime.protocol import MAX_APPENDS, MAX_ITEMS, MAX_SENT, RealtimeSession
from appliance.realtime.server_events import OutputAudioDelta, UnknownEvent
from appliance.realtime.server_structures import ErrorDetail

OUT_OF_BAND = ResponseCreate(ResponseSettings(conversation="none"))


def message(type_text, **fields):
    return json.dumps({"type": type_text, "event_id": "event_1", **fields})


def delta(item_id, samples):
    audio = base64.b64encode(bytes(2 * samples)).decode()
    place = {"response_id": "resp_1", "item_id": item_id, "output_index": 0, "content_index": 0}
    return message("response.output_audio.delta", **place, delta=audio)


def created(response_id, conversation_id=None):
    response = {"id": response_id, "conversation_id": conversation_id, "status": "in_progress"}
    return message("response.created", response=response)


def done(response_id, status="completed"):
    return message("response.done", response={"id": response_id, "status": status})


def error(event_id, code="x"):
    return message("error", error={"type": "t", "message": "m", "code": code, "event_id": event_id})


def test_events_come_out_as_they_came_in():
    session = RealtimeSession()
    (event,) = session.receive(delta("a", 4800))
    assert isinstance(event, OutputAudioDelta)
    assert len(event.delta) == 9600
    assert session.receive('{"type":"new.thing"}') == (UnknownEvent("new.thing"),)


def test_the_session_is_known_and_an_update_takes_nothing_away():
    session = RealtimeSession()
    info = {"type": "realtime", "id": "sess_1", "model": "m", "expires_at": 1_800_000_000}
    session.receive(message("session.created", session=info))
    session.receive(message("session.updated", session={"type": "realtime"}))
    assert (session.session_id, session.model) == ("sess_1", "m")
    assert session.expires_at == 1_800_000_000


def test_every_sent_event_has_the_next_id():
    session = RealtimeSession()
    texts = [session.send(InputAudioBufferAppend(b"\0\0")), session.send(InputAudioBufferCommit())]
    assert [json.loads(text)["event_id"] for text in texts] == ["evt_000001", "evt_000002"]


def test_what_cannot_be_encoded_takes_no_id():
    session = RealtimeSession()
    with pytest.raises(SignalError):
        session.send(InputAudioBufferAppend(b"\0"))
    assert json.loads(session.send(InputAudioBufferCommit()))["event_id"] == "evt_000001"


def test_an_error_is_traced_to_what_we_sent():
    session = RealtimeSession()
    session.send(InputAudioBufferAppend(b"\0\0"))
    session.send(InputAudioBufferCommit())
    causes = [session.cause_of(ErrorDetail(event_id=f"evt_00000{n}")) for n in (1, 2, 3)]
    assert causes == ["input_audio_buffer.append", "input_audio_buffer.commit", None]
    assert session.cause_of(ErrorDetail()) is None


def test_appends_do_not_push_out_the_memory_of_the_commit():
    session = RealtimeSession()
    session.send(InputAudioBufferCommit())
    for _ in range(MAX_APPENDS + 5):
        session.send(InputAudioBufferAppend(b"\0\0"))
    assert session.cause_of(ErrorDetail(event_id="evt_000001")) == "input_audio_buffer.commit"
    assert session.cause_of(ErrorDetail(event_id="evt_000002")) is None
    assert session.cause_of(ErrorDetail(event_id=f"evt_{MAX_APPENDS:06d}")) is not None


def test_old_events_are_forgotten():
    session = RealtimeSession()
    for _ in range(MAX_SENT + 1):
        session.send(ResponseCancel())
    assert session.cause_of(ErrorDetail(event_id="evt_000001")) is None
    assert session.cause_of(ErrorDetail(event_id="evt_000002")) == "response.cancel"


def test_heard_is_clamped_to_what_was_received():
    session = RealtimeSession()
    session.receive(delta("a", 2400))
    session.receive(delta("a", 2411))  # 4811 samples: 200 ms and a bit
    assert session.received_ms("a") == 200
    assert [session.clamp_heard_ms("a", ms) for ms in (-5, 0, 150, 200, 201)] == [
        0,
        0,
        150,
        200,
        200,
    ]
    assert session.clamp_heard_ms("unknown", 500) == 0


@given(st.lists(st.integers(0, 3000), max_size=6), st.integers(-100, 2000))
def test_a_clamped_truncate_never_passes_the_audio(sizes, heard_ms):
    session = RealtimeSession()
    for size in sizes:
        session.receive(delta("a", size))
    text = session.send(ConversationItemTruncate("a", session.clamp_heard_ms("a", heard_ms)))
    assert 0 <= json.loads(text)["audio_end_ms"] * 24 <= sum(sizes)


def test_a_truncated_or_deleted_item_has_less_audio():
    session = RealtimeSession()
    session.receive(delta("a", 24_000))
    session.receive(
        message("conversation.item.truncated", item_id="a", content_index=0, audio_end_ms=400)
    )
    assert session.clamp_heard_ms("a", 900) == 400
    session.receive(message("conversation.item.deleted", item_id="a"))
    assert session.clamp_heard_ms("a", 900) == 0


def test_the_oldest_items_are_forgotten_and_the_one_that_still_grows_is_not():
    session = RealtimeSession()
    for number in range(MAX_ITEMS + 10):
        session.receive(delta("long", 24))
        session.receive(delta(f"item_{number}", 24))
    assert session.received_ms("long") == MAX_ITEMS + 10
    assert session.received_ms("item_0") == 0


def test_the_last_committed_item_is_known():
    session = RealtimeSession()
    for item_id in ("a", "b"):
        session.receive(message("input_audio_buffer.committed", item_id=item_id))
    assert session.last_committed_item_id == "b"


def test_a_response_is_pending_then_active_then_over():
    session = RealtimeSession()
    seen = [(session.response_pending, session.response_active)]
    session.send(ResponseCreate())
    seen.append((session.response_pending, session.response_active))
    session.receive(created("resp_1", "conv_1"))
    seen.append((session.response_pending, session.response_active))
    assert session.active_response_id == "resp_1"
    session.receive(done("resp_1", "cancelled"))
    seen.append((session.response_pending, session.response_active))
    assert seen == [(False, False), (True, False), (False, True), (False, False)]


def test_a_refused_response_is_no_longer_pending():
    session = RealtimeSession()
    session.send(ResponseCreate())
    session.receive(error("evt_000001", "conversation_already_has_active_response"))
    assert not session.response_pending


@pytest.mark.parametrize("conversation_id", ["conv_1", None])
def test_a_response_out_of_band_is_not_the_active_one(conversation_id):
    """With a server that names the conversation in each response, and one that never does."""
    session = RealtimeSession()
    session.send(ResponseCreate())
    session.receive(created("resp_1", conversation_id))
    session.send(OUT_OF_BAND)
    assert not session.response_pending
    session.receive(created("aside", None))
    assert session.active_response_id == "resp_1"
    session.receive(done("resp_1"))
    assert not session.response_active
    session.receive(created("resp_2", conversation_id))
    assert session.active_response_id == "resp_2"


def test_a_malformed_message_changes_nothing():
    session = RealtimeSession()
    session.receive(created("resp_1", "conv_1"))
    with pytest.raises(ProtocolError, match=r"response\.usage\.total_tokens"):
        session.receive(
            message("response.done", response={"id": "resp_1", "usage": {"total_tokens": "x"}})
        )
    assert session.active_response_id == "resp_1"


def test_memory_is_bounded_whatever_the_server_sends():
    session = RealtimeSession()
    for number in range(500):
        session.receive(created(f"resp_{number}", "conv_1"))
        session.send(OUT_OF_BAND)
    memories = [value for value in vars(session).values() if isinstance(value, dict)]
    assert memories
    assert max(map(len, memories)) <= max(MAX_APPENDS, MAX_SENT, MAX_ITEMS)
