"""Every error the appliance raises.

ApplianceError
├── UsageError         a command was called wrongly, or was given a bad file; exit 2
├── ConfigError        wrong setting; exit 2, systemd does not restart
├── HardwareError      device missing or lost; a later try may succeed
│   └── CardsChangedError  it may be there, but streams that are open keep it from being found
├── RemoteError        the service broke the protocol or refused us
│   ├── ProtocolError  a message that is not of the Realtime API's form; names the field
│   └── RefusedError   the service said no for good (key, quota, model); retrying is wrong
├── NotRunningError    no device answers on the status socket
└── SignalError        audio of the wrong shape, rate or dtype (also ValueError)
"""

from __future__ import annotations


class ApplianceError(Exception):
    """Base of all errors raised on purpose by this package."""


class UsageError(ApplianceError):
    """A command was called wrongly, or was given a file that it cannot use."""


class ConfigError(ApplianceError):
    """One or more settings are wrong. `problems` has one line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class HardwareError(ApplianceError):
    """A device is missing, busy or lost."""


class CardsChangedError(HardwareError):
    """A device is missing among those that were there once; more is known once all are closed."""


class RemoteError(ApplianceError):
    """The service could not be reached, broke the protocol, or refused us.

    `fault` is the name of the cause (a key of the table of faults); `retry_after_s` is how long
    the service asked us to stay away, in seconds, None if it did not.
    """

    def __init__(
        self, message: str, fault: str = "link_failed", retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.fault = fault
        self.retry_after_s = retry_after_s


class ProtocolError(RemoteError):
    """A message is not of the Realtime API's form. `field` is a dotted path into it."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(f"{field}: {message}" if field else message, "protocol_error")
        self.field = field


class RefusedError(RemoteError):
    """The service refused us and will go on refusing. `code` is its own error code, and the
    fault's name unless another is given.
    """

    def __init__(self, message: str, code: str, fault: str = "") -> None:
        super().__init__(message, fault or code)
        self.code = code


class NotRunningError(ApplianceError):
    """The device does not run, or does not answer on its status socket."""


class SignalError(ApplianceError, ValueError):
    """Audio has the wrong shape, rate or dtype."""
