import { Plugin, PluginKey, type EditorState, type Transaction } from "prosemirror-state";
import { Decoration, DecorationSet } from "prosemirror-view";

const key = new PluginKey<string>("ghost");

/** Text that is not there yet: drawn at the cursor, and no part of the document. */
export const ghost = new Plugin<string>({
  key,
  state: {
    init: () => "",
    apply: (tr, text) => (tr.getMeta(key) as string | undefined) ?? (tr.docChanged ? "" : text),
  },
  props: {
    decorations(state) {
      const text = key.getState(state);
      if (!text || !state.selection.empty) return null;
      // Without `key` it would be drawn anew at every change of the document.
      const widget = Decoration.widget(state.selection.head, () => draw(text), { side: 1, key: `ghost ${text}`, ignoreSelection: true });
      return DecorationSet.create(state.doc, [widget]);
    },
  },
});

/** A transaction that shows this text at the cursor; empty: none. Null when it is what is shown. */
export function showGhost(state: EditorState, text: string): Transaction | null {
  if (key.getState(state) === text) return null;
  return state.tr.setMeta(key, text).setMeta("addToHistory", false);
}

function draw(text: string): HTMLElement {
  const span = document.createElement("span");
  span.className = "ghost";
  span.setAttribute("aria-hidden", "true");
  span.textContent = text.replace(/\n+/g, " ↵ ");
  return span;
}
