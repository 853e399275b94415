/** A few words on how it works, one after the other. The steps stand in the page. */
export class Tour {
  #dialog: HTMLDialogElement;
  #steps: HTMLElement[];
  #at = 0;

  constructor(dialog: HTMLDialogElement) {
    this.#dialog = dialog;
    this.#steps = [...dialog.querySelectorAll<HTMLElement>("[data-step]")];
    this.#button("back").addEventListener("click", () => this.#go(this.#at - 1));
    this.#button("next").addEventListener("click", () => this.#go(this.#at + 1));
  }

  open(): void {
    this.#go(0);
    this.#dialog.showModal();
  }

  #go(at: number): void {
    if (at >= this.#steps.length) return this.#dialog.close();
    this.#at = Math.max(0, at);
    this.#steps.forEach((step, index) => (step.hidden = index !== this.#at));
    this.#dialog.querySelector("[data-field=step]")!.textContent = `${this.#at + 1} of ${this.#steps.length}`;
    this.#button("back").disabled = this.#at === 0;
    this.#button("next").textContent = this.#at === this.#steps.length - 1 ? "Start writing" : "Next";
  }

  #button(action: string): HTMLButtonElement {
    return this.#dialog.querySelector<HTMLButtonElement>(`[data-action=${action}]`)!;
  }
}
