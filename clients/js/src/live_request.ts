import { errorOf, isTemporary } from "./errors.ts";
import { EventLog } from "./event_log.ts";
import type {
  ClientFrame,
  Completed,
  ErrorFrame,
  Queued,
  RequestFrame,
  ResumePoint,
  Started,
  SuggestFields,
  Delta,
  Finished,
} from "./frames.ts";
import { Suggestion } from "./suggestion.ts";

/** The request waits for a connection, or for a service that has no room; it goes on by itself. */
export interface Waiting {
  type: "waiting";
  code: "overloaded" | "unavailable";
  message: string;
}

/** What a reader of a request is told, in this order but for `waiting`. */
export type SuggestEvent = Queued | Started | Delta | Finished | Completed | Waiting;

/** What is to be done after a frame: nothing, forget the request, or send it again after so many milliseconds. */
export type Next = "go on" | "over" | { again_ms: number };

const RETRY_MS = 250;
const LEAST_DEADLINE_MS = 100;
const DEADLINE_MS = 60_000;

/** One suggest through all its connections: what it has, and what to ask for when it has to ask again. No sockets, no clock. */
export class LiveRequest {
  readonly fields: SuggestFields;
  readonly log = new EventLog<SuggestEvent>();
  readonly suggestions: Suggestion[];
  /** The name of its present attempt, which frames of earlier ones do not have. */
  id = "";
  cancelled = false;
  #cancelledIndices = new Set<number>();
  #started: Started | undefined;
  #began: number;

  constructor(fields: SuggestFields, now: number) {
    this.fields = fields;
    this.#began = now;
    this.suggestions = Array.from({ length: fields.n ?? 1 }, (_, index) => new Suggestion(index));
  }

  /** Whether frames should keep coming: it has started and has not ended. */
  get running(): boolean {
    return this.#started !== undefined && !this.log.ended;
  }

  /** The frame that asks for all, or for what is still missing. */
  attempt(id: string, now: number): ClientFrame {
    this.id = id;
    const left = (this.fields.deadline_ms ?? DEADLINE_MS) - (now - this.#began);
    const frame = { ...this.fields, type: "suggest" as const, id, deadline_ms: Math.max(LEAST_DEADLINE_MS, left) };
    if (!this.#started) return frame;
    return { ...frame, seed: this.#started.seed, ...this.#rest() };
  }

  take(frame: RequestFrame): Next {
    const { id: _, ...event } = frame;
    switch (event.type) {
      case "queued":
        if (!this.#started) this.log.push(event);
        return "go on";
      case "started":
        if (!this.#started) this.log.push((this.#started = event));
        return "go on";
      case "delta":
        if (this.suggestions[event.index]?.add(event)) this.log.push(event);
        return "go on";
      case "finished":
        // What failed may go on elsewhere: the error that follows decides.
        if (event.reason !== "failed") this.#finish(event);
        return "go on";
      case "completed":
        this.#complete(event);
        return "over";
      case "error":
        return this.#fail(event);
    }
  }

  cancel(index?: number): void {
    if (index === undefined) this.cancelled = true;
    else this.#cancelledIndices.add(index);
  }

  /** The connection is gone, and with it the answer to what was cancelled. Returns whether there is anything left to ask for. */
  lost(): boolean {
    for (const { index } of this.suggestions) {
      if (this.cancelled || this.#cancelledIndices.has(index)) {
        this.#finish({ type: "finished", index, reason: "cancelled" });
      }
    }
    if (this.cancelled) this.log.end();
    return !this.cancelled;
  }

  wait(code: Waiting["code"], message: string): void {
    this.log.push({ type: "waiting", code, message });
  }

  #finish(event: Finished): void {
    if (this.suggestions[event.index]?.finish(event.reason)) this.log.push(event);
  }

  #complete(event: Completed): void {
    const tokens = this.suggestions.reduce((sum, suggestion) => sum + suggestion.tokens.length, 0);
    const { prompt_tokens, cached_tokens } = this.#started ?? event.usage;
    this.log.push({ ...event, usage: { prompt_tokens, cached_tokens, completion_tokens: tokens } });
    this.log.end();
  }

  #fail(event: ErrorFrame): Next {
    if (isTemporary(event.code) && !this.cancelled) {
      this.wait(event.code as Waiting["code"], event.message);
      return { again_ms: event.retry_after_ms ?? RETRY_MS };
    }
    this.log.end(errorOf(event));
    return "over";
  }

  /** When all suggestions are whole and only the receipt is missing, one of them is asked for again with nothing left to compute. */
  #rest(): { resume: ResumePoint[]; max_tokens?: number } {
    const open = this.suggestions.filter((suggestion) => suggestion.open);
    if (open.length > 0) return { resume: open.map(({ index, tokens }) => ({ index, tokens: [...tokens] })) };
    const longest = this.suggestions.reduce((a, b) => (b.tokens.length > a.tokens.length ? b : a));
    const { index, tokens } = longest;
    return { resume: [{ index, tokens: [...tokens] }], max_tokens: Math.max(1, tokens.length) };
  }
}
