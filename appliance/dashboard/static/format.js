// Figures and times as people read them, and the making of elements. Text only: never markup.

const NONE = "–";
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** A number with as many digits as it deserves. */
export function number(value, digits = Math.abs(value) < 10 ? 1 : 0, least = digits) {
  if (!isNumber(value)) return NONE;
  return value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: least });
}

export function withUnit(value, unit, digits) {
  return isNumber(value) ? `${number(value, digits)} ${unit}` : NONE;
}

/** Percentages near 100 and near 0 differ behind the point. */
export function figure(value, unit) {
  if (!isNumber(value)) return NONE;
  return number(value, unit === "%" ? 2 : Math.abs(value) < 10 ? 1 : 0, 0);
}

/** How long something took. */
export function took(ms) {
  return ms < 10_000 ? withUnit(ms, "ms", 0) : withUnit(ms / 1000, "s", 1);
}

/** When it was, of Unix time in seconds: today to the second, else with the day. */
export function at(unix_s) {
  if (!isNumber(unix_s)) return NONE;
  const then = new Date(unix_s * 1000);
  const today = then.toDateString() === new Date().toDateString();
  return today ? clock.format(then) : `${day.format(then)}, ${clock.format(then).slice(0, 5)}`;
}

/** A duration in its two largest units. */
export function lasting(seconds) {
  if (!isNumber(seconds)) return NONE;
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function usd(value) {
  if (!isNumber(value)) return NONE;
  return value.toLocaleString("en", {
    style: "currency", currency: "USD", minimumFractionDigits: 2, maximumFractionDigits: value < 0.1 ? 4 : 2,
  });
}

/** Make an element: element("p", {class: "small"}, "text", child, …). */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function shape(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((each) => each !== null && each !== undefined));
  return made;
}

/** A paragraph of the device's own words, in which `…` stands about what can be typed. */
export function prose(attributes, text) {
  const parts = String(text).split("`");
  return element("p", attributes, ...parts.map((part, n) => (n % 2 ? element("code", {}, part) : part)));
}

/** Set a text, if it is another than the one there: what does not change must not be drawn anew. */
export function say(target, words) {
  const text = words ?? NONE;
  if (target.textContent !== text) target.textContent = text;
}

/** Fill a list of terms: pairs of a name and a text. */
export function facts(target, pairs) {
  const same = target.children.length === 2 * pairs.length;
  if (!same) {
    target.replaceChildren(...pairs.flatMap(([name]) => [element("dt", {}, name), element("dd")]));
  }
  pairs.forEach(([name, text], row) => {
    say(target.children[2 * row], name);
    say(target.children[2 * row + 1], text);
  });
}
