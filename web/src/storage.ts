import { fitSettings, type Settings } from "./settings.ts";

const TEXT = "inkfleet.text";
const SETTINGS = "inkfleet.settings";
const WELCOMED = "inkfleet.welcomed";
const KEY = "inkfleet.key";

/** What the page keeps on a person's machine. A browser that keeps nothing is no error. */
export const storage = {
  text: (): unknown => read(TEXT),
  keepText: (doc: unknown) => write(TEXT, doc),
  settings: (): Settings => fitSettings(read(SETTINGS)),
  keepSettings: (settings: Settings) => write(SETTINGS, settings),
  welcomed: (): boolean => read(WELCOMED) === true,
  keepWelcomed: () => write(WELCOMED, true),
  /** The API key is kept until the tab is closed, and no longer. */
  key: (): string => (read(KEY, sessionStorage) as string | undefined) ?? "",
  keepKey: (key: string) => write(KEY, key, sessionStorage),
};

function read(name: string, place: Storage = localStorage): unknown {
  try {
    return JSON.parse(place.getItem(name) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}

function write(name: string, value: unknown, place: Storage = localStorage): void {
  try {
    place.setItem(name, JSON.stringify(value));
  } catch {
    // full or forbidden: the text is still on the page
  }
}
