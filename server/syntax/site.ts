/** A place in a document's skeleton, to ask how well the document would parse with a text written there. */
import { type Language, type Node, Parser, type Tree } from "web-tree-sitter";
import type { Skeleton } from "./skeleton.ts";
import { editOf } from "./textEdit.ts";

/** As the parser itself weighs its ways out of an error (error_costs.h of tree-sitter). */
const RECOVERY = 500;
const SKIPPED_TREE = 100;
const MISSING_TREE = 110;
/** Beyond that the parser is lost, and what it says of this text or that is chance. */
const LOST = 6 * RECOVERY;

export class Site {
  readonly #parser = new Parser();
  readonly #text: string;
  readonly #offset: number;
  readonly #tree: Tree;

  constructor(language: Language, { before, after }: Skeleton) {
    this.#text = before + after;
    this.#offset = before.length;
    this.#parser.setLanguage(language);
    const tree = this.#parser.parse(this.#text);
    if (!tree) throw new Error("The parser has no language.");
    this.#tree = tree;
  }

  /**
   * What the parser had to skip or to invent with `text` in place of the `replaced` characters after the cursor; 0 = nothing,
   * infinite where the parser is lost.
   */
  cost(text: string, replaced: number): number {
    const cost = this.#with(text, replaced, 0, costOf);
    return cost > LOST ? Number.POSITIVE_INFINITY : cost;
  }

  /** The same with the line of the cursor taken out. */
  costWithoutLine(): number {
    const start = this.#text.lastIndexOf("\n", this.#offset - 1) + 1;
    const end = this.#text.indexOf("\n", this.#offset);
    return this.#with("", (end < 0 ? this.#text.length : end) - this.#offset, this.#offset - start, costOf);
  }

  /** Whether the line of the cursor, with `text` in it, is one of a list of like things: an element, a row, a tag. */
  isElement(text: string, replaced: number): boolean {
    const line = this.#text.slice(this.#text.lastIndexOf("\n", this.#offset - 1) + 1, this.#offset) + text;
    const start = this.#offset + text.length - line.length + (line.length - line.trimStart().length);
    return this.#with(text, replaced, 0, (root) => isListed(root.descendantForIndex(start, start)));
  }

  /** Whether what stands before the place is a comment, or its beginning. */
  isInComment(): boolean {
    const before = Math.max(0, this.#offset - 1);
    for (let node = this.#tree.rootNode.descendantForIndex(before, before); node; node = node.parent)
      if (/comment/.test(node.type)) return !isClosed(node, this.#offset);
    return false;
  }

  dispose(): void {
    this.#tree.delete();
    this.#parser.delete();
  }

  #with<Result>(text: string, replaced: number, deleted: number, ask: (root: Node) => Result): Result {
    const start = this.#offset - deleted;
    const end = this.#offset + replaced;
    const old = this.#tree.copy();
    old.edit(editOf(this.#text, start, end, text));
    const tree = this.#parser.parse(this.#text.slice(0, start) + text + this.#text.slice(end), old);
    old.delete();
    if (!tree) throw new Error("The parser has no language.");
    try {
      return ask(tree.rootNode);
    } finally {
      tree.delete();
    }
  }
}

function costOf(root: Node): number {
  let cost = 0;
  const nodes = [root];
  for (let node = nodes.pop(); node; node = nodes.pop()) {
    if (!node.hasError) continue;
    if (node.isMissing) cost += RECOVERY + MISSING_TREE;
    if (node.isError) cost += RECOVERY + SKIPPED_TREE * node.childCount + (node.endIndex - node.startIndex);
    for (const child of node.children) if (child) nodes.push(child);
  }
  return cost;
}

/** Elements are divided by commas, or they are markup. */
function isListed(deepest: Node | null): boolean {
  let node = deepest;
  // The outermost node that begins there.
  while (node?.parent && node.parent.startIndex === node.startIndex && node.parent.parent) node = node.parent;
  if (!node) return false;
  if (/element/.test(node.type)) return true;
  return node.parent?.children.some((sibling) => sibling?.type === ",") ?? false;
}

/** A comment of some lines that ends before the place; one of a line goes on with the line. */
function isClosed(comment: Node, offset: number): boolean {
  return comment.endIndex <= offset && /(\*\/|-->|[-*]\)|=end|--\]\])$/.test(comment.text);
}
