const QUIET_MS = 600;

/** Says to screen readers what others see, once it has settled: at every key it would drown the text. */
export class Announcer {
  #region: HTMLElement;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(region: HTMLElement) {
    this.#region = region;
  }

  say(text: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#region.textContent = text), QUIET_MS);
  }

  now(text: string): void {
    clearTimeout(this.#timer);
    this.#region.textContent = text;
  }
}
