"""Nothing that was known to be secret is left, however it was spelt; and what looks like it."""

import base64
import html
import json
import random
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.doctor.redact import MASK, Redactor

# What a password may be made of; not so regular that it is in any text by chance.
SECRETS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")),
    min_size=6,
    max_size=40,
).filter(lambda text: text == text.strip() and len(set(text)) > 3 and MASK not in text)

# A pattern is made anew for each example, and the machine may be busy.
BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def hexadecimal(secret):
    return secret.encode().hex()


def every_letter_percent(secret):
    return "".join(f"%{byte:02x}" for byte in secret.encode())


SPELLINGS = {
    "plain": lambda secret: secret,
    "url": lambda secret: quote(secret, safe=""),
    "url twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "form": quote_plus,
    "percent": every_letter_percent,
    "json": lambda secret: json.dumps(secret)[1:-1],
    "json as it is": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "html": html.escape,
    "hex": hexadecimal,
    "HEX": lambda secret: hexadecimal(secret).upper(),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 of a pair": lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
    "base64 within": lambda secret: base64.b64encode(f"ab{secret}, and more".encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(f"x{secret}y".encode()).decode(),
    "base64 in lines": lambda secret: base64.encodebytes(f"{'z' * 50}{secret}".encode()).decode(),
}
PLACES = (
    "nothing but {}",
    "key={} and more",
    '{{"api_key": "{}"}}',
    "https://user:{}@host/path",
    "wss://host/v1?model=m&key={}",
    "Authorization: Bearer {}",
    "error: '{}' is not right\nnext line",
)


def fragments(spelt, least=6):
    """Yield what must not be found: any run of letters of the secret that gives it away."""
    for at in range(max(1, len(spelt) - least + 1)):
        yield spelt[at : at + least]


@settings(BUSY)
@given(secret=SECRETS, spelling=st.sampled_from(sorted(SPELLINGS)), place=st.sampled_from(PLACES))
def test_no_spelling_of_a_secret_survives(secret, spelling, place):
    spelt = SPELLINGS[spelling](secret)
    cleaned = Redactor([secret]).clean(place.format(spelt))
    assert spelt not in cleaned
    assert secret not in cleaned
    assert not Redactor([secret]).still_holds(cleaned)
    if spelling.startswith("base64"):
        # Nor does what is left of the packing unpack to a part of it.
        left = cleaned.replace("\n", "")
        middle = base64.b64encode(secret.encode()).decode().rstrip("=")[: len(secret) // 2]
        assert len(middle) < 4 or middle not in left


@settings(BUSY, max_examples=50)
@given(st.binary(max_size=300))
def test_any_text_can_be_cleaned(data):
    Redactor(["secret-1", "ein Wort"], ["anna"]).clean(data.decode("utf-8", "replace"))


@settings(BUSY, max_examples=30)
@given(secret=SECRETS, other=SECRETS)
def test_one_secret_within_another_goes_too(secret, other):
    both = secret + other
    cleaned = Redactor([secret, both]).clean(f"a {both} b {secret} c")
    assert both not in cleaned
    assert secret not in cleaned.replace(MASK, "")


# What only looks like a secret

_RANDOM = random.Random(7)
TOKEN = "".join(_RANDOM.choice("abcdefghijkmnpqrstuvwxyzABCDEFGH23456789") for _ in range(32))


@pytest.mark.parametrize(
    "line",
    [
        f"key sk-{TOKEN}",
        f"sk-proj-{TOKEN}",
        f"ek_{TOKEN}",
        f"Authorization: Bearer {TOKEN}",
        f"authorization=Basic {TOKEN}",
        f"Proxy-Authorization: Digest {TOKEN}",
        f"eyJhbGciOiJSUzI1NiJ9.{TOKEN}.{TOKEN}",
        f"openai-insecure-api-key.{TOKEN}",
        f"https://me:{TOKEN}@host/x",
        f"https://{TOKEN}@host/x",
        f"wss://host/realtime?model=m&sig={TOKEN}&x=1",
        f"wss://host/realtime?{TOKEN}",
        f'"client_secret": "{TOKEN}"',
        f"password = '{TOKEN}'",
        f"PASSWD:{TOKEN}",
        f"access_token={TOKEN};",
        f"Set-Cookie: {TOKEN}",
        f"-----BEGIN EC PRIVATE KEY-----\n{TOKEN}\n-----END EC PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{TOKEN}",
        f'ssid="{TOKEN}"',
        f"ssid={TOKEN[:8]} {TOKEN[8:]}",
        f'wlan0: ESSID:"{TOKEN}"',
        f"psk={TOKEN}",
        f'wpa_passphrase "x": psk="{TOKEN}"',
        f"wpa_supplicant[1]: wlan0: Trying to associate with SSID '{TOKEN}'",
        f"device (wlan0): Activation: starting connection '{TOKEN}' (uuid)",
        f"NetworkManager: policy: auto-activating connection '{TOKEN}'",
        f"/home/{TOKEN}/x.py",
        f"/Users/{TOKEN}",
        f"mail from {TOKEN}@example.org",
    ],
)
def test_what_looks_like_a_secret_is_masked(line):
    cleaned = Redactor([]).clean(f"before\n{line}\nafter")
    assert not any(piece in cleaned for piece in fragments(TOKEN, 8))
    assert cleaned.startswith("before\n")
    assert MASK in cleaned


def test_a_radios_address_is_masked():
    assert Redactor([]).clean("bssid 12:34:56:ab:CD:ef x") == f"bssid {MASK} x"


@pytest.mark.parametrize(
    "line",
    [
        "the microphone was lost and came back after 3.2 s (card:ArrayUAC10)",
        "turn 12 answered: said 1830 ms, first sound after 412 ms, $0.0031",
        "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1-mini",
        "2886:0018 ReSpeaker 4 Mic Array",
        "dtparam=audio=on",
        "usb 1-1.2: new full-speed USB device number 4",
        "/var/lib/appliance/budget.json",
    ],
)
def test_what_helps_is_left(line):
    assert Redactor(["sk-0123456789abcdef"], ["anna"]).clean(line) == line


def test_names_of_people_go_as_whole_words():
    cleaned = Redactor([], ["anna", "Li"]).clean("Anna's box: /srv/anna, annabel, anna-pi, Li")
    assert cleaned == f"{MASK}'s box: /srv/{MASK}, annabel, {MASK}-pi, Li"


def test_a_tree_keeps_its_form():
    tree = {"api_key": "x", "a": ["sk-abcdefgh12", 7, None, True], "ssid": "Home", "b": {"t": 1.5}}
    assert Redactor([]).clean_tree(tree) == {
        "api_key": MASK,
        "a": [MASK, 7, None, True],
        "ssid": MASK,
        "b": {"t": 1.5},
    }


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "a." * 100_000,
        "https://" * 20_000,
        "%25" * 60_000,
        "ssid " * 40_000,
        "A=" * 100_000,
    ],
)
def test_no_text_takes_long(text):
    redactor = Redactor(["Secret-0123456789", "%25%25%2", "AAAAAAAA="])
    began_s = time.process_time()
    redactor.clean(text)
    assert time.process_time() - began_s < 5.0
