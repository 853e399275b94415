import { InkfleetError } from "inkfleet-client";

/** What went wrong, for people. */
export function inPlainWords(error: unknown): string {
  if (!(error instanceof InkfleetError)) return "Something went wrong on this page. Reload it; your text is kept.";
  switch (error.code) {
    case "unauthorized":
      return "This gateway asks for an API key. Put yours into the settings.";
    case "unknown_model":
      return "The gateway does not have this voice. Choose another one.";
    case "unavailable":
      return "This voice does not answer at the moment. Type on to try again.";
    case "overloaded":
      return "This voice has too much to do at the moment. Type on to try again.";
    case "deadline":
      return "This voice took too long to answer. Type on to try again.";
    case "too_large":
      return "This paragraph is too long to send. Start a new one.";
    case "bad_request":
      return `The gateway did not accept the settings${error.field ? ` (${error.field})` : ""}: ${error.message}.`;
    case "internal":
      return "The service made a mistake. Type on to try again; your text is safe.";
  }
}

/** What a request waits for, for people. */
export function whyWaiting(code: "overloaded" | "unavailable", message: string): string {
  if (message.startsWith("the connection")) return "The connection was lost. Coming back…";
  return code === "overloaded" ? "This voice has too much to do. Waiting for a free place…" : "Waiting for a service of this voice…";
}
