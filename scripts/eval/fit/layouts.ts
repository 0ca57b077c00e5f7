/** A file's tokens with what is found before each: as it is scored, and as a line of it is completed in an editor. */
import type { Model, Recall } from "../../../server/engine/engine.ts";
import type { Tokenizer } from "../../../server/engine/tokenizer.ts";
import { fileHeader } from "../../../server/repository/stream.ts";
import type { CorpusFile } from "../corpus.ts";
import { type Evidence, evidenceFor } from "./evidence.ts";

/** So many are looked at by Recall.find. */
const CONTEXT_TOKENS = 65;
/** About what server/completion/context.ts lays out. */
const PREFIX_TOKENS = 1500;
const SUFFIX_TOKENS = 400;

export interface Tokens {
  readonly header: readonly number[];
  readonly text: readonly number[];
  /** Whether a token ends a line. */
  readonly endsLine: (token: number) => boolean;
  readonly kinds: Uint8Array;
  readonly special: Tokenizer["special"];
}

export function tokensOf(tokenizer: Tokenizer, { path, text }: CorpusFile): Tokens {
  const lineEnds = new Set(tokenizer.lineEnds);
  return {
    header: [...tokenizer.beginning, ...fileHeader(tokenizer, path)],
    text: tokenizer.encode(text),
    endsLine: (token) => lineEnds.has(token),
    kinds: tokenizer.kinds,
    special: tokenizer.special,
  };
}

/** Log probabilities of the model before each token of the text. */
export async function* predictions(model: Model, { header, text }: Tokens): AsyncGenerator<Float32Array> {
  const { info } = model;
  const job = { priority: "background" } as const;
  // The state need not have read the repository: for the gates it makes no difference, and this is faster.
  let state = model.initialState(Math.round(info.defaultHybridRatio * info.heads), info.attentionWindow);
  for (const tokens of [header, ...text.map((token) => [token])]) {
    const [next] = await model.advance(state, Int32Array.from(tokens), job);
    state.dispose();
    if (!next) throw new Error("The engine gave no state.");
    state = next;
    const [logProbs] = await model.logProbs([state], job);
    if (!logProbs) throw new Error("The engine gave no probabilities.");
    yield logProbs;
  }
  state.dispose();
}

/** What is found before a token of the text. */
export interface Layout {
  find(number: number): { readonly kRepository: Recall; readonly kContext: Recall };
  dispose(): void;
}

/** The file is not in the repository's memory, and nothing after the token is known. */
export function scored(model: Model, repository: Recall, { header, text }: Tokens): Layout {
  const own = model.createRecall(header.length + text.length + 2);
  own.append(Int32Array.from(header));
  return {
    find: (number) => {
      if (number > 0) own.push(text[number - 1] ?? 0);
      return { kRepository: repository, kContext: own };
    },
    dispose: () => own.dispose(),
  };
}

/** The live text is in the repository's memory without the line at hand, and the context holds what follows the line. */
export function completed(model: Model, repository: Recall, tokens: Tokens): Layout {
  const { header, text, endsLine, special } = tokens;
  let live: number[] = [];
  let own: Recall | undefined;
  const begin = (start: number): void => {
    for (const id of live) repository.forget(id);
    own?.dispose();
    const length = text.slice(start).findIndex(endsLine) + 1;
    const end = length > 0 ? start + length : text.length;
    const lineEnd = length > 0 ? end - 1 : end;
    live = [[...header, ...text.slice(0, start)], text.slice(end)].map((part) =>
      repository.append(Int32Array.from(part)),
    );
    const { fim } = special;
    const suffix = text.slice(lineEnd, end + SUFFIX_TOKENS);
    const after = fim ? [fim.prefix, fim.suffix, ...suffix, fim.middle] : [];
    const before = [...header, ...after, ...text.slice(Math.max(0, start - PREFIX_TOKENS), start)];
    own = model.createRecall(before.length + (end - start) + 2);
    own.append(Int32Array.from(before));
  };
  return {
    find: (number) => {
      const last = text[number - 1];
      if (last === undefined || endsLine(last)) begin(number);
      else own?.push(last);
      if (!own) throw new Error("No line has begun.");
      return { kRepository: repository, kContext: own };
    },
    dispose: () => {
      for (const id of live) repository.forget(id);
      own?.dispose();
    },
  };
}

/** Of each token of the text, in each layout. */
export async function evidenceIn(
  model: Model,
  tokens: Tokens,
  layouts: readonly Layout[],
): Promise<Evidence[][]> {
  const { header, text, kinds } = tokens;
  const all = [...header, ...text];
  const evidence = layouts.map((): Evidence[] => []);
  let number = 0;
  for await (const logProbs of predictions(model, tokens)) {
    const token = text[number];
    if (token === undefined) break;
    const end = header.length + number;
    const context = Int32Array.from(all.slice(Math.max(0, end - CONTEXT_TOKENS), end));
    for (const [i, layout] of layouts.entries()) {
      const { kRepository, kContext } = layout.find(number);
      const found = { kRepository: kRepository.find(context), kContext: kContext.find(context) };
      const facts = {
        kinds,
        before: context.at(-1) ?? 0,
        frequencies: (some: Int32Array) => kRepository.frequencies(some),
      };
      evidence[i]?.push(evidenceFor(token, found, logProbs, facts));
    }
    number++;
  }
  for (const layout of layouts) layout.dispose();
  return evidence;
}
