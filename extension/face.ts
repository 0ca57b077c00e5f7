// What the status bar says, as plain data: no vscode here, so that every case is a line in a test.
import type { Status } from "../protocol/messages.ts";
import { bytes, count, layersInWords, slowReadingInWords } from "../protocol/words.ts";
import type { ServerLife } from "./client.ts";
import type { SessionFigures } from "./meter.ts";

export type FaceKind = "loading" | "reading" | "ready" | "resting" | "thinking" | "off" | "snoozed" | "error";

export interface Face {
  readonly kind: FaceKind;
  /** With codicons, for the status bar. */
  readonly text: string;
  /** One sentence, for tooltip, menu and screen readers. */
  readonly sentence: string;
  /** Text of the person's leaves the machine. */
  readonly sendsText?: true;
}

export interface Situation {
  readonly life: ServerLife;
  readonly enabled: boolean;
  /** The active editor's language, if there is an editor. */
  readonly language: { readonly id: string; readonly completed: boolean } | undefined;
  readonly snoozedUntilMs: number | undefined;
  readonly thinking: boolean;
  readonly nowMs: number;
}

export function drawFace(situation: Situation): Face {
  const face = ownFace(situation);
  const remote = situation.life.kind === "running" ? situation.life.status?.remote : undefined;
  if (!remote?.leavesMachine || QUIET.has(face.kind)) return face;
  return {
    ...face,
    text: `${face.text} $(cloud-upload) ${remote.host}`,
    sentence: `${face.sentence} Text around the cursor is sent to ${remote.host}.`,
    sendsText: true,
  };
}

/** Nothing is completed, so nothing is sent. */
const QUIET: ReadonlySet<FaceKind> = new Set(["off", "error", "loading"]);

function ownFace(situation: Situation): Face {
  const { life, enabled, language, snoozedUntilMs, thinking, nowMs } = situation;
  if (!enabled) return off("Completions are off.");
  if (life.kind === "failed") return error(life.message);
  if (life.kind === "running" && life.status?.state === "error") {
    return error(life.status.message ?? "The engine reports an error; the log says more.");
  }
  if (snoozedUntilMs !== undefined && snoozedUntilMs > nowMs) return snoozed(snoozedUntilMs - nowMs);
  if (language && !language.completed) return off(`Completions are off for ${language.id} files.`);
  if (life.kind !== "running" || life.status === undefined || life.status.state === "loading") {
    return { kind: "loading", text: "$(loading~spin) Stateline", sentence: "The model is loading." };
  }
  if (life.status.state === "reading") return reading(life.status);
  if (life.status.state === "resting") return resting(life.status);
  if (thinking)
    return { kind: "thinking", text: "$(sparkle) Stateline", sentence: "A completion is being written." };
  return { kind: "ready", text: "$(pulse) Stateline", sentence: ready(life.status) };
}

function off(sentence: string): Face {
  return { kind: "off", text: "$(circle-slash) Stateline", sentence };
}

function error(sentence: string): Face {
  return { kind: "error", text: "$(error) Stateline", sentence };
}

function snoozed(leftMs: number): Face {
  const minutes = Math.ceil(leftMs / 60_000);
  return {
    kind: "snoozed",
    text: `$(bell-slash) Stateline ${minutes} min`,
    sentence: `Snoozed for ${minutes} min more.`,
  };
}

function reading(status: Status): Face {
  const percent = readPercent(status);
  return {
    kind: "reading",
    text: `$(book) Stateline ${percent} %`,
    sentence: `Reading the repository: ${percent} %. Completions work meanwhile.`,
  };
}

function resting({ model }: Status): Face {
  return {
    kind: "resting",
    text: "$(coffee) Stateline",
    sentence: `${model} has given its memory back, since nobody was typing; the next key loads it again.`,
  };
}

function ready(status: Status): string {
  return status.tokensRead > 0 ? `Ready: ${count(status.tokensRead)} tokens in the index.` : "Ready.";
}

/** 0 to 99 while reading: the total is an estimate, and 100 is for `ready` to say. */
export function readPercent(status: Status): number {
  if (status.tokensTotal <= 0) return 0;
  return Math.max(0, Math.min(99, Math.floor((100 * status.tokensRead) / status.tokensTotal)));
}

/** The tooltip's table and the menu's summary: name and value of each figure that is known. */
export function figures(
  status: Status,
  { counts, lastLatencyMs }: SessionFigures,
): readonly (readonly [name: string, value: string])[] {
  const all: readonly (readonly [string, string])[] = [
    ...(status.weightBytes > 0 ? held(status) : []),
    ["Device", status.device],
    ["Model", status.model],
    ["Remote", remoteInWords(status)],
    ["This session", counts ? `${count(counts.shown)} shown, ${count(counts.accepted)} accepted` : ""],
    ["Last completion", lastLatencyMs > 0 ? `${count(lastLatencyMs)} ms` : ""],
  ];
  return all.filter(([, value]) => value !== "");
}

/** Of a model that is loaded, and neither rests nor loads. */
function held(status: Status): readonly (readonly [name: string, value: string])[] {
  return [
    ["Repository", tokensRead(status)],
    ["State", stateInWords(status)],
    ["Memory", memoryInWords(status)],
    ["Reading speed", status.tokensPerSecond > 0 ? `${count(status.tokensPerSecond)} tokens/s` : ""],
    status.hybridRatio === null
      ? ["Layers", layersInWords(status.layers)]
      : ["Hybrid ratio", `${status.hybridRatio} (share of heads that keep a state)`],
  ];
}

function memoryInWords({ weightBytes, stateBytes, kvBytes }: Status): string {
  const parts = `weights ${bytes(weightBytes)}, state ${bytes(stateBytes)}, cache ${bytes(kvBytes)}`;
  return `${bytes(weightBytes + stateBytes + kvBytes)}: ${parts}`;
}

function stateInWords({ stateTokens, slowReading }: Status): string {
  const read = `${count(stateTokens)} tokens that matter here`;
  return slowReading ? `${read}; a new one reads the ${slowReadingInWords(slowReading)}` : read;
}

function remoteInWords({ remote }: Status): string {
  if (!remote) return "";
  if (remote.problem !== undefined) return `${remote.problem} This machine's model answers meanwhile.`;
  return `${remote.host}, this machine's model where that is slow`;
}

function tokensRead(status: Status): string {
  const read = count(status.tokensRead);
  return status.state === "reading"
    ? `${read} of ${count(status.tokensTotal)} tokens in the index`
    : `${read} tokens in the index`;
}
