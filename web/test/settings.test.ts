import assert from "node:assert/strict";
import test from "node:test";
import { InkfleetError } from "inkfleet-client";
import { inPlainWords } from "../src/plain_words.ts";
import { DEFAULTS, fitSettings } from "../src/settings.ts";
import { findVoice, voicesOf } from "../src/voices.ts";

test("what was kept is taken as far as it is valid", () => {
  assert.deepEqual(fitSettings(undefined), DEFAULTS);
  assert.deepEqual(fitSettings("x"), DEFAULTS);
  const fitted = fitSettings({ n: 99, length: "40", temperature: 1.25, seed: 7, theme: "pink", suggest: false, top_k: NaN });
  assert.deepEqual(fitted, { ...DEFAULTS, n: 8, temperature: 1.25, seed: 7, suggest: false });
});

test("voices are known by what they were trained on, and told apart", () => {
  const voices = voicesOf([
    { id: "gpt2-medium-legal", aliases: ["law"] },
    { id: "gpt2-demo", aliases: [] },
    { id: "gpt2-medium", aliases: ["gpt2"] },
  ]);
  assert.deepEqual(voices.map(({ title }) => title), ["Legal", "General (gpt2-demo)", "General (gpt2-medium)"]);
  assert.equal(findVoice(voices, "law")?.id, "gpt2-medium-legal");
  assert.equal(findVoice(voices, "other"), undefined);
});

test("errors are told without codes", () => {
  for (const code of ["unauthorized", "unknown_model", "unavailable", "overloaded", "deadline", "too_large", "internal"] as const) {
    const words = inPlainWords(new InkfleetError(code, "secret"));
    assert.doesNotMatch(words, new RegExp(`${code}|secret|_`));
    assert.match(words, /\.$/);
  }
  assert.match(inPlainWords(new InkfleetError("bad_request", "n is 1 to 32", "n")), /n is 1 to 32/);
});
