import type { ClientFrame, ServerFrame } from "./frames.ts";

/** What of a WebSocket is used: the browser's own, or that of a package such as ws. */
export interface WebSocketLike {
  readonly readyState: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open" | "close" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

export type LinkState = "idle" | "connecting" | "open" | "waiting" | "closed";

export interface LinkHandlers {
  opened(): void;
  frame(frame: ServerFrame): void;
  /** The connection ended, or did not come to be; another try follows. */
  lost(everOpen: boolean): void;
  state(state: LinkState): void;
}

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 3_000;
const OPEN = 1;
const HANDSHAKE_MS = 10_000;

/** One WebSocket that comes back: the waits between tries double, and are spread so that many clients do not come at once. */
export class Link {
  state: LinkState = "idle";
  #url: string;
  #protocols: string[];
  #make: WebSocketConstructor;
  #handlers: LinkHandlers;
  #socket: WebSocketLike | undefined;
  #wait = FIRST_WAIT_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, protocols: string[], make: WebSocketConstructor, handlers: LinkHandlers) {
    this.#url = url;
    this.#protocols = protocols;
    this.#make = make;
    this.#handlers = handlers;
  }

  /** Connects, if it does not yet. */
  open(): void {
    if (this.state === "idle") this.#connect();
  }

  /** Tries now instead of waiting on, as when the network is back. */
  retry(): void {
    if (this.state === "waiting") this.#connect();
  }

  /** False when there is no connection to send on. */
  send(frame: ClientFrame): boolean {
    if (this.state !== "open" || this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Gives up this connection and makes another. */
  drop(): void {
    const socket = this.#socket;
    if (socket) this.#ended(socket);
    socket?.close();
  }

  close(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    this.#enter("closed");
    socket?.close(1000);
  }

  #connect(): void {
    clearTimeout(this.#timer);
    this.#enter("connecting");
    const socket = new this.#make(this.#url, this.#protocols);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.drop(), HANDSHAKE_MS);
    socket.addEventListener("open", () => this.#opened(socket));
    socket.addEventListener("close", () => this.#ended(socket));
    socket.addEventListener("error", () => this.#ended(socket));
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#socket) this.#handlers.frame(JSON.parse(String(data)) as ServerFrame);
    });
  }

  #opened(socket: WebSocketLike): void {
    if (socket !== this.#socket) return;
    clearTimeout(this.#timer);
    this.#wait = FIRST_WAIT_MS;
    this.#enter("open");
    this.#handlers.opened();
  }

  #ended(socket: WebSocketLike): void {
    if (socket !== this.#socket) return;
    clearTimeout(this.#timer);
    this.#socket = undefined;
    const wasOpen = this.state === "open";
    this.#enter("waiting");
    const wait = this.#wait * (0.5 + Math.random() / 2);
    this.#wait = Math.min(LONGEST_WAIT_MS, this.#wait * 2);
    this.#timer = setTimeout(() => this.#connect(), wait);
    this.#handlers.lost(wasOpen);
  }

  #enter(state: LinkState): void {
    if (this.state === state) return;
    this.state = state;
    this.#handlers.state(state);
  }
}
