/** A text in blocks of whole lines: an edit changes one or two of them, and all others stand as they did. */

/** Some 700 tokens: of the 64 that weigh a place few are cut off, and a block is tokenised in 2 ms. */
const BLOCK_CHARACTERS = 2048;

export interface Block {
  /** UTF-16 offset in the text; it moves with edits before it. */
  start: number;
  readonly text: string;
}

/** Those that stand before and behind one edit of any length, which made the text `grown` characters longer. */
export function standing<B extends Block>(blocks: readonly B[], text: string, grown: number): B[] {
  let front = 0;
  let end = 0;
  for (let block = blocks[0]; block && standsAt(block.start, block, text); block = blocks[++front]) {
    end = endOf(block);
  }
  let back = blocks.length;
  for (let block = blocks[back - 1]; back > front && block; block = blocks[back - 1]) {
    const start = block.start + grown;
    if (start < end || !standsAt(start, block, text)) break;
    back--;
  }
  const moved = blocks.slice(back);
  for (const block of moved) block.start += grown;
  return [...blocks.slice(0, front), ...moved];
}

/** The whole text in blocks: of those that stand as many as can stay, and new ones between them. */
export function reblocked<B extends Block>(kept: readonly B[], text: string): (B | Block)[] {
  const all: (B | Block)[] = [];
  let at = 0;
  for (const block of kept) {
    const gap = block.start - at;
    if (!standsAt(block.start, block, text)) break;
    // Too short for blocks of its own: it is cut anew together with the block behind it.
    if (gap > 0 && gap < BLOCK_CHARACTERS / 2) continue;
    all.push(...cut(text, at, block.start), block);
    at = endOf(block);
  }
  if (at < text.length && text.length - at < BLOCK_CHARACTERS / 2) at = all.pop()?.start ?? at;
  return [...all, ...cut(text, at, text.length)];
}

export function endOf({ start, text }: Block): number {
  return start + text.length;
}

function standsAt(start: number, block: Block, text: string): boolean {
  const end = start + block.text.length;
  const beginsLine = start === 0 || text[start - 1] === "\n";
  return beginsLine && (end === text.length || text[end - 1] === "\n") && text.startsWith(block.text, start);
}

/** Alike in length. */
function* cut(text: string, from: number, to: number): Generator<Block> {
  let start = from;
  for (let left = Math.round((to - from) / BLOCK_CHARACTERS); left > 1 && start < to; left--) {
    const end = lineFrom(text, start + Math.ceil((to - start) / left), to);
    yield { start, text: text.slice(start, end) };
    start = end;
  }
  if (start < to) yield { start, text: text.slice(start, to) };
}

/** The beginning of a line that is not indented, where no token reaches across; of any line when there is none near. */
function lineFrom(text: string, from: number, to: number): number {
  const near = text.slice(from, Math.min(to, from + BLOCK_CHARACTERS / 2)).search(/(?<=\S)\n(?=\S)/);
  const feed = near >= 0 ? from + near : text.indexOf("\n", from);
  return feed < 0 ? to : Math.min(to, feed + 1);
}
