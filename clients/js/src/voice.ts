import { InkfleetError } from "./errors.ts";
import type { ServerFrame, SuggestFields } from "./frames.ts";
import { Link, type LinkState, type WebSocketConstructor } from "./link.ts";
import { LiveRequest } from "./live_request.ts";
import { Suggestions, type RequestDoor } from "./suggestions.ts";

export interface VoiceOptions {
  url: string;
  protocols: string[];
  WebSocket: WebSocketConstructor;
  /** How long requests wait for a service or a connection. */
  patience_ms: number;
  /** A running request that hears nothing for so long takes its connection for dead. */
  silence_ms: number;
  /** Why there is no connection, where that can be found out; nothing: try on. */
  explain: () => Promise<InkfleetError | undefined>;
}

/** The requests of one model, on one connection at a time. */
export class Voice implements RequestDoor {
  readonly model: string;
  #options: VoiceOptions;
  #link: Link;
  #live = new Set<LiveRequest>();
  #impatience = new Map<LiveRequest, ReturnType<typeof setTimeout>>();
  #silence: ReturnType<typeof setTimeout> | undefined;
  #watchers = new Set<(state: LinkState) => void>();
  #ids = 0;

  constructor(model: string, options: VoiceOptions) {
    this.model = model;
    this.#options = options;
    this.#link = new Link(options.url, options.protocols, options.WebSocket, {
      opened: () => this.#opened(),
      frame: (frame) => this.#take(frame),
      lost: (wasOpen) => this.#lost(wasOpen),
      state: (state) => this.#watchers.forEach((watch) => watch(state)),
    });
  }

  get state(): LinkState {
    return this.#link.state;
  }

  /** Calls `watch` at every change; returns what ends that. */
  watch(watch: (state: LinkState) => void): () => void {
    this.#watchers.add(watch);
    return () => this.#watchers.delete(watch);
  }

  /** Connects ahead of the first request. */
  open(): void {
    this.#link.open();
  }

  /** Tries to connect now instead of waiting on. */
  retry(): void {
    this.#link.retry();
  }

  /** Asks for suggestions. Aborting the signal cancels them at once, and ends their iterators with its reason. */
  suggest(fields: SuggestFields, { signal }: { signal?: AbortSignal } = {}): Suggestions {
    const request = new LiveRequest({ ...fields }, Date.now());
    const suggestions = new Suggestions(request, this);
    if (signal?.aborted || this.state === "closed") {
      request.log.end(signal?.aborted ? signal.reason : closed());
      return suggestions;
    }
    if (signal) this.#heed(signal, request, suggestions);
    this.#supersede(fields.document);
    this.#live.add(request);
    this.#link.open();
    if (!this.#send(request)) this.#growImpatient(request);
    return suggestions;
  }

  /** Warms the cache for a text that is being typed. It has no answer, and without a connection it is left out. */
  prefill(document: string, prompt: string): void {
    this.#link.open();
    this.#link.send({ type: "prefill", document, prompt });
  }

  cancel(request: LiveRequest, index?: number): void {
    if (!this.#live.has(request)) return;
    request.cancel(index);
    const sent = this.#link.send({ type: "cancel", id: request.id, ...(index === undefined ? {} : { index }) });
    if (!sent && !request.lost()) this.#forget(request);
  }

  accept(request: LiveRequest, index: number, tokens: number): void {
    this.#link.send({ type: "accept", id: request.id, index, tokens });
  }

  /** Ends the connection and whatever runs on it. */
  close(): void {
    this.#link.close();
    this.#failAll(closed());
  }

  #opened(): void {
    for (const request of this.#live) this.#send(request);
  }

  #send(request: LiveRequest): boolean {
    if (this.#link.state !== "open") return false;
    const sent = this.#link.send(request.attempt(`${++this.#ids}`, Date.now()));
    if (sent) this.#listen();
    return sent;
  }

  #take(frame: ServerFrame): void {
    this.#listen();
    if (frame.type === "prefilled" || frame.id === undefined) return;
    const request = [...this.#live].find((live) => live.id === frame.id);
    if (!request) return;
    const next = request.take(frame);
    if (next === "over") this.#forget(request);
    else if (typeof next === "object") this.#tryAgain(request, next.again_ms);
    else this.#calm(request);
  }

  #tryAgain(request: LiveRequest, wait: number): void {
    this.#growImpatient(request);
    const { id } = request;
    setTimeout(() => {
      if (!this.#live.has(request) || request.id !== id) return;
      if (request.lost()) this.#send(request);
      else this.#forget(request);
    }, wait);
  }

  #lost(wasOpen: boolean): void {
    clearTimeout(this.#silence);
    for (const request of this.#live) {
      if (!request.lost()) {
        this.#forget(request);
      } else {
        if (wasOpen) request.wait("unavailable", "the connection was lost");
        this.#growImpatient(request);
      }
    }
    if (!wasOpen) void this.#askWhy();
  }

  async #askWhy(): Promise<void> {
    const reason = await this.#options.explain();
    if (reason && this.state !== "open") this.#failAll(reason);
  }

  #growImpatient(request: LiveRequest): void {
    if (this.#impatience.has(request)) return;
    const { patience_ms } = this.#options;
    const give_up = () => {
      request.log.end(new InkfleetError("unavailable", `no answer for ${patience_ms / 1000} s`));
      this.#forget(request);
    };
    this.#impatience.set(request, setTimeout(give_up, patience_ms));
  }

  #calm(request: LiveRequest): void {
    clearTimeout(this.#impatience.get(request));
    this.#impatience.delete(request);
  }

  #forget(request: LiveRequest): void {
    this.#live.delete(request);
    this.#calm(request);
    if (this.#live.size === 0) clearTimeout(this.#silence);
  }

  #failAll(error: InkfleetError): void {
    for (const request of this.#live) {
      request.log.end(error);
      this.#forget(request);
    }
  }

  #heed(signal: AbortSignal, request: LiveRequest, suggestions: Suggestions): void {
    const abort = () => this.#abort(request, signal.reason);
    const over = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort);
    suggestions.completed.then(over, over);
  }

  #abort(request: LiveRequest, reason: unknown): void {
    if (!this.#live.has(request)) return;
    this.#link.send({ type: "cancel", id: request.id });
    request.log.end(reason);
    this.#forget(request);
  }

  #supersede(document: string | undefined): void {
    if (document === undefined) return;
    for (const older of this.#live) {
      if (older.fields.document !== document) continue;
      older.cancel();
      if (this.#link.state !== "open" && !older.lost()) this.#forget(older);
    }
  }

  #listen(): void {
    clearTimeout(this.#silence);
    if (this.#live.size === 0) return;
    this.#silence = setTimeout(() => {
      if ([...this.#live].some((request) => request.running)) this.#link.drop();
    }, this.#options.silence_ms);
  }
}

function closed(): InkfleetError {
  return new InkfleetError("unavailable", "the connection was closed");
}
