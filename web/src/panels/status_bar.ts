import type { LinkState } from "inkfleet-client";
import type { Meter } from "../writing/meter.ts";

const STATES: Record<LinkState, string> = {
  idle: "Not connected",
  connecting: "Connecting…",
  open: "Connected",
  waiting: "Reconnecting…",
  closed: "Not connected",
};

/** Of several connections the one that is worst off is told. */
const WORST_FIRST: LinkState[] = ["closed", "waiting", "connecting", "idle", "open"];

/** The line at the foot of the page: connection, speed, queue, and what went wrong. */
export class StatusBar {
  #bar: HTMLElement;

  constructor(bar: HTMLElement) {
    this.#bar = bar;
  }

  connection(states: LinkState[]): void {
    const worst = WORST_FIRST.find((state) => states.includes(state)) ?? "idle";
    this.#bar.dataset.state = worst;
    this.#set("connection", STATES[worst]);
  }

  speed({ firstTokenMs, tokensPerSecond, position }: Meter): void {
    this.#set("first-token", firstTokenMs === undefined ? "" : `first token ${Math.round(firstTokenMs)} ms`);
    this.#set("rate", tokensPerSecond === undefined ? "" : `${Math.round(tokensPerSecond)} tokens/s`);
    this.#set("queue", position === undefined ? "" : `waiting, number ${position + 1} in the queue`);
  }

  words(count: number): void {
    this.#set("words", count === 1 ? "1 word" : `${count} words`);
  }

  /** Empty: nothing is wrong. Its place is never hidden: screen readers tell what changes in a place that they knew. */
  message(text: string): void {
    const field = this.#field("message");
    if (field.textContent !== text) field.textContent = text;
  }

  /** The receipt's button is of use once there is one. */
  receipt(seed: number): void {
    const button = this.#field("receipt");
    button.hidden = false;
    button.textContent = `seed ${seed}`;
  }

  #set(name: string, text: string): void {
    const field = this.#field(name);
    if (field.textContent !== text) field.textContent = text;
    field.hidden = text === "";
  }

  #field(name: string): HTMLElement {
    return this.#bar.querySelector<HTMLElement>(`[data-field="${name}"]`)!;
  }
}
