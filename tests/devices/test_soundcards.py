import pytest

from appliance.devices.soundcards import (
    AudioDevice,
    Direction,
    SoundCard,
    is_free,
    is_unplugged,
    read_cards,
    resolve,
)
from appliance.errors import HardwareError

CAPTURE, PLAYBACK = Direction.CAPTURE, Direction.PLAYBACK

HEADPHONES = SoundCard(0, "Headphones", "", "", captures=False, plays=True)
WEBCAM = SoundCard(1, "C920", "046d:082d", "1-1.1", captures=True, plays=False)
ARRAY = SoundCard(3, "ArrayUAC10", "2886:0018", "1-1.2", captures=True, plays=True)
CARDS = (HEADPHONES, WEBCAM, ARRAY)
DEVICES = (
    AudioDevice(0, "bcm2835 Headphones: - (hw:0,0)", 0, 8, 44100),
    AudioDevice(1, "HD Pro Webcam C920: USB Audio (hw:1,0)", 2, 0, 32000),
    AudioDevice(2, "ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:3,0)", 6, 2, 16000),
    AudioDevice(3, "default", 32, 32, 44100, is_default_input=True, is_default_output=True),
)


def plug(root, number, card_id, usb=None, pcms=()):
    """Build what the kernel shows of one card, links and all."""
    sound = root / "sys/class/sound"
    sound.mkdir(parents=True, exist_ok=True)
    if usb:
        path, vendor, product = usb
        device = root / "sys/devices/platform/soc/usb1/1-1" / path
        interface = device / f"{path}:1.0"
        interface.mkdir(parents=True)
        (device / "idVendor").write_text(vendor + "\n")
        (device / "idProduct").write_text(product + "\n")
    else:
        interface = root / "sys/devices/platform/soc/soc:audio" / card_id
        interface.mkdir(parents=True)
    card = interface / "sound" / f"card{number}"
    card.mkdir(parents=True)
    (card / "id").write_text(card_id + "\n")
    (card / "device").symlink_to("../..")
    (sound / card.name).symlink_to(card)
    for pcm in pcms:
        (card / f"pcmC{number}{pcm}").mkdir()
        (sound / f"pcmC{number}{pcm}").symlink_to(card / f"pcmC{number}{pcm}")


@pytest.fixture
def tree(tmp_path):
    plug(tmp_path, 3, "ArrayUAC10", ("1-1.2", "2886", "0018"), ["D0c", "D0p"])
    plug(tmp_path, 0, "Headphones", pcms=["D0p"])
    plug(tmp_path, 1, "C920", ("1-1.1", "046D", "082D"), ["D0c"])
    (tmp_path / "sys/class/sound/timer").mkdir()
    return tmp_path


def test_cards_are_read_from_sysfs_in_order(tree):
    assert read_cards(tree) == CARDS


def test_card_ten_has_nothing_of_card_one(tmp_path):
    plug(tmp_path, 10, "Ten", pcms=["D0c"])
    plug(tmp_path, 1, "One", pcms=["D0p"])
    assert [(c.card_id, c.captures, c.plays) for c in read_cards(tmp_path)] == [
        ("One", False, True),
        ("Ten", True, False),
    ]


def test_no_sysfs_no_cards(tmp_path):
    assert read_cards(tmp_path) == ()


def test_a_card_that_goes_while_it_is_read_does_no_harm(tree):
    (tree / "sys/class/sound/card1/id").unlink()
    assert read_cards(tree)[1].card_id == "card1"


@pytest.mark.parametrize(
    ("selector", "direction", "index"),
    [
        ("auto", CAPTURE, 2),
        ("auto", PLAYBACK, 2),
        ("card:C920", CAPTURE, 1),
        ("card:Headphones", PLAYBACK, 0),
        ("usb:2886:0018", CAPTURE, 2),
        ("usb:046D:082D", CAPTURE, 1),
        ("usb-path:1-1.2", PLAYBACK, 2),
        ("pcm:default", CAPTURE, 3),
    ],
)
def test_a_selector_finds_its_device(selector, direction, index):
    assert resolve(selector, CARDS, DEVICES, direction).index == index


