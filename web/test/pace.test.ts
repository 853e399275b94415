import assert from "node:assert/strict";
import test from "node:test";
import { BURST_MS, Pace } from "../src/writing/pace.ts";

function play(t: test.TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const done: string[] = [];
  const pace = new Pace(
    () => done.push("ask"),
    () => done.push("warm"),
  );
  return { pace, done, pass: (ms: number) => t.mock.timers.tick(ms) };
}

// Deliberate break: a Pace that waits for a pause after every key.
test("a key that stands alone is asked about at once", (t) => {
  const { pace, done } = play(t);
  pace.key(1_000);
  pace.key(1_200);
  assert.deepEqual(done, ["ask", "ask"]);
});

test("a burst warms, and is asked about when it has ended", (t) => {
  const { pace, done, pass } = play(t);
  for (const now of [0, 20, 40]) {
    pace.key(now);
    if (now < 40) pass(20);
  }
  assert.deepEqual(done, ["ask", "warm", "warm"]);
  pass(BURST_MS);
  assert.deepEqual(done, ["ask", "warm", "warm", "ask"]);
});

test("where the cursor rests is warmed, unless something else comes", (t) => {
  const { pace, done, pass } = play(t);
  pace.moved();
  pace.moved();
  pass(BURST_MS);
  assert.deepEqual(done, ["warm"]);
  pace.moved();
  pace.stop();
  pass(BURST_MS);
  assert.deepEqual(done, ["warm"]);
});
