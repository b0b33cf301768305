"""The four indicators' values, from what is known of the device."""

from __future__ import annotations

from appliance.metrics.state import Metrics

# Evidence without which nothing is called bad: one hitch, one short outage of a device that has
# just started, and one lost turn each have a line of their own.
LEAST_SENT, LEAST_HEARD = 50, 3  # chunks and answers
LEAST_WATCHED_S = 3600.0
LEAST_FAILED = 2


Reading = tuple[float | None, bool]  # the value; whether there is evidence enough to call it bad


def readings(metrics: Metrics, now_s: float) -> dict[str, Reading]:
    """Return each indicator's value now, by its name.

    - audio_latency: ms; the 95th percentiles of captured to sent and of received to heard, added,
      over the newest ten minutes in which somebody talked.
    - connection_uptime: %, of the last day; a link closed by us while nobody talks, and one that
      is renewed, are up; a dial that has not failed yet counts as neither.
    - error_rate: %, of the turns of the last day.
    - memory_usage: MB, resident.
    """
    good_s, bad_s = metrics.uptime.sums(now_s)
    good, failed = metrics.served.sums(now_s)
    return {
        "audio_latency": _latency(metrics, now_s),
        "connection_uptime": (_percent(good_s, bad_s), good_s + bad_s >= LEAST_WATCHED_S),
        "error_rate": (_percent(failed, good), failed >= LEAST_FAILED),
        "memory_usage": (metrics.board["resident_mb"], True),
    }


def _latency(metrics: Metrics, now_s: float) -> Reading:
    sent, heard = metrics.sent.merged(now_s), metrics.heard.merged(now_s)
    sent_ms, heard_ms = sent.percentile(95), heard.percentile(95)
    if sent_ms is None or heard_ms is None:
        return None, False
    return sent_ms + heard_ms, sent.count >= LEAST_SENT and heard.count >= LEAST_HEARD


def _percent(part: float, rest: float) -> float | None:
    return None if part + rest <= 0 else 100 * part / (part + rest)
