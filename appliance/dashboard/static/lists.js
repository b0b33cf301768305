// Turns, faults and spans: lists that are drawn anew when they change, and only then.

import { at, element, facts, number, prose, say, took, usd, withUnit } from "./format.js";
import { COUNTERS, SPANS, isFine, plain } from "./words.js";

const SHOWN = 6; // of a long list, until somebody asks for more
const byId = (id) => document.getElementById(id);

/** Calls `draw` with a value when it is another than the last. */
export class Kept {
  #draw;
  #last;

  constructor(draw) {
    this.#draw = draw;
  }

  show(value) {
    const wanted = JSON.stringify(value);
    if (wanted === this.#last) return;
    this.#last = wanted;
    this.#draw(value);
  }
}

/** A list of which a button shows the rest. */
export class Long {
  #id;
  #rows;
  #make;
  #button;
  #all = false;
  #items = [];

  constructor(id, rows, make) {
    this.#id = id;
    this.#rows = byId(rows);
    this.#make = make;
    this.#button = byId(`${id}-more`);
    this.#button.addEventListener("click", () => {
      this.#all = !this.#all;
      this.draw(this.#items);
    });
  }

  draw(items) {
    this.#items = items;
    const shown = this.#all ? items : items.slice(0, SHOWN);
    this.#rows.replaceChildren(...shown.map(this.#make));
    byId(`${this.#id}-empty`).hidden = items.length > 0;
    this.#button.hidden = items.length <= SHOWN;
    this.#button.setAttribute("aria-expanded", this.#all);
    say(this.#button, this.#all ? "Show fewer" : `Show all ${items.length}`);
  }
}

export function turnRow(turn) {
  const fine = isFine(turn.outcome);
  return element(
    "tr", {},
    element("td", {}, at(turn.at)),
    element("td", fine ? {} : { class: "bad" }, plain(turn.outcome)),
    element("td", {}, withUnit(turn.said_ms === null ? null : turn.said_ms / 1000, "s", 1)),
    element("td", {}, turn.release_to_first_sound_ms === null ? "–" : took(turn.release_to_first_sound_ms)),
    element("td", {}, usd(turn.cost_usd)),
  );
}

export function recentFault(it) {
  return element(
    "li", {},
    element("div", { class: "top" }, element("h3", {}, plain(it.fault)), element("span", { class: "small" }, at(it.at))),
    prose({}, it.cause),
    prose({ class: "small" }, it.cure),
  );
}

const SEVERITIES = {
  final: "Needs attention", standing: "Ends by itself once its cause is gone", turn: "Ask again", notice: "To know of",
};

export function standingFault(it) {
  return element(
    "li", {},
    element(
      "div", { class: "top" },
      element("h3", {}, plain(it.fault)),
      element("span", { class: "small" }, `${SEVERITIES[it.severity] ?? plain(it.severity)} · since ${at(it.since)}`),
    ),
    prose({}, it.cause),
    prose({ class: "cure" }, it.cure),
  );
}

export function spanRows(spans) {
  const names = [...Object.keys(SPANS).filter((name) => name in spans), ...Object.keys(spans).filter((name) => !(name in SPANS))];
  return names.map((name) => {
    const { n, p50, p95, p99 } = spans[name];
    const cells = [p50, p95, p99].map((value) => element("td", {}, number(value)));
    return element("tr", {}, element("th", { scope: "row" }, SPANS[name] ?? plain(name)), ...cells, element("td", {}, number(n, 0)));
  });
}

export function counters(target, counted) {
  facts(target, Object.entries(counted).map(([name, count]) => [COUNTERS[name] ?? plain(name), number(count, 0)]));
}

