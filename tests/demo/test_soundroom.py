import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.demo import soundroom
from appliance.demo.soundroom import SoundRoom
from appliance.errors import UsageError


def sinks(room):
    listed = subprocess.run(
        ["pactl", "--server", room.socket, "list", "short", "sinks"],
        env={**os.environ, **room.env},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split("\t")[1] for line in listed.stdout.splitlines()]


def test_the_room_takes_connections_at_once_and_leaves_nothing():
    with SoundRoom() as room:
        assert {"mic", "spk"} <= set(sinks(room))
        home = Path(room.env["ALSA_CONFIG_PATH"]).parent
        pid = room._server.pid
    assert not home.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_rooms_do_not_share_a_server():
    with SoundRoom() as one, SoundRoom(48_000) as two:
        assert one.socket != two.socket
        one.close()
        assert "mic" in sinks(two)


def test_what_the_mouth_plays_the_microphone_hears_bit_for_bit():
    pcm = b"".join(
        (n * 7 % 20_000 - 10_000).to_bytes(2, "little", signed=True) for n in range(9600)
    )
    with SoundRoom() as room:
        env = {**os.environ, **room.env}
        raw = ["-t", "raw", "-f", "S16_LE", "-r", "24000", "-c", "1", "-q"]
        with subprocess.Popen(
            ["arecord", "-D", "mic", *raw], env=env, stdout=subprocess.PIPE
        ) as ear:
            assert ear.stdout is not None
            ear.stdout.read(2)  # it has begun
            subprocess.run(["aplay", "-D", "mouth", *raw], env=env, input=pcm, check=True)
            heard = ear.stdout.read(48_000)
            while pcm not in heard and len(heard) < 480_000:
                heard += ear.stdout.read(4800)
            ear.terminate()
    assert pcm in heard


def test_closing_twice_is_closing_once():
    room = SoundRoom().__enter__()
    room.close()
    room.close()


def test_a_server_that_does_not_stop_is_killed(monkeypatch):
    monkeypatch.setattr(soundroom, "_STOP_WITHIN_S", 0.2)
    with SoundRoom() as room:
        server = room._server
        os.kill(server.pid, signal.SIGSTOP)
    assert server.returncode == -signal.SIGKILL


def test_the_server_ends_with_the_one_who_started_it(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # for what a crash leaves behind
    program = """if True:
        import os
        from appliance.demo.soundroom import SoundRoom
        with SoundRoom() as room:
            print(room._server.pid, flush=True)
            os._exit(0)  # as a crash would
        """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        server = os.pidfd_open(int(done.stdout))
        assert select.select([server], [], [], 5)[0]  # readable once the process has ended
        os.close(server)


def test_without_pulseaudio_the_text_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="apt-get install pulseaudio"):
        SoundRoom().__enter__()


def test_a_server_that_fails_is_quoted(monkeypatch):
    monkeypatch.setattr(soundroom, "_PULSE_SCRIPT", "load-module module-of-nothing\n")
    with pytest.raises(UsageError, match=r"did not start: E: .*module-of-nothing"):
        SoundRoom().__enter__()
