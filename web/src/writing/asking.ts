import type { Inkfleet, SuggestEvent, SuggestFields, Suggestions } from "inkfleet-client";
import type { Settings } from "../settings.ts";

/** Whose event it is: the voice by its model's name, the round by its number. */
export interface Source {
  round: number;
  voice: string;
  suggestions: Suggestions;
}

/** What hears of suggestions as they come. */
export interface Ear {
  event(source: Source, event: SuggestEvent): void;
  failed(voice: string, error: unknown): void;
}

const SIDE_BY_SIDE = [1, 1, 3, 2, 2]; // suggestions of each voice, by the number of voices

/** Asks one or several voices about the same text. A newer question is the end of the older. */
export class Asking {
  #fleet: Inkfleet;
  #ear: Ear;
  #document = `page-${Math.random().toString(36).slice(2)}`;
  #round = 0;
  #running = new Map<string, Suggestions>();

  constructor(fleet: Inkfleet, ear: Ear) {
    this.#fleet = fleet;
    this.#ear = ear;
  }

  ask(voices: string[], prompt: string, settings: Settings): void {
    const round = ++this.#round;
    for (const [voice, running] of this.#running) if (!voices.includes(voice)) running.cancel();
    this.#running.clear();
    for (const voice of voices) {
      const suggestions = this.#fleet.voice(voice).suggest({ ...fieldsOf(settings, voices.length), document: this.#document, prompt });
      this.#running.set(voice, suggestions);
      void this.#follow({ round, voice, suggestions });
    }
  }

  prefill(voices: string[], prompt: string): void {
    for (const voice of voices) this.#fleet.voice(voice).prefill(this.#document, prompt);
  }

  /** So many characters of a suggestion of this round were taken; of an older one it is too late to say. */
  accept(round: number, voice: string, index: number, characters: number): void {
    if (round === this.#round) this.#running.get(voice)?.accept(index, characters);
  }

  /** Nothing of what runs is wanted any more. */
  stop(): void {
    ++this.#round;
    for (const running of this.#running.values()) running.cancel();
    this.#running.clear();
  }

  async #follow(source: Source): Promise<void> {
    try {
      for await (const event of source.suggestions) if (source.round === this.#round) this.#ear.event(source, event);
    } catch (error) {
      if (source.round === this.#round) this.#ear.failed(source.voice, error);
    }
  }
}

function fieldsOf(settings: Settings, voices: number): Omit<SuggestFields, "prompt"> {
  const { n, length, temperature, top_k, top_p, seed } = settings;
  return {
    n: voices === 1 ? n : Math.min(n, SIDE_BY_SIDE[voices] ?? 1),
    max_tokens: length,
    temperature,
    top_k,
    top_p,
    heal: true,
    ...(seed === null ? {} : { seed }),
  };
}
