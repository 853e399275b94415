import assert from "node:assert/strict";
import test from "node:test";
import { InkfleetError } from "../src/errors.ts";
import type { Completed, Delta, RequestFrame, Started } from "../src/frames.ts";
import { LiveRequest, type SuggestEvent } from "../src/live_request.ts";

const ID = "1";
const started: Started & { id: string } = {
  type: "started", id: ID, model: "m", seed: 7, exact: true, prompt_tokens: 3, cached_tokens: 1, dropped_tokens: 0,
};
const completed: Completed & { id: string } = {
  type: "completed", id: ID,
  usage: { prompt_tokens: 9, cached_tokens: 9, completion_tokens: 1 },
  timing_ms: { queue: 0, prefill: 1, decode: 2 },
  receipt: { model: "m", weights: "w", engine: { version: "1", device: "cpu", dtype: "int8", instruction_set: "x" }, seed: 7 },
};

function delta(index: number, offset: number, text: string, tokens: number[]): Delta & { id: string } {
  return { type: "delta", id: ID, index, offset, text, tokens };
}

function request(n: number, frames: RequestFrame[], now = 0): LiveRequest {
  const request = new LiveRequest({ prompt: "The", n, max_tokens: 8 }, now);
  request.attempt(ID, now);
  for (const frame of frames) request.take(frame);
  return request;
}

async function events(request: LiveRequest): Promise<SuggestEvent[]> {
  const seen = [];
  for await (const event of request.log) seen.push(event);
  return seen;
}

test("before it started it asks for all again", () => {
  const asked = request(2, []).attempt("2", 0);
  assert.ok(asked.type === "suggest" && asked.id === "2");
  assert.equal(asked.resume, undefined);
  assert.equal(asked.seed, undefined);
});

// Deliberate break: #rest() with all suggestions instead of the open ones.
test("it asks for the rest of what is open, with the seed it was given", () => {
  const cut = request(3, [
    started,
    delta(0, 0, " old", [5]),
    delta(2, 0, " new", [6]),
    delta(0, 1, " man", [8, 9]),
    { type: "finished", id: ID, index: 2, reason: "stop" },
  ]);
  const asked = cut.attempt("2", 0);
  assert.ok(asked.type === "suggest");
  assert.equal(asked.seed, 7);
  assert.deepEqual(asked.resume, [{ index: 0, tokens: [5, 8, 9] }, { index: 1, tokens: [] }]);
});

// Deliberate break: a Suggestion that takes a delta of any offset.
test("what it has is not taken twice, and a gap is not taken at all", async () => {
  const twice = request(1, [started, delta(0, 0, " a", [1]), delta(0, 0, " a", [1]), delta(0, 5, " z", [9]), completed]);
  assert.equal(twice.suggestions[0]?.text, " a");
  assert.deepEqual((await events(twice)).map((event) => event.type), ["started", "delta", "completed"]);
});

test("a reader sees one start, and the usage of the whole", async () => {
  const resumed = request(1, [started, delta(0, 0, " a", [1, 2])]);
  resumed.attempt(ID, 0);
  for (const frame of [started, delta(0, 2, " b", [3]), completed]) resumed.take(frame);
  const seen = await events(resumed);
  assert.equal(seen.filter((event) => event.type === "started").length, 1);
  const end = seen.at(-1);
  assert.ok(end?.type === "completed");
  assert.deepEqual(end.usage, { prompt_tokens: 3, cached_tokens: 1, completion_tokens: 3 });
});

test("when only the receipt was lost it asks for nothing but that", () => {
  const whole = request(2, [
    started,
    delta(0, 0, " a", [1, 2]),
    { type: "finished", id: ID, index: 0, reason: "end_of_text" },
    { type: "finished", id: ID, index: 1, reason: "end_of_text" },
  ]);
  const asked = whole.attempt("2", 0);
  assert.ok(asked.type === "suggest");
  assert.deepEqual(asked.resume, [{ index: 0, tokens: [1, 2] }]);
  assert.equal(asked.max_tokens, 2);
});

// Deliberate break: taking `finished` with reason `failed` as any other.
test("what failed for want of a service goes on", () => {
  const failed = request(1, [started, delta(0, 0, " a", [1]), { type: "finished", id: ID, index: 0, reason: "failed" }]);
  const next = failed.take({ type: "error", id: ID, code: "unavailable", message: "no service", retry_after_ms: 40 });
  assert.deepEqual(next, { again_ms: 40 });
  const asked = failed.attempt("2", 0);
  assert.ok(asked.type === "suggest");
  assert.deepEqual(asked.resume, [{ index: 0, tokens: [1] }]);
});

test("what failed for good ends in an error with code and field", async () => {
  const failed = request(1, []);
  const next = failed.take({ type: "error", id: ID, code: "bad_request", message: "n is 1 to 32", field: "n" });
  assert.equal(next, "over");
  await assert.rejects(events(failed), (error) => error instanceof InkfleetError && error.code === "bad_request" && error.field === "n");
});

test("the deadline is what is left of it", () => {
  const asked = request(1, [started], 1_000).attempt("2", 21_000);
  assert.ok(asked.type === "suggest" && asked.deadline_ms === 40_000);
});

test("readers follow from the beginning, whenever they come", async () => {
  const one = request(1, [started, delta(0, 0, " a", [1])]);
  const early = events(one);
  one.take(completed);
  assert.deepEqual(await early, await events(one));
});

test("tokens within a part of the text, also of several that came at once", () => {
  const [suggestion] = request(1, [started, delta(0, 0, " old", [1, 2]), delta(0, 2, " man", [3])]).suggestions;
  assert.deepEqual([3, 4, 7, 8, Infinity].map((characters) => suggestion?.tokensWithin(characters)), [1, 2, 2, 3, 3]);
});
