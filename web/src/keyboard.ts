import type { Writer } from "./writing/writer.ts";

/** What keys do while suggestions are on offer; true: the key is used up. */
export function keyboard(writer: () => Writer): (event: KeyboardEvent) => boolean {
  return (event) => {
    const key = nameOf(event);
    if (key === "Ctrl+Space") return used(() => writer().askNow());
    if (!writer().offering || event.isComposing) return false;
    switch (key) {
      case "Tab":
        return used(() => writer().takeAll());
      case "Escape":
        return used(() => writer().dismiss());
      case "ArrowDown":
        return used(() => writer().moveChoice(1));
      case "ArrowUp":
        return used(() => writer().moveChoice(-1));
      case "Ctrl+Forward":
      case "Alt+Forward":
        return used(() => writer().takeWord());
    }
    return false;
  };
}

/** Forward is where the text goes: to the right, or to the left in a paragraph that runs so. */
function nameOf(event: KeyboardEvent): string {
  const modifiers = `${event.ctrlKey ? "Ctrl+" : ""}${event.altKey ? "Alt+" : ""}${event.metaKey ? "Meta+" : ""}${event.shiftKey ? "Shift+" : ""}`;
  const { key } = event;
  if (key === " ") return `${modifiers}Space`;
  if (modifiers && key === (isLeftward() ? "ArrowLeft" : "ArrowRight")) return `${modifiers}Forward`;
  return modifiers + key;
}

function isLeftward(): boolean {
  const node = document.getSelection()?.anchorNode;
  const place = node instanceof Element ? node : node?.parentElement;
  return place ? getComputedStyle(place).direction === "rtl" : false;
}

function used(act: () => void): true {
  act();
  return true;
}
