import type { ErrorCode, ErrorFrame } from "./frames.ts";

/** A request that failed, with the protocol's code. */
export class InkfleetError extends Error {
  readonly code: ErrorCode;
  /** The field at fault, when there is one. */
  readonly field: string | undefined;

  constructor(code: ErrorCode, message: string, field?: string) {
    super(message);
    this.name = "InkfleetError";
    this.code = code;
    this.field = field;
  }
}

export function errorOf(frame: ErrorFrame): InkfleetError {
  return new InkfleetError(frame.code, frame.message, frame.field);
}

/** Whether the same request may succeed later. */
export function isTemporary(code: ErrorCode): boolean {
  return code === "overloaded" || code === "unavailable";
}

/** The code a plain HTTP answer stands for. */
export function codeOfStatus(status: number): ErrorCode {
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 404) return "unknown_model";
  if (status === 429) return "overloaded";
  return status < 500 ? "bad_request" : "unavailable";
}
