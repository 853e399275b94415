import type { Voice } from "../voices.ts";

/** Lines to start an empty text from, of the voices that are chosen. */
export class Openings {
  #box: HTMLElement;
  #take: (line: string) => void;

  constructor(box: HTMLElement, take: (line: string) => void) {
    this.#box = box;
    this.#take = take;
  }

  show(voices: Voice[]): void {
    const lines = voices.length === 1 ? voices[0]!.openings : voices.map(({ openings }) => openings[0]!);
    this.#box.querySelector("ul")!.replaceChildren(...lines.map((line) => this.#line(line)));
  }

  set hidden(hidden: boolean) {
    this.#box.hidden = hidden;
  }

  #line(line: string): HTMLElement {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${line}…`;
    button.addEventListener("click", () => this.#take(line));
    item.append(button);
    return item;
  }
}
