// The LED: the device's own patterns (patterns.json), in the browser's own animations.

import { shape } from "./format.js";

const STRIP_S = 4; // what the drawn rhythm covers
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Led {
  #glow;
  #strip;
  #told;
  #patterns = {};
  #light = null;
  #animation = null;

  constructor(box, strip, told) {
    this.#glow = box.querySelector(".glow");
    this.#strip = strip;
    this.#told = told;
    still.addEventListener("change", () => this.#draw());
  }

  async load() {
    const answer = await fetch("patterns.json");
    this.#patterns = (await answer.json()).lights;
    this.#draw();
  }

  /** Show a light, by name; null puts the LED out. */
  show(light) {
    if (light === this.#light) return;
    this.#light = light;
    this.#draw();
  }

  #draw() {
    this.#animation?.cancel();
    this.#animation = null;
    const pattern = this.#patterns[this.#light];
    this.#glow.style.opacity = 0;
    this.#strip.replaceChildren();
    this.#told.textContent = "";
    if (!pattern) return;
    const [red, green, blue] = pattern.colour.map((part) => Math.round(part * 255));
    const colour = `rgb(${red} ${green} ${blue})`;
    this.#glow.style.background = `radial-gradient(circle at 50% 42%, color-mix(in srgb, ${colour} 55%, white), ${colour} 62%)`;
    this.#glow.style.boxShadow = `0 0 34px 2px color-mix(in srgb, ${colour} 70%, transparent)`;
    this.#strip.replaceChildren(...strip(pattern.beats));
    this.#told.textContent = inWords(pattern.beats);
    if (still.matches || isSteady(pattern.beats)) {
      this.#glow.style.opacity = Math.max(...pattern.beats.flatMap(([, from, to]) => [from, to]));
      return;
    }
    const period_s = length(pattern.beats);
    this.#animation = this.#glow.animate(frames(pattern.beats), { duration: period_s * 1000, iterations: Infinity });
  }
}

const length = (beats) => beats.reduce((sum, [for_s]) => sum + for_s, 0);
const isSteady = (beats) => beats.length === 1 && beats[0][1] === beats[0][2];

/** Two frames a beat: two at the same offset make the step from one to the next. */
function frames(beats) {
  const period_s = length(beats);
  let now_s = 0;
  return beats.flatMap(([for_s, from, to]) => {
    const begins = { offset: now_s / period_s, opacity: from };
    now_s += for_s;
    return [begins, { offset: Math.min(1, now_s / period_s), opacity: to }];
  });
}

function strip(beats) {
  const period_s = length(beats);
  const x = (s) => (Math.min(s, STRIP_S) / STRIP_S) * 240;
  const drawn = [shape("rect", { x: 0, y: 13, width: 240, height: 1 })];
  for (let start_s = 0; start_s < STRIP_S - 0.01; start_s += period_s) {
    let now_s = start_s;
    for (const [for_s, from, to] of beats) {
      const [left, right] = [x(now_s), x(now_s + for_s)];
      now_s += for_s;
      if (right <= left || (from === 0 && to === 0)) continue;
      drawn.push(shape("polygon", { points: `${left},14 ${left},${14 - 14 * from} ${right},${14 - 14 * to} ${right},14` }));
    }
  }
  return drawn;
}

function inWords(beats) {
  if (isSteady(beats)) return "LED: on all the time.";
  if (beats.some(([, from, to]) => from !== to)) return `LED: fades in and out, every ${length(beats)} s.`;
  const lit = beats.filter(([, from]) => from > 0).length;
  const times = lit === 1 ? "once" : lit === 2 ? "twice" : `${lit} times`;
  return `LED: blinks ${times} in ${Number(length(beats).toFixed(2))} s.`;
}
