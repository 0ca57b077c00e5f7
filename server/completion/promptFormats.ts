/** How models that run elsewhere were taught to fill in the middle: by the name of a model, the marks and their order. */
import type { RemotePrompt } from "../../protocol/settings.ts";

/**
 * Where the text before the cursor stands. "last": at the very end, as if the middle began where that text does; a key then only
 * appends, for the model and for the server's cache of prompts. "suffix first": before the mark of the middle alone. "prefix
 * first": before the suffix too, which is read again at each key.
 */
export type PromptOrder = "last" | "suffix first" | "prefix first";

export interface PromptFormat {
  readonly name: Exclude<RemotePrompt, "auto" | "none">;
  /** Of the names of such models. */
  readonly models: RegExp;
  readonly prefix: string;
  readonly suffix: string;
  readonly middle: string;
  readonly order: PromptOrder;
  /** Before a file's path; absent: a comment is written in its place. */
  readonly file?: string;
}

const STARCODER = { prefix: "<fim_prefix>", suffix: "<fim_suffix>", middle: "<fim_middle>" };
const QWEN = { prefix: "<|fim_prefix|>", suffix: "<|fim_suffix|>", middle: "<|fim_middle|>" };

/** The first that fits a name is meant. */
export const PROMPT_FORMATS: readonly PromptFormat[] = [
  { name: "qwen", models: /qwen/i, ...QWEN, order: "last", file: "<|file_sep|>" },
  { name: "granite", models: /granite-?(3|4)/i, ...QWEN, order: "last" },
  { name: "codegemma", models: /codegemma/i, ...QWEN, order: "prefix first", file: "<|file_separator|>" },
  { name: "mellum", models: /mellum/i, ...STARCODER, order: "suffix first", file: "<filename>" },
  {
    name: "starcoder",
    models: /starcoder|granite.*code|smollm|santacoder/i,
    ...STARCODER,
    order: "prefix first",
    file: "<file_sep>",
  },
  {
    name: "deepseek",
    models: /deepseek/i,
    prefix: "<｜fim▁begin｜>",
    suffix: "<｜fim▁hole｜>",
    middle: "<｜fim▁end｜>",
    order: "prefix first",
  },
  {
    name: "codellama",
    models: /code-?llama/i,
    prefix: "▁<PRE>",
    suffix: "▁<SUF>",
    middle: "▁<MID>",
    order: "prefix first",
  },
  {
    name: "codestral",
    models: /codestral/i,
    prefix: "[PREFIX]",
    suffix: "[SUFFIX]",
    middle: "",
    order: "suffix first",
  },
  {
    name: "seed",
    models: /seed-?coder/i,
    prefix: "<[fim-prefix]>",
    suffix: "<[fim-suffix]>",
    middle: "<[fim-middle]>",
    order: "suffix first",
  },
];

/** "auto": by the model's names; "none", and a model that nobody knows: it goes on with the text before the cursor. */
export function promptFormatOf(setting: RemotePrompt, names: readonly string[]): PromptFormat | undefined {
  if (setting !== "auto") return PROMPT_FORMATS.find(({ name }) => name === setting);
  return PROMPT_FORMATS.find(({ models }) => names.some((name) => models.test(name)));
}
