import { DEFAULTS, fitSettings, RANGES, type Settings } from "../settings.ts";

interface Hands {
  changed(settings: Settings): void;
  key(key: string): void;
}

type Field = HTMLInputElement | HTMLSelectElement;

/** The form of the settings. Each change counts at once; there is nothing to save. */
export class SettingsDialog {
  #dialog: HTMLDialogElement;
  #hands: Hands;
  #settings: Settings;

  constructor(dialog: HTMLDialogElement, settings: Settings, key: string, hands: Hands) {
    this.#dialog = dialog;
    this.#settings = settings;
    this.#hands = hands;
    for (const [name, { least, most, step }] of Object.entries(RANGES)) {
      Object.assign(this.#field(name), { min: `${least}`, max: `${most}`, step: `${step}` });
    }
    this.#field("key").value = key;
    this.#fill();
    dialog.addEventListener("change", (event) => this.#changed(event.target as Field));
    dialog.querySelector("[data-action=defaults]")!.addEventListener("click", () => this.#set({ ...DEFAULTS, suggest: this.#settings.suggest }));
  }

  open(): void {
    this.#dialog.showModal();
  }

  /** From elsewhere: the switch on the page. */
  take(settings: Settings): void {
    this.#settings = settings;
    this.#fill();
  }

  #changed(field: Field): void {
    if (field.name === "key") return this.#hands.key(field.value.trim());
    this.#set(fitSettings({ ...this.#settings, [field.name]: valueOf(field) }));
  }

  #set(settings: Settings): void {
    this.#settings = settings;
    this.#fill();
    this.#hands.changed(settings);
  }

  #fill(): void {
    for (const [name, value] of Object.entries(this.#settings)) {
      const field = this.#dialog.querySelector<Field>(`[name="${name}"]`);
      if (!field) continue;
      if (field instanceof HTMLInputElement && field.type === "checkbox") field.checked = value as boolean;
      else field.value = value === null ? "" : `${value}`;
      const shown = this.#dialog.querySelector(`output[for="${field.id}"]`);
      if (shown) shown.textContent = field.value;
    }
  }

  #field(name: string): HTMLInputElement {
    return this.#dialog.querySelector<HTMLInputElement>(`[name="${name}"]`)!;
  }
}

function valueOf(field: Field): unknown {
  if (field instanceof HTMLSelectElement) return field.value;
  if (field.type === "checkbox") return field.checked;
  return field.value === "" ? null : Number(field.value);
}
