/**
 * The texts of open documents, which stand for their files in the exact memory as they are now, saved or not. They are kept as
 * blocks; the one with the line that is being completed is cut there, without that line: found word for word as far as the
 * cursor, it would say that it ends there.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Recall } from "../engine/engine.ts";
import type { Tokenizer } from "../engine/tokenizer.ts";
import { type Log, reasonOf } from "../log.ts";
import { DeletedTexts, deletedLines } from "./deletedLines.ts";
import type { FileIndex } from "./fileIndex.ts";
import { type FilePolicy, judgeName, mayQuote, reasonNotToComplete, type Verdict } from "./filePolicy.ts";
import { type Block, endOf, reblocked, standing } from "./liveBlocks.ts";
import { readShare } from "./readShare.ts";
import { judge, type ReadText } from "./readText.ts";
import { secretLines, withoutLines, withoutSecretLines } from "./secretLines.ts";
import { fileHeader } from "./stream.ts";

/** Changed blocks are tokenised when a person stopped typing for so long. */
const PAUSE_MS = 400;
/** Snippets come from no further. */
const MOST_QUOTABLE_CHARACTERS = 200_000;

export interface LiveDocument {
  readonly uri: string;
  /** undefined: no file. */
  readonly path: string | undefined;
  /** Of the notebook whose cell it is: its rules count. */
  readonly homePath?: string | undefined;
  /** As the model reads it. */
  readonly relativePath: string;
  readonly text: string;
}

export interface LiveTextsContext {
  readonly tokenizer: Tokenizer;
  readonly log: Log;
  /** The present one. */
  readonly policy: () => Pick<FilePolicy, "judge" | "reasonNotToComplete">;
}

interface LiveBlock extends Block {
  /** The text without lines that hold secrets, which are empty there. */
  told?: string;
  tokens?: Int32Array;
  /** Its texts in the recall, while it is there: two where the cursor's line cuts it. */
  ids?: readonly number[] | undefined;
  /** The line that is left out, counted in the block; undefined: none. */
  lineOut?: number | undefined;
}

interface LiveText {
  /** The newest; `text` is that of the one before until it is followed. */
  document: LiveDocument;
  followed: LiveDocument | undefined;
  /** With line feeds only. */
  text: string;
  /** Parts of the text, in order; what changed since the last pause is in none. */
  blocks: LiveBlock[];
  /** undefined: not judged yet. */
  verdict: Verdict | undefined;
  /** A text of it as others may quote it. */
  quotable: { readonly text: string; readonly told: Promise<string> } | undefined;
  isRenewed: boolean;
}

export class LiveTexts {
  readonly #context: LiveTextsContext;
  readonly #texts = new Map<string, LiveText>();
  /** Lines that were taken away of late: in their own document they are often written again, a little differently. */
  readonly #deleted = new DeletedTexts();
  #files: FileIndex;
  /** The line that was completed last. */
  #cursor: { readonly uri: string; readonly lineStart: number; readonly isBegun: boolean } | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Renewals one after the other. */
  #work: Promise<void> = Promise.resolve();
  /** Counts how often all had to be judged anew. */
  #judgements = 0;
  #disposed = false;

  constructor(context: LiveTextsContext, files: FileIndex) {
    this.#context = context;
    this.#files = files;
  }

  /** A document was opened or changed. */
  set(document: LiveDocument): void {
    const known = this.#texts.get(document.uri);
    if (known) {
      known.document = document;
      known.isRenewed = false;
    } else {
      const nothing = { followed: undefined, verdict: undefined, quotable: undefined, isRenewed: false };
      this.#texts.set(document.uri, { document, text: "", blocks: [], ...nothing });
      if (document.path !== undefined) this.#files.withdraw(document.path);
    }
    this.#renewLater(known ? PAUSE_MS : 0);
  }

