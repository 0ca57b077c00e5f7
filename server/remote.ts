/** The remote server, where the person names one. What speaks to it is loaded then; without one, nothing opens a connection. */
import type { RemoteKey, RemoteStatus } from "../protocol/messages.ts";
import type { Settings } from "../protocol/settings.ts";
import type { RemoteWriterContext } from "./completion/remoteWriter.ts";
import type { Writer } from "./completion/writer.ts";
import { type RemoteAddress, readAddress } from "./engine/remote/address.ts";
import type { RemoteEndpoint } from "./engine/remote/endpoint.ts";
import type { Log } from "./log.ts";

/** For editors that have no place for secrets. */
const KEY_VARIABLE = "STATELINE_REMOTE_KEY";

export interface RemoteContext extends Pick<RemoteWriterContext, "passages" | "mayBeTold"> {
  readonly log: Log;
  readonly onChanged: () => void;
  /** One sentence that the person should see though work goes on. */
  readonly onProblem: (sentence: string) => void;
}

export type RemoteSettings = Pick<Settings, "remote" | "remoteModel" | "remotePrompt" | "remoteAllowHttp">;

interface Connected {
  readonly endpoint: RemoteEndpoint;
  readonly writer: Writer;
}

export class Remote {
  readonly #context: RemoteContext;
  /** By the origins that they belong to. */
  readonly #keys: Map<string, string>;
  #settings: RemoteSettings | undefined;
  #connected: Connected | undefined;

  /** `keys` as the client has told them so far. */
  constructor(context: RemoteContext, keys: Map<string, string>) {
    this.#context = context;
    this.#keys = keys;
  }

  /** undefined: none is named, or it is left alone after a failure. */
  get writer(): Writer | undefined {
    return this.#connected?.endpoint.isAway ? undefined : this.#connected?.writer;
  }

  get status(): RemoteStatus | undefined {
    if (!this.#connected) return undefined;
    const { address, problem } = this.#connected.endpoint;
    const { host, leavesMachine } = address;
    return { host, leavesMachine, ...(problem !== undefined && { problem }) };
  }

  async configure({ remote, remoteModel, remotePrompt, remoteAllowHttp }: RemoteSettings): Promise<void> {
    const settings = { remote, remoteModel, remotePrompt, remoteAllowHttp };
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.dispose();
    if (remote.trim() !== "") {
      const read = readAddress(remote, remoteAllowHttp);
      if ("problem" in read) this.#context.onProblem(read.problem);
      else await this.#connect(read.address, settings);
    }
    this.#context.onChanged();
  }

  /** Something was changed: it is asked again at once. */
  forgive(): void {
    this.#connected?.endpoint.forgive();
    this.#context.onChanged();
  }

  dispose(): void {
    this.#connected?.endpoint.dispose();
    this.#connected = undefined;
  }

  async #connect(address: RemoteAddress, settings: RemoteSettings): Promise<void> {
    const { log, passages, mayBeTold, onChanged } = this.#context;
    const [{ RemoteEndpoint }, { RemoteWriter }] = await Promise.all([
      import("./engine/remote/endpoint.ts"),
      import("./completion/remoteWriter.ts"),
    ]);
    if (this.#settings !== settings) return;
    const endpoint = new RemoteEndpoint({
      address,
      model: settings.remoteModel,
      key: () => this.#keys.get(address.origin) ?? this.#keys.get(ANY_ORIGIN),
      ...{ log, onChanged },
    });
    const writer = new RemoteWriter({ endpoint, format: settings.remotePrompt, passages, mayBeTold });
    this.#connected = { endpoint, writer };
    log.info(`Completions are asked for at ${address.host} too.`);
  }
}

/** Of the key that a person's environment has for whichever server is named. */
const ANY_ORIGIN = "";

/** With the key of the environment, which programs that are started later do not see. */
export function keysOfEnvironment(environment = process.env): Map<string, string> {
  const key = environment[KEY_VARIABLE];
  delete environment[KEY_VARIABLE];
  return new Map(key ? [[ANY_ORIGIN, key]] : []);
}

export function noteKey(keys: Map<string, string>, told: Partial<RemoteKey> | null): void {
  const { origin, key } = told ?? {};
  if (typeof origin !== "string" || origin === ANY_ORIGIN) return;
  if (typeof key === "string" && key.trim() !== "") keys.set(origin, key.trim());
  else keys.delete(origin);
}
