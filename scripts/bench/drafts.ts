/**
 * Decoding with copied drafts against decoding one by one, on this repository's own sources: where the file stands in the
 * index (code that is copied) and where it does not (code that is new). Prints JSON.
 */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chooseThreads } from "../../server/engine/threads.ts";
import { loadTokenizer } from "../../server/engine/tokenizer.ts";
import { EMBEDDED_MODEL_PATH } from "../../server/installation.ts";
import { median } from "../../server/measure/statistics.ts";
import { fileHeader } from "../../server/repository/stream.ts";
import { randomSource, shuffled } from "../eval/random.ts";
import { loadModelForBench } from "./measure.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PLACES = 60;
const PROMPT_TOKENS = 256;
const DECODED_TOKENS = 48;
const DRAFT_TOKENS = [0, 4, 8, 12, 20] as const;
const greedy = {
  temperature: 0,
  topP: 1,
  seed: 0,
  stopTokens: new Int32Array(),
  maxTokens: DECODED_TOKENS,
} as const;

const { model } = await loadModelForBench(chooseThreads(0));
const tokenizer = await loadTokenizer(EMBEDDED_MODEL_PATH, model.info.vocabSize);
const files = globSync("{server,extension}/**/*.ts", { cwd: ROOT }).sort();
const texts = files.map((file) => {
  return [...fileHeader(tokenizer, file), ...tokenizer.encode(readFileSync(`${ROOT}/${file}`, "utf8"))];
});
process.stdout.write(`${JSON.stringify([await measure(true), await measure(false)])}\n`);
model.dispose();

async function measure(copied: boolean) {
  const random = randomSource(1);
  const ms = new Map<number, number[]>(DRAFT_TOKENS.map((draft) => [draft, []]));
  const long = texts.filter((tokens) => tokens.length > PROMPT_TOKENS + DECODED_TOKENS);
  let same = 0;
  for (const tokens of shuffled(long, random).slice(0, PLACES)) {
    const recall = model.createRecall(
      texts.reduce((sum, text) => sum + text.length + 1, 1),
      tokenizer.kinds,
    );
    for (const text of texts) if (copied || text !== tokens) recall.append(Int32Array.from(text));
    const from = Math.floor(random() * (tokens.length - PROMPT_TOKENS - DECODED_TOKENS));
    const context = Int32Array.from(tokens.slice(from, from + PROMPT_TOKENS));
    const empty = model.initialState(
      Math.round(model.info.defaultHybridRatio * model.info.heads),
      model.info.attentionWindow,
    );
    const [state] = await model.advance(empty, context, { priority: "completion" });
    if (!state) throw new Error("The engine gave no state.");
    const answers = new Set<string>();
    for (const draftTokens of shuffled(DRAFT_TOKENS, random)) {
      const begin = performance.now();
      const options = {
        priority: "completion",
        ...greedy,
        recall: { memory: recall, context, draftTokens },
      } as const;
      const generated = await model.generate(state, options);
      ms.get(draftTokens)?.push(performance.now() - begin);
      answers.add(generated.tokens.join());
      generated.state.dispose();
    }
    if (answers.size === 1) same++;
    for (const one of [state, empty, recall]) one.dispose();
  }
  const plain = median(ms.get(0) ?? []);
  return {
    code: copied ? "copied" : "new",
    places: ms.get(0)?.length,
    decodedTokens: DECODED_TOKENS,
    sameAnswers: same,
    byDraftTokens: [...ms].map(([draftTokens, times]) => ({
      draftTokens,
      medianMs: median(times),
      timesFaster: plain / median(times),
    })),
  };
}
