import { closeHistory } from "prosemirror-history";
import { Node } from "prosemirror-model";
import { EditorState, TextSelection, type Transaction } from "prosemirror-state";
import { EditorView } from "prosemirror-view";
import { emptyText } from "./editor/empty.ts";
import { ghost } from "./editor/ghost.ts";
import { editingPlugins } from "./editor/plugins.ts";
import { schema } from "./editor/schema.ts";
import { storage } from "./storage.ts";
import { REPLACED } from "./writing/writer.ts";

const KEEP_MS = 250;

interface Hands {
  key(event: KeyboardEvent): boolean;
  changed(transaction: Transaction): void;
  composed(): void;
  blurred(): void;
}

/** The editor with its text, which is kept on the person's machine. */
export class Text {
  readonly view: EditorView;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(place: HTMLElement, hands: Hands) {
    this.view = new EditorView(
      { mount: mountIn(place) },
      {
        state: EditorState.create({ doc: kept(), plugins: [...editingPlugins(), ghost, emptyText] }),
        attributes: {
          id: "text",
          role: "textbox",
          "aria-multiline": "true",
          "aria-label": "Your text",
          "aria-autocomplete": "list",
          "aria-controls": "suggestions",
          spellcheck: "true",
        },
        scrollThreshold: { top: 80, right: 0, bottom: 280, left: 0 },
        scrollMargin: { top: 90, right: 5, bottom: 290, left: 5 },
        handleKeyDown: (_, event) => hands.key(event),
        handleDOMEvents: {
          blur: () => hands.blurred(),
          // The editor reads what was composed a little later.
          compositionend: () => void setTimeout(() => hands.composed(), 50),
        },
        dispatchTransaction: (transaction) => {
          this.view.updateState(this.view.state.apply(transaction));
          if (transaction.docChanged) this.#keepSoon();
          hands.changed(transaction);
        },
      },
    );
    this.#toEnd();
    addEventListener("pagehide", () => this.#keep());
  }

  get words(): number {
    return this.view.state.doc.textBetween(0, this.view.state.doc.content.size, " ").match(/[\p{L}\p{N}][\p{L}\p{N}'’-]*/gu)?.length ?? 0;
  }

  /** Another text in place of this one; undo brings this one back. */
  replace(line: string): void {
    const { state } = this.view;
    const paragraph = schema.nodes.paragraph.create(null, line ? schema.text(line) : null);
    const replaced = closeHistory(state.tr.replaceWith(0, state.doc.content.size, paragraph));
    this.view.dispatch(replaced.setMeta(REPLACED, true));
    this.#toEnd();
    this.view.focus();
  }

  #toEnd(): void {
    const { state } = this.view;
    this.view.dispatch(state.tr.setSelection(TextSelection.atEnd(state.doc)));
  }

  #keepSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#keep(), KEEP_MS);
  }

  #keep(): void {
    clearTimeout(this.#timer);
    storage.keepText(this.view.state.doc.toJSON());
  }
}

function mountIn(place: HTMLElement): HTMLElement {
  const mount = document.createElement("div");
  place.prepend(mount);
  return mount;
}

/** The text of last time; one that cannot be read is left alone until something is written. */
function kept(): Node {
  try {
    const doc = Node.fromJSON(schema, storage.text());
    doc.check();
    return doc;
  } catch {
    return schema.topNodeType.createAndFill()!;
  }
}