  /** A document was closed; returns the path of the file that speaks for itself again. */
  delete(uri: string): string | undefined {
    const live = this.#texts.get(uri);
    if (!live) return undefined;
    for (const block of live.blocks) this.#leaveOut(block);
    if (!this.#disposed) this.#deleted.forget(this.#files.recall, uri);
    this.#texts.delete(uri);
    const { path } = live.document;
    return path !== undefined && !this.has(path) ? path : undefined;
  }

  has(path: string): boolean {
    return this.#at(path) !== undefined;
  }

  /** The text of a document as its file is read, without the line with the cursor; undefined when none is open there. */
  read(path: string): ReadText | undefined {
    const live = this.#at(path);
    if (!live) return undefined;
    this.#follow(live);
    const [start, end] = this.#cursorsLine(live) ?? [0, 0];
    return judged({ ...live.document, text: live.text.slice(0, start) + live.text.slice(end) });
  }

  /** The beginning of a document's text as another one's completion may start from it; undefined: not at all. */
  async quotable(uri: string, text: string): Promise<string | undefined> {
    const live = this.#texts.get(uri);
    if (!live?.verdict || !mayQuote(live.verdict)) return undefined;
    const beginning = text.slice(0, MOST_QUOTABLE_CHARACTERS).replaceAll("\r\n", "\n");
    if (live.quotable?.text !== beginning)
      live.quotable = { text: beginning, told: withoutSecretLines(beginning) };
    return await live.quotable.told;
  }

  /** Whether a document's text may be sent to another machine: of files that are read and of new documents, once they are judged. */
  mayBeTold(uri: string): boolean {
    const { verdict } = this.#texts.get(uri) ?? {};
    return verdict?.kind === "read" || (verdict?.kind === "outside" && uri.startsWith("untitled:"));
  }

  /** undefined when the document may be completed. */
  async reasonNotToComplete({ uri, relativePath }: Pick<LiveDocument, "uri" | "relativePath">) {
    const { document, verdict } = this.#texts.get(uri) ?? {};
    if (verdict) return reasonNotToComplete(verdict);
    const path = document?.path ?? document?.homePath;
    if (path !== undefined) return await this.#context.policy().reasonNotToComplete(path);
    return reasonNotToComplete(judgeName(relativePath));
  }

  /**
   * The exact memory for a completion in the line that begins there, in the document's text with line feeds only. Lines that
   * were deleted are in it where something `isBegun` on the line: nobody wants them back who has not begun to write them.
   */
  recallAt(uri: string, lineStart: number, isBegun: boolean): Recall {
    this.#cursor = { uri, lineStart, isBegun };
    for (const live of this.#texts.values()) this.#follow(live);
    this.#arrange();
    return this.#files.recall;
  }

  /** Another exact memory serves from now on. */
  moveTo(files: FileIndex): void {
    this.#files = files;
    for (const { document, blocks } of this.#texts.values()) {
      if (document.path !== undefined) files.withdraw(document.path);
      for (const block of blocks) block.ids = undefined;
    }
    this.#deleted.moved();
    this.#arrange();
  }

  /** Other folders or rules: all are judged again. */
  reconsider(): void {
    this.#judgements++;
    if (!this.#disposed) this.#deleted.forget(this.#files.recall);
    for (const live of this.#texts.values()) {
      live.isRenewed = false;
      live.verdict = undefined;
    }
    this.#renewLater(0);
  }

  /** Resolves when every document is in as it is. */
  async settled(): Promise<void> {
    if (this.#timer) this.#renew();
    await this.#work;
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
  }

  #at(path: string): LiveText | undefined {
    for (const live of this.#texts.values()) if (live.document.path === path) return live;
    return undefined;
  }

  #renewLater(pauseMs: number): void {
    if (this.#disposed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#renew(), pauseMs);
  }

  #renew(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#work = this.#work
      .then(async () => {
        for (const live of [...this.#texts.values()]) if (!live.isRenewed) await this.#renewText(live);
      })
      .catch((cause: unknown) => {
        this.#context.log.warn(`The text of an open document is not recalled: ${reasonOf(cause)}`);
      });
  }

  async #renewText(live: LiveText): Promise<void> {
    live.isRenewed = true;
    const verdict = await this.#verdictOf(live);
    const { document } = live;
    const read = isIndexed(document, verdict) ? judged(document) : undefined;
    const text = read?.kind === "text" ? read.text : "";
    const secret = await secretLines(text);
    this.#follow(live);
    // Changed meanwhile: it is renewed again after the pause.
    if (live.document !== document) return;
    const before = live.blocks;
    live.blocks = reblocked<LiveBlock>(before, text);
    for (const block of before) if (!live.blocks.includes(block)) this.#leaveOut(block);
    for (const block of live.blocks) this.#tell(block, text, secret);
    let tokens = 0;
    for (const block of live.blocks.filter((one) => !one.tokens)) {
      block.tokens = this.#tokenise(live.document, block);
      tokens += block.tokens.length;
      this.#arrange();
      await nextTurn();
    }
    if (tokens > 0) this.#context.log.debug(`Live text of ${live.document.relativePath}: ${tokens} tokens.`);
  }

  /** As it was judged last, until rules or folders change. */
  async #verdictOf(live: LiveText): Promise<Verdict> {
    const { path: own, homePath, relativePath } = live.document;
    const path = own ?? homePath;
    const round = this.#judgements;
    const verdict =
      live.verdict ??
      (path === undefined ? judgeName(relativePath) : await this.#context.policy().judge(path));
    // By rules that count no more: it is renewed again.
    if (round === this.#judgements) live.verdict = verdict;
    return verdict;
  }

  /** Without the secret lines; a block whose secret lines are others than before is tokenised anew. */
  #tell(block: LiveBlock, text: string, secret: ReadonlySet<number>): void {
    const firstLine = secret.size > 0 ? feedsIn(Buffer.from(text.slice(0, block.start))) : 0;
    const told = withoutLines(block.text, secret, firstLine);
    if (block.told === told) return;
    this.#leaveOut(block);
    delete block.tokens;
    block.told = told;
  }

  #tokenise({ relativePath }: LiveDocument, { start, text, told }: LiveBlock): Int32Array {
    const { tokenizer } = this.#context;
    const header = start === 0 ? fileHeader(tokenizer, relativePath) : [];
    return Int32Array.from([...header, ...tokenizer.encode(told ?? text)]);
  }

  /** Takes out what stands in the document no more. */
  #follow(live: LiveText): void {
    if (live.followed === live.document) return;
    live.followed = live.document;
    const text = live.document.text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
    if (text === live.text) return;
    const kept = standing(live.blocks, text, text.length - live.text.length);
    const stays = new Set(kept);
    const gone = live.blocks.filter((block) => !stays.has(block));
    for (const block of gone) this.#leaveOut(block);
    this.#noteDeleted(live, gone, text);
    live.text = text;
    live.blocks = kept;
  }

  /** Of what was recalled until now, and has no secrets. */
  #noteDeleted({ document, text }: LiveText, gone: readonly LiveBlock[], now: string): void {
    const from = gone[0]?.start;
    const told = gone.map((block) => (block.told === block.text ? block.text : "")).join("");
    if (from === undefined || this.#disposed || !text.startsWith(told, from)) return;
    const [start, end] = deletedLines(text, now) ?? [0, 0];
    const lines = text.slice(Math.max(start, from), Math.min(end, from + told.length));
    if (lines === "") return;
    const tokens = Int32Array.from(this.#context.tokenizer.encode(lines));
    this.#deleted.add(document.uri, tokens, this.#files.recall);
  }

  /** Everything is in that is tokenised, but for the line with the cursor. */
  #arrange(): void {
    if (this.#disposed) return;
    for (const live of this.#texts.values()) {
      const [start, end] = this.#cursorsLine(live) ?? [0, 0];
      for (const block of live.blocks) {
        const isCursors = block.start < end && start < endOf(block);
        this.#take(block, isCursors ? linesBefore(block, start) : undefined);
      }
    }
    const { uri, isBegun } = this.#cursor ?? {};
    this.#deleted.arrange(isBegun ? uri : undefined, this.#files.recall);
  }

  #take(block: LiveBlock, lineOut: number | undefined): void {
    if (!block.tokens || (block.ids && block.lineOut === lineOut)) return;
    this.#leaveOut(block);
    const texts =
      lineOut === undefined ? [block.tokens] : this.#withoutLine(block.tokens, block.text, lineOut);
    block.ids = texts.filter(({ length }) => length > 0).map((text) => this.#files.recall.append(text));
    block.lineOut = lineOut;
  }

  /** What is before a line and behind it, in tokens that end lines; a token that writes more than one line feed goes with it. */
  #withoutLine(tokens: Int32Array, text: string, line: number): [Int32Array, Int32Array] {
    const feeds = Array.from(tokens, (token) => feedsIn(this.#context.tokenizer.bytesOf(token)));
    // The header of the first block has a line of its own.
    const first = line + feeds.reduce((sum, count) => sum + count, 0) - feedsIn(Buffer.from(text));
    let passed = 0;
    let before = 0;
    for (const [i, count] of feeds.entries()) {
      passed += count;
      if (passed > first) return [tokens.slice(0, before), tokens.slice(i + 1)];
      if (count > 0) before = i + 1;
    }
    return [tokens.slice(0, before), Int32Array.of()];
  }

  /** From its beginning to behind its line feed; undefined when the cursor is in another document. */
  #cursorsLine({ document, text }: LiveText): readonly [number, number] | undefined {
    if (this.#cursor?.uri !== document.uri) return undefined;
    const { lineStart } = this.#cursor;
    const feed = text.indexOf("\n", lineStart);
    return [lineStart, feed < 0 ? text.length : feed + 1];
  }

  #leaveOut(block: LiveBlock): void {
    if (!this.#disposed) for (const id of block.ids ?? []) this.#files.recall.forget(id);
    block.ids = undefined;
  }
}

function linesBefore({ start, text }: Block, offset: number): number {
  return feedsIn(Buffer.from(text.slice(0, Math.max(0, offset - start))));
}

function feedsIn(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count++;
  return count;
}

/** Documents without a file, other than new ones, are views of something: an older version, a log. */
function isIndexed({ uri, path }: LiveDocument, { kind }: Verdict): boolean {
  return (kind === "read" && path !== undefined) || (kind === "outside" && uri.startsWith("untitled:"));
}

/** By the rules for files on disk, and no more of it. */
function judged({ path, relativePath, text }: LiveDocument): ReadText {
  const bytes = Buffer.from(text);
  const share = readShare(path ?? relativePath, bytes.length);
  if (share.kind === "skipped") return share;
  return judge(bytes.subarray(0, share.bytes), share.bytes < bytes.length);
}
