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

/** Not every model was taught where a repository and its files begin. */
const OPTIONAL = ["repoName", "fileSep"] as const satisfies readonly Role[];
type OptionalRole = (typeof OPTIONAL)[number];

export type SpecialTokens = Readonly<
  Record<Exclude<Role, OptionalRole>, number> & Record<OptionalRole, number | undefined>
>;

export type KnownIds = Readonly<Partial<Record<Role, number>>>;

/** By what the file says itself, else by the spelling; throws where a role that must be filled is not. */
export function findSpecialTokens(
  added: readonly { readonly id: number; readonly content: string }[],
  known: KnownIds,
): SpecialTokens {
  const idOf = new Map(added.map(({ id, content }) => [content, id]));
  const ids = Object.entries(SPELLINGS).map(([name, spellings]) => {
    const role = name as Role;
    const spelling = spellings.find((content) => idOf.has(content));
    const id = known[role] ?? idOf.get(spelling ?? "");
    if (id === undefined && !OPTIONAL.some((optional) => optional === role)) {
      throw new Error(`it has no special token ${spellings[0]}, nor another that stands for it.`);
    }
    return [role, id];
  });
  return Object.fromEntries(ids) as SpecialTokens;
}
