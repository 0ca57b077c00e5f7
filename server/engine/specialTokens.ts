/** The tokens with a meaning of their own, which every family of models spells in its own way. */

/** Of each role, the spellings that are known; the first that a vocabulary has is meant. */
const SPELLINGS = {
  endOfText: ["<|endoftext|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>", "</s>"],
  fimPrefix: [
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<｜fim▁begin｜>",
    "<PRE>",
    "▁<PRE>",
    "<|code_prefix|>",
    "<|prefix|>",
    "<|fim_pre|>",
    "<[fim-prefix]>",
  ],
  fimSuffix: [
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<｜fim▁hole｜>",
    "<SUF>",
    "▁<SUF>",
    "<|code_suffix|>",
    "<|suffix|>",
    "<|fim_suf|>",
    "<[fim-suffix]>",
  ],
  fimMiddle: [
    "<|fim_middle|>",
    "<fim-middle>",
    "<fim_middle>",
    "<｜fim▁end｜>",
    "<MID>",
    "▁<MID>",
    "<|code_middle|>",
    "<|middle|>",
    "<|fim_mid|>",
    "<[fim-middle]>",
  ],
  repoName: [
    "<|repo_name|>",
    "<|fim_repo|>",
    "<|reponame|>",
    "<fim-repo>",
    "<repo_name>",
    "<reponame>",
    "<REPO>",
  ],
  fileSep: ["<|file_sep|>", "<|filename|>", "<file_sep>", "<filename>"],
} as const;

type Role = keyof typeof SPELLINGS;

export type KnownIds = Readonly<Partial<Record<Role, number>>>;

export interface FillInTheMiddle {
  readonly prefix: number;
  readonly suffix: number;
  readonly middle: number;
}

/** undefined: the model was not taught such a token. */
export interface SpecialTokens {
  readonly endOfText: number | undefined;
  /** All three or none. */
  readonly fim: FillInTheMiddle | undefined;
  readonly repoName: number | undefined;
  readonly fileSep: number | undefined;
}

/** By what the file says itself, else by the spelling. */
export function findSpecialTokens(
  added: readonly { readonly id: number; readonly content: string }[],
  known: KnownIds,
): SpecialTokens {
  const idOf = new Map(added.map(({ id, content }) => [content, id]));
  const filled = (role: Role): number | undefined =>
    known[role] ?? idOf.get(SPELLINGS[role].find((content) => idOf.has(content)) ?? "");
  const [prefix, suffix, middle] = [filled("fimPrefix"), filled("fimSuffix"), filled("fimMiddle")];
  const isWhole = prefix !== undefined && suffix !== undefined && middle !== undefined;
  return {
    endOfText: filled("endOfText"),
    fim: isWhole ? { prefix, suffix, middle } : undefined,
    repoName: filled("repoName"),
    fileSep: filled("fileSep"),
  };
}
