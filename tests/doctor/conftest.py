"""A patient to examine, the person beside it, and servers that it can be sent to."""

import asyncio
import contextlib
import io
import json
import ssl
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from appliance.config.load import load
from appliance.doctor.patient import Allowed, Patient
from appliance.doctor.teller import Teller
from appliance.simulator.server import Options, RealtimeServer


class Person(io.StringIO):
    """A terminal with somebody before it, who gives these answers."""

    def __init__(self, *answers, present=True):
        super().__init__("".join(f"{answer}\n" for answer in answers))
        self.present = present

    def isatty(self):
        return self.present


class Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def patient(tmp_path):
    """Return a maker of patients: settings by `section__name=value`, the rest by name."""

    def make(snapshot=None, unit="", root=None, allowed=None, person=None, teller=None, **settings):
        environ = {f"APPLIANCE_{name.upper()}": str(value) for name, value in settings.items()}
        return Patient(
            loaded=load(None, environ, system_file=tmp_path / "none.toml"),
            problems=[],
            snapshot=snapshot,
            why_no_snapshot="" if snapshot else "appliance is not running",
            unit=unit,
            allowed=allowed or Allowed(questions=person is not None),
            teller=teller or Teller(Screen() if person else io.StringIO(), person or Person(), {}),
            state=tmp_path,
            root=root or tmp_path,
            environ=environ,
        )

    return make


def said(patient):
    """Return what the patient's teller has written."""
    return patient.teller._out.getvalue()


@pytest.fixture
def running():
    """A snapshot of a device that runs and is well."""
    return {
        "version": 1, "at": 0.0, "appliance": "0.1.0", "pid": 1, "uptime_s": 7200.0, "well": True,
        "state": "idle", "light": "idle", "link": {"state": "ready", "since_s": 1, "reconnects": 0},
        "faults": [], "recent_faults": [], "turns": [],
        "echo": {"converged": True, "loss_db": 31.0, "delay_ms": 80.0},
        "meters": {"microphone_rms_dbfs": -51.0, "microphone_peak_dbfs": -40.0},
        "board": {"temperature_c": 50.0, "resident_mb": 48.0, "undervolted": False},
    }  # fmt: skip


class Deaf:
    """Ears for a server that nobody talks to."""

    async def hear(self, pcm):
        return ""

    async def close(self):
        pass


@pytest.fixture
def simulator():
    """Return a maker of local Realtime servers, each on a thread of its own; gives the URL."""
    with contextlib.ExitStack() as closing:

        def start(**options):
            return closing.enter_context(_serving(Options(**options)))

        yield start


@contextlib.contextmanager
def _serving(options):
    loop = asyncio.new_event_loop()
    ready, ended, urls = threading.Event(), asyncio.Event(), []

    async def serve():
        async with RealtimeServer(options, ears=Deaf()) as server:
            urls.append(server.url)
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


class Web:
    """An HTTP server that answers as a service does: `answers` by path, a time of its own."""

    def __init__(self, tls=None):
        self.answers = {}  # path: (status, object)
        self.asked = []  # (path, headers)
        self.clock_off_s = 0.0
        self.dated = True
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                web.asked.append((self.path, dict(self.headers)))
                status, body = web.answers.get(self.path, (404, "404: Not Found"))
                data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response_only(status)
                if web.dated:
                    self.send_header("Date", formatdate(time.time() + web.clock_off_s, usegmt=True))
                kind = "text/plain" if isinstance(body, str) else "application/json"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def finish_request(self, request, address):
                # TLS within the connection's own thread; who does not trust us ends it here.
                with contextlib.ExitStack() as closing:
                    closing.enter_context(contextlib.suppress(ssl.SSLError, ConnectionError))
                    if tls is not None:
                        request = closing.enter_context(tls.wrap_socket(request, server_side=True))
                    self.RequestHandlerClass(request, address, self)

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.scheme = "ws" if tls is None else "wss"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}/v1/realtime"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def web():
    """Return a maker of such servers."""
    servers = []

    def start(tls=None):
        servers.append(Web(tls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
