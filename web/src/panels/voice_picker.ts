import { MOST_VOICES, type Voice } from "../voices.ts";

/** The choice of voices: one, or up to four side by side. */
export class VoicePicker {
  #panel: HTMLElement;
  #button: HTMLElement;
  #chosen: (ids: string[]) => void;
  #voices: Voice[] = [];
  #ids: string[] = [];

  constructor(panel: HTMLElement, button: HTMLElement, chosen: (ids: string[]) => void) {
    this.#panel = panel;
    this.#button = button;
    this.#chosen = chosen;
  }

  show(voices: Voice[], ids: string[]): void {
    this.#voices = voices;
    this.#ids = ids;
    const titles = ids.map((id) => voices.find((voice) => voice.id === id)?.title ?? id);
    this.#button.querySelector("[data-field=voices]")!.textContent = titles.join(" + ") || "No voice";
    this.#panel.querySelector("ul")!.replaceChildren(...voices.map((voice) => this.#row(voice)));
  }

  #row(voice: Voice): HTMLElement {
    const row = document.createElement("li");
    const on = this.#ids.includes(voice.id);
    const alone = on && this.#ids.length === 1;
    const main = button("voice-main", on, () => this.#set([voice.id], true));
    const title = document.createElement("strong");
    title.textContent = voice.title;
    const manner = document.createElement("span");
    manner.textContent = voice.manner;
    main.append(title, manner);
    main.dataset.voice = voice.id;
    const beside = button("voice-beside", on && !alone, () => this.#toggle(voice.id));
    beside.textContent = "Beside";
    beside.setAttribute("aria-label", `Beside: ${voice.title}`);
    beside.disabled = alone || (!on && this.#ids.length >= MOST_VOICES);
    beside.dataset.beside = voice.id;
    row.append(main, beside);
    return row;
  }

  #toggle(id: string): void {
    this.#set(this.#ids.includes(id) ? this.#ids.filter((other) => other !== id) : [...this.#ids, id], false);
    this.#panel.querySelector<HTMLElement>(`[data-beside="${id}"]`)?.focus();
  }

  #set(ids: string[], done: boolean): void {
    const order = this.#voices.map(({ id }) => id);
    this.#chosen(ids.sort((a, b) => order.indexOf(a) - order.indexOf(b)));
    if (done) this.#panel.hidePopover();
  }
}

function button(name: string, pressed: boolean, click: () => void): HTMLButtonElement {
  const node = document.createElement("button");
  node.type = "button";
  node.className = name;
  node.setAttribute("aria-pressed", `${pressed}`);
  node.addEventListener("click", click);
  return node;
}
