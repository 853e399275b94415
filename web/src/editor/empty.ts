import type { Node } from "prosemirror-model";
import { Plugin } from "prosemirror-state";
import { Decoration, DecorationSet } from "prosemirror-view";

export function isEmpty(doc: Node): boolean {
  return doc.childCount === 1 && doc.firstChild!.isTextblock && doc.firstChild!.content.size === 0;
}

/** Marks the only line of an empty text, for the style sheet to say something there. */
export const emptyText = new Plugin({
  props: {
    decorations({ doc }) {
      if (!isEmpty(doc)) return null;
      return DecorationSet.create(doc, [Decoration.node(0, doc.firstChild!.nodeSize, { class: "empty" })]);
    },
  },
});
