import type { Node } from "prosemirror-model";
import { defaultMarkdownSerializer, MarkdownSerializer } from "prosemirror-markdown";

const { nodes, marks } = defaultMarkdownSerializer;

const serializer = new MarkdownSerializer(nodes, {
  ...marks,
  underline: { open: "<u>", close: "</u>", mixable: true, expelEnclosingWhitespace: true },
});

/** A text as Markdown; underlining, which that has not, as HTML. */
export function toMarkdown(doc: Node): string {
  return `${serializer.serialize(doc, { tightLists: true })}\n`;
}
