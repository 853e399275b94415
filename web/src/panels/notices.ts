const QUIET_MS = 600;
const STAYS_MS = 4_000;

/** A text that is written into the page now or in a while; the latest order counts. */
class Notice {
  #node: HTMLElement;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(node: HTMLElement) {
    this.#node = node;
  }

  now(text: string): void {
    clearTimeout(this.#timer);
    this.#node.textContent = text;
  }

  /** What was to be written in a while is no longer true. */
  hush(): void {
    clearTimeout(this.#timer);
  }

  protected after(ms: number, text: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(text), ms);
  }
}

/** Says to screen readers what others see, once it has settled: at every key it would drown the text. */
export class Announcer extends Notice {
  say(text: string): void {
    this.after(QUIET_MS, text);
  }
}

/** A word on what was done, for a moment. */
export class Toast extends Notice {
  show(text: string): void {
    this.now(text);
    this.after(STAYS_MS, "");
  }
}
