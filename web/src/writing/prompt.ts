import type { Node } from "prosemirror-model";

/** A prompt has at least so many characters, when there are so many, and less than three times as many. */
export const STRIDE = 3_000;

/**
 * What lies before a place of the text, from a beginning that stays put while the text grows, so that the service's cache has
 * most of it: the first paragraph after a multiple of STRIDE. A window that slid along would be new to it at every key.
 */
export function promptBefore(doc: Node, position: number): string {
  const text = doc.textBetween(0, position, "\n\n", (leaf) => (leaf.type.name === "hard_break" ? "\n" : ""));
  return text.slice(fixedStart(text));
}

export function fixedStart(text: string): number {
  const strides = Math.floor(text.length / STRIDE) - 1;
  if (strides < 1) return 0;
  const from = strides * STRIDE;
  const paragraph = text.indexOf("\n\n", from - 2);
  if (paragraph >= 0 && paragraph + 2 < from + STRIDE) return paragraph + 2;
  const space = text.indexOf(" ", from);
  return space >= 0 && space < from + STRIDE ? space : from;
}
