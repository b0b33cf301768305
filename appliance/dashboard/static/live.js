// The stream of news, and its end: it is made again for as long as somebody looks.

const SILENT_MS = 12_000; // the server speaks at least every five seconds
const AGAIN_MS = 2_000; // after an answer that the browser takes for final
const HIDDEN_MS = 30_000; // a page that nobody sees asks for nothing

export class Live {
  #told;
  #source = null;
  #timer = 0;
  #hiding = 0;
  #paused = false;

  /** `told` has snapshot(it), gone(why) and lost(): the device, or the way to the dashboard, is away. */
  constructor(told) {
    this.#told = told;
    document.addEventListener("visibilitychange", () => this.#seen());
    addEventListener("online", () => this.#source && this.#open());
  }

  start() {
    this.#paused = false;
    this.#open();
  }

  stop() {
    this.#paused = true;
    this.#close();
  }

  #open() {
    this.#close();
    const source = new EventSource("events");
    this.#source = source;
    this.#wait(SILENT_MS);
    const hear = (name, heard) =>
      source.addEventListener(name, (event) => {
        this.#wait(SILENT_MS);
        heard?.(JSON.parse(event.data));
      });
    hear("beat", null);
    hear("snapshot", (it) => this.#told.snapshot(it));
    hear("gone", ({ why }) => this.#told.gone(why));
    source.onerror = () => {
      this.#told.lost();
      if (source.readyState === EventSource.CLOSED) this.#wait(AGAIN_MS);
    };
  }

  #wait(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#told.lost();
      this.#open();
    }, ms);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #seen() {
    clearTimeout(this.#hiding);
    if (document.hidden) this.#hiding = setTimeout(() => this.#close(), HIDDEN_MS);
    else if (!this.#source && !this.#paused) this.#open();
  }
}
