/** A model on a server: a prompt of text, and what it writes on, read as it comes and ended as soon as it is enough. */
import type { RemotePrompt } from "../../protocol/settings.ts";
import type { RemoteEndpoint } from "../engine/remote/endpoint.ts";
import { RemoteError } from "../engine/remote/errors.ts";
import type { Passages } from "../repository/passages.ts";
import { promptFormatOf } from "./promptFormats.ts";
import { type Prompt, promptOf, shareThatFits, viewOf } from "./remotePrompt.ts";
import { SnippetChoice } from "./snippets.ts";
import { StreamedText } from "./streamedText.ts";
import { toldSurroundings } from "./toldText.ts";
import type { Question, Writer, Written } from "./writer.ts";

/** An answer of eight lines is rarely longer. */
const ANSWER_TOKENS = 256;
/** Where a server does not say how much it can read. */
const USUAL_TOKENS = 4096;
/** More than on this machine: a server reads them once for many keys. */
const SNIPPETS = 8;
const LEAST_SHARE = 1 / 16;

export interface RemoteWriterContext {
  readonly endpoint: RemoteEndpoint;
  readonly format: RemotePrompt;
  /** Of the repository's files now, but for open ones. */
  readonly passages: () => Passages;
  /** Whether the policy lets a document's text leave the machine. */
  readonly mayBeTold: (uri: string) => boolean;
}

export class RemoteWriter implements Writer {
  readonly #context: RemoteWriterContext;
  readonly #snippets: SnippetChoice;
  /** Of the full length of a prompt: less where the server found one too long. */
  #most = 1;

  constructor(context: RemoteWriterContext) {
    this.#context = context;
    this.#snippets = new SnippetChoice(context.passages, SNIPPETS);
  }

  async write(question: Question): Promise<Written> {
    const { endpoint } = this.#context;
    const { signal } = question;
    const prompt = await this.#promptFor(question);
    const streamed = new StreamedText(question, prompt?.expected ?? "");
    if (!prompt) return streamed.written();
    const { text, stop } = prompt;
    try {
      const chunks = endpoint.complete({ prompt: text, maxTokens: ANSWER_TOKENS, stop }, signal);
      for await (const chunk of chunks) if (!streamed.goesOnAfter(chunk)) break;
    } catch (cause) {
      // Too long, most likely: the next one is shorter.
      if (cause instanceof RemoteError && cause.trouble === "unfit")
        this.#most = Math.max(LEAST_SHARE, this.#most / 2);
      throw cause;
    }
    return streamed.written();
  }

  /** The endpoint is its owner's. */
  dispose(): void {}

  /** undefined: nothing of this place may be told. */
  async #promptFor({ request, around, signal }: Question): Promise<Prompt | undefined> {
    const { endpoint, mayBeTold, format: setting } = this.#context;
    const { document } = request;
    if (!mayBeTold(document.uri)) return undefined;
    const { id, origin, mostTokens = USUAL_TOKENS } = await endpoint.served(signal);
    const told = await toldSurroundings(around);
    if (!told) return undefined;
    const format = promptFormatOf(setting, [id, origin]);
    const share = Math.min(this.#most, shareThatFits(mostTokens, ANSWER_TOKENS));
    const view = viewOf(told, share);
    const others = request.others.filter(({ uri }) => mayBeTold(uri));
    const likest = this.#snippets.choose(view, document, others);
    const snippets = likest.slice(Math.max(0, likest.length - Math.floor(share * SNIPPETS)));
    return promptOf(format, document, view, snippets);
  }
}
