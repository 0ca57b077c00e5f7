/** The settings of section "stateline": their types, defaults and validation, the same for every client. */

export const SETTINGS_SECTION = "stateline";

/** How much is shown while a person types: from much, and more often wrong, to little. */
export const SUGGESTIONS = ["eager", "balanced", "subtle"] as const;
export type Suggestions = (typeof SUGGESTIONS)[number];

/** "auto": by the model's name; "none": it was not. */
export const REMOTE_PROMPTS = [
  "auto",
  "none",
  "qwen",
  "granite",
  "codegemma",
  "mellum",
  "starcoder",
  "deepseek",
  "codellama",
  "codestral",
  "seed",
] as const;
export type RemotePrompt = (typeof REMOTE_PROMPTS)[number];

export interface Settings {
  readonly enabled: boolean;
  readonly suggestions: Suggestions;
  /** Share of heads in state mode, 0 to 1; null = the model's own default. Without effect on models whose layers are fixed. */
  readonly hybridRatio: number | null;
  /** How many tokens the attention heads look back; 0 = unbounded; null = the model's own default. */
  readonly attentionWindow: number | null;
  /** "auto" is the first GPU that can be used, else the processor; "cuda:1" is GPU number 1. */
  readonly device: "auto" | "cpu" | `cuda:${number}`;
  /** 0 = the machine's physical cores, at most 4. */
  readonly threads: number;
  /** A name of the catalogue, a folder with config.json, weights in safetensors and tokenizer.json, or a .gguf file; empty = `modelPath`. */
  readonly model: string;
  /** A path, as in `model`; empty = the embedded model. */
  readonly modelPath: string;
  /** Where fetched models are kept; empty = the client's own place. */
  readonly "models.folder": string;
  /** Minutes without a key after which a model other than the embedded one gives its memory back; 0 = never. */
  readonly unloadAfterMinutes: number;
  /** Language ids; "*" is every language, "!markdown" excludes one. */
  readonly languages: readonly string[];
  /** Whether text is offered in comments while a person types; by key it always is. */
  readonly inComments: boolean;
  /** Patterns, as in a .gitignore, of files that are never read. */
  readonly exclude: readonly string[];
  /** Pause after a keystroke before asking; 0 = adapted to the measured latency. */
  readonly triggerDelayMs: number;
  readonly maxLines: number;
  /** Address of an OpenAI-compatible server that completes too, such as https://gpu.example.com/v1; empty: nothing leaves the machine. */
  readonly remote: string;
  /** The model's name there; empty: the first that the server lists. */
  readonly remoteModel: string;
  /** How the model there was taught to fill in the middle. */
  readonly remotePrompt: RemotePrompt;
  /** Whether a server on another machine may be spoken to without encryption. */
  readonly remoteAllowHttp: boolean;
  /** Whether it is counted, on this machine alone, what becomes of completions. */
  readonly countCompletions: boolean;
}

export const DEFAULT_SETTINGS: Settings = {
  enabled: true,
  suggestions: "balanced",
  hybridRatio: null,
  attentionWindow: null,
  device: "auto",
  threads: 0,
  model: "",
  modelPath: "",
  "models.folder": "",
  unloadAfterMinutes: 30,
  languages: ["*"],
  inComments: true,
  exclude: [],
  triggerDelayMs: 0,
  maxLines: 8,
  remote: "",
  remoteModel: "",
  remotePrompt: "auto",
  remoteAllowHttp: false,
  countCompletions: true,
};

export interface ValidatedSettings {
  readonly settings: Settings;
  /** One sentence for each setting that was wrong; its default is in use. */
  readonly problems: readonly string[];
}

interface Rule {
  readonly accepts: (value: unknown) => boolean;
  readonly expected: string;
}

const isBoolean = (value: unknown): boolean => typeof value === "boolean";
const isString = (value: unknown): boolean => typeof value === "string";
const isStringList = (value: unknown): boolean => Array.isArray(value) && value.every(isString);
const isIntegerBetween =
  (low: number, high: number) =>
  (value: unknown): boolean =>
    Number.isInteger(value) && Number(value) >= low && Number(value) <= high;
const isRatio = (value: unknown): boolean =>
  value === null || (typeof value === "number" && value >= 0 && value <= 1);

