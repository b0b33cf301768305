"""Certificates for the local server: one that is right, and some that no client may trust.

`openssl` makes them, for `ssl` cannot.
"""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.errors import UsageError

GOOD: Final = "good"
WRONG: Final = ("expired", "not-yet", "wrong-name", "stranger")  # what can be wrong with one

_VALID = ("20200101000000Z", "20991231000000Z")
_TIMES = {
    "expired": ("20200101000000Z", "20210101000000Z"),
    "not-yet": ("20980101000000Z", _VALID[1]),
}
_ELSEWHERE = "DNS:elsewhere.example"
_HERE = "IP:127.0.0.1,IP:::1,DNS:localhost"

_CONFIG = """[ca]
default_ca=d
[d]
database={folder}/index.txt
serial={folder}/serial
new_certs_dir={folder}
default_md=sha256
policy=p
unique_subject=no
x509_extensions=authority
[p]
commonName=supplied
[req]
distinguished_name=n
[n]
[authority]
basicConstraints=critical,CA:TRUE
subjectKeyIdentifier=hash
[here]
subjectAltName={here}
[elsewhere]
subjectAltName={elsewhere}
"""


@dataclass(frozen=True, slots=True)
class Certificates:
    """The server's side of TLS, made by `make_certificates`. A client has to trust `authority`."""

    folder: Path
    context: ssl.SSLContext = field(default_factory=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    def trust(self) -> ssl.SSLContext:
        """Return a client's context that trusts these, and no other."""
        return ssl.create_default_context(cafile=self.authority)

    def show(self, name: str) -> None:
        """Have connections from now on see this one: `GOOD`, or one of `WRONG`."""
        self.context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")


def make_certificates(folder: Path, *names: str) -> Certificates:
    """Make all of them in `folder`, for this machine and for the host `names`; show the good one.

    Raises:
        UsageError: openssl is missing, or cannot write there.
    """
    here = ",".join([_HERE, *(f"DNS:{name}" for name in names)])
    config = folder / "ca.conf"
    try:
        (folder / "index.txt").touch()
        (folder / "serial").write_text("01\n")
        config.write_text(_CONFIG.format(folder=folder, here=here, elsewhere=_ELSEWHERE))
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}") from error
    _issue(folder, "authority", "authority", _VALID, signer="authority")
    for name in (GOOD, *WRONG):
        times = _TIMES.get(name, _VALID)
        part = "elsewhere" if name == "wrong-name" else "here"
        signer = "stranger" if name == "stranger" else "authority"
        _issue(folder, name, part, times, signer=signer)
    made = Certificates(folder)
    made.show(GOOD)
    return made


def _issue(folder: Path, name: str, part: str, times: tuple[str, str], *, signer: str) -> None:
    """Make a key and its certificate; who signs its own is nobody's."""
    config, request = folder / "ca.conf", folder / f"{name}.request"
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    new = ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    _openssl(*new, "-config", config, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
    by = ["-selfsign"] if signer == name else ["-cert", folder / f"{signer}.pem"]
    sign = ["ca", "-batch", "-notext", "-config", config, "-extensions", part, *by]
    ends = ["-startdate", times[0], "-enddate", times[1]]
    _openssl(*sign, "-keyfile", folder / f"{signer}.key", "-in", request, "-out", cert, *ends)


def _openssl(*arguments: str | Path) -> None:
    try:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
    except FileNotFoundError as error:
        raise UsageError("openssl is not installed: apt install openssl") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(f"openssl: {said[-1] if said else 'failed'}") from error
