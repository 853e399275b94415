/** How long typing must pause before suggestions are asked for: shorter than the time between two keys, longer than between those of a paste or a held key. */
export const PAUSE_MS = 30;

/** Calls back once typing has paused. */
export class Pace {
  #then: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(then: () => void) {
    this.#then = then;
  }

  key(): void {
    this.stop();
    this.#timer = setTimeout(this.#then, PAUSE_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