def test_auto_takes_any_usb_card_then_the_default():
    assert resolve("auto", (HEADPHONES, WEBCAM), DEVICES, CAPTURE).index == 1
    assert resolve("auto", (HEADPHONES,), DEVICES, CAPTURE).index == 3


def test_auto_passes_over_a_card_that_is_in_use():
    assert resolve("auto", CARDS, DEVICES[:2], CAPTURE).index == 1


@pytest.mark.parametrize(
    ("selector", "direction", "words"),
    [
        ("1", CAPTURE, "numbers change from boot to boot"),
        ("hw:1,0", CAPTURE, "numbers change from boot to boot"),
        ("ArrayUAC10", CAPTURE, "want auto, card:ID"),
        ("usb:", CAPTURE, "want auto, card:ID"),
        ("card:Nope", CAPTURE, "there is card:C920 usb:046d:082d usb-path:1-1.1; card:ArrayUAC10"),
        ("card:C920", PLAYBACK, "no sound card card:C920 for playback"),
        ("pcm:nope", PLAYBACK, "pcm:default"),
    ],
)
def test_what_cannot_be_found_is_told_in_one_line(selector, direction, words):
    with pytest.raises(HardwareError) as caught:
        resolve(selector, CARDS, DEVICES, direction)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_cards_of_one_kind_are_both_named():
    twin = SoundCard(4, "ArrayUAC10_1", "2886:0018", "1-1.4", captures=True, plays=True)
    with pytest.raises(HardwareError, match=r"2 sound cards.*usb-path:1-1\.2.*usb-path:1-1\.4"):
        resolve("usb:2886:0018", (*CARDS, twin), DEVICES, CAPTURE)


def test_a_card_that_portaudio_does_not_list_is_said_to_be_in_use():
    with pytest.raises(HardwareError, match=r"card:C920 .* is plugged in but cannot be opened"):
        resolve("card:C920", CARDS, DEVICES[2:], CAPTURE)


def test_nothing_at_all():
    with pytest.raises(HardwareError, match="there is none at all"):
        resolve("auto", (), (), PLAYBACK)


@pytest.mark.parametrize(
    ("selector", "direction", "unplugged"),
    [
        ("card:ArrayUAC10", CAPTURE, False),
        ("card:Nowhere", CAPTURE, True),
        ("usb:2886:0018", PLAYBACK, False),
        ("usb:046D:082D", CAPTURE, False),
        ("usb:046d:082d", PLAYBACK, True),  # a camera does not play
        ("usb-path:1-1.2", CAPTURE, False),
        ("usb-path:1-1.4", CAPTURE, True),
        ("auto", CAPTURE, False),
        ("pcm:nowhere", CAPTURE, False),  # no card's name: who knows
    ],
)
def test_what_is_unplugged_is_known_without_portaudio(selector, direction, unplugged):
    assert is_unplugged(selector, CARDS, direction) is unplugged


@pytest.mark.parametrize(
    ("selector", "direction", "free"),
    [
        ("card:ArrayUAC10", CAPTURE, True),
        ("usb-path:1-1.2", CAPTURE, True),
        ("card:ArrayUAC10", PLAYBACK, False),  # in use
        ("card:C920", CAPTURE, False),  # its node has gone
        ("auto", CAPTURE, True),
        ("auto", PLAYBACK, False),
        ("pcm:nowhere", CAPTURE, False),
    ],
)
def test_what_the_kernel_would_give_us_is_asked_of_its_nodes(tmp_path, selector, direction, free):
    nodes = tmp_path / "dev/snd"
    nodes.mkdir(parents=True)
    (nodes / "pcmC3D0c").touch()
    (nodes / "pcmC0D0p").touch()  # on no USB
    (nodes / "pcmC3D0p").symlink_to("nothing")  # cannot be opened
    assert is_free(selector, CARDS, direction, tmp_path) is free
