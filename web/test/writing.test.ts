import assert from "node:assert/strict";
import test from "node:test";
import { Meter } from "../src/writing/meter.ts";
import { Offer, type Option } from "../src/writing/offer.ts";
import { firstWord, wordBefore } from "../src/writing/words.ts";

function option(text: string, index = 0, ended = false): Option {
  return { voice: "v", index, text, taken: 0, ended };
}

function offer(...options: Option[]): Offer {
  const offer = new Offer();
  offer.options = options;
  return offer;
}

test("a word comes with the space before it and the signs behind it, in any script", () => {
  const first = (text: string) => text.slice(0, firstWord(text));
  assert.equal(first(" castle, and"), " castle,");
  assert.equal(first("ing. He"), "ing.");
  assert.equal(first("don't go"), "don't");
  assert.equal(first("...'"), "...'");
  assert.equal(first(""), "");
  assert.equal(first("\n\nThen"), "\n\nThen");
  assert.equal(first(" שלום עולם"), " שלום");
  assert.ok(first("今天天气很好").length < 6, "a word, not the whole line");
});

test("the word that was begun", () => {
  assert.equal(wordBefore("the old cas"), "cas");
  assert.equal(wordBefore("the old "), "");
  assert.equal(wordBefore("end."), "");
});

test("arrows go around", () => {
  const three = offer(option("a"), option("b", 1), option("c", 2));
  assert.equal(three.chosen?.text, "a");
  three.move(-1);
  assert.equal(three.chosen?.text, "c");
  three.move(1);
  assert.equal(three.chosen?.text, "a");
});

// Deliberate break: typed() that keeps every option.
test("typing goes along with what begins so, and drops the rest", () => {
  const two = offer(option(" castle"), option(" cat", 1), option(" dog", 2));
  two.typed(" c");
  assert.deepEqual(two.options.map(({ text, taken }) => [text, taken]), [["astle", 2], ["at", 2]]);
  two.typed("at");
  assert.deepEqual(two.options, []);
});

test("what is taken is one suggestion's, and the others are gone", () => {
  const two = offer(option(" old man"), option(" young", 1));
  assert.equal(two.take(4), " old");
  assert.deepEqual(two.options.map(({ text, taken }) => [text, taken]), [[" man", 4]]);
  assert.equal(two.take(Infinity), " man");
});

test("nothing empty is shown, and nothing twice", () => {
  const some = offer(option(""), option(" a", 1, true), option(" a", 2, true), option(" ", 3), option("\n", 4, true));
  assert.deepEqual(some.visible.map(({ index }) => index), [1, 4]);
});

test("the meter counts from the last key", () => {
  const meter = new Meter();
  meter.key(1_000);
  const delta = (tokens: number[]) => ({ type: "delta" as const, index: 0, offset: 0, text: "x", tokens });
  meter.take({ type: "started", model: "v", seed: 1, exact: true, prompt_tokens: 1, cached_tokens: 0, dropped_tokens: 0 }, 1_030);
  assert.equal(meter.tokensPerSecond, undefined);
  assert.equal(meter.take(delta([1]), 1_040), true);
  assert.equal(meter.firstTokenMs, 40);
  assert.equal(meter.tokensPerSecond, 100);
  assert.equal(meter.take(delta([1, 2]), 1_130), false);
  assert.equal(meter.tokensPerSecond, 30);
  meter.take({ type: "queued", position: 3 }, 1_150);
  assert.equal(meter.position, 3);
  meter.key(2_000);
  assert.equal(meter.position, 0);
  assert.equal(meter.tokensPerSecond, undefined);
});
