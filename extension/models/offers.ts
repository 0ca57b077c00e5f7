// What a person may choose from, as plain data: no vscode here, so that every case is a line in a test.
import {
  bytesToFetch,
  CATALOGUE,
  type CatalogueModel,
  catalogueModel,
  memoryBytes,
  weightBytes,
} from "../../protocol/catalogue.ts";
import { estimatedMsPerLine, type MachineRoom } from "../../protocol/models.ts";
import { bytes, count, milliseconds } from "../../protocol/words.ts";
import type { Shelved } from "./shelf.ts";

/** "unknown": without a server nobody says what fits. */
export type OfferGroup = "here" | "fits" | "unknown" | "tooLarge";

export interface Offer {
  /** As the setting "model" says it; empty: the embedded one. */
  readonly name: string;
  readonly group: OfferGroup;
  readonly icon: string;
  readonly label: string;
  readonly description: string;
  readonly detail: string;
}

/** Of one model as it was measured here. */
export interface Measured {
  readonly msPerLine: number;
  readonly device: string;
  /** On a model of its shape, before it was here. */
  readonly ofShape?: boolean;
}

export interface OfferFacts {
  /** The setting's value. */
  readonly current: string;
  readonly shelved: ReadonlyMap<string, Shelved>;
  readonly measured: ReadonlyMap<string, Measured>;
  /** undefined: no server says it. */
  readonly room: MachineRoom | undefined;
}

/** Of free memory: the editor and its other servers want some. */
const SHARE_OF_MEMORY = 0.7;
const SHORT_TOKENS = 1000;
const LONG_TOKENS = 100_000;

/** Short, for VS Code writes it into the group's first row. */
export const HEADINGS: Readonly<Record<OfferGroup, string>> = {
  here: "here",
  fits: "fits",
  unknown: "to fetch",
  tooLarge: "too large now",
};

/** The embedded model, what is here, then what fits, the largest first, and what does not. */
export function offersOf(facts: OfferFacts): readonly Offer[] {
  const smallerFirst = CATALOGUE.toSorted((a, b) => a.parameters - b.parameters);
  const offers = smallerFirst.map((model) => offerOf(model, facts));
  const inGroup = (group: OfferGroup) => offers.filter((offer) => offer.group === group);
  const largerFirst = (["here", "fits", "unknown"] as const).map((group) => inGroup(group).reverse());
  return [embedded(facts), ...own(facts), ...largerFirst.flat(), ...inGroup("tooLarge")];
}

function embedded({ current, shelved, measured }: OfferFacts): Offer {
  // It stands for a named one that is not whole.
  const completes =
    current === "" || (catalogueModel(current) !== undefined && shelved.get(current)?.kind !== "whole");
  return {
    ...{ name: "", group: "here", icon: iconOf(completes, "package"), label: "Embedded model" },
    description: completes ? COMPLETES : "always here",
    detail: sentence([speed("", undefined, measured), "quick everywhere, a few megabytes of memory"]),
  };
}

/** A path that the settings name. */
function own({ current, measured }: OfferFacts): Offer[] {
  if (current === "" || catalogueModel(current)) return [];
  const label = current.split(/[\\/]/).findLast((part) => part !== "") ?? current;
  const detail = sentence([speed(current, undefined, measured), current]);
  return [{ name: current, group: "here", icon: "check", label, description: COMPLETES, detail }];
}

function offerOf(model: CatalogueModel, { current, shelved, measured, room }: OfferFacts): Offer {
  const here = shelved.get(model.name) ?? { kind: "absent" };
  const isNamed = current === model.name;
  const completes = isNamed && here.kind === "whole";
  const problem = completes ? undefined : room && tooLarge(model, room);
  const fetched = room === undefined ? "unknown" : problem === undefined ? "fits" : "tooLarge";
  return {
    ...{ name: model.name, group: here.kind === "whole" ? "here" : fetched, label: model.title },
    icon: iconOf(completes, ICONS[here.kind]),
    description: completes
      ? COMPLETES
      : sentence([isNamed ? "named in the settings" : "", describe(model, here)]),
    detail: sentence([
      problem ?? "",
      speed(model.name, room && estimatedMsPerLine(weightBytes(model), room), measured),
      problem === undefined ? memory(model) : "",
      model.trainedFor,
    ]),
  };
}

function tooLarge(model: CatalogueModel, { freeBytes }: MachineRoom): string | undefined {
  const needed = memoryBytes(model, SHORT_TOKENS);
  const may = SHARE_OF_MEMORY * freeBytes;
  return needed <= may ? undefined : `takes ${bytes(needed)} of memory, ${bytes(may)} may be taken now`;
}

function memory(model: CatalogueModel): string {
  const long = `${bytes(memoryBytes(model, LONG_TOKENS))} after ${count(LONG_TOKENS)} tokens`;
  return `takes ${bytes(memoryBytes(model, SHORT_TOKENS))} of memory, ${long}`;
}

const COMPLETES = "completes now";
const ICONS = { absent: "cloud-download", part: "debug-pause", whole: "database" } as const;

function iconOf(isCurrent: boolean, otherwise: string): string {
  return isCurrent ? "check" : otherwise;
}

function describe(model: CatalogueModel, here: Shelved): string {
  if (here.kind === "whole") return `fetched, ${bytes(here.bytes)}`;
  if (here.kind === "part")
    return `paused at ${Math.floor((100 * here.bytes) / here.of)} % of ${bytes(here.of)}`;
  return `about ${bytes(bytesToFetch(model))} to fetch · ${model.licence}`;
}

function speed(name: string, modelled: number | undefined, measured: OfferFacts["measured"]): string {
  const known = measured.get(name);
  const on = known && (known.ofShape ? `with its shape on ${known.device}` : `on ${known.device}`);
  if (known) return `${milliseconds(known.msPerLine)} a line, measured ${on}`;
  return modelled === undefined ? "" : `about ${milliseconds(modelled)} a line, modelled for the processor`;
}

function sentence(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(" · ");
}
