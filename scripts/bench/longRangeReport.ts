/** The figures of native/test/longrange/longrange_bench.cc as tables. */
import { ARTICLE_FIGURES } from "../../protocol/longRange.ts";
import { bytes, count, milliseconds, threadCount, tokensShort } from "../../protocol/words.ts";
import { table } from "../../server/measure/markdown.ts";

type Contender = "low_rank" | "diagonal" | "hybrid" | "attention";
type Form = "recurrence" | "scan" | "direct" | "fourier";

export interface LongRangeResults {
  readonly threads: number;
  readonly cpuLevel: string;
  readonly hidden: number;
  /** As wide as gives it as many parameters. */
  readonly attentionHidden: number;
  readonly layers: number;
  readonly states: number;
  readonly contenders: readonly {
    readonly tokens: number;
    readonly rounds: number;
    readonly ms: Readonly<Record<Contender, number>>;
    readonly timesFasterThanAttention: Readonly<Record<Contender, number>>;
    /** What must be kept to read on. */
    readonly memoryBytes: Readonly<Record<Contender, number>>;
    /** Of a process of its own, the program itself included. */
    readonly peakBytes: Readonly<Record<Contender, number>>;
  }[];
  /** Its attention alone, without projections; null where PyTorch is not installed. */
  readonly pytorch: {
    readonly version: string;
    readonly lengths: readonly { readonly tokens: number; readonly ms: number }[];
  } | null;
  readonly million: readonly {
    readonly family: string;
    readonly tokens: number;
    readonly tokensPerSecond: number;
    /** After the first segment, 512 tokens. */
    readonly memoryBytesAfterFirst: number;
    readonly memoryBytes: number;
    readonly peakBytes: number;
  }[];
  readonly layer: readonly {
    readonly family: string;
    readonly channels: number;
    readonly tokensPerSecond: number;
    readonly operatorBytes: number;
  }[];
  readonly forms: readonly {
    readonly family: string;
    readonly channels: number;
    readonly states: number;
    readonly rank: number;
    readonly lengths: readonly {
      readonly tokens: number;
      readonly usPerToken: Readonly<Record<Form, number>>;
    }[];
  }[];
}

const CONTENDERS: readonly Contender[] = ["low_rank", "diagonal", "hybrid", "attention"];
const FORMS: readonly Form[] = ["recurrence", "scan", "direct", "fourier"];
/** Tokens a second that the article states for an A100. */
const ARTICLE_TOKENS_PER_SECOND = 200_000;

export function longRangeTables(results: LongRangeResults): string {
  const { threads, cpuLevel, hidden, attentionHidden, layers, states } = results;
  return [
    `Classifiers of bytes that look both ways, ${hidden} channels (attention ${attentionHidden}, as many parameters), ` +
      `${layers} layers, ${states} states a channel and way (low rank: rank 16), random weights, ` +
      `${threadCount(threads)}, ${cpuLevel}. From the first byte to the answer, processor time, medians of three (at 32 k: one), taken in turn:`,
    contenderTable(results),
    `Attention is the engine's own paged kernel with an online softmax. ${pytorchSentence(results)}`,
    "What a reading holds at its end, and in brackets the most that a process of its own held, program and weights included:",
    memoryTable(results),
    "A million tokens through such classifiers that only look back, and so can stream:",
    millionTable(results),
    `One layer alone, by the scan; the source article states ${count(ARTICLE_TOKENS_PER_SECOND)} tokens/s on an A100:`,
    layerTable(results),
    ...results.forms.map((forms) => formTable(forms)),
  ].join("\n\n");
}

function contenderTable({ contenders }: LongRangeResults): string {
  return table(
    ["tokens", ...CONTENDERS.map(spoken), "low rank, times faster", "diagonal, times faster", "article"],
    contenders.map(({ tokens, ms, timesFasterThanAttention: faster }) => [
      tokensShort(tokens),
      ...CONTENDERS.map((one) => milliseconds(ms[one])),
      faster.low_rank.toFixed(1),
      faster.diagonal.toFixed(1),
      String(ARTICLE_FIGURES.find((row) => row.tokens === tokens)?.timesFaster ?? ""),
    ]),
  );
}

function pytorchSentence({ pytorch, contenders }: LongRangeResults): string {
  if (pytorch === null) return "";
  const rows = pytorch.lengths.map(({ tokens, ms }) => {
    const times = ms / (contenders.find((one) => one.tokens === tokens)?.ms.diagonal ?? Number.NaN);
    return `${milliseconds(ms)} at ${tokensShort(tokens)} (${times.toFixed(1)} times)`;
  });
  return (
    "Narrow heads do not suit it: where PyTorch's is quicker, the fair figure is the smaller one. " +
    `PyTorch ${pytorch.version}'s attention of the same shapes, without the rest of the network, beside the whole diagonal ` +
    `classifier: ${rows.join(", ")}.`
  );
}

function memoryTable({ contenders }: LongRangeResults): string {
  return table(
    ["tokens", ...CONTENDERS.map(spoken)],
    contenders.map(({ tokens, memoryBytes, peakBytes }) => [
      tokensShort(tokens),
      ...CONTENDERS.map((one) => `${bytes(memoryBytes[one])} (${bytes(peakBytes[one])})`),
    ]),
  );
}

function millionTable({ million }: LongRangeResults): string {
  return table(
    ["family", "tokens/s", "kept after 512 tokens", "kept at the end", "most held"],
    million.map((one) => [
      spoken(one.family),
      count(one.tokensPerSecond),
      bytes(one.memoryBytesAfterFirst),
      bytes(one.memoryBytes),
      bytes(one.peakBytes),
    ]),
  );
}

function layerTable({ layer }: LongRangeResults): string {
  return table(
    ["family", "channels", "tokens/s", "times the article's", "operators"],
    layer.map((one) => [
      spoken(one.family),
      String(one.channels),
      count(one.tokensPerSecond),
      (one.tokensPerSecond / ARTICLE_TOKENS_PER_SECOND).toFixed(1),
      bytes(one.operatorBytes),
    ]),
  );
}

/** The crossover is where the smallest figure of a row changes its column. */
function formTable({ family, channels, states, rank, lengths }: LongRangeResults["forms"][number]): string {
  const rows = lengths.map(({ tokens, usPerToken }) => {
    const least = Math.min(...FORMS.map((form) => usPerToken[form]));
    const cell = (us: number) => (us === least ? `**${us.toFixed(2)}**` : us.toFixed(2));
    return [tokensShort(tokens), ...FORMS.map((form) => cell(usPerToken[form]))];
  });
  const size = rank > 0 ? `${states} states, rank ${rank}` : `${states} states`;
  return (
    `The four forms of one ${spoken(family)} layer, ${channels} channels, ${size}, kernels as long as the sequence, ` +
    `microseconds a token (the least in bold):\n\n${table(["tokens", ...FORMS], rows)}`
  );
}

function spoken(name: string): string {
  return name.replace("_", " ");
}
