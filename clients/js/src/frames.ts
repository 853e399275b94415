/** The frames of docs/protocol.md as they travel, with the protocol's own names. */

/** What a suggest asks for. */
export interface SuggestFields {
  prompt: string;
  /** A stable name of the text being edited; a newer suggest of it supersedes the older. */
  document?: string;
  n?: number;
  max_tokens?: number;
  temperature?: number;
  top_k?: number;
  top_p?: number;
  seed?: number;
  stop?: string[];
  logprobs?: number;
  deadline_ms?: number;
  /** Go on in the middle of a word. */
  heal?: boolean;
}

/** Where a suggestion that was cut off goes on. */
export interface ResumePoint {
  index: number;
  tokens: number[];
}

export type ClientFrame =
  | ({ type: "suggest"; id: string; resume?: ResumePoint[] } & SuggestFields)
  | { type: "cancel"; id: string; index?: number }
  | { type: "prefill"; document: string; prompt: string }
  | { type: "accept"; id: string; index: number; tokens: number };

export interface Queued {
  type: "queued";
  position: number;
}

export interface Started {
  type: "started";
  model: string;
  seed: number;
  exact: boolean;
  prompt_tokens: number;
  cached_tokens: number;
  dropped_tokens: number;
}

export interface TokenLogprobs {
  logprob: number;
  top: [number, number][];
}

export interface Delta {
  type: "delta";
  index: number;
  /** Tokens of this suggestion that came before. */
  offset: number;
  text: string;
  tokens: number[];
  logprobs?: TokenLogprobs[];
}

export type Reason = "length" | "stop" | "end_of_text" | "cancelled" | "deadline" | "failed";

export interface Finished {
  type: "finished";
  index: number;
  reason: Reason;
}

export interface Usage {
  prompt_tokens: number;
  cached_tokens: number;
  completion_tokens: number;
}

export interface Receipt {
  model: string;
  weights: string;
  engine: { version: string; device: string; dtype: string; instruction_set: string };
  seed: number;
}

export interface Completed {
  type: "completed";
  usage: Usage;
  timing_ms: { queue: number; prefill: number; decode: number };
  receipt: Receipt;
}

export interface Prefilled {
  type: "prefilled";
  document: string;
  prompt_tokens: number;
  cached_tokens: number;
}

export type ErrorCode =
  | "bad_request"
  | "too_large"
  | "unknown_model"
  | "unauthorized"
  | "overloaded"
  | "unavailable"
  | "deadline"
  | "internal";

export interface ErrorFrame {
  type: "error";
  code: ErrorCode;
  message: string;
  frame?: string;
  field?: string;
  retry_after_ms?: number;
}

type OfRequest = (Queued | Started | Delta | Finished | Completed | ErrorFrame) & { id: string };

export type RequestFrame = OfRequest;
export type ServerFrame = OfRequest | (Prefilled & { id?: string }) | (ErrorFrame & { id?: undefined });
