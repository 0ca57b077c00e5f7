/** Whether a model wants a token before any text, and which: from the files beside its weights. */
import type { TokenizerFile } from "./tokenizerFile.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * As transformers does: by what tokenizer_config.json says in so many words, else by what the tokenizer.json puts before a text.
 * undefined: none. Throws where the token is not one of the special ones.
 */
export function beginOfText(file: TokenizerFile, config: unknown): number | undefined {
  const { add_bos_token: isAdded, bos_token: token } = fieldsOf(config);
  if (isAdded === false) return undefined;
  const content = templateBeginning(file.post_processor) ?? (isAdded === true ? contentOf(token) : undefined);
  return content === undefined ? undefined : idOf(file, content);
}

/** Of one text: {"single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {}}]}, perhaps among other processors. */
function templateBeginning(processor: unknown): string | undefined {
  const { type, single, processors } = fieldsOf(processor);
  if (type === "Sequence" && Array.isArray(processors))
    return processors.map(templateBeginning).find((content) => content !== undefined);
  if (type !== "TemplateProcessing" || !Array.isArray(single)) return undefined;
  const { id } = fieldsOf(fieldsOf(single[0]).SpecialToken);
  return typeof id === "string" ? id : undefined;
}

/** A text, or an added token. */
function contentOf(token: unknown): string | undefined {
  const content = typeof token === "string" ? token : fieldsOf(token).content;
  return typeof content === "string" ? content : undefined;
}

function idOf({ added_tokens: added }: TokenizerFile, content: string): number {
  const id = added.find((token) => token.content === content)?.id;
  if (id === undefined)
    throw new Error(
      `the token before any text, ${JSON.stringify(content)}, is not one of the special tokens.`,
    );
  return id;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}
