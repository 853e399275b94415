import type { Completed, Started, Suggestions } from "inkfleet-client";

/** What a suggestion can be made again from. */
export interface Proof {
  title: string;
  started: Started;
  completed: Completed;
  suggestions: Suggestions;
}

/** The receipts of the latest suggestions, for people and as JSON. */
export class ReceiptDialog {
  #dialog: HTMLDialogElement;
  #proofs: Proof[] = [];

  constructor(dialog: HTMLDialogElement, copy: (text: string) => void) {
    this.#dialog = dialog;
    dialog.querySelector("[data-action=copy-receipt]")!.addEventListener("click", () => copy(this.#json()));
  }

  open(proofs: Proof[]): void {
    this.#proofs = proofs;
    this.#dialog.querySelector("[data-field=receipts]")!.replaceChildren(...proofs.map(table));
    this.#dialog.showModal();
  }

  #json(): string {
    const plain = this.#proofs.map(({ completed, suggestions }) => ({
      request: suggestions.fields,
      receipt: completed.receipt,
      usage: completed.usage,
      texts: suggestions.texts,
    }));
    return JSON.stringify(plain, null, 2);
  }
}

function table({ title, started, completed, suggestions }: Proof): HTMLElement {
  const { receipt, usage, timing_ms } = completed;
  const { engine } = receipt;
  const { n, max_tokens, temperature, top_k, top_p } = suggestions.fields;
  const rows: [string, string][] = [
    ["Seed", `${receipt.seed}`],
    ["Model", receipt.model],
    ["Weights", receipt.weights],
    ["Engine", `${engine.version}, ${engine.device}, ${engine.dtype}, ${engine.instruction_set}`],
    ["Repeatable", started.exact ? "yes: the same seed, text and settings give the same bytes" : "not promised by this engine"],
    ["Settings", `${n} × ${max_tokens} tokens, temperature ${temperature}, top-k ${top_k}, top-p ${top_p}`],
    ["Text before the cursor", `${usage.prompt_tokens} tokens, ${usage.cached_tokens} of them in the cache`],
    ["Written", `${usage.completion_tokens} tokens in ${Math.round(timing_ms.prefill + timing_ms.decode)} ms`],
  ];
  const section = document.createElement("section");
  const heading = document.createElement("h3");
  heading.textContent = title;
  const list = document.createElement("dl");
  for (const [name, value] of rows) {
    const term = document.createElement("dt");
    const detail = document.createElement("dd");
    term.textContent = name;
    detail.textContent = value;
    list.append(term, detail);
  }
  section.append(heading, list);
  return section;
}
