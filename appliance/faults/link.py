"""Faults on the way to the service, and of the link to it."""

from __future__ import annotations

from appliance.faults.fault import Fault, Severity
from appliance.ports import Flash, Light

LINK_FAULTS = (
    Fault(
        "no_wifi",
        Severity.STANDING,
        detected="A dial fails, and no interface but the loopback is up.",
        cause="The device is in no network.",
        cure="Check the router, and the network name and password that the device has.",
        message_id="83d55be38bc948e9aa0725d50b978944",
        light=Light.NO_NETWORK,
        prompt="no_wifi",
    ),
    Fault(
        "no_route",
        Severity.STANDING,
        detected="A dial fails for want of a route, or no route leads out of the network.",
        cause="The network does not lead to the internet.",
        cure="Check the router and its line; the device goes on trying.",
        message_id="b068ed5cf0d04372b7a1971381f2f01e",
        light=Light.NO_NETWORK,
        prompt="no_internet",
    ),
    Fault(
        "captive_portal",
        Severity.STANDING,
        detected="The endpoint answers with a web page, a redirect or HTTP 511.",
        cause="The network wants somebody to sign in on a web page first.",
        cure="Sign in with a phone in the same network, or give the device another network.",
        message_id="f96b666b1337496d96491d3c152055db",
        light=Light.NO_NETWORK,
        prompt="captive_portal",
    ),
    Fault(
        "dns_failed",
        Severity.STANDING,
        detected="The look-up of the endpoint's name gives no address.",
        cause=(
            "The service's address cannot be found: no name server answers, or the name is wrong."
        ),
        cure="Check the router; check `endpoint.url` if it was changed.",
        message_id="5e303f9074ec41d99c7e6e1dca1079da",
        light=Light.NO_NETWORK,
        prompt="no_internet",
    ),
    Fault(
        "clock_wrong",
        Severity.STANDING,
        detected=(
            "The certificate is of another time, and the clock was never set, or is "
            "before this program was made."
        ),
        cause="The device's clock is wrong, so that no certificate can be trusted.",
        cure="Connect it to a network that lets time servers (NTP) through; check `timedatectl`.",
        message_id="9d14f371536140cf867ec516da5f66e9",
        light=Light.NO_NETWORK,
        prompt="clock_wrong",
    ),
    Fault(
        "tls_failed",
        Severity.STANDING,
        detected="The TLS handshake fails for another reason than the clock.",
        cause=(
            "The service's certificate is not to be trusted, or something on the way "
            "breaks into the connection."
        ),
        cure="Check for a proxy or a filter in the network; check `endpoint.url`.",
        message_id="f96e0e614ac84e059813b3371c5187af",
        light=Light.NO_NETWORK,
        prompt="tls_failed",
    ),
    Fault(
        "connection_refused",
        Severity.STANDING,
        detected="Every address of the endpoint refuses the connection.",
        cause="Nothing listens at the endpoint.",
        cure="Check `endpoint.url`, and that the server there is running.",
        message_id="91ee11f1b7364296abc3e44f39033535",
        light=Light.NO_NETWORK,
        prompt="service_away",
    ),
    Fault(
        "connect_timeout",
        Severity.STANDING,
        detected="The connection does not stand within `websocket.handshake_timeout`.",
        cause="The service did not answer the call in time.",
        cure="Check the network, and a firewall if there is one; the device goes on trying.",
        message_id="2f3be1c9e84441c3b781193e95b1fbf5",
        light=Light.NO_NETWORK,
        prompt="service_away",
    ),
    Fault(
        "proxy_failed",
        Severity.STANDING,
        detected="The proxy named in the environment cannot be used, or answers with an error.",
        cause="The proxy did not let the connection through.",
        cure="Check HTTPS_PROXY and NO_PROXY, and the proxy itself.",
        message_id="bdc65e00d9a54ab787379cf51de1ccd0",
        light=Light.NO_NETWORK,
        prompt="service_away",
    ),
    Fault(
        "link_failed",
        Severity.STANDING,
        detected=(
            "A dial fails for a reason that has no name of its own; the line in the "
            "journal quotes it."
        ),
        cause="No connection could be made.",
        cure="Check the network; the device goes on trying.",
        message_id="767535ec6acf414aa9e41a0874e09d00",
        light=Light.NO_NETWORK,
        prompt="offline_now",
    ),
    Fault(
        "link_lost",
        Severity.TURN,
        detected="The connection ends without a reason of its own.",
        cause="The connection was lost.",
        cure=(
            "It is made again at once; ask again if an answer was cut off, and check "
            "the network if this goes on."
        ),
        message_id="f1b09af9e00e458b9c32ca9a55428c17",
        light=Light.NO_NETWORK,
        flash=Flash.ERROR,
        prompt="answer_lost",
    ),
    Fault(
        "stalled",
        Severity.TURN,
        detected=(
            "A connection that stands says nothing: no pong, or no answer to what a "
            "live service answers."
        ),
        cause="The connection fell silent.",
        cure=(
            "It is made again at once; ask again if an answer was cut off, and check "
            "the network if this goes on."
        ),
        message_id="292d9344ecdd40bb80c4354123615c9e",
        light=Light.NO_NETWORK,
        flash=Flash.ERROR,
        prompt="answer_lost",
    ),
    Fault(
        "circuit_open",
        Severity.STANDING,
        detected="`circuit_breaker.failure_threshold` dials in a row have failed.",
        cause="The service has been out of reach for a while, so that the device tries less often.",
        cure=(
            "Check the network and the service; one dial is made every "
            "`circuit_breaker.reset_timeout`."
        ),
        message_id="804cd30b77e643b69ec2f2fed5b6a174",
        light=Light.NO_NETWORK,
        prompt="still_offline",
    ),
    Fault(
        "session_expired",
        Severity.NOTICE,
        detected="The service says so, or closes with code 1001.",
        cause="The session has reached its longest age.",
        cure="There is nothing to do: the device opens a new one.",
        message_id="b3a0d561aa8f4e089643f1d974420291",
    ),
    Fault(
        "renewal_failed",
        Severity.NOTICE,
        detected="The session that is to take over cannot be opened.",
        cause="The next session could not be opened.",
        cure="There is nothing to do: the present one serves until the next try.",
        message_id="9f7ba727b5ad4c2a8df7411bd2d50476",
    ),
    Fault(
        "protocol_error",
        Severity.NOTICE,
        detected="A message or a frame is not of the protocol's form.",
        cause="A message of the service was not understood.",
        cure="Update the device if this goes on.",
        message_id="7e3ac64dd7ef4c68837905135b11322e",
    ),
)
