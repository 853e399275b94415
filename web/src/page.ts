import { Inkfleet, InkfleetError, type SuggestEvent } from "inkfleet-client";
import type { Transaction } from "prosemirror-state";
import { isEmpty } from "./editor/empty.ts";
import { Toolbar } from "./editor/toolbar.ts";
import { keyboard } from "./keyboard.ts";
import { Announcer, Toast } from "./panels/notices.ts";
import { Openings } from "./panels/openings.ts";
import { ReceiptDialog, type Proof } from "./panels/receipt_dialog.ts";
import { SettingsDialog } from "./panels/settings_dialog.ts";
import { StatusBar } from "./panels/status_bar.ts";
import { SuggestionList } from "./panels/suggestion_list.ts";
import { copyText, downloadMarkdown } from "./panels/take_away.ts";
import { Tour } from "./panels/tour.ts";
import { VoicePicker } from "./panels/voice_picker.ts";
import { inPlainWords, whyWaiting } from "./plain_words.ts";
import type { Settings } from "./settings.ts";
import { storage } from "./storage.ts";
import { Text } from "./text.ts";
import { findVoice, MOST_VOICES, voicesOf, type Voice } from "./voices.ts";
import { Asking, type Source } from "./writing/asking.ts";
import type { Meter } from "./writing/meter.ts";
import type { Offer } from "./writing/offer.ts";
import { Writer, type Desk } from "./writing/writer.ts";

const RETRY_MODELS_MS = 1_000;

/** The page as a whole: brings its parts together. */
export class Page implements Desk {
  #settings = storage.settings();
  #fleet = this.#connect();
  #voices: Voice[] = [];
  #ids: string[] = [];
  #unwatch: (() => void)[] = [];
  #proofs = new Map<string, Partial<Proof>>();
  #troubles = new Map<string, string>();
  #text: Text;
  #writer: Writer;
  #toolbar: Toolbar;
  #status = new StatusBar(byId("status"));
  #announcer = new Announcer(byId("live"));
  #toast = new Toast(byId("toast"));
  #list: SuggestionList;
  #picker = new VoicePicker(byId("voices-panel"), byId("voices-button"), (ids) => this.#choose(ids));
  #openings = new Openings(byId("openings"), (line) => this.#begin(line));
  #settingsDialog: SettingsDialog;
  #receipt = new ReceiptDialog(byId("receipt"), (text) => void this.#copied(navigator.clipboard.writeText(text)));
  #tour = new Tour(byId("tour"));

