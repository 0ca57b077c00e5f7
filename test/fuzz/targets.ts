/** The readers of foreign bytes in TypeScript, each as a fuzz target: whatever the bytes, a value that holds what it promises, or a refusal. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseTokenizer, type Tokenizer, TokenizerError } from "../../server/engine/tokenizer.ts";
import { FrameFilter } from "../../server/frames.ts";
import { parseDescription, parseFiles } from "../../server/repository/stateStore.ts";
import { tokenizerFile, vocabSizeOf } from "../server/fakes/tokenizerFile.ts";
import { below, mutate, type Random } from "./mutations.ts";

interface Target {
  readonly words: readonly string[];
  /** Beside the files of the corpus. */
  readonly seeds?: () => readonly string[];
  readonly read: (input: Buffer, random: Random) => void;
}

const file = tokenizerFile();
const vocabSize = vocabSizeOf(file);
const sound = parseTokenizer(JSON.stringify(file), vocabSize, "tokenizer.json");

export const TARGETS = {
  tokenizer: {
    words: [
      '"merges":[',
      '"vocab":{',
      '"id":',
      "-1",
      "1e9",
      "null",
      "[]",
      "{}",
      '"Ġ"',
      '" "',
      "(?<",
      '"BPE"',
    ],
    seeds: () => [JSON.stringify(file)],
    read: (input) => {
      try {
        checkTokens(parseTokenizer(input.toString(), vocabSize, "tokenizer.json"), "x = compute(1)\n");
      } catch (cause) {
        assert.ok(cause instanceof TokenizerError, String(cause));
      }
    },
  },
  text: {
    words: ["<|fim_middle|>", "<|endoftext|>", "compute", "return ", "\u0000", "é", "🙂", "\r\n", "\u2028"],
    read: (input) => {
      for (const encoding of ["utf8", "utf16le"] as const) {
        const text = input.toString(encoding);
        checkTokens(sound, text);
        assert.equal(sound.decode(sound.encode(text)), Buffer.from(text).toString());
      }
    },
  },
  frames: {
    words: [
      "Content-Length: ",
      "\r\n",
      "\r\n\r\n",
      "content-length:2\r\n\r\n{}",
      "999999999",
      "-1",
      ": ",
      "{}",
    ],
    read: (input, random) => {
      const filter = new FrameFilter(() => undefined);
      const parts: Buffer[] = [];
      for (let at = 0; at < input.length; ) {
        const end = at + 1 + below(Math.min(input.length - at, 200), random);
        filter.write(input.subarray(at, end));
        at = end;
        for (let part = filter.read(); part !== null; part = filter.read()) parts.push(part);
      }
      checkFrames(Buffer.concat(parts));
    },
  },
  storedLists: {
    words: [
      '"listHash":',
      '"folder":',
      '"tokens":',
      "-1",
      "1e400",
      "null",
      '"path":',
      '"hash":""',
      '"version":2',
      "[[[[",
      "{}",
    ],
    read: (input) => {
      try {
        const description = parseDescription(input.toString());
        if (description) {
          assert.match(description.streamHash, /^[0-9a-f]{64}$/);
          assert.match(description.listHash, /^[0-9a-f]{64}$/);
          for (const count of [description.tokensRead, description.stateHeads, description.attentionWindow])
            assert.ok(Number.isSafeInteger(count) && count >= 0);
        }
        for (const { folder, path, hash, tokens } of parseFiles(input.toString()) ?? []) {
          for (const count of [folder, tokens]) assert.ok(Number.isSafeInteger(count) && count >= 0);
          assert.deepEqual([typeof path, typeof hash], ["string", "string"]);
        }
      } catch (cause) {
        assert.ok(cause instanceof SyntaxError, String(cause));
      }
    },
  },
} as const satisfies Record<string, Target>;

export type TargetName = keyof typeof TARGETS;

export const CORPUS = join(import.meta.dirname, "corpus");

/** What the target has found interesting before, and where it begins. */
export function seedsOf(name: TargetName): Buffer[] {
  const target: Target = TARGETS[name];
  const files = readdirSync(join(CORPUS, name)).map((entry) => readFileSync(join(CORPUS, name, entry)));
  return [...files, ...(target.seeds?.() ?? []).map((text) => Buffer.from(text))];
}

/** Throws at the first input that the target does not bear; the input is the error's cause. */
export function fuzz(name: TargetName, executions: number, random: Random): void {
  const target: Target = TARGETS[name];
  const seeds = seedsOf(name);
  const words = target.words.map((word) => Buffer.from(word));
  for (let i = 0; i < executions; i++) {
    const input = mutate(seeds[below(seeds.length, random)] ?? Buffer.alloc(0), random, words);
    try {
      target.read(input, random);
    } catch (cause) {
      const { message } = cause as Error;
      throw new Error(`${name} does not bear this input (base64): ${input.toString("base64")}: ${message}`, {
        cause,
      });
    }
  }
}

function checkTokens(tokenizer: Tokenizer, text: string): void {
  const { fim, ...others } = tokenizer.special;
  const specials = new Set<number | undefined>(Object.values({ ...fim, ...others }));
  for (const id of tokenizer.encode(text)) {
    assert.ok(Number.isInteger(id) && id >= 0 && id < tokenizer.vocabSize, `id ${id}`);
    assert.ok(!specials.has(id), `the special token ${id} comes out of a text`);
  }
}

/** One whole message after the other, and nothing else. */
function checkFrames(bytes: Buffer): void {
  for (let rest = bytes; rest.length > 0; ) {
    const end = rest.indexOf("\r\n\r\n");
    assert.ok(end >= 0, "a frame without a header");
    const length = /^content-length:[ \t]*(\d+)[ \t]*$/im.exec(rest.toString("latin1", 0, end))?.[1];
    assert.ok(length !== undefined, "a header without its length");
    assert.ok(rest.length >= end + 4 + Number(length), "a frame that is cut off");
    rest = rest.subarray(end + 4 + Number(length));
  }
}
