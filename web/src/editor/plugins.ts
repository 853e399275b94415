import { baseKeymap, chainCommands, exitCode } from "prosemirror-commands";
import { history, redo } from "prosemirror-history";
import { inputRules, textblockTypeInputRule, undoInputRule, wrappingInputRule } from "prosemirror-inputrules";
import { keymap } from "prosemirror-keymap";
import { liftListItem, sinkListItem, splitListItem } from "prosemirror-schema-list";
import type { Command, Plugin } from "prosemirror-state";
import { FORMATS } from "./formats.ts";
import { schema } from "./schema.ts";

const { nodes } = schema;

const lineBreak: Command = (state, dispatch) => {
  dispatch?.(state.tr.replaceSelectionWith(nodes.hard_break.create()).scrollIntoView());
  return true;
};

/** Markdown's own signs, as they are typed at a line's begin. */
const rules = inputRules({
  rules: [
    textblockTypeInputRule(/^(#{1,3})\s$/, nodes.heading, (match) => ({ level: match[1]!.length })),
    wrappingInputRule(/^\s*>\s$/, nodes.blockquote),
    wrappingInputRule(/^\s*[-*]\s$/, nodes.bullet_list),
    wrappingInputRule(/^1[.)]\s$/, nodes.ordered_list),
    textblockTypeInputRule(/^```$/, nodes.code_block),
  ],
});

// Tab is left to suggestions and to moving on: who writes by keyboard must get out of the text.
const keys: Record<string, Command> = {
  "Mod-y": redo,
  Backspace: undoInputRule,
  Enter: splitListItem(nodes.list_item),
  "Shift-Enter": chainCommands(exitCode, lineBreak),
  "Mod-]": sinkListItem(nodes.list_item),
  "Mod-[": liftListItem(nodes.list_item),
};

export function editingPlugins(): Plugin[] {
  const shortcuts = Object.fromEntries(FORMATS.map(({ key, run }) => [key, run]));
  return [rules, keymap(shortcuts), keymap(keys), keymap(baseKeymap), history()];
}
