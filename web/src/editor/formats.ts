import { lift, setBlockType, toggleMark, wrapIn } from "prosemirror-commands";
import { redo, undo } from "prosemirror-history";
import type { MarkType, NodeType } from "prosemirror-model";
import { liftListItem, wrapInList } from "prosemirror-schema-list";
import type { Command, EditorState } from "prosemirror-state";
import { schema } from "./schema.ts";

/** One thing that the toolbar and a shortcut do. */
export interface Format {
  id: string;
  /** As ProseMirror's keymaps name it; Mod is Ctrl, or Command on a Mac. */
  key: string;
  run: Command;
  /** Whether the selection has it; none for what is no state. */
  active?: (state: EditorState) => boolean;
}

const { nodes, marks } = schema;

function has(mark: MarkType) {
  return ({ selection, storedMarks, doc }: EditorState): boolean => {
    const { from, to, empty, $from } = selection;
    return empty ? !!mark.isInSet(storedMarks ?? $from.marks()) : doc.rangeHasMark(from, to, mark);
  };
}

function within(type: NodeType, level?: number) {
  return ({ selection: { $from } }: EditorState): boolean => {
    for (let depth = $from.depth; depth > 0; --depth) {
      const node = $from.node(depth);
      if (node.type === type && (level === undefined || node.attrs.level === level)) return true;
    }
    return false;
  };
}

/** Switches to a kind of block, and back to a paragraph. */
function toggleBlock(type: NodeType, level?: number): Command {
  const active = within(type, level);
  const on = setBlockType(type, level === undefined ? null : { level });
  return (state, dispatch) => (active(state) ? setBlockType(nodes.paragraph)(state, dispatch) : on(state, dispatch));
}

function toggleWrap(type: NodeType, on: Command, off: Command): Command {
  const active = within(type);
  return (state, dispatch) => (active(state) ? off(state, dispatch) : on(state, dispatch));
}

function mark(id: string, key: string, type: MarkType): Format {
  return { id, key, run: toggleMark(type), active: has(type) };
}

function heading(level: number): Format {
  return {
    id: `heading-${level}`,
    key: `Mod-Alt-${level}`,
    run: toggleBlock(nodes.heading, level),
    active: within(nodes.heading, level),
  };
}

function list(id: string, key: string, type: NodeType): Format {
  return { id, key, run: toggleWrap(type, wrapInList(type), liftListItem(nodes.list_item)), active: within(type) };
}

export const FORMATS: Format[] = [
  mark("bold", "Mod-b", marks.strong),
  mark("italic", "Mod-i", marks.em),
  mark("underline", "Mod-u", marks.underline),
  mark("code", "Mod-`", marks.code),
  heading(1),
  heading(2),
  {
    id: "quote",
    key: "Mod-Shift-9",
    run: toggleWrap(nodes.blockquote, wrapIn(nodes.blockquote), lift),
    active: within(nodes.blockquote),
  },
  list("bullets", "Mod-Shift-8", nodes.bullet_list),
  list("numbers", "Mod-Shift-7", nodes.ordered_list),
  { id: "undo", key: "Mod-z", run: undo },
  { id: "redo", key: "Mod-Shift-z", run: redo },
];
