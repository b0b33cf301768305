"""How the silence of a link is noticed."""

from __future__ import annotations

import math

from appliance.session.watch import Watch


def test_a_link_without_a_question_may_be_silent():
    watch = Watch(10.0)
    watch.heard(5.0, answering=False)
    assert watch.due_s == math.inf


def test_what_must_be_answered_is_waited_for_as_long_as_was_said():
    watch = Watch(10.0)
    watch.expect(5.0, 100.0)
    watch.expect(9.0, 101.0)  # the first still stands
    assert watch.due_s == 105.0
    watch.heard(104.0, answering=False)
    assert watch.due_s == math.inf


def test_while_an_answer_is_under_way_every_message_gives_it_more_time():
    watch = Watch(10.0)
    watch.asked(0.0)
    watch.asked(3.0)  # asking twice is no sign of life
    assert watch.due_s == 10.0
    watch.heard(4.0, answering=True)
    assert watch.due_s == 14.0
    watch.heard(5.0, answering=False)
    assert watch.due_s == math.inf


def test_an_answer_is_not_due_before_the_question_has_got_through():
    watch = Watch(10.0)
    watch.expect(65.0, 0.0)  # a minute's sound, on a slow line
    watch.asked(0.0)
    assert watch.due_s == 65.0
    watch.heard(60.0, answering=True)
    assert watch.due_s == 70.0


def test_each_stall_doubles_the_patience_until_an_answer_comes_whole():
    watch = Watch(10.0)
    patience = []
    for _ in range(6):
        watch.asked(0.0)
        patience.append(watch.due_s)
        watch.stalled()
        assert watch.due_s == math.inf
    assert patience == [10.0, 20.0, 40.0, 80.0, 80.0, 80.0]
    watch.served()
    watch.asked(0.0)
    assert watch.due_s == 10.0
