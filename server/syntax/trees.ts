/**
 * The syntax trees of the documents in use, kept up with their text in the background: a change is told to the tree at once,
 * which shifts it, and parsed a little later in short slices, so that no keystroke waits for a parser.
 */
import { type Language, Parser, type Tree } from "web-tree-sitter";
import { Grammars } from "./grammars.ts";
import { Site } from "./site.ts";
import { skeletonOf } from "./skeleton.ts";
import { editBetween } from "./textEdit.ts";

/** A tree of 5,000 lines has some megabytes. */
const MOST_TREES = 8;
/** Longer documents have no tree: generated, or data. */
const MOST_CHARACTERS = 1_000_000;
/** After the last change, since each makes the parse under way worthless. */
const SETTLE_MS = 60;
const SLICE_MS = 2;

export interface ParsedDocument {
  readonly uri: string;
  readonly languageId: string;
  readonly relativePath: string;
  readonly text: string;
}

interface Entry {
  readonly parser: Parser;
  readonly language: Language;
  text: string;
  /** Of the text, or of one before with the edits since. */
  tree: Tree | undefined;
  /** The latest without an error, with the edits since: what is being written does not disturb what it stands in. */
  sound: Tree | undefined;
  timer: NodeJS.Timeout | undefined;
}

export class SyntaxTrees {
  readonly #grammars: Grammars;
  /** The most recently used last. */
  readonly #entries = new Map<string, Entry>();
  #disposed = false;

  constructor(folder: string, onProblem: (cause: unknown) => void) {
    this.#grammars = new Grammars(folder, onProblem);
  }

  /** Takes the document's text; whoever completes in it soon finds a tree. */
  follow(document: ParsedDocument): void {
    const entry = this.#entries.get(document.uri);
    if (entry) this.#update(entry, document);
    else void this.#begin(document);
  }

  /** Resolves when the document's tree is that of its text; for tests and for whoever can wait. */
  async settled(document: ParsedDocument): Promise<void> {
    await this.#begin(document);
    const entry = this.#entries.get(document.uri);
    if (!entry?.timer) return;
    clearTimeout(entry.timer);
    entry.timer = undefined;
    takeTree(entry, entry.parser.parse(entry.text, entry.tree));
  }

  /**
   * The document around the place; undefined where there is no grammar, or no tree yet of a long document. The caller disposes
   * of it. Waits for nothing but the grammar's first loading.
   */
  async siteAt(document: ParsedDocument, offset: number): Promise<Site | undefined> {
    await this.#begin(document);
    const entry = this.#entries.get(document.uri);
    if (!entry) return undefined;
    this.#update(entry, document);
    const skeleton = skeletonOf(entry.sound ?? entry.tree, entry.text, offset);
    return skeleton && new Site(entry.language, skeleton);
  }

  dispose(): void {
    this.#disposed = true;
    for (const uri of [...this.#entries.keys()]) this.#forget(uri);
  }

  async #begin(document: ParsedDocument): Promise<void> {
    const { uri, languageId, relativePath, text } = document;
    if (this.#entries.has(uri) || text.length > MOST_CHARACTERS) return;
    const language = await (this.#grammars.of(languageId) ?? this.#grammars.of(ending(relativePath)));
    if (!language || this.#disposed || this.#entries.has(uri)) return;
    const parser = new Parser();
    parser.setLanguage(language);
    const entry: Entry = { parser, language, text, tree: undefined, sound: undefined, timer: undefined };
    this.#entries.set(uri, entry);
    this.#parseLater(entry, 0);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MOST_TREES) break;
      this.#forget(oldest);
    }
  }

  #update(entry: Entry, { uri, text }: ParsedDocument): void {
    this.#entries.delete(uri);
    this.#entries.set(uri, entry);
    if (text.length > MOST_CHARACTERS) {
      this.#forget(uri);
      return;
    }
    const edit = editBetween(entry.text, text);
    if (!edit) return;
    entry.text = text;
    for (const tree of treesOf(entry)) tree.edit(edit);
    entry.parser.reset();
    this.#parseLater(entry, SETTLE_MS);
  }

  #parseLater(entry: Entry, delayMs: number): void {
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => {
      entry.timer = undefined;
      const endMs = performance.now() + SLICE_MS;
      const progressCallback = () => performance.now() > endMs;
      const tree = entry.parser.parse(entry.text, entry.tree, { progressCallback });
      if (tree) takeTree(entry, tree);
      else this.#parseLater(entry, 0);
    }, delayMs);
    entry.timer.unref();
  }

  #forget(uri: string): void {
    const entry = this.#entries.get(uri);
    this.#entries.delete(uri);
    if (!entry) return;
    clearTimeout(entry.timer);
    for (const tree of treesOf(entry)) tree.delete();
    entry.parser.delete();
  }
}

function takeTree(entry: Entry, tree: Tree | null): void {
  if (!tree) return;
  const before = treesOf(entry);
  entry.tree = tree;
  if (!tree.rootNode.hasError) entry.sound = tree;
  for (const old of before) if (old !== entry.sound) old.delete();
}

function treesOf({ tree, sound }: Entry): Tree[] {
  return [...new Set([tree, sound])].filter((one) => one !== undefined);
}

function ending(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1).toLowerCase();
}
