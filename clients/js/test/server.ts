import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import WebSocket, { WebSocketServer } from "ws";
import type { ClientFrame } from "../src/frames.ts";
import { Inkfleet, type InkfleetOptions, type WebSocketConstructor } from "../src/index.ts";

/** A gateway on loopback that a test plays itself: frames are read one by one, and answered with whatever it likes. */
export class PlayedGateway {
  #http: Server;
  #frames: { socket: WebSocket; frame: ClientFrame }[] = [];
  #wake = () => {};
  readonly sockets: WebSocket[] = [];
  /** Statuses with which the next upgrades are refused. */
  refusals: number[] = [];
  models = [{ id: "m", aliases: ["alias"] }];
  status = 200;

  private constructor() {
    this.#http = createServer((_, response) => {
      response.writeHead(this.status, { "content-type": "application/json" });
      response.end(JSON.stringify({ object: "list", data: this.models }));
    });
    const upgrades = new WebSocketServer({ noServer: true, handleProtocols: () => "inkfleet.v1" });
    this.#http.on("upgrade", (request, socket, head) => {
      const refusal = this.refusals.shift();
      if (refusal) return socket.end(`HTTP/1.1 ${refusal} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
      upgrades.handleUpgrade(request, socket, head, (opened) => this.#opened(opened));
    });
  }

  static async start(): Promise<PlayedGateway> {
    const gateway = new PlayedGateway();
    await new Promise<void>((ready) => gateway.#http.listen(0, "127.0.0.1", ready));
    return gateway;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  client(options: InkfleetOptions = {}): Inkfleet {
    return new Inkfleet(this.address, { WebSocket: WebSocket as unknown as WebSocketConstructor, ...options });
  }

  /** The next frame of any connection, and how to answer it. */
  async next(): Promise<{ frame: ClientFrame; answer: (frame: object) => void; socket: WebSocket }> {
    while (this.#frames.length === 0) await new Promise<void>((wake) => (this.#wake = wake));
    const { socket, frame } = this.#frames.shift()!;
    const id = "id" in frame ? { id: frame.id } : {};
    return { frame, socket, answer: (answer) => socket.send(JSON.stringify({ ...id, ...answer })) };
  }

  close(): void {
    for (const socket of this.sockets) socket.terminate();
    this.#http.close();
    this.#http.closeAllConnections();
  }

  #opened(socket: WebSocket): void {
    this.sockets.push(socket);
    socket.on("message", (data) => {
      this.#frames.push({ socket, frame: JSON.parse(String(data)) as ClientFrame });
      this.#wake();
    });
  }
}

/** Frames of a good answer with one suggestion. */
export const STARTED = { type: "started", model: "m", seed: 7, exact: true, prompt_tokens: 1, cached_tokens: 0, dropped_tokens: 0 };
export const FINISHED = { type: "finished", index: 0, reason: "length" };
export const COMPLETED = {
  type: "completed",
  usage: { prompt_tokens: 1, cached_tokens: 0, completion_tokens: 2 },
  timing_ms: { queue: 0, prefill: 0, decode: 0 },
  receipt: { model: "m", weights: "w", engine: { version: "1", device: "cpu", dtype: "int8", instruction_set: "x" }, seed: 7 },
};

export function delta(offset: number, text: string, tokens: number[]) {
  return { type: "delta", index: 0, offset, text, tokens };
}
