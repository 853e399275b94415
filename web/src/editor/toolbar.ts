import type { EditorView } from "prosemirror-view";
import { FORMATS } from "./formats.ts";

/** Connects the buttons of the toolbar with what they do. Arrows move between them, Tab leaves. */
export class Toolbar {
  #bar: HTMLElement;
  #view: EditorView;

  constructor(bar: HTMLElement, view: EditorView) {
    this.#bar = bar;
    this.#view = view;
    for (const { id, run } of FORMATS) {
      const button = this.#button(id);
      // A press must not take the focus, and with it the selection, away from the text.
      button.addEventListener("mousedown", (event) => event.preventDefault());
      button.addEventListener("click", () => {
        run(view.state, view.dispatch, view);
        if (document.activeElement !== button) view.focus();
      });
    }
    bar.addEventListener("keydown", (event) => this.#move(event));
    this.#rove(this.#buttons()[0]);
  }

  /** Shows what the selection has. */
  update(): void {
    const { state } = this.#view;
    for (const { id, run, active } of FORMATS) {
      const button = this.#button(id);
      if (active) button.setAttribute("aria-pressed", `${active(state)}`);
      else button.setAttribute("aria-disabled", `${!run(state)}`);
    }
  }

  #button(id: string): HTMLButtonElement {
    return this.#bar.querySelector<HTMLButtonElement>(`[data-format="${id}"]`)!;
  }

  #buttons(): HTMLButtonElement[] {
    return [...this.#bar.querySelectorAll("button")];
  }

  #move(event: KeyboardEvent): void {
    const buttons = this.#buttons();
    const at = buttons.indexOf(event.target as HTMLButtonElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = buttons.at(to % buttons.length);
    this.#rove(next);
    next?.focus();
  }

  #rove(chosen: HTMLButtonElement | undefined): void {
    for (const button of this.#buttons()) button.tabIndex = button === chosen ? 0 : -1;
  }
}
