const STAYS_MS = 4_000;

/** A word on what was done, for a moment. */
export class Toast {
  #node: HTMLElement;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(node: HTMLElement) {
    this.#node = node;
  }

  show(text: string): void {
    clearTimeout(this.#timer);
    this.#node.textContent = text;
    this.#timer = setTimeout(() => (this.#node.textContent = ""), STAYS_MS);
  }
}
