/** From what the model wrote to what is offered: cleaned, joined with the text to its right, and no echo of what follows. */
import type { Site } from "../syntax/site.ts";
import type { SyntaxTrees } from "../syntax/trees.ts";
import { isProse, missingClosers } from "./balance.ts";
import { clean } from "./clean.ts";
import { isEcho } from "./echo.ts";
import { type Join, joined } from "./join.ts";
import { isBlank, type Shape } from "./lines.ts";
import { lineAfter, lineBefore, type OpenDocument, type Surroundings } from "./request.ts";

export interface Draft {
  readonly text: string;
  readonly shape: Shape;
  /** Cut where it became too long. */
  readonly isOpen: boolean;
  /** Cut where it became unlikely. */
  readonly isCut: boolean;
}

/** What a text may not end with where other text follows: it would open or join something that does not come. */
const DANGLING = /[\s([{.,:;=+\-*/%&|<>!?~^@$#\\]+$/;

export type Finished = Join | { readonly nothing: string };

/** One place in a document; its syntax is looked at when it is first needed, and disposed of with the place. */
export class Finish implements Disposable {
  readonly #document: OpenDocument;
  readonly #around: Surroundings;
  readonly #syntax: SyntaxTrees;
  #site: Promise<Site | undefined> | undefined;

  constructor(document: OpenDocument, around: Surroundings, syntax: SyntaxTrees) {
    this.#document = document;
    this.#around = around;
    this.#syntax = syntax;
  }

  /** Looks at the syntax while the model writes, where there may be a choice: what a line opened is closed by its rest. */
  async prepare(): Promise<void> {
    const { before, after } = this.#around;
    const mayChoose = !isBlank(lineAfter(after)) || missingClosers(lineBefore(before)) !== "";
    if (mayChoose) await this.#siteHere();
  }

  async finish({ text: written, ...draft }: Draft): Promise<Finished> {
    const { text, droppedBy } = clean({
      ...draft,
      text: written,
      lineBefore: lineBefore(this.#around.before),
      tabSize: this.#around.tabSize,
    });
    if (droppedBy !== undefined) return { nothing: `nothing was left by the rule "${droppedBy}"` };
    const isInside = lineAfter(this.#around.after).trim() !== "";
    const join = await this.join(draft.isCut && isInside ? text.replace(DANGLING, "") : text);
    if (isBlank(join.text)) return { nothing: "nothing was left beside the text to the right" };
    if (await isEcho(join, this.#around, () => this.#siteHere()))
      return { nothing: "it is the next line again" };
    return join;
  }

  /** Of what is left of a text that was finished before: with nothing to the right, it ends where it ended. */
  async rejoin(text: string): Promise<Join> {
    return isBlank(lineAfter(this.#around.after)) ? { text, replaced: 0 } : await this.join(text);
  }

  /** Of a text that is clean: where it ends, and what it replaces. */
  join(text: string): Promise<Join> {
    return joined(text, this.#around, isProse(this.#document.languageId), async () => {
      const site = await this.#siteHere();
      return site && ((join) => costWhenClosed(site, join));
    });
  }

  /** Whether the text before the cursor is a comment. */
  async isInComment(): Promise<boolean> {
    return (await this.#siteHere())?.isInComment() ?? false;
  }

  [Symbol.dispose](): void {
    void this.#site?.then((site) => site?.dispose());
  }

  #siteHere(): Promise<Site | undefined> {
    const { before, after } = this.#around;
    this.#site ??= this.#syntax.siteAt({ ...this.#document, text: before + after }, before.length);
    return this.#site;
  }
}

/** What the text opens may be closed further below, or will be by whoever goes on writing. */
function costWhenClosed(site: Site, { text, replaced }: Join): number {
  const cost = site.cost(text, replaced);
  const closers = missingClosers(text);
  return cost === 0 || closers === "" ? cost : Math.min(cost, site.cost(text + closers, replaced));
}
