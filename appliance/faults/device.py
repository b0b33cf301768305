"""Faults of the device itself: sound, button, power, memory, settings, money."""

from __future__ import annotations

from appliance.faults.fault import Fault, Severity
from appliance.ports import Flash, Light

DEVICE_FAULTS = (
    Fault(
        "microphone_missing",
        Severity.STANDING,
        detected="At start, no sound card has the microphone of the settings, or it is busy.",
        cause="There is no microphone.",
        cure="Plug it in; `appliance devices` lists what is there.",
        message_id="a55548f9c284410c87601382a9d50b8e",
        light=Light.FAULT,
        prompt="microphone_missing",
    ),
    Fault(
        "microphone_lost",
        Severity.STANDING,
        detected="The capture stream ends with an error, or no samples come in.",
        cause="The microphone is gone.",
        cure="Check its plug; it is used again once it is back.",
        message_id="ce08184e13b5450f8cf26a29e336dced",
        light=Light.FAULT,
        prompt="microphone_lost",
    ),
    Fault(
        "microphone_silent",
        Severity.TURN,
        detected=("A turn ends in which no sample came in, or 3 s of a turn lie below -85 dBFS."),
        cause="The microphone gave no sound.",
        cure="Check its plug and its mute switch; see `appliance devices`.",
        message_id="55ce6839ef254b9d8ccd8c1c439a3a0d",
        flash=Flash.ERROR,
        prompt="microphone_silent",
    ),
    Fault(
        "microphone_clipping",
        Severity.NOTICE,
        detected="Of 2 s of loud speech, more than 0.1 % of the samples are at full scale.",
        cause="The microphone is driven too hard, so that speech is distorted.",
        cure="Lower its gain (`alsamixer`), or speak from further away.",
        message_id="5180c204a89f4ce89265d24a4d5f42fe",
        prompt="microphone_clipping",
    ),
    Fault(
        "speaker_missing",
        Severity.STANDING,
        detected="At start, no sound card has the loudspeaker of the settings, or it is busy.",
        cause="There is no loudspeaker.",
        cure="Plug it in; `appliance devices` lists what is there.",
        message_id="72d7bb8081294fa0a365e49ccd2b4064",
        light=Light.FAULT,
    ),
    Fault(
        "speaker_lost",
        Severity.STANDING,
        detected="The playback stream ends with an error, or its clock stands still.",
        cause="The loudspeaker is gone.",
        cure="Check its plug; it is used again once it is back.",
        message_id="1fbfbd0b51c54814b8f53d5f4668fe78",
        light=Light.FAULT,
        flash=Flash.ERROR,
    ),
    Fault(
        "button_stuck",
        Severity.STANDING,
        detected="The button has been down for longer than 60 s.",
        cause="The button has been held for over a minute.",
        cure="Check that it is not jammed, and its wiring; it is obeyed again once it was let go.",
        message_id="115cdb16560c4e4d9f3936946e06a986",
        light=Light.FAULT,
        flash=Flash.ERROR,
        prompt="button_stuck",
    ),
    Fault(
        "disk_full",
        Severity.STANDING,
        detected="A write of state finds no room, or less than 32 MB are free.",
        cause="The memory card is full.",
        cure="Remove what is not needed; `journalctl --vacuum-size=50M` is a start.",
        message_id="9931a77d066b45f8819cccd6f9846b29",
        light=Light.FAULT,
        prompt="disk_full",
    ),
    Fault(
        "state_not_saved",
        Severity.NOTICE,
        detected="A write of state fails, though there is room.",
        cause=(
            "The device cannot write to its memory card; what it has to remember is lost at the "
            "next start."
        ),
        cure=(
            "Check that `/var/lib/appliance` belongs to the service; replace a card that has "
            "become read-only."
        ),
        message_id="5de68a88b5a740d6805ed62234fd872a",
    ),
    Fault(
        "memory_high",
        Severity.NOTICE,
        detected=(
            "The process holds more than `metrics.memory_usage.warning`, or its control group "
            "nine tenths of its limit."
        ),
        cause="The device is short of memory.",
        cure="Stop other programs; the device restarts by itself if it must.",
        message_id="697e4a4426744ad48832ad6550fd82c2",
        prompt="memory_high",
    ),
    Fault(
        "too_hot",
        Severity.STANDING,
        detected=(
            "The processor is at 80 °C, or the firmware slows it down while the supply is good."
        ),
        cause="The processor is too hot and runs slowly.",
        cure="Give the device air, shade or a heat sink.",
        message_id="1aeaccb70e7746e59e96a45114713857",
        light=Light.FAULT,
        prompt="too_hot",
    ),
    Fault(
        "undervoltage",
        Severity.STANDING,
        detected=(
            "The firmware reports undervoltage (`vcgencmd get_throttled`, or the sysfs alarm)."
        ),
        cause="The power supply is too weak.",
        cure="Use a supply that is made for this board, and a short thick cable.",
        message_id="16307472ac1f4fc0b710d08b6ae512c6",
        light=Light.FAULT,
        prompt="undervoltage",
    ),
    Fault(
        "settings_invalid",
        Severity.FINAL,
        detected="The settings cannot be loaded; the process ends with exit code 2.",
        cause="One or more settings are wrong.",
        cure="`appliance config check` names each; correct them and restart the device.",
        message_id="0fe91ea9c2ae4b9495341f1de54335df",
        light=Light.SETUP,
        prompt="settings_invalid",
    ),
    Fault(
        "update_pending",
        Severity.NOTICE,
        detected="The marker of an update, or of a restart for one, is there.",
        cause="An update waits to be installed.",
        cure="Install it, or restart the device, when nobody needs it.",
        message_id="1214c75bb3054636a15bf782c66bbe46",
        prompt="update_pending",
    ),
    Fault(
        "cost_warning",
        Severity.NOTICE,
        detected="The day's cost has passed 80 % of the daily cap.",
        cause="Four fifths of the day's money are spent.",
        cure="Use it sparingly until midnight, or raise the daily cap in `[cost]`.",
        message_id="7f7336c359f840dabcc96e2c38fb6652",
        prompt="cost_warning",
    ),
    Fault(
        "cost_cap_reached",
        Severity.FINAL,
        detected="The day's cost has reached the daily cap.",
        cause="The day's money is spent; the device answers again tomorrow.",
        cure="Wait until midnight, or raise the daily cap in `[cost]`.",
        message_id="5f5a58696f8b43d6bd5ac442e3de0b5f",
        light=Light.FAULT,
        flash=Flash.ERROR,
        prompt="cost_stop",
    ),
)
