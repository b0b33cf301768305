// An indicator's hour: the value of each minute, and the lines of its levels.

import { element, figure, say, shape } from "./format.js";
import { INDICATORS, LEVELS, LEVEL_SHAPES } from "./words.js";

const [WIDTH, HEIGHT] = [240, 72];
const LINES = ["target", "warning", "critical"];

export class Indicator {
  #name;
  #drawn = "";

  constructor(name) {
    this.#name = name;
    this.title = INDICATORS[name] ?? name;
    this.level = null;
    const part = (tag, cls) => element(tag, { class: cls });
    this.badge = shape("path", {});
    this.word = element("span");
    this.value = part("p", "figure");
    this.chart = shape("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    this.key = part("p", "key small");
    const mark = shape("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, this.badge);
    this.card = element(
      "section", { class: "card", "aria-labelledby": `i-${name}` },
      element("div", { class: "top" },
        element("h3", { id: `i-${name}` }, this.title),
        element("span", { class: "level" }, mark, this.word)),
      this.value, this.chart,
      element("p", { class: "ends small" }, element("span", {}, "60 min ago"), element("span", {}, "now")),
      this.key,
    );
  }

  /** Show an indicator of the snapshot. */
  show(it) {
    this.level = it.level in LEVELS ? it.level : "unknown";
    this.card.dataset.level = this.level;
    this.badge.setAttribute("d", LEVEL_SHAPES[this.level]);
    say(this.word, LEVELS[this.level]);
    const unit = it.value === null ? "" : ` ${it.unit}`;
    if (this.value.textContent !== figure(it.value, it.unit) + unit) {
      this.value.replaceChildren(figure(it.value, it.unit), element("small", {}, unit));
    }
    const { value, level, ...rest } = it;
    const wanted = JSON.stringify(rest);
    if (wanted === this.#drawn) return;
    this.#drawn = wanted;
    this.#draw(it);
  }

  #draw({ history, unit, ...it }) {
    const known = history.filter((each) => each !== null);
    const scale = scaleOf(it, known);
    const lines = LINES.map((name) => shape("line", { class: `line ${name}`, x1: 0, x2: WIDTH, y1: scale(it[name]), y2: scale(it[name]) }));
    this.chart.replaceChildren(...lines, ...runs(history).flatMap((run) => drawn(run, history.length, scale)));
    this.chart.setAttribute("aria-label", inWords(known, unit));
    this.key.replaceChildren(...LINES.map((name) => element("span", {}, swatch(name), name, element("b", {}, figure(it[name], unit)))));
  }
}

/** From a value to a height. The levels are always in the picture; what is far beyond is cut. */
function scaleOf({ target, critical }, known) {
  const isHigherBetter = target > critical;
  const worst = isHigherBetter ? Math.min(critical, ...known) : Math.max(critical, ...known);
  const low = isHigherBetter ? Math.max(worst, 2 * critical - target) : 0;
  const high = isHigherBetter ? 100 : Math.min(worst, 2 * critical);
  const room = (high - low) * 0.08 || 1;
  const bottom = isHigherBetter ? low - room : low;
  const top = isHigherBetter ? high : high + room;
  return (value) => HEIGHT * (1 - (Math.min(top, Math.max(bottom, value)) - bottom) / (top - bottom));
}

/** Stretches of minutes without a gap: lists of [minute, value]. */
function runs(history) {
  const found = [[]];
  history.forEach((value, minute) => {
    if (value === null) found.push([]);
    else found.at(-1).push([minute, value]);
  });
  return found.filter((run) => run.length);
}

function drawn(run, minutes, scale) {
  const x = (minute) => (minute / Math.max(1, minutes - 1)) * WIDTH;
  const points = run.map(([minute, value]) => `${x(minute)},${scale(value)}`);
  if (run.length === 1) points.push(`${x(run[0][0]) + 0.01},${scale(run[0][1])}`); // its round ends make a dot
  const area = `${x(run[0][0])},${HEIGHT} ${points.join(" ")} ${x(run.at(-1)[0])},${HEIGHT}`;
  return [shape("polygon", { class: "area", points: area }), shape("polyline", { class: "value", points: points.join(" ") })];
}

function swatch(name) {
  return shape("svg", { viewBox: "0 0 12 3", "aria-hidden": "true" }, shape("line", { class: `line ${name}`, x1: 0, x2: 12, y1: 1.5, y2: 1.5 }));
}

function inWords(known, unit) {
  if (!known.length) return "The last 60 minutes: no data yet.";
  const [low, high] = [Math.min(...known), Math.max(...known)].map((each) => figure(each, unit));
  return `The last 60 minutes: from ${low} to ${high} ${unit}.`;
}
