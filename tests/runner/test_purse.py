"""Where the day's cost is kept, and what the next start makes of it."""

from __future__ import annotations

import os

import pytest

from appliance import app
from appliance.devices.fakes import FakeJournal
from appliance.devices.health import Board
from appliance.session.budget import BudgetState, dump
from appliance.session.prices import PICO


@pytest.fixture
def board(tmp_path):
    return Board(tmp_path, root=tmp_path, own=False)


async def test_what_was_spent_is_known_at_the_next_start(tmp_path, board):
    journal = FakeJournal()
    told = []
    first = app.purse_in(tmp_path / "state", board, journal)
    assert first.state == BudgetState()
    keeper = first.keeper(lambda *news: told.append(news))
    keeper.keep(dump(BudgetState(spent_pico=3 * PICO)))
    await keeper.close()
    assert app.purse_in(tmp_path / "state", board, journal).state.spent_usd == 3.0
    assert (told, journal.lines) == ([], [])


async def test_a_damaged_sum_is_told_and_begun_anew(tmp_path, board):
    journal = FakeJournal()
    (tmp_path / "budget.json").write_text("{")
    purse = app.purse_in(tmp_path, board, journal)
    assert purse.state == BudgetState()
    assert [name for name, _ in journal.lines] == ["state_damaged"]
    assert "budget.json is damaged" in journal.lines[0][1]


def test_without_a_directory_it_is_kept_in_memory(board):
    journal = FakeJournal()
    purse = app.purse_in(None, board, journal)
    assert (purse.keeper, purse.state, journal.lines) == (None, BudgetState(), [])


def test_systemd_says_where(tmp_path):
    named = {"STATE_DIRECTORY": f"{tmp_path}:/var/lib/other"}
    for panel in ("gpio", "pipe"):
        assert app.state_directory(named, panel) == tmp_path


@pytest.mark.parametrize("panel", ["gpio", "terminal", "none"])
def test_else_it_is_the_usual_place_if_that_is_there(tmp_path, monkeypatch, panel):
    monkeypatch.setattr(app, "STATE", tmp_path / "appliance")
    assert app.state_directory({}, panel) is None
    assert not (tmp_path / "appliance").exists()
    (tmp_path / "appliance").mkdir()
    assert app.state_directory({}, panel) == tmp_path / "appliance"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert app.state_directory({}, panel) is None


def test_a_demo_does_not_spend_the_devices_money(tmp_path, monkeypatch):
    monkeypatch.setattr(app, "STATE", tmp_path)
    assert app.state_directory({}, "pipe") is None
