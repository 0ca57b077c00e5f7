/** Seeded mutations of inputs, as fuzzers make them: small damage, repeated and moved parts, and words of the format. */
/** From 0 up to 1. */
export type Random = () => number;

const MOST_CHANGES = 4;
const MOST_BYTES = 64 * 1024;

type Mutation = (input: Buffer, random: Random, words: readonly Buffer[]) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  // A bit, and a byte.
  (input, random) => changed(input, random, (byte) => byte ^ (1 << below(8, random))),
  (input, random) => changed(input, random, () => below(256, random)),
  // A part left out, twice, or in another place.
  (input, random) => {
    const [from, to] = range(input, random);
    return Buffer.concat([input.subarray(0, from), input.subarray(to)]);
  },
  (input, random) => {
    const [from, to] = range(input, random);
    return Buffer.concat([input.subarray(0, to), input.subarray(from)]);
  },
  (input, random) => {
    const [from, to] = range(input, random);
    return inserted(input, input.subarray(from, to), random);
  },
  (input, random, words) => inserted(input, words[below(words.length, random)] ?? input, random),
  (input, random) => input.subarray(0, below(input.length + 1, random)),
];

export function mutate(input: Buffer, random: Random, words: readonly Buffer[]): Buffer {
  let output = input;
  for (let changes = 1 + below(MOST_CHANGES, random); changes > 0; changes--) {
    const mutation = MUTATIONS[below(MUTATIONS.length, random)];
    if (mutation) output = mutation(output, random, words).subarray(0, MOST_BYTES);
  }
  return output;
}

export function below(count: number, random: Random): number {
  return Math.floor(random() * count);
}

function changed(input: Buffer, random: Random, change: (byte: number) => number): Buffer {
  const output = Buffer.from(input);
  const at = below(output.length, random);
  if (output.length > 0) output[at] = change(output[at] ?? 0);
  return output;
}

function inserted(input: Buffer, part: Buffer, random: Random): Buffer {
  const at = below(input.length + 1, random);
  return Buffer.concat([input.subarray(0, at), part, input.subarray(at)]);
}

function range(input: Buffer, random: Random): [number, number] {
  const from = below(input.length + 1, random);
  return [from, from + below(Math.min(64, input.length - from) + 1, random)];
}
