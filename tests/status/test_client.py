import itertools
import socket
from pathlib import Path

import pytest

from appliance.errors import NotRunningError
from appliance.status.client import StatusClient, default_path


def line(number):
    return b'{"version":1,"number":%d}\n' % number


def test_a_snapshot(fake_device):
    fake_device.answers = [b'{"version":1,', b'"number":7}\n']  # in pieces, as the kernel likes
    assert StatusClient().snapshot(fake_device.path) == {"version": 1, "number": 7}
    assert fake_device.questions == [b"snapshot\n"]


def test_a_watch_yields_line_after_line_and_ends_with_the_device(fake_device):
    fake_device.answers = [line(1), line(2) + line(3), b'{"version":1,"numb']
    seen = StatusClient().watch(fake_device.path)
    assert [each["number"] for each in itertools.islice(seen, 3)] == [1, 2, 3]
    assert fake_device.questions == [b"watch\n"]
    with pytest.raises(NotRunningError, match="no appliance"):
        next(seen)  # it ended in the middle of a line


def test_nobody_listens(directory):
    path = directory / "status.sock"
    with pytest.raises(NotRunningError) as error:
        StatusClient().snapshot(path)
    assert str(error.value).startswith("appliance is not running: systemctl start appliance")
    assert "\n" not in str(error.value)
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    with pytest.raises(NotRunningError, match="is not running"):
        next(StatusClient().watch(path))  # a file that an earlier run left there


def test_one_that_says_nothing_is_not_waited_for(fake_device):
    fake_device.answers = []
    fake_device.hangs.set()
    with pytest.raises(NotRunningError, match="does not answer"):
        StatusClient(timeout_s=0.1).snapshot(fake_device.path)


def test_a_watch_that_falls_silent_says_so(fake_device):
    fake_device.answers = [line(1)]
    fake_device.hangs.set()
    seen = StatusClient(timeout_s=0.1).watch(fake_device.path)
    next(seen)
    with pytest.raises(NotRunningError, match="does not answer"):
        next(seen)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"\xff\xfe\n", "no appliance"),
        (b"hello\n", "no appliance"),
        (b"[" * 300_000 + b"\n", "no appliance"),
        (b"[1]\n", "restart the appliance"),
        (b'{"version":2}\n', "in version 2"),
        (b"", "ended before it answered"),
    ],
)
def test_what_is_no_snapshot_is_one_line(fake_device, answer, told):
    fake_device.answers = [answer]
    with pytest.raises(NotRunningError, match=told) as error:
        StatusClient().snapshot(fake_device.path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["x" * 200, "a\0b"])
def test_a_path_that_no_socket_has(directory, name):
    with pytest.raises(NotRunningError):
        StatusClient().snapshot(directory / name)


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_many_answers_leave_nothing_open(fake_device):
    fake_device.answers = [line(1)]
    client = StatusClient()
    before = open_files()
    for _ in range(20):
        client.snapshot(fake_device.path)
        next(client.watch(fake_device.path))
    assert open_files() <= before + 1


def test_where_it_is_looked_for():
    assert str(default_path({})) == "/run/appliance/status.sock"
    assert str(default_path({"RUNTIME_DIRECTORY": "/run/a:/run/b"})) == "/run/a/status.sock"
