/** Runs requests against a gateway and prints what came of them: JSON in on stdin, JSON out on stdout. */
import { readFileSync } from "node:fs";
import WebSocket from "ws";
import { Inkfleet, type SuggestFields, type Suggestions, type WebSocketConstructor } from "../src/index.ts";

interface Order {
  address: string;
  requests: { model: string; fields: SuggestFields }[];
}

async function story(suggestions: Suggestions) {
  const pieces: Record<number, string> = {};
  const reasons: Record<number, string> = {};
  let lost = 0;
  for await (const event of suggestions) {
    if (event.type === "delta") pieces[event.index] = (pieces[event.index] ?? "") + event.text;
    if (event.type === "finished") reasons[event.index] = event.reason;
    if (event.type === "waiting") ++lost;
  }
  const { receipt, usage } = await suggestions.completed;
  return { pieces, texts: suggestions.texts, tokens: suggestions.tokens, reasons, receipt, usage, lost };
}

const { address, requests } = JSON.parse(readFileSync(0, "utf8")) as Order;
const fleet = new Inkfleet(address, { WebSocket: WebSocket as unknown as WebSocketConstructor });
const stories = requests.map(({ model, fields }) => story(fleet.voice(model).suggest(fields)));
console.log(JSON.stringify(await Promise.all(stories)));
fleet.close();
