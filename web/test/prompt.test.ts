import assert from "node:assert/strict";
import test from "node:test";
import { schema } from "../src/editor/schema.ts";
import { fixedStart, promptBefore, STRIDE } from "../src/writing/prompt.ts";

const { nodes } = schema;
const paragraph = (text: string) => nodes.paragraph.create(null, text ? schema.text(text) : null);

/** `count` paragraphs of about 300 characters, each another one. */
function paragraphs(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index} ${"word ".repeat(60)}end.`);
}

test("paragraphs are told apart, and nothing behind the cursor is sent", () => {
  const doc = nodes.doc.create(null, [paragraph("One."), paragraph("Two."), paragraph("Three.")]);
  assert.equal(promptBefore(doc, 6 + 1 + 3), "One.\n\nTwo");
  assert.equal(promptBefore(doc, 1), "");
});

test("an empty paragraph at the cursor counts", () => {
  const doc = nodes.doc.create(null, [paragraph("One."), paragraph("")]);
  assert.equal(promptBefore(doc, doc.content.size - 1), "One.\n\n");
});

test("a short text is sent whole", () => {
  assert.equal(fixedStart("word ".repeat(1_000)), 0);
});

// Deliberate break: fixedStart as text.length - STRIDE, a sliding window.
test("while a text grows its prompt grows with it, and begins anew only once in a stride", () => {
  const whole = paragraphs(60).join("\n\n");
  let starts = 0;
  let before = "";
  for (let length = 1; length <= whole.length; ++length) {
    const text = whole.slice(0, length);
    const prompt = text.slice(fixedStart(text));
    assert.ok(prompt.length <= 3 * STRIDE);
    assert.ok(prompt.length >= Math.min(length, STRIDE - 400));
    if (!prompt.startsWith(before)) ++starts;
    before = prompt;
  }
  assert.equal(starts, Math.floor(whole.length / STRIDE) - 1);
});

test("it begins at a paragraph, where there is one", () => {
  const whole = paragraphs(60).join("\n\n");
  const prompt = whole.slice(fixedStart(whole));
  assert.match(prompt, /^\d+ word/);
});

test("a paragraph without an end begins at a space", () => {
  const whole = "word ".repeat(4_000);
  assert.match(whole.slice(fixedStart(whole)), /^ word/);
});
