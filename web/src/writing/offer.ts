/** One suggestion as the page shows it. */
export interface Option {
  voice: string;
  index: number;
  /** What is left of it: what was typed or taken is gone from its begin. */
  text: string;
  /** How many characters are gone. */
  taken: number;
  ended: boolean;
}

/** The suggestions on offer at the cursor, and which of them is chosen. */
export class Offer {
  options: Option[] = [];
  #chosen: Option | undefined;

  /** Those worth showing: not empty, and none twice once it is whole. */
  get visible(): Option[] {
    const whole = new Set<string>();
    return this.options.filter(({ text, ended }) => {
      if (text.trim() === "" && !(ended && text !== "")) return false;
      if (ended && whole.has(text)) return false;
      if (ended) whole.add(text);
      return true;
    });
  }

  get chosen(): Option | undefined {
    const { visible } = this;
    return this.#chosen && visible.includes(this.#chosen) ? this.#chosen : visible[0];
  }

  choose(option: Option): void {
    this.#chosen = option;
  }

  /** The next or the one before, around the end. */
  move(by: 1 | -1): void {
    const { visible, chosen } = this;
    if (chosen) this.#chosen = visible.at((visible.indexOf(chosen) + by) % visible.length);
  }

  /** Typed text takes off what begins with it, and drops the rest. */
  typed(text: string): void {
    const { chosen } = this;
    this.options = this.options.filter((option) => option.text.startsWith(text) && option.text.length > text.length);
    for (const option of this.options) this.#shorten(option, text.length);
    this.#chosen = chosen && this.options.includes(chosen) ? chosen : undefined;
  }

  /** So much of the chosen one is taken, and it alone stays. */
  take(characters: number): string {
    const { chosen } = this;
    if (!chosen) return "";
    const text = chosen.text.slice(0, characters);
    this.options = [chosen];
    this.#chosen = chosen;
    this.#shorten(chosen, text.length);
    return text;
  }

  clear(): void {
    this.options = [];
    this.#chosen = undefined;
  }

  #shorten(option: Option, characters: number): void {
    option.text = option.text.slice(characters);
    option.taken += characters;
  }
}
