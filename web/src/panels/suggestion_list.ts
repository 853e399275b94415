import type { Offer, Option } from "../writing/offer.ts";

interface Hands {
  choose(option: Option): void;
  take(option: Option): void;
  title(voice: string): string;
}

const GAP = 8; // px between the line and the list

/** The suggestions under the cursor: a listbox, with a column for each voice when there are several. */
export class SuggestionList {
  readonly #box: HTMLElement;
  readonly #list: HTMLElement;
  readonly #hands: Hands;
  #shape = "";
  #nodes = new Map<Option, HTMLElement>();

  constructor(box: HTMLElement, hands: Hands) {
    this.#box = box;
    this.#list = box.querySelector<HTMLElement>("[role=listbox]")!;
    this.#hands = hands;
    box.addEventListener("mousedown", (event) => event.preventDefault()); // the text keeps the focus
  }

  get open(): boolean {
    return !this.#box.hidden;
  }

  /** The chosen option's id, for aria-activedescendant. */
  show(offer: Offer, lead: string): string {
    const options = offer.visible;
    const shape = options.map(({ voice, index }) => `${voice}/${index}`).join();
    if (shape !== this.#shape || options.some((option) => !this.#nodes.has(option))) this.#build(options);
    this.#shape = shape;
    for (const option of options) this.#update(option, lead, option === offer.chosen);
    this.#box.hidden = false;
    const chosen = this.#nodes.get(offer.chosen!)!;
    chosen.scrollIntoView({ block: "nearest" });
    return chosen.id;
  }

  hide(): void {
    this.#box.hidden = true;
  }

  /** Under this place, within the container's width; above it where there is no room below. */
  place(cursor: DOMRect, above: number, container: DOMRect): void {
    const { style } = this.#box;
    const width = this.#box.offsetWidth;
    const left = Math.max(0, Math.min(cursor.left - container.left, container.width - width));
    const height = this.#box.offsetHeight;
    const room = window.innerHeight - cursor.bottom - GAP;
    const top = room < height && above > height + GAP ? above - height - GAP : cursor.bottom + GAP;
    style.left = `${left}px`;
    style.top = `${top - container.top}px`;
  }

  #build(options: Option[]): void {
    this.#nodes.clear();
    const voices = [...new Set(options.map(({ voice }) => voice))];
    this.#list.replaceChildren(...voices.map((voice) => this.#group(voice, options, voices.length > 1)));
    this.#list.dataset.voices = `${voices.length}`;
  }

  #group(voice: string, options: Option[], named: boolean): HTMLElement {
    const group = element("div", "voice");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", this.#hands.title(voice));
    if (named) {
      const name = element("span", "voice-name", this.#hands.title(voice));
      name.setAttribute("aria-hidden", "true");
      group.append(name);
    }
    for (const option of options) if (option.voice === voice) group.append(this.#option(option));
    return group;
  }

  #option(option: Option): HTMLElement {
    const node = element("div", "suggestion");
    node.id = `suggestion-${option.voice}-${option.index}`;
    node.setAttribute("role", "option");
    node.dir = "auto";
    node.addEventListener("mousemove", () => this.#hands.choose(option));
    node.addEventListener("click", () => this.#hands.take(option));
    this.#nodes.set(option, node);
    return node;
  }

  #update(option: Option, lead: string, chosen: boolean): void {
    const node = this.#nodes.get(option)!;
    const text = option.text.replace(/\n+/g, " ↵ ");
    if (node.textContent !== text) node.textContent = text;
    if (/^[\p{L}\p{M}\p{N}'’]/u.test(text)) node.dataset.lead = lead;
    else delete node.dataset.lead;
    node.setAttribute("aria-selected", `${chosen}`);
    node.classList.toggle("growing", !option.ended);
  }
}

function element(tag: string, name: string, text = ""): HTMLElement {
  const node = document.createElement(tag);
  node.className = name;
  node.textContent = text;
  return node;
}
