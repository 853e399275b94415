const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });

/** The length of a text's first word, with what lies before it and the signs that cling to it; in any script. */
export function firstWord(text: string): number {
  let length = 0;
  let found = false;
  for (const { segment, isWordLike } of segmenter.segment(text)) {
    if (found && (isWordLike || /^\s/.test(segment))) break;
    length += segment.length;
    found ||= !!isWordLike;
  }
  return length;
}

/** The begun word at a text's end; empty after a space or a sign. */
export function wordBefore(text: string): string {
  return /[\p{L}\p{M}\p{N}'’]+$/u.exec(text.slice(-60))?.[0] ?? "";
}
