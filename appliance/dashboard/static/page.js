// Puts each snapshot onto the page. Whatever is gone stays there, with the time that it was so.

import { Announcer } from "./announcer.js";
import { at, facts, lasting, number, prose, say, usd, withUnit } from "./format.js";
import { Led } from "./led.js";
import { Kept, Long, counters, recentFault, spanRows, standingFault, turnRow } from "./lists.js";
import { Live } from "./live.js";
import { Indicator } from "./spark.js";
import { IDLE_BY_MODE, LIGHTS, LINKS, STATES, TALK_MODES, plain } from "./words.js";

const QUIET_DBFS = -80;
const byId = (id) => document.getElementById(id);
const announcer = new Announcer(byId("announcer"));
const led = new Led(byId("led"), byId("rhythm"), byId("rhythm-text"));
const indicators = new Map();
const turns = new Long("turns", "turns-rows", turnRow);
const recent = new Long("recent", "recent-list", recentFault);
const kept = {
  turns: new Kept((it) => {
    turns.draw(it);
    byId("turns").hidden = !it.length;
  }),
  recent: new Kept((it) => recent.draw(it)),
  standing: new Kept((it) => {
    byId("standing").hidden = !it.length;
    byId("standing-list").replaceChildren(...it.map(standingFault));
  }),
  spans: new Kept((it) => byId("spans-rows").replaceChildren(...spanRows(it))),
};
let lastSeen = null; // Unix seconds by this machine's clock: when the newest snapshot came

function show(it) {
  lastSeen = Date.now() / 1000;
  link("live", "Live");
  byId("banner").hidden = true;
  byId("body").hidden = false;
  now(it);
  kept.standing.show(it.faults.map(({ since_s, ...rest }) => ({ ...rest, since: Math.round(it.at - since_s) })));
  for (const [name, indicator] of Object.entries(it.indicators)) indicatorOf(name).show(indicator);
  kept.turns.show(it.turns.map(whole));
  kept.recent.show(it.recent_faults.map(whole));
  kept.spans.show(it.spans_ms);
  counters(byId("counters"), it.counters);
  meter(it.meters);
  cost(it.cost);
  facts(byId("board"), boardOf(it));
  announcer.live(it, indicators);
}

/** Without the split seconds, which tremble: they would draw a list anew that has not changed. */
const whole = (entry) => ({ ...entry, at: Math.round(entry.at) });

function now(it) {
  const [title, text] = LIGHTS[it.light] ?? [plain(it.light), ""];
  say(byId("now-title"), title);
  say(byId("now-text"), it.light === "idle" ? (IDLE_BY_MODE[it.settings.talk_mode] ?? text) : text);
  document.title = `${title} – Voice appliance`;
  led.show(it.light);
  facts(byId("now-facts"), [
    ["Health", healthOf(it)],
    ["Connection", `${LINKS[it.link.state] ?? plain(it.link.state).toLowerCase()}, ${lasting(it.link.since_s)}`],
    ["Turn", STATES[it.state] ?? plain(it.state).toLowerCase()],
    ["Running for", lasting(it.uptime_s)],
  ]);
}

function healthOf({ well, faults }) {
  if (well) return "all is well";
  return faults.length === 1 ? "1 fault" : faults.length ? `${faults.length} faults` : "not well";
}

function indicatorOf(name) {
  if (!indicators.has(name)) {
    const made = new Indicator(name);
    indicators.set(name, made);
    byId("indicators").append(made.card);
  }
  return indicators.get(name);
}

