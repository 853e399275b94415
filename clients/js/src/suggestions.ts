import type { Completed, SuggestFields } from "./frames.ts";
import { InkfleetError } from "./errors.ts";
import type { LiveRequest, SuggestEvent } from "./live_request.ts";

/** What a `Suggestions` needs of its connection. */
export interface RequestDoor {
  cancel(request: LiveRequest, index?: number): void;
  accept(request: LiveRequest, index: number, tokens: number): void;
}

/**
 * The answer to one suggest, whatever connections it took. Iterating gives its events, `text(i)` the pieces of one suggestion; any
 * number of readers may follow, each from the beginning.
 */
export class Suggestions implements AsyncIterable<SuggestEvent> {
  /** Resolves with usage, timing and receipt; rejects with an InkfleetError, or with the signal's reason. */
  readonly completed: Promise<Completed>;
  #request: LiveRequest;
  #door: RequestDoor;

  constructor(request: LiveRequest, door: RequestDoor) {
    this.#request = request;
    this.#door = door;
    this.completed = this.#follow();
    this.completed.catch(() => {}); // whoever iterates is told there
  }

  get fields(): Readonly<SuggestFields> {
    return this.#request.fields;
  }

  /** The texts so far, by index. */
  get texts(): string[] {
    return this.#request.suggestions.map((suggestion) => suggestion.text);
  }

  /** The token ids so far, by index. */
  get tokens(): number[][] {
    return this.#request.suggestions.map((suggestion) => [...suggestion.tokens]);
  }

  [Symbol.asyncIterator](): AsyncGenerator<SuggestEvent, void, undefined> {
    return this.#request.log[Symbol.asyncIterator]();
  }

  /** The pieces of one suggestion; ends when it does. */
  async *text(index: number): AsyncGenerator<string, void, undefined> {
    for await (const event of this) {
      if (event.type === "delta" && event.index === index) yield event.text;
      if (event.type === "finished" && event.index === index) return;
    }
  }

  /** Stops one suggestion, or all. */
  cancel(index?: number): void {
    this.#door.cancel(this.#request, index);
  }

  /** So many characters of a suggestion were taken into the text: the others stop, and what was taken stays warm. */
  accept(index: number, characters: number = Infinity): void {
    const tokens = this.#request.suggestions[index]?.tokensWithin(characters) ?? 0;
    this.#door.accept(this.#request, index, tokens);
  }

  async #follow(): Promise<Completed> {
    for await (const event of this) if (event.type === "completed") return event;
    throw new InkfleetError("unavailable", "cancelled while there was no connection");
  }
}
