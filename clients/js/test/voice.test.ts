import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import type { Inkfleet, InkfleetOptions, SuggestEvent, Suggestions } from "../src/index.ts";
import { COMPLETED, delta, FINISHED, PlayedGateway, STARTED } from "./server.ts";

const DEADLINE = { timeout: 20_000 };

async function play(t: TestContext, options: InkfleetOptions = {}): Promise<{ gateway: PlayedGateway; client: Inkfleet }> {
  const gateway = await PlayedGateway.start();
  const client = gateway.client(options);
  t.after(() => {
    client.close();
    gateway.close();
  });
  return { gateway, client };
}

async function until<Type extends SuggestEvent["type"]>(suggestions: Suggestions, type: Type) {
  for await (const event of suggestions) if (event.type === type) return event as Extract<SuggestEvent, { type: Type }>;
  throw new Error(`it ended without ${type}`);
}

test("texts come in pieces, and the receipt at the end", DEADLINE, async (t) => {
  const { gateway, client } = await play(t);
  const suggestions = client.voice("m").suggest({ prompt: "The" });
  const { answer, frame } = await gateway.next();
  assert.ok(frame.type === "suggest" && frame.prompt === "The");
  for (const part of [STARTED, delta(0, " old", [1]), delta(1, " man", [2]), FINISHED, COMPLETED]) answer(part);
  const pieces = [];
  for await (const piece of suggestions.text(0)) pieces.push(piece);
  assert.deepEqual(pieces, [" old", " man"]);
  assert.equal((await suggestions.completed).receipt.weights, "w");
  assert.deepEqual(suggestions.texts, [" old man"]);
});

// Deliberate break: LiveRequest.attempt without #rest().
test("a lost connection is made again, and the rest asked for", DEADLINE, async (t) => {
  const { gateway, client } = await play(t);
  const suggestions = client.voice("m").suggest({ prompt: "The", max_tokens: 2 });
  const first = await gateway.next();
  first.answer(STARTED);
  first.answer(delta(0, " old", [1]));
  await until(suggestions, "delta");
  first.socket.terminate();
  const second = await gateway.next();
  assert.ok(second.frame.type === "suggest");
  assert.deepEqual(second.frame.resume, [{ index: 0, tokens: [1] }]);
  for (const part of [STARTED, delta(1, " man", [2]), FINISHED, COMPLETED]) second.answer(part);
  await suggestions.completed;
  assert.deepEqual(suggestions.texts, [" old man"]);
});

test("aborting cancels at the server and ends the iterator with the signal's reason", DEADLINE, async (t) => {
  const { gateway, client } = await play(t);
  const abort = new AbortController();
  const suggestions = client.voice("m").suggest({ prompt: "The" }, { signal: abort.signal });
  const { answer, frame } = await gateway.next();
  answer(STARTED);
  await until(suggestions, "started");
  abort.abort();
  await assert.rejects(suggestions.completed, { name: "AbortError" });
  const cancel = await gateway.next();
  assert.deepEqual(cancel.frame, { type: "cancel", id: frame.type === "suggest" ? frame.id : "" });
});

test("a request that is full or without a service is asked again by itself", DEADLINE, async (t) => {
  const { gateway, client } = await play(t);
  const suggestions = client.voice("m").suggest({ prompt: "The" });
  (await gateway.next()).answer({ type: "error", code: "unavailable", message: "no service", retry_after_ms: 1 });
  const again = await gateway.next();
  for (const part of [STARTED, delta(0, " a", [1]), FINISHED, COMPLETED]) again.answer(part);
  const waiting = await until(suggestions, "waiting");
  assert.equal(waiting.message, "no service");
  await suggestions.completed;
});

test("what is superseded while there is no connection is not asked again", DEADLINE, async (t) => {
  const { gateway, client } = await play(t);
  gateway.refusals = [503];
  const older = client.voice("m").suggest({ prompt: "The", document: "d" });
  const newer = client.voice("m").suggest({ prompt: "The old", document: "d" });
  const { frame, answer } = await gateway.next();
  assert.ok(frame.type === "suggest" && frame.prompt === "The old");
  for (const part of [STARTED, FINISHED, COMPLETED]) answer(part);
  await newer.completed;
  await assert.rejects(older.completed);
});

test("it says why it cannot come in", DEADLINE, async (t) => {
  const { gateway, client } = await play(t, { key: "wrong" });
  gateway.refusals = Array(100).fill(401);
  gateway.status = 401;
  await assert.rejects(client.voice("m").suggest({ prompt: "" }).completed, { code: "unauthorized" });
});

test("it says that there is no such model", DEADLINE, async (t) => {
  const { gateway, client } = await play(t);
  gateway.refusals = Array(100).fill(404);
  await assert.rejects(client.voice("other").suggest({ prompt: "" }).completed, { code: "unknown_model" });
});

test("its patience ends", DEADLINE, async (t) => {
  const { gateway, client } = await play(t, { patience_ms: 50 });
  gateway.refusals = Array(100).fill(503);
  await assert.rejects(client.voice("m").suggest({ prompt: "" }).completed, { code: "unavailable" });
});

// Deliberate break: suggest() that waits for a connection which nobody makes any more.
test("a voice that was closed says so at once", DEADLINE, async (t) => {
  const { client } = await play(t, { patience_ms: 1e9 });
  const voice = client.voice("m");
  client.close();
  await assert.rejects(voice.suggest({ prompt: "The" }).completed, { code: "unavailable", message: /closed/ });
});

// Deliberate break: #listen() that sets no timer.
test("a connection that falls silent in the middle of a text is left", DEADLINE, async (t) => {
  const { gateway, client } = await play(t, { silence_ms: 50 });
  const suggestions = client.voice("m").suggest({ prompt: "The" });
  (await gateway.next()).answer(STARTED);
  const { frame, answer } = await gateway.next();
  assert.ok(frame.type === "suggest" && frame.seed === 7);
  for (const part of [STARTED, FINISHED, COMPLETED]) answer(part);
  await suggestions.completed;
});

test("what was taken is told in tokens", DEADLINE, async (t) => {
  const { gateway, client } = await play(t);
  const suggestions = client.voice("m").suggest({ prompt: "The" });
  const { answer } = await gateway.next();
  for (const part of [STARTED, delta(0, " old", [1, 2]), delta(2, " man", [3]), FINISHED, COMPLETED]) answer(part);
  await suggestions.completed;
  suggestions.accept(0, " old m".length);
  const { frame } = await gateway.next();
  assert.ok(frame.type === "accept" && frame.tokens === 2);
});

test("voices answer side by side, and one that fails leaves the other alone", DEADLINE, async (t) => {
  const { gateway, client } = await play(t);
  const both = client.sideBySide(["m", "other"], { prompt: "The" });
  const first = await gateway.next();
  first.answer({ type: "error", code: "internal", message: "a fault" });
  const second = await gateway.next();
  for (const part of [STARTED, delta(0, " a", [1]), FINISHED, COMPLETED]) second.answer(part);
  const ends = [];
  for await (const step of both) {
    if ("error" in step) ends.push("error");
    else if (step.event.type === "completed") ends.push("completed");
  }
  assert.deepEqual(ends.sort(), ["completed", "error"]);
});