function meter(it) {
  byId("meter-empty").hidden = it !== null;
  byId("meter-box").hidden = it === null;
  if (it === null) return;
  const share = (dbfs) => Math.min(1, Math.max(0, 1 - dbfs / QUIET_DBFS));
  const bar = byId("meter");
  bar.querySelector(".fill").style.transform = `scaleX(${share(it.microphone_rms_dbfs)})`;
  bar.querySelector(".peak").style.left = `calc(${share(it.microphone_peak_dbfs) * 100}% - 2px)`;
  const text = `${number(it.microphone_rms_dbfs, 0)} dBFS, peak ${number(it.microphone_peak_dbfs, 0)}`;
  bar.setAttribute("aria-valuenow", Math.round(Math.min(0, Math.max(QUIET_DBFS, it.microphone_rms_dbfs))));
  bar.setAttribute("aria-valuetext", text);
  say(byId("meter-text"), text);
}

function cost(it) {
  const bar = byId("cost");
  const capped = it.cap_usd > 0;
  const percent = capped ? Math.min(100, (it.today_usd / it.cap_usd) * 100) : 0;
  say(byId("cost-figure"), usd(it.today_usd));
  bar.hidden = !capped;
  bar.dataset.cost = it.stopped ? "critical" : percent >= 80 ? "warning" : "good";
  bar.querySelector(".fill").style.transform = `scaleX(${percent / 100})`;
  bar.setAttribute("aria-valuenow", Math.round(percent));
  const of = capped ? `${number(percent, 0)} % of the day's cap of ${usd(it.cap_usd)}.` : "No cap is set.";
  say(byId("cost-text"), it.stopped ? `${of} No turn begins until tomorrow.` : of);
}

function boardOf({ appliance, board, echo, settings, link, pid }) {
  const heard = echo === null ? "off" : echo.converged ? `${number(echo.loss_db, 0)} dB less` : "still learning";
  const power = board.undervolted === null ? "–" : board.undervolted ? "too low" : "steady";
  return [
    ["Temperature", withUnit(board.temperature_c, "°C", 0)],
    ["Supply", power],
    ["Memory", withUnit(board.resident_mb, "MB", 0)],
    ["Free disk", withUnit(board.disk_free_mb, "MB", 0)],
    ["Echo", heard],
    ["Echo delay", withUnit(echo?.delay_ms, "ms", 0)],
    ["Talk mode", TALK_MODES[settings.talk_mode] ?? settings.talk_mode],
    ["Language", settings.language],
    ["Voice", settings.voice],
    ["Version", appliance],
    ["Process", String(pid)],
    ["Reconnects", number(link.reconnects, 0)],
    ["Model", settings.model],
  ];
}

// Gone, lost, paused

function link(state, text) {
  if (document.body.dataset.link !== state) document.body.dataset.link = state;
  say(byId("pill-text"), text);
}

function away(title, text) {
  led.show(null);
  if (lastSeen === null) {
    say(byId("now-title"), title);
    byId("now-text").replaceChildren(...prose({}, text).childNodes);
    link("gone", "Not live");
    document.title = `${title} – Voice appliance`;
    announcer.away(`${title}. ${text}`);
    return;
  }
  const since = `No longer live since ${at(lastSeen)}`;
  link("gone", "Not live");
  say(byId("banner-title"), since);
  byId("banner-text").replaceChildren(...prose({}, text).childNodes);
  byId("banner").hidden = false;
  say(byId("now-title"), title);
  say(byId("now-text"), "The rest is as it was then.");
  document.title = "No longer live – Voice appliance";
  announcer.away(`${since}. ${text}`);
}

const live = new Live({
  snapshot: show,
  gone: (why) => away("Device away", why),
  lost: () => away("Out of reach", "The dashboard does not answer. Is this machine still in its network? The page goes on trying."),
});

byId("pause").addEventListener("click", (event) => {
  const paused = event.currentTarget.getAttribute("aria-pressed") !== "true";
  event.currentTarget.setAttribute("aria-pressed", paused);
  if (paused) {
    live.stop();
    led.show(null);
    link("paused", lastSeen === null ? "Paused" : `Paused at ${at(lastSeen)}`);
  } else {
    link("connecting", "Connecting");
    live.start();
  }
});

led.load();
live.start();
