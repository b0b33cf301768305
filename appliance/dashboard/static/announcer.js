// What a screen reader says by itself: only what somebody may have to act on, and never in a rush.

import { INDICATORS, LEVELS, plain } from "./words.js";

const WAIT_MS = 3_000; // what is over sooner is not worth a word
const BAD = new Set(["warning", "critical"]);

export class Announcer {
  #target;
  #timer = 0;
  #told = null; // what the listener knows: nothing before the first snapshot
  #now = null;

  constructor(target) {
    this.#target = target;
  }

  /** Nothing comes any more; `text` says why. */
  away(text) {
    this.#hear({ faults: new Map(), levels: new Map(), ...this.#now, away: text });
  }

  /** The device is as the snapshot says; `indicators` are those drawn, by name. */
  live(it, indicators) {
    const levels = new Map([...indicators].map(([name, { level }]) => [name, BAD.has(level) ? level : "good"]));
    const faults = new Map(it.faults.map(({ fault, cause, cure }) => [fault, `${cause} ${cure}`]));
    const now = { faults, levels, away: "" };
    this.#told ??= now; // the page itself tells what is so at the first look
    this.#hear(now);
  }

  #hear(now) {
    this.#now = now;
    if (difference(this.#told, now).length) {
      this.#timer ||= setTimeout(() => this.#tell(), WAIT_MS);
    } else {
      clearTimeout(this.#timer);
      this.#timer = 0;
    }
  }

  #tell() {
    this.#timer = 0;
    this.#target.textContent = difference(this.#told, this.#now).join(" ").replaceAll("`", "");
    this.#told = this.#now;
  }
}

function difference(told, now) {
  if (now.away) return told?.away ? [] : [now.away];
  const words = told.away ? ["Live again."] : [];
  for (const [fault, sentence] of now.faults) if (!told.faults.has(fault)) words.push(sentence);
  for (const fault of told.faults.keys()) if (!now.faults.has(fault)) words.push(`Over: ${plain(fault)}.`);
  for (const [name, level] of now.levels) {
    if (level === (told.levels.get(name) ?? "good")) continue;
    words.push(`${INDICATORS[name] ?? plain(name)}: ${BAD.has(level) ? LEVELS[level] : "fine again"}.`);
  }
  return words;
}
