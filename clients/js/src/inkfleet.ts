import { codeOfStatus, InkfleetError } from "./errors.ts";
import type { SuggestFields } from "./frames.ts";
import type { WebSocketConstructor } from "./link.ts";
import { SideBySide } from "./side_by_side.ts";
import { Voice } from "./voice.ts";

export interface InkfleetOptions {
  /** Where the platform has no WebSocket of its own (Node.js before 22): that of the package ws. */
  WebSocket?: WebSocketConstructor;
  /** The API key, where the gateway asks for one. */
  key?: string;
  /** How long a request waits for a connection or a service before it fails (30,000). */
  patience_ms?: number;
  /** A running request that hears nothing for so long takes its connection for dead (20,000). */
  silence_ms?: number;
}

export interface Model {
  id: string;
  /** Other names of it. */
  aliases: string[];
}

/** A gateway, or a model service: `new Inkfleet("http://127.0.0.1:8080")`. */
export class Inkfleet {
  #http: string;
  #options: InkfleetOptions;
  #voices = new Map<string, Voice>();

  constructor(address: string, options: InkfleetOptions = {}) {
    this.#http = address.replace(/^ws/, "http").replace(/\/+$/, "");
    this.#options = options;
  }

  /** The models that are served. Throws an InkfleetError. */
  async models(): Promise<Model[]> {
    const { key } = this.#options;
    const response = await fetch(`${this.#http}/v1/models`, { headers: key ? { authorization: `Bearer ${key}` } : {} });
    if (!response.ok) throw new InkfleetError(codeOfStatus(response.status), `/v1/models answered ${response.status}`);
    const { data } = (await response.json()) as { data: { id: string; aliases?: string[] }[] };
    return data.map(({ id, aliases }) => ({ id, aliases: aliases ?? [] }));
  }

  /** The connection of a model; the same for the same name. */
  voice(model: string): Voice {
    const known = this.#voices.get(model);
    if (known) return known;
    const voice = new Voice(model, {
      url: `${this.#http.replace(/^http/, "ws")}/${model}`,
      protocols: subprotocols(this.#options.key),
      WebSocket: this.#webSocket(),
      patience_ms: this.#options.patience_ms ?? 30_000,
      silence_ms: this.#options.silence_ms ?? 20_000,
      explain: () => this.#explain(model),
    });
    this.#voices.set(model, voice);
    return voice;
  }

  /** The same request to several models at the same time. */
  sideBySide(models: string[], fields: SuggestFields, options: { signal?: AbortSignal } = {}): SideBySide {
    return new SideBySide(models.map((model) => this.voice(model)), fields, options);
  }

  /** Ends all connections. */
  close(): void {
    for (const voice of this.#voices.values()) voice.close();
    this.#voices.clear();
  }

  #webSocket(): WebSocketConstructor {
    const make = this.#options.WebSocket ?? (globalThis.WebSocket as WebSocketConstructor | undefined);
    if (!make) throw new TypeError("this platform has no WebSocket; pass one: new Inkfleet(address, { WebSocket })");
    return make;
  }

  /** A WebSocket does not say why it was refused; a plain request does. */
  async #explain(model: string): Promise<InkfleetError | undefined> {
    try {
      const models = await this.models();
      if (models.some(({ id, aliases }) => id === model || aliases.includes(model))) return undefined;
      return new InkfleetError("unknown_model", `the gateway serves no ${model}`);
    } catch (error) {
      return error instanceof InkfleetError && error.code === "unauthorized" ? error : undefined;
    }
  }
}

function subprotocols(key: string | undefined): string[] {
  if (!key) return ["inkfleet.v1"];
  const bytes = String.fromCharCode(...new TextEncoder().encode(key));
  const name = btoa(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  return ["inkfleet.v1", `inkfleet.key.${name}`];
}
