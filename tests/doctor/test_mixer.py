"""A card's own gain, as `amixer` prints it; a stand-in for the program keeps one value."""

import os
import subprocess
import sys

import pytest

from appliance.doctor import mixer
from appliance.doctor.calibrate import plan
from appliance.doctor.speech import Speech
from appliance.errors import HardwareError

# As two drivers say it: a USB card's both ends, and a codec's step.
USB = """\
numid=4,iface=MIXER,name='Mic Playback Volume'
  ; type=INTEGER,access=rw---R--,values=1,min=0,max=31,step=0
  : values=16
  | dBminmax-min=-23.00dB,max=8.00dB
numid=7,iface=MIXER,name='Mic Capture Switch'
  ; type=BOOLEAN,access=rw------,values=1
  : values=on
numid=8,iface=MIXER,name='Mic Capture Volume'
  ; type=INTEGER,access=rw---R--,values=1,min=0,max=35,step=0
  : values=16
  | dBminmax-min=-12.00dB,max=23.00dB
numid=9,iface=MIXER,name='Auto Gain Control'
  ; type=BOOLEAN,access=rw------,values=1
  : values=off
"""
CODEC = """\
numid=1,iface=MIXER,name='Capture Volume'
  ; type=INTEGER,access=rw---R--,values=2,min=0,max=63,step=0
  : values=39,39
  | dBscale-min=-17.25dB,step=0.75dB,mute=0
numid=2,iface=MIXER,name='ADC PCM Capture Volume'
  ; type=INTEGER,access=rw---R--,values=2,min=0,max=255,step=0
  : values=195,195
  | dBscale-min=-97.50dB,step=0.50dB,mute=0
"""
SILENT_ABOUT_DB = """\
numid=1,iface=MIXER,name='Capture Volume'
  ; type=INTEGER,access=rw------,values=2,min=0,max=65536,step=1
  : values=65536,65536
"""

STAND_IN = """\
#!{python}
import re, sys
words, file = sys.argv[1:], {file!r}
with open({log!r}, "a") as log:
    log.write(" ".join(words) + "\\n")
text = open(file).read()
if words[2] == "cset" and not {stubborn}:
    number, value = words[3].removeprefix("numid="), words[4]
    blocks = text.split("numid=")
    for i, block in enumerate(blocks):
        if block.startswith(number + ","):
            blocks[i] = re.sub(": values=.*", ": values=" + value, block)
            shown = "numid=" + blocks[i]
    open(file, "w").write("numid=".join(blocks))
    print(shown)
elif words[2] == "cset":
    sys.exit(1)
else:
    print(text)
"""


