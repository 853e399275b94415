import assert from "node:assert/strict";
import { history, undo } from "prosemirror-history";
import { EditorState, TextSelection } from "prosemirror-state";
import test from "node:test";
import { insertSuggested } from "../src/editor/insert.ts";
import { toMarkdown } from "../src/editor/markdown.ts";
import { schema } from "../src/editor/schema.ts";

const { nodes, marks } = schema;
const paragraph = (...texts: ReturnType<typeof schema.text>[]) => nodes.paragraph.create(null, texts);

function state(text: string): EditorState {
  const doc = nodes.doc.create(null, paragraph(schema.text(text)));
  const made = EditorState.create({ doc, plugins: [history()] });
  return made.apply(made.tr.setSelection(TextSelection.atEnd(doc)));
}

const lines = (of: EditorState) => of.doc.children.map((node) => node.textContent);

test("a suggestion's lines become paragraphs", () => {
  const before = state("He said:");
  assert.deepEqual(lines(before.apply(insertSuggested(before.tr, " yes.\n\nAnd went."))), ["He said: yes.", "And went."]);
});

// Deliberate break: insertSuggested without closeHistory.
test("undo gives back what was taken, and nothing that was typed before", () => {
  let now = state("He");
  now = now.apply(now.tr.insertText(" said"));
  now = now.apply(insertSuggested(now.tr, " nothing."));
  assert.deepEqual(lines(now), ["He said nothing."]);
  undo(now, (transaction) => (now = now.apply(transaction)));
  assert.deepEqual(lines(now), ["He said"]);
});

test("a text with everything in it as Markdown", () => {
  const item = (text: string) => nodes.list_item.create(null, paragraph(schema.text(text)));
  const doc = nodes.doc.create(null, [
    nodes.heading.create({ level: 2 }, schema.text("Title")),
    paragraph(schema.text("bold", [marks.strong.create()]), schema.text(" and "), schema.text("italic", [marks.em.create()])),
    paragraph(schema.text("under", [marks.underline.create()]), schema.text(" "), schema.text("x*y", [marks.code.create()])),
    nodes.blockquote.create(null, paragraph(schema.text("said"))),
    nodes.bullet_list.create(null, [item("one"), item("two")]),
    nodes.ordered_list.create(null, [item("first"), item("second")]),
    nodes.code_block.create(null, schema.text("let a;")),
    paragraph(schema.text("2 * 3 * 4")),
  ]);
  assert.equal(
    toMarkdown(doc),
    "## Title\n\n**bold** and *italic*\n\n<u>under</u> `x*y`\n\n> said\n\n* one\n* two\n\n1. first\n2. second\n\n```\nlet a;\n```\n\n2 \\* 3 \\* 4\n",
  );
});