const RULES: Readonly<Record<keyof Settings, Rule>> = {
  enabled: { accepts: isBoolean, expected: "true or false" },
  suggestions: {
    accepts: (value) => SUGGESTIONS.some((name) => name === value),
    expected: '"eager", "balanced" or "subtle"',
  },
  hybridRatio: { accepts: isRatio, expected: "a number from 0 to 1, or null for the model's default" },
  attentionWindow: {
    accepts: (value) => value === null || isIntegerBetween(0, 10_000_000)(value),
    expected: "a whole number of tokens, 0 for unbounded, or null for the model's default",
  },
  device: {
    accepts: (value) => typeof value === "string" && /^(auto|cpu|cuda:\d{1,2})$/.test(value),
    expected: '"auto", "cpu" or a GPU such as "cuda:0"',
  },
  threads: { accepts: isIntegerBetween(0, 256), expected: "a whole number from 0 (automatic) to 256" },
  model: {
    accepts: isString,
    expected: "a model's name, the path of a folder or of a .gguf file, or empty for the embedded model",
  },
  "models.folder": {
    accepts: isString,
    expected: "the path of a folder, or empty for the usual one",
  },
  modelPath: {
    accepts: isString,
    expected: "the path of a folder or of a .gguf file, or empty for the embedded model",
  },
  unloadAfterMinutes: {
    accepts: isIntegerBetween(0, 10_000),
    expected: "a whole number of minutes, 0 for never",
  },
  languages: { accepts: isStringList, expected: 'a list of language ids such as ["*", "!markdown"]' },
  inComments: { accepts: isBoolean, expected: "true or false" },
  exclude: { accepts: isStringList, expected: 'a list of patterns such as ["fixtures/", "*.snap"]' },
  triggerDelayMs: {
    accepts: isIntegerBetween(0, 60_000),
    expected: "a whole number of milliseconds, 0 for automatic",
  },
  maxLines: { accepts: isIntegerBetween(1, 100), expected: "a whole number from 1 to 100" },
  remote: { accepts: isString, expected: "the address of a server, or empty for none" },
  remoteModel: { accepts: isString, expected: "the name of a model, or empty for the server's first" },
  remotePrompt: {
    accepts: (value) => REMOTE_PROMPTS.some((name) => name === value),
    expected: `one of ${REMOTE_PROMPTS.map((name) => `"${name}"`).join(", ")}`,
  },
  remoteAllowHttp: { accepts: isBoolean, expected: "true or false" },
  countCompletions: { accepts: isBoolean, expected: "true or false" },
};

/** Takes whatever a client sent; unknown names are left alone, since a newer client may know more. */
export function validateSettings(raw: unknown): ValidatedSettings {
  if (raw === undefined || raw === null) return { settings: DEFAULT_SETTINGS, problems: [] };
  if (typeof raw !== "object" || Array.isArray(raw)) {
    return {
      settings: DEFAULT_SETTINGS,
      problems: [
        `The section "${SETTINGS_SECTION}" must be an object with named settings; the defaults are used.`,
      ],
    };
  }
  const settings: Record<string, unknown> = { ...DEFAULT_SETTINGS };
  const problems: string[] = [];
  for (const [name, rule] of Object.entries(RULES)) {
    const value = valueAt(raw as Record<string, unknown>, name);
    if (value === undefined) continue;
    if (rule.accepts(value)) settings[name] = value;
    else problems.push(describeProblem(name, value, rule));
  }
  return { settings: settings as unknown as Settings, problems };
}

/** "models.folder" is the folder in models, as VS Code gives it, or a name of its own. */
function valueAt(raw: Record<string, unknown>, name: string): unknown {
  if (name in raw) return raw[name];
  const [outer = "", inner] = name.split(".");
  const section = raw[outer];
  return inner !== undefined && typeof section === "object" && section !== null
    ? (section as Record<string, unknown>)[inner]
    : undefined;
}

function describeProblem(name: string, value: unknown, rule: Rule): string {
  const given = JSON.stringify(value)?.slice(0, 60) ?? String(value);
  const fallback = JSON.stringify(DEFAULT_SETTINGS[name as keyof Settings]);
  return `The setting ${SETTINGS_SECTION}.${name} is ${given} but must be ${rule.expected}; ${fallback} is used.`;
}