@pytest.fixture
def amixer(tmp_path, monkeypatch):
    """Return a maker of a stand-in with these contents; gives the file of its calls."""

    def install(contents, *, stubborn=False):
        (tmp_path / "contents").write_text(contents)
        program, log = tmp_path / "amixer", tmp_path / "calls"
        program.write_text(
            STAND_IN.format(
                python=sys.executable,
                file=str(tmp_path / "contents"),
                log=str(log),
                stubborn=stubborn,
            )
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        return log

    return install


def speech(active_dbfs, peak_above_db=16.0):
    return Speech(active_dbfs, 0.9, active_dbfs + peak_above_db, active_dbfs - 30, 0.0, 4.0, 5.0)


def test_the_capture_control_of_a_usb_card_is_found(amixer):
    amixer(USB)
    control = mixer.find_control(1)
    assert (control.number, control.name) == (8, "Mic Capture Volume")
    assert (control.now_db, control.db_at(35), control.step_db) == (4.0, 23.0, 1.0)


def test_the_first_before_the_converter_is_taken():
    controls = {control.name: control for control in mixer.read_controls(0, CODEC)}
    assert controls["Capture Volume"].now_db == 12.0
    assert controls["ADC PCM Capture Volume"].now_db == 0.0


@pytest.mark.parametrize("contents", ["", "nonsense", SILENT_ABOUT_DB, USB[: USB.index("numid=8")]])
def test_what_has_no_scale_is_left_alone(amixer, contents):
    amixer(contents)
    assert mixer.find_control(0) is None


def test_a_pcm_of_the_configuration_has_no_mixer():
    assert mixer.find_control(None) is None


def test_the_real_program_is_understood_where_it_gives_no_scale(sound_room, tmp_path):
    """PulseAudio's control, through the real amixer: a volume without decibels."""
    config = tmp_path / "ctl.conf"
    config.write_text(
        f'ctl.room {{ type pulse server "{sound_room.socket}" source "mic.monitor" }}\n'
    )
    told = subprocess.check_output(
        ["amixer", "-D", "room", "contents"],
        text=True,
        env={**os.environ, "ALSA_CONFIG_PATH": str(config)},
    )
    assert "Capture Volume" in told
    assert mixer.read_controls(0, told) == []


def test_setting_it_gives_what_it_is_then(amixer):
    log = amixer(USB)
    after = mixer.set_value(mixer.find_control(3), 26)
    assert (after.value, after.now_db) == (26, 14.0)
    assert log.read_text().splitlines()[-1] == "-c 3 cset numid=8 26"
    assert mixer.find_control(3).value == 26


def test_a_control_that_cannot_be_set_is_told(amixer):
    amixer(USB, stubborn=True)
    with pytest.raises(HardwareError, match="sudo"):
        mixer.set_value(mixer.find_control(3), 26)


def test_a_step_is_never_above_what_was_wanted(amixer):
    amixer(CODEC)
    control = mixer.find_control(0)
    for wanted_db in (-40.0, -17.2, 3.3, 12.0, 29.9, 99.0):
        value = control.value_at(wanted_db)
        assert control.low <= value <= control.high
        assert control.db_at(value) <= max(wanted_db, control.low_db)


# What is set


def test_without_a_control_the_gain_does_it_all():
    planned = plan(speech(-50.0), None, limited=True)
    assert (planned.input_gain_db, planned.mixer_value) == (24.0, None)


def test_a_control_lifts_what_is_far_too_soft_but_not_all_the_way(amixer):
    amixer(USB)
    control = mixer.find_control(0)
    planned = plan(speech(-50.0), control, limited=True)
    assert control.db_at(planned.mixer_value) - control.now_db == 14.0  # to -36 dBFS
    assert planned.input_gain_db == 10.0
    # It goes no further than it can; the rest is the gain's.
    planned = plan(speech(-66.0), control, limited=True)
    assert control.db_at(planned.mixer_value) == 23.0
    assert planned.input_gain_db == pytest.approx(40.0 - 19.0, abs=0.1)


def test_a_control_takes_back_what_is_too_loud(amixer):
    amixer(USB)
    control = mixer.find_control(0)
    planned = plan(speech(-14.0), control, limited=True)
    assert control.db_at(planned.mixer_value) - control.now_db == -12.0
    assert planned.input_gain_db == 0.0


@pytest.mark.parametrize("active_dbfs", [-41.0, -30.0, -21.0])
def test_a_control_that_is_near_enough_is_left_alone(amixer, active_dbfs):
    amixer(USB)
    planned = plan(speech(active_dbfs), mixer.find_control(0), limited=True)
    assert planned.mixer_value is None
    assert planned.input_gain_db == -26.0 - active_dbfs


def test_without_a_limiter_no_peak_may_clip():
    assert plan(speech(-40.0, 30.0), None, limited=True).input_gain_db == 14.0
    assert plan(speech(-40.0, 30.0), None, limited=False).input_gain_db == 7.0


@pytest.mark.parametrize(("active_dbfs", "gain_db"), [(-80.0, 40.0), (0.0, -20.0)])
def test_the_gain_has_its_bounds(active_dbfs, gain_db):
    assert plan(speech(active_dbfs), None, limited=True).input_gain_db == gain_db
