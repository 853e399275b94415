import type { Delta, Reason } from "./frames.ts";

/** What is held of one suggestion: its tokens always spell its text. */
export class Suggestion {
  readonly index: number;
  readonly tokens: number[] = [];
  text = "";
  reason: Reason | undefined;
  #ends: { characters: number; tokens: number }[] = [];

  constructor(index: number) {
    this.index = index;
  }

  get open(): boolean {
    return this.reason === undefined;
  }

  /** Takes what comes next; false for what is here already or does not follow. */
  add(delta: Delta): boolean {
    if (!this.open || delta.offset !== this.tokens.length) return false;
    this.tokens.push(...delta.tokens);
    this.text += delta.text;
    this.#ends.push({ characters: this.text.length, tokens: this.tokens.length });
    return true;
  }

  finish(reason: Reason): boolean {
    if (!this.open) return false;
    this.reason = reason;
    return true;
  }

  /** About how many tokens the first `characters` of the text are: where several came at once, they are taken for equally long. */
  tokensWithin(characters: number): number {
    let from = { characters: 0, tokens: 0 };
    for (const end of this.#ends) {
      if (end.characters > characters) {
        const share = (characters - from.characters) / (end.characters - from.characters);
        return from.tokens + Math.floor(share * (end.tokens - from.tokens));
      }
      from = end;
    }
    return from.tokens;
  }
}
