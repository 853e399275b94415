import type { Model } from "inkfleet-client";

/** How many voices can speak at the same time. */
export const MOST_VOICES = 4;

/** What a model is for people: a name, what it writes like, and lines to start from. */
export interface Character {
  title: string;
  manner: string;
  openings: string[];
}

/** By what a model's name says it was trained on; the first that fits. */
const CHARACTERS: [RegExp, Character][] = [
  [/legal|law/, {
    title: "Legal",
    manner: "statutes and legal essays",
    openings: ["The parties hereby agree that", "No person shall be", "It is a principle of the common law that"],
  }],
  [/wizard|hp|potter|tale/, {
    title: "Wizards",
    manner: "fairy tales and magic",
    openings: ["Once upon a time there was", "The old witch opened the door and", "Far beyond the mountains lived"],
  }],
  [/got|throne/, {
    title: "Thrones",
    manner: "castles and feuds",
    openings: ["The king had not slept since", "Winter came early to the north, and", "She rode through the gate"],
  }],
  [/lyric|song/, {
    title: "Lyrics",
    manner: "songs",
    openings: ["I walked alone tonight", "Hold on to me", "Every morning I remember"],
  }],
  [/research|science|paper/, {
    title: "Research",
    manner: "papers and reports",
    openings: ["In this paper we show that", "The results suggest that", "Recent work has demonstrated"],
  }],
  [/compan|business/, {
    title: "Companies",
    manner: "mission statements",
    openings: ["Our mission is to", "We believe that customers", "The company was founded to"],
  }],
  [/./, {
    title: "General",
    manner: "prose of all kinds",
    openings: ["It was a dark and stormy night, and", "The old man looked at the sea and", "When she came home that evening"],
  }],
];

export interface Voice extends Model, Character {}

/** The models as voices; those that would be called the same have their name beside it. */
export function voicesOf(models: Model[]): Voice[] {
  const voices = models.map((model) => ({ ...model, ...characterOf(model.id) }));
  const named = (title: string) => voices.filter((voice) => voice.title === title).length;
  return voices.map((voice) => (named(voice.title) > 1 ? { ...voice, title: `${voice.title} (${voice.id})` } : voice));
}

function characterOf(id: string): Character {
  return CHARACTERS.find(([fits]) => fits.test(id.toLowerCase()))![1];
}

export function findVoice(voices: Voice[], name: string): Voice | undefined {
  return voices.find(({ id, aliases }) => id === name || aliases.includes(name));
}
