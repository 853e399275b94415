/** What a person can set, kept on their machine. */
export interface Settings {
  suggest: boolean;
  n: number;
  length: number;
  temperature: number;
  top_k: number;
  top_p: number;
  /** Null: another one for each request. */
  seed: number | null;
  /** Warm the service's cache ahead of questions. */
  prefill: boolean;
  theme: "auto" | "light" | "dark";
}

export interface Range {
  least: number;
  most: number;
  step: number;
}

export const DEFAULTS: Settings = {
  suggest: true,
  n: 4,
  length: 20,
  temperature: 0.8,
  top_k: 40,
  top_p: 0,
  seed: null,
  prefill: true,
  theme: "auto",
};

export const RANGES: Record<"n" | "length" | "temperature" | "top_k" | "top_p" | "seed", Range> = {
  n: { least: 1, most: 8, step: 1 },
  length: { least: 1, most: 200, step: 1 },
  temperature: { least: 0, most: 2, step: 0.05 },
  top_k: { least: 0, most: 1_000, step: 1 },
  top_p: { least: 0, most: 1, step: 0.01 },
  seed: { least: 0, most: Number.MAX_SAFE_INTEGER, step: 1 },
};

const THEMES = ["auto", "light", "dark"];

/** A number within its range, or what stands in for it. */
export function fitNumber(name: keyof typeof RANGES, value: unknown, fallback: number): number {
  const { least, most, step } = RANGES[name];
  if (typeof value !== "number" || !Number.isFinite(value)) return fallback;
  const fitted = Math.min(most, Math.max(least, value));
  return step === 1 ? Math.round(fitted) : fitted;
}

/** Settings out of whatever was kept: what is not valid is as by default. */
export function fitSettings(kept: unknown): Settings {
  const from = (typeof kept === "object" && kept !== null ? kept : {}) as Partial<Record<keyof Settings, unknown>>;
  const number = (name: "n" | "length" | "temperature" | "top_k" | "top_p") => fitNumber(name, from[name], DEFAULTS[name]);
  const flag = (name: "suggest" | "prefill") => (typeof from[name] === "boolean" ? from[name] : DEFAULTS[name]);
  return {
    suggest: flag("suggest"),
    n: number("n"),
    length: number("length"),
    temperature: number("temperature"),
    top_k: number("top_k"),
    top_p: number("top_p"),
    seed: typeof from.seed === "number" ? fitNumber("seed", from.seed, 0) : null,
    prefill: flag("prefill"),
    theme: THEMES.includes(from.theme as string) ? (from.theme as Settings["theme"]) : DEFAULTS.theme,
  };
}
