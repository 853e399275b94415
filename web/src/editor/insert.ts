import { closeHistory } from "prosemirror-history";
import type { Transaction } from "prosemirror-state";

/** Puts a suggestion's text at the cursor, as one step of its own to undo; lines become paragraphs. */
export function insertSuggested(tr: Transaction, text: string): Transaction {
  closeHistory(tr);
  if (tr.selection.$from.parent.type.spec.code) return tr.insertText(text).scrollIntoView();
  const [first = "", ...rest] = text.split(/\n+/);
  if (first) tr.insertText(first);
  for (const line of rest) {
    tr.split(tr.selection.from);
    if (line) tr.insertText(line);
  }
  return tr.scrollIntoView();
}
