/** Events that any number of readers follow, each from the first one on. */
export class EventLog<Event> implements AsyncIterable<Event> {
  #events: Event[] = [];
  #ended = false;
  #error: unknown = undefined;
  #wake: () => void = () => {};
  #more: Promise<void> = Promise.resolve();

  constructor() {
    this.#renew();
  }

  get ended(): boolean {
    return this.#ended;
  }

  push(event: Event): void {
    if (this.#ended) return;
    this.#events.push(event);
    this.#wakeAll();
  }

  /** No more events; with an error, readers throw it after the last one. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wakeAll();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    for (let at = 0; ; ) {
      while (at < this.#events.length) yield this.#events[at++] as Event;
      if (this.#ended) break;
      await this.#more;
    }
    if (this.#error !== undefined) throw this.#error;
  }

  #wakeAll(): void {
    const wake = this.#wake;
    this.#renew();
    wake();
  }

  #renew(): void {
    this.#more = new Promise((resolve) => (this.#wake = resolve));
  }
}
