import { EventLog } from "./event_log.ts";
import type { SuggestFields } from "./frames.ts";
import type { SuggestEvent } from "./live_request.ts";
import type { Suggestions } from "./suggestions.ts";
import type { Voice } from "./voice.ts";

/** An event of one of the voices, or what ended it before its time. */
export type VoiceEvent = { model: string; event: SuggestEvent } | { model: string; error: unknown };

/** One text, several voices at the same time. A voice that fails says so and leaves the others alone. */
export class SideBySide implements AsyncIterable<VoiceEvent> {
  readonly voices: ReadonlyMap<string, Suggestions>;
  #log = new EventLog<VoiceEvent>();

  constructor(voices: Voice[], fields: SuggestFields, options: { signal?: AbortSignal } = {}) {
    this.voices = new Map(voices.map((voice) => [voice.model, voice.suggest(fields, options)]));
    const followed = [...this.voices].map(([model, suggestions]) => this.#follow(model, suggestions));
    void Promise.all(followed).then(() => this.#log.end());
  }

  [Symbol.asyncIterator](): AsyncGenerator<VoiceEvent, void, undefined> {
    return this.#log[Symbol.asyncIterator]();
  }

  /** Stops all voices. */
  cancel(): void {
    for (const suggestions of this.voices.values()) suggestions.cancel();
  }

  async #follow(model: string, suggestions: Suggestions): Promise<void> {
    try {
      for await (const event of suggestions) this.#log.push({ model, event });
    } catch (error) {
      this.#log.push({ model, error });
    }
  }
}
