import type { SuggestEvent } from "inkfleet-client";

/** What is told of a round of suggestions: how soon the first came after the last key, and how fast they grow. The time is passed in. */
export class Meter {
  firstTokenMs: number | undefined;
  position = 0;
  #key = 0;
  #started = 0;
  #first: number | undefined;
  #last = 0;
  #tokens = 0;

  /** A key that suggestions are asked for. */
  key(now: number): void {
    this.#key = now;
    this.#first = undefined;
    this.#tokens = 0;
    this.position = 0;
  }

  /** Returns whether this is the first text since the key. */
  take(event: SuggestEvent, now: number): boolean {
    if (event.type === "queued") this.position = event.position;
    if (event.type === "started") {
      this.position = 0;
      this.#started = now;
    }
    if (event.type !== "delta") return false;
    this.#tokens += event.tokens.length;
    this.#last = now;
    if (this.#first !== undefined) return false;
    this.#first = now;
    this.firstTokenMs = now - this.#key;
    return true;
  }

  get keyTime(): number {
    return this.#key;
  }

  /** Over all suggestions of the round since it started; undefined until there are two moments to measure between. */
  get tokensPerSecond(): number | undefined {
    if (this.#first === undefined || this.#last <= this.#started) return undefined;
    return (this.#tokens / (this.#last - this.#started)) * 1_000;
  }
}
