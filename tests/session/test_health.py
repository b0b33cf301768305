"""Faults of the board: where they begin, where they end, and that each is told once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.faults import FAULTS
from appliance.session.health import (
    CALM_S,
    DISK,
    HEAT,
    MB,
    MEMORY,
    SUPPLY,
    UPDATE,
    HealthRules,
    HealthState,
    Readings,
    Wrote,
    health_step,
)
from appliance.session.troubles import Begins, Ends

RULES = HealthRules()


def run(*seen, every_s=10.0, rules=RULES):
    """Return what is told at each step, as "+fault" and "-fault", and the last state."""
    state, told = HealthState(), []
    for number, event in enumerate(seen):
        state, effects = health_step(state, event, number * every_s, rules)
        told.append(" ".join(("+" if isinstance(e, Begins) else "-") + e.fault for e in effects))
    return told, state


def test_the_faults_are_in_the_table():
    assert {DISK, MEMORY, HEAT, SUPPLY, UPDATE} <= set(FAULTS)


def test_a_board_that_says_nothing_has_no_fault():
    told, state = run(Readings(), Readings())
    assert told == ["", ""]
    assert state.faults == frozenset()


@pytest.mark.parametrize(
    ("name", "fault", "fine", "nearly", "bad", "figure"),
    [
        ("disk_free_bytes", DISK, 64 * MB, 33 * MB, 32 * MB, "32 MB free"),
        ("files_free", DISK, 1000, 201, 200, "room for 200 files"),
        ("resident_bytes", MEMORY, 65 * MB, 79 * MB, 80 * MB, "80 MB"),
        ("temperature_c", HEAT, 75.0, 79.9, 80.0, "80 °C"),
    ],
)
def test_a_fault_begins_at_one_limit_and_ends_at_another(name, fault, fine, nearly, bad, figure):
    values = (nearly, bad, nearly, bad, nearly, fine, nearly, bad)
    told, state = run(*(Readings(**{name: value}) for value in values))
    assert told == ["", f"+{fault}", "", "", "", f"-{fault}", "", f"+{fault}"]
    assert state.faults == {fault}
    _, (begins,) = health_step(HealthState(), Readings(**{name: bad}), 0.0, RULES)
    assert begins == Begins(fault, figure)


def test_levels_of_the_settings_hold_for_the_process():
    rules = HealthRules(memory_target_mb=20, memory_warning_mb=30, memory_critical_mb=40)
    sizes = [29, 30, 26, 25, 39, 40]
    told, state = run(*(Readings(resident_bytes=each * MB) for each in sizes), rules=rules)
    assert told == ["", "+memory_high", "", "-memory_high", "+memory_high", ""]
    assert state.is_critical(rules)
    assert not HealthState().is_critical(rules)
    assert not run(Readings(resident_bytes=39 * MB), rules=rules)[1].is_critical(rules)


def test_the_control_groups_limit_counts_as_much():
    def group(used):
        return Readings(resident_bytes=10 * MB, group_used_bytes=used, group_limit_bytes=100)

    told, _ = run(group(89), group(90), group(81), group(80))
    assert told == ["", "+memory_high", "", "-memory_high"]
    _, (begins,) = health_step(HealthState(), group(90), 0.0, RULES)
    assert begins.figure == "90% of the service's memory"
    unlimited = Readings(group_used_bytes=10**12, group_limit_bytes=None)
    assert run(unlimited)[0] == [""]
    assert run(Readings(group_used_bytes=1, group_limit_bytes=0))[0] == [""]


def test_a_weak_supply_must_be_good_for_a_while():
    weak, good = Readings(undervolted=True), Readings(undervolted=False)
    told, _ = run(weak, good, weak, *[good] * 7)
    assert told == ["+undervoltage", *[""] * 7, "-undervoltage", ""]


def test_a_processor_slowed_down_is_too_hot_unless_its_supply_is_weak_or_it_is_cool():
    slowed = {"throttled": True, "undervolted": False}
    assert run(Readings(**slowed))[0] == ["+too_hot"]
    assert run(Readings(**slowed, temperature_c=78.0))[0] == ["+too_hot"]
    assert run(Readings(**slowed, temperature_c=50.0))[0] == [""]
    assert run(Readings(throttled=True, undervolted=True))[0] == ["+undervoltage"]
    normal = Readings(throttled=False, undervolted=False)
    assert run(Readings(**slowed), normal)[0] == ["+too_hot", "-too_hot"]


def test_an_update_waits_and_is_installed():
    marker = [Readings(update_pending=each) for each in (False, True, True, False)]
    assert run(*marker)[0] == ["", "+update_pending", "", "-update_pending"]


def test_a_write_that_found_no_room_is_the_cards_fault_until_one_works():
    told, _ = run(Wrote(full=True), Wrote(full=True), Wrote(full=False))
    assert told == ["+disk_full", "", "-disk_full"]
    # The card's figures do not deny what happened.
    roomy, tight = Readings(disk_free_bytes=900 * MB), Readings(disk_free_bytes=40 * MB)
    assert run(Wrote(full=True), roomy, roomy, Wrote(full=False))[0][1:] == ["", "", "-disk_full"]
    # A write of some bytes that works again is no room.
    assert run(tight, Wrote(full=True), Wrote(full=False), roomy)[0] == [
        *("", "+disk_full", ""),
        "-disk_full",
    ]


def test_what_cannot_be_read_changes_nothing_for_a_minute():
    hot = Readings(temperature_c=85.0)
    told, _ = run(hot, *[Readings()] * 5, hot, *[Readings()] * 7)
    assert told == ["+too_hot", *[""] * 11, "-too_hot", ""]
    assert CALM_S == 60.0


def test_several_at_once_come_in_the_tables_order():
    all_bad = Readings(0, 0, 10**9, 9, 10, 99.0, True, True, True)
    _, effects = health_step(HealthState(), all_bad, 0.0, RULES)
    assert [each.fault for each in effects] == [DISK, MEMORY, HEAT, SUPPLY, UPDATE]
    order = list(FAULTS)
    assert [each.fault for each in effects] == sorted(
        [each.fault for each in effects], key=order.index
    )


def maybe(values):
    return st.none() | values


sizes = st.integers(0, 200) | st.integers(0, 200 * MB)
readings = st.builds(
    Readings, maybe(sizes), maybe(st.integers(0, 2000)), maybe(sizes), maybe(sizes),
    maybe(sizes), maybe(st.floats(-50, 160)), *[maybe(st.booleans())] * 4,
)  # fmt: skip
events = readings | st.builds(Wrote, st.booleans())


@given(st.lists(st.tuples(events, st.floats(0, 100)), max_size=60))
def test_in_any_order_each_fault_begins_and_ends_in_turn(seen):
    state, now_s, standing = HealthState(), 0.0, set()
    for event, pause_s in seen:
        now_s += pause_s
        state, effects = health_step(state, event, now_s, RULES)
        for each in effects:
            assert (each.fault in standing) == isinstance(each, Ends)
            standing ^= {each.fault}
            assert not isinstance(each, Begins) or each.figure
        assert state.faults == standing
    calm = Readings(10**9, 10**6, 1, 1, 10, 20.0, False, False, False)
    for event in (Wrote(full=False), calm):
        state, _ = health_step(state, event, now_s + CALM_S + 1, RULES)
    assert state.faults == frozenset(), "every fault has a way back"
