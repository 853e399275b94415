export { InkfleetError } from "./errors.ts";
export type * from "./frames.ts";
export { Inkfleet, type InkfleetOptions, type Model } from "./inkfleet.ts";
export type { LinkState, WebSocketConstructor, WebSocketLike } from "./link.ts";
export type { SuggestEvent, Waiting } from "./live_request.ts";
export { SideBySide, type VoiceEvent } from "./side_by_side.ts";
export { Suggestions } from "./suggestions.ts";
export type { Voice } from "./voice.ts";
