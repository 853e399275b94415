/** Keys closer together than this are a burst: a held key, a paste in pieces, a word that comes at once. */
export const BURST_MS = 50;

/** When to ask: at once for a key that stands alone, as typed ones do; after a burst when it has ended, and until then to warm. */
export class Pace {
  #ask: () => void;
  #warm: () => void;
  #last = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ask: () => void, warm: () => void) {
    this.#ask = ask;
    this.#warm = warm;
  }

  key(now: number): void {
    const burst = now - this.#last < BURST_MS;
    this.#last = now;
    this.stop();
    if (!burst) return this.#ask();
    this.#warm();
    this.#timer = setTimeout(this.#ask, BURST_MS);
  }

  /** The cursor went elsewhere: what lies before it there is warmed once it rests. */
  moved(): void {
    this.stop();
    this.#timer = setTimeout(this.#warm, BURST_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
