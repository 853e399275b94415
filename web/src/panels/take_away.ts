import { DOMSerializer, type Node } from "prosemirror-model";

/** The whole text onto the clipboard, with its formats where the other side takes them. */
export async function copyText(doc: Node): Promise<void> {
  const plain = doc.textBetween(0, doc.content.size, "\n\n", (leaf) => (leaf.type.name === "hard_break" ? "\n" : ""));
  const holder = document.createElement("div");
  holder.append(DOMSerializer.fromSchema(doc.type.schema).serializeFragment(doc.content));
  const blob = (type: string, text: string) => ({ [type]: new Blob([text], { type }) });
  try {
    await navigator.clipboard.write([new ClipboardItem({ ...blob("text/html", holder.innerHTML), ...blob("text/plain", plain) })]);
  } catch {
    await navigator.clipboard.writeText(plain);
  }
}

/** The text as a Markdown file. What writes Markdown is loaded when it is asked for first. */
export async function downloadMarkdown(doc: Node): Promise<void> {
  const { toMarkdown } = await import("../editor/markdown.ts");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([toMarkdown(doc)], { type: "text/markdown" }));
  link.download = `${nameOf(doc)}.md`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
}

/** A file name from the first words. */
function nameOf(doc: Node): string {
  const words = doc.textContent.slice(0, 200).match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.slice(0, 5).join("-").toLowerCase() || "text";
}