  constructor() {
    this.#text = new Text(byId("paper"), {
      key: keyboard(() => this.#writer),
      changed: (transaction) => this.#changed(transaction),
      composed: () => this.#writer.composed(),
      blurred: () => this.#writer.dismiss(),
    });
    this.#writer = new Writer(this.#text.view, this, (ear) => new Asking(this.#fleet, ear));
    this.#toolbar = new Toolbar(byId("toolbar"), this.#text.view);
    this.#list = new SuggestionList(byId("box"), {
      choose: (option) => this.#writer.choose(option),
      take: (option) => (this.#writer.choose(option), this.#writer.takeAll()),
      title: (voice) => this.#title(voice),
    });
    this.#settingsDialog = new SettingsDialog(byId("settings"), this.#settings, storage.key(), {
      changed: (settings) => this.#set(settings),
      key: (key) => this.#useKey(key),
    });
    this.#buttons();
  }

  async start(): Promise<void> {
    this.#apply();
    this.#redraw();
    this.#text.view.focus();
    addEventListener("online", () => this.#ids.forEach((id) => this.#fleet.voice(id).retry()));
    await this.#loadVoices();
  }

  // ---- what the writer asks for and tells ----

  settings(): Settings {
    return this.#settings;
  }

  voices(): string[] {
    return this.#ids;
  }

  show(offer: Offer, lead: string): void {
    const { view } = this.#text;
    view.dom.setAttribute("aria-activedescendant", this.#list.show(offer, lead));
    const caret = view.coordsAtPos(view.state.selection.head);
    const drawn = view.dom.querySelector(".ghost")?.getBoundingClientRect();
    const bottom = Math.max(caret.bottom, drawn?.bottom ?? 0);
    this.#list.place(new DOMRect(caret.left, caret.top, 0, bottom - caret.top), caret.top, byId("paper").getBoundingClientRect());
    const count = offer.visible.length;
    this.#announcer.say(`${count === 1 ? "1 suggestion" : `${count} suggestions`}. ${offer.chosen?.text ?? ""}`);
  }

  hide(): void {
    this.#list.hide();
    this.#announcer.hush();
    this.#status.speed(this.#writer.meter);
    this.#text.view.dom.removeAttribute("aria-activedescendant");
  }

  told({ voice, suggestions }: Source, event: SuggestEvent, meter: Meter): void {
    this.#trouble(voice, event.type === "waiting" ? whyWaiting(event.code, event.message) : "");
    this.#status.speed(meter);
    if (event.type === "started") this.#proofs.set(voice, { title: this.#title(voice), started: event, suggestions });
    if (event.type === "completed") {
      Object.assign(this.#proofs.get(voice) ?? {}, { completed: event });
      this.#status.receipt(event.receipt.seed);
    }
  }

  failed(voice: string, error: unknown): void {
    this.#trouble(voice, inPlainWords(error));
  }

  taken(text: string): void {
    this.#announcer.now(`Taken: ${text}`);
  }

  // ---- voices ----

  /** Of several voices the first that has trouble is told; empty: it has none. */
  #trouble(voice: string, words: string): void {
    this.#troubles.set(voice, words);
    this.#status.message([...this.#troubles.values()].find(Boolean) ?? "");
  }

  async #loadVoices(): Promise<void> {
    try {
      this.#voices = voicesOf(await this.#fleet.models());
    } catch (error) {
      this.#status.message(inPlainWords(error instanceof InkfleetError ? error : new InkfleetError("unavailable", "")));
      if (!(error instanceof InkfleetError && error.code === "unauthorized")) setTimeout(() => void this.#loadVoices(), RETRY_MODELS_MS);
      return;
    }
    const wanted = (new URLSearchParams(location.search).get("model") ?? "").split(",").filter(Boolean);
    const found = wanted.map((name) => findVoice(this.#voices, name)?.id).filter((id) => id !== undefined);
    const ids = [...new Set(found)].slice(0, MOST_VOICES);
    const missing = wanted.length > found.length;
    this.#choose(ids.length > 0 ? ids : this.#voices.slice(0, 1).map(({ id }) => id), ids.length > 0);
    this.#status.message(missing ? inPlainWords(new InkfleetError("unknown_model", "")) : "");
  }

  #choose(ids: string[], link = true): void {
    this.#writer.dismiss();
    this.#ids = ids;
    this.#proofs.clear();
    this.#troubles.clear();
    if (link) history.replaceState(null, "", `?model=${ids.map(encodeURIComponent).join(",")}`);
    this.#picker.show(this.#voices, ids);
    this.#openings.show(this.#voices.filter(({ id }) => ids.includes(id)));
    for (const end of this.#unwatch) end();
    this.#unwatch = ids.map((id) => this.#fleet.voice(id).watch(() => this.#connection()));
    for (const id of ids) this.#fleet.voice(id).open();
    this.#connection();
  }

  #connection(): void {
    const states = this.#ids.map((id) => this.#fleet.voice(id).state);
    this.#status.connection(states);
    if (states.every((state) => state === "open") && !this.#writer.offering) this.#writer.warm();
  }

  #title(id: string): string {
    return this.#voices.find((voice) => voice.id === id)?.title ?? id;
  }

  // ---- settings ----

  #connect(): Inkfleet {
    const key = storage.key();
    return new Inkfleet(location.origin, key ? { key } : {});
  }

  #set(settings: Settings): void {
    this.#settings = settings;
    storage.keepSettings(settings);
    this.#settingsDialog.take(settings);
    this.#apply();
  }

  #useKey(key: string): void {
    storage.keepKey(key);
    this.#fleet.close();
    this.#fleet = this.#connect();
    this.#writer.move((ear) => new Asking(this.#fleet, ear));
    void this.#loadVoices();
  }

  #apply(): void {
    const { suggest, theme } = this.#settings;
    document.documentElement.dataset.theme = theme;
    byId("suggest-switch").setAttribute("aria-checked", `${suggest}`);
    if (!suggest) this.#writer.dismiss();
  }

  // ---- the text ----

  #changed(transaction: Transaction): void {
    if (!this.#toolbar) return; // the text is still being set up
    this.#writer.changed(transaction);
    if (transaction.docChanged || transaction.selectionSet || transaction.storedMarksSet) this.#redraw();
  }

  #redraw(): void {
    this.#toolbar.update();
    this.#openings.hidden = !isEmpty(this.#text.view.state.doc);
    this.#status.words(this.#text.words);
  }

  #begin(line: string): void {
    this.#text.replace(line);
    this.#writer.askNow();
  }

  #buttons(): void {
    const doc = () => this.#text.view.state.doc;
    const actions: Record<string, () => void> = {
      new: () => {
        this.#text.replace("");
        this.#toast.show("A new text. Undo brings the old one back.");
      },
      copy: () => void this.#copied(copyText(doc())),
      export: () => void downloadMarkdown(doc()),
      settings: () => this.#settingsDialog.open(),
      tour: () => this.#tour.open(),
    };
    for (const [name, act] of Object.entries(actions)) {
      document.querySelector(`.actions [data-action=${name}]`)!.addEventListener("click", act);
    }
    byId("suggest-switch").addEventListener("click", () => this.#set({ ...this.#settings, suggest: !this.#settings.suggest }));
    document.querySelector("[data-field=receipt]")!.addEventListener("click", () => {
      this.#receipt.open([...this.#proofs.values()].filter((proof): proof is Proof => proof.completed !== undefined));
    });
  }

  async #copied(copying: Promise<void>): Promise<void> {
    try {
      await copying;
      this.#toast.show("Copied.");
    } catch {
      this.#toast.show("The browser did not let the page copy. Select the text and press Ctrl+C.");
    }
  }
}

function byId<Kind extends HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind;
}
