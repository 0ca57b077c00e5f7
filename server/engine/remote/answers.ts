/** What an OpenAI-compatible server sends, as far as it is used; each server leaves out or adds something of its own. */
import { RemoteError } from "./errors.ts";

/** A piece of a text as it is written. */
export interface TextChunk {
  readonly text: string;
  /** Of its tokens together, nats; undefined: not told. */
  readonly logProb: number | undefined;
  readonly tokens: number;
  readonly end: "stop" | "length" | undefined;
  /** Of the prompt, where the last chunk tells. */
  readonly promptTokens?: number;
  /** Of these, those that the server had read before. */
  readonly cachedTokens?: number;
}

export interface ServedModel {
  readonly id: string;
  /** What it was loaded from, which may tell more than its name. */
  readonly origin: string;
  /** Longest prompt and answer together, in tokens; undefined: not told. */
  readonly mostTokens: number | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** undefined: nothing of interest. Throws on what is no answer. */
export function readChunk(data: string, host: string): TextChunk | undefined {
  const answer = parse(data, host);
  const failure = fields(answer.error);
  if (failure || typeof answer.error === "string")
    throw new RemoteError(`${host} ended with an error: ${toldOf(data)}.`, "away");
  const choice = fields(list(answer.choices)?.[0]);
  const usage = fields(answer.usage);
  if (!choice && !usage)
    throw new RemoteError(`${host} answers with something else than a completion.`, "away");
  const { logProb, tokens } = logProbsOf(fields(choice?.logprobs));
  const text = typeof choice?.text === "string" ? choice.text : "";
  return {
    text,
    logProb,
    tokens: tokens || (text === "" ? 0 : 1),
    end: choice?.finish_reason === "length" ? "length" : choice?.finish_reason ? "stop" : undefined,
    ...counts(usage),
  };
}

export function readModels(data: string, host: string): readonly ServedModel[] {
  const models = list(parse(data, host).data)?.flatMap((one) => {
    const model = fields(one);
    return typeof model?.id === "string" ? [servedModel(model.id, model)] : [];
  });
  if (!models || models.length === 0) throw new RemoteError(`${host} lists no model.`, "refused");
  return models;
}

/** One line of what a server said of an error. */
export function toldOf(body: string): string {
  let told: unknown;
  try {
    const answer = JSON.parse(body) as Fields | null;
    const error = answer?.error ?? answer?.detail ?? answer?.message;
    told = fields(error)?.message ?? error;
  } catch {
    // A page of a proxy: its text tells nothing.
  }
  return typeof told === "string" ? told.replace(/\s+/g, " ").slice(0, 200) : "";
}

function servedModel(id: string, model: Fields): ServedModel {
  const mostTokens = [model.max_model_len, fields(model.meta)?.n_ctx, model.context_length].find(
    (one) => Number.isSafeInteger(one) && Number(one) > 0,
  );
  return {
    id,
    origin: typeof model.root === "string" ? model.root : id,
    mostTokens: mostTokens === undefined ? undefined : Number(mostTokens),
  };
}

/** As OpenAI has them in completions, or as in chats (llama-server). */
function logProbsOf(logProbs: Fields | undefined): { logProb: number | undefined; tokens: number } {
  const all = list(logProbs?.token_logprobs) ?? list(logProbs?.content)?.map((one) => fields(one)?.logprob);
  const known = all?.filter((one) => typeof one === "number") ?? [];
  if (!all || known.length === 0) return { logProb: undefined, tokens: 0 };
  return { logProb: known.reduce((sum, one) => sum + Math.min(0, one), 0), tokens: all.length };
}

function counts(usage: Fields | undefined) {
  const prompt = usage?.prompt_tokens;
  if (typeof prompt !== "number") return {};
  const cached = fields(usage?.prompt_tokens_details)?.cached_tokens;
  return { promptTokens: prompt, ...(typeof cached === "number" && { cachedTokens: cached }) };
}

function parse(data: string, host: string): Fields {
  try {
    const answer = fields(JSON.parse(data));
    if (answer) return answer;
  } catch {
    // The sentence below says so.
  }
  throw new RemoteError(`${host} answers with something else than JSON.`, "away");
}

function fields(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

function list(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}
