import type { SuggestEvent } from "inkfleet-client";
import { closeHistory } from "prosemirror-history";
import type { Transaction } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";
import { isEmpty } from "../editor/empty.ts";
import { showGhost } from "../editor/ghost.ts";
import { insertSuggested } from "../editor/insert.ts";
import type { Settings } from "../settings.ts";
import type { Asking, Ear, Source } from "./asking.ts";
import { Meter } from "./meter.ts";
import { Offer, type Option } from "./offer.ts";
import { Pace } from "./pace.ts";
import { promptBefore } from "./prompt.ts";
import { firstWord, wordBefore } from "./words.ts";

/** What the writer shows, and where it learns what is wanted. */
export interface Desk {
  settings(): Settings;
  voices(): string[];
  /** `lead` is the word that suggestions without a space at their begin go on in. */
  show(offer: Offer, lead: string): void;
  hide(): void;
  told(source: Source, event: SuggestEvent, meter: Meter): void;
  failed(voice: string, error: unknown): void;
  taken(text: string): void;
}

/** Metas of transactions that are not typing: another text was put in place; a suggestion was taken. */
export const REPLACED = "replaced";
const TAKEN = "taken";

/** Between the text and the voices: asks while somebody types, shows what comes, puts into the text what is taken. */
export class Writer implements Ear {
  readonly meter = new Meter();
  #view: EditorView;
  #desk: Desk;
  #asking: Asking;
  #offer = new Offer();
  #pace = new Pace(
    () => this.#ask(),
    () => this.warm(),
  );
  #prompt = "";
  #round = 0; // that of what is on offer
  #asked = false; // since the last key
  #first = false; // the first text since the last key is still to be drawn
  #narrowed = false; // what is on offer was taken or typed from: no others come to it
  #drawing = 0;

  constructor(view: EditorView, desk: Desk, asking: (ear: Ear) => Asking) {
    this.#view = view;
    this.#desk = desk;
    this.#asking = asking(this);
  }

  /** Asks elsewhere from now on. */
  move(asking: (ear: Ear) => Asking): void {
    this.dismiss();
    this.#asking = asking(this);
  }

  get offering(): boolean {
    return this.#offer.chosen !== undefined;
  }

  /** After every change of text or selection. */
  changed(transaction: Transaction): void {
    if (this.#view.composing) return this.dismiss();
    if (transaction.getMeta(TAKEN)) return;
    if (transaction.docChanged && !transaction.getMeta(REPLACED)) return this.#typed();
    if (!transaction.docChanged && !transaction.selectionSet) return;
    this.dismiss();
    this.#pace.moved();
  }

  /** A composition has ended: what it wrote is typed now. */
  composed(): void {
    this.#typed();
  }

  /** Asks now, for what lies before the cursor. */
  askNow(): void {
    this.meter.key(performance.now());
    this.#ask();
  }

  #ask(): void {
    this.#pace.stop();
    if (!this.#desk.settings().suggest || this.#view.composing || !this.#view.state.selection.empty) return;
    this.#prompt = this.#before();
    this.#asked = true;
    this.#asking.ask(this.#desk.voices(), this.#prompt, this.#desk.settings());
  }

  /** Lets the services compute what lies before the cursor, for a question that may come. */
  warm(): void {
    const { suggest, prefill } = this.#desk.settings();
    if (!suggest || !prefill || this.#view.composing || isEmpty(this.#view.state.doc)) return;
    this.#asking.prefill(this.#desk.voices(), this.#before());
  }

  /** Esc, a click elsewhere, a voice that is no longer wanted: nothing is on offer, and nothing runs. */
  dismiss(): void {
    this.#pace.stop();
    this.#asking.stop();
    this.#offer.clear();
    this.#draw();
  }

  moveChoice(by: 1 | -1): void {
    this.#offer.move(by);
    this.#draw();
  }

  choose(option: Option): void {
    this.#offer.choose(option);
    this.#draw();
  }

  takeWord(): void {
    const text = this.#offer.chosen?.text ?? "";
    this.#take(firstWord(text));
  }

  takeAll(): void {
    this.#take(Infinity);
  }

  event(source: Source, event: SuggestEvent): void {
    if (this.#asked && this.meter.take(event, performance.now())) this.#first = true;
    if (event.type === "delta") this.#grow(source, event.index, event.text);
    if (event.type === "finished") this.#end(source, event.index);
    this.#desk.told(source, event, this.meter);
  }

  failed(voice: string, error: unknown): void {
    this.#desk.failed(voice, error);
  }

  #typed(): void {
    const { state } = this.#view;
    if (!this.#desk.settings().suggest || !state.selection.empty || isEmpty(state.doc)) return this.dismiss();
    const before = this.#before();
    const typed = before.startsWith(this.#prompt) ? before.slice(this.#prompt.length) : "";
    if (typed && this.offering) this.#offer.typed(typed);
    else this.#offer.clear();
    this.#narrowed = true;
    this.#asked = this.#first = false;
    this.#prompt = before;
    const now = performance.now();
    this.meter.key(now);
    this.#pace.key(now);
    this.#draw();
  }

  #before(): string {
    const { doc, selection } = this.#view.state;
    return promptBefore(doc, selection.head);
  }

  /** The first text of a newer answer takes the place of the older one. */
  #grow({ round, voice }: Source, index: number, text: string): void {
    if (round !== this.#round) {
      this.#offer.clear();
      this.#round = round;
      this.#narrowed = false;
    }
    let option = this.#option(voice, index);
    if (!option) {
      if (this.#narrowed) return;
      const { options } = this.#offer;
      option = { voice, index, text: "", taken: 0, ended: false };
      const order = this.#desk.voices();
      options.push(option);
      options.sort((a, b) => order.indexOf(a.voice) - order.indexOf(b.voice) || a.index - b.index);
    }
    option.text += text;
    this.#draw();
  }

  #end({ round, voice }: Source, index: number): void {
    const option = this.#option(voice, index);
    if (!option || round !== this.#round) return;
    option.ended = true;
    this.#draw();
  }

  #option(voice: string, index: number): Option | undefined {
    return this.#offer.options.find((known) => known.voice === voice && known.index === index);
  }

  #take(characters: number): void {
    const option = this.#offer.chosen;
    if (!option || this.#view.composing) return;
    const text = this.#offer.take(characters);
    this.#narrowed = true;
    this.#asking.accept(this.#round, option.voice, option.index, option.taken);
    const view = this.#view;
    view.dispatch(insertSuggested(view.state.tr, text).setMeta(TAKEN, true));
    view.dispatch(closeHistory(view.state.tr));
    this.#prompt = this.#before();
    this.#desk.taken(text);
    if (option.text === "") {
      this.#offer.clear();
      this.askNow();
    }
    this.#draw();
  }

  /** At most once a frame, whatever comes. */
  #draw(): void {
    if (this.#drawing) return;
    this.#drawing = requestAnimationFrame(() => {
      this.#drawing = 0;
      this.#drawNow();
    });
  }

  #drawNow(): void {
    const view = this.#view;
    const chosen = view.composing ? undefined : this.#offer.chosen;
    const ghost = view.composing ? null : showGhost(view.state, chosen?.text ?? "");
    if (ghost) view.dispatch(ghost);
    if (!chosen) return this.#desk.hide();
    this.#desk.show(this.#offer, wordBefore(this.#prompt));
    if (this.#first) performance.measure("first-token", { start: this.meter.keyTime, end: performance.now() });
    this.#first = false;
  }
}
