// What a person may choose from, as plain data: no vscode here, so that every case is a line in a test.
import {
  bytesToFetch,
  CATALOGUE,
  type CatalogueModel,
  memoryBytes,
  weightBytes,
} from "../../protocol/catalogue.ts";
import { estimatedMsPerLine, type MachineRoom } from "../../protocol/models.ts";
import { bytes, milliseconds } from "../../protocol/words.ts";
import type { Shelved } from "./shelf.ts";

export type OfferGroup = "On this machine" | "From the hub" | "From the hub, too large for this machine";

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

/** The embedded model, what is here, then what fits, the most capable first. */
export function offersOf(facts: OfferFacts): readonly Offer[] {
  const offers = CATALOGUE.map((model) => ({ model, offer: offerOf(model, facts) }));
  const byGroup = (group: OfferGroup) => offers.filter(({ offer }) => offer.group === group);
  const larger = (a: { model: CatalogueModel }, b: { model: CatalogueModel }) =>
    b.model.parameters - a.model.parameters;
  return [
    embedded(facts),
    ...byGroup("On this machine")
      .sort(larger)
      .map(({ offer }) => offer),
    ...byGroup("From the hub")
      .sort(larger)
      .map(({ offer }) => offer),
    ...byGroup("From the hub, too large for this machine").map(({ offer }) => offer),
    ...elsewhere(facts),
  ];
}

function embedded({ current, measured }: OfferFacts): Offer {
  return {
    ...{ name: "", group: "On this machine", icon: iconOf(current === "", "package") },
    label: "Embedded model",
    description: current === "" ? "completes now" : "always works",
    detail: sentence([speed("", undefined, measured), "some milliseconds, some megabytes"]),
  };
}

/** A path that the settings name. */
function elsewhere({ current, measured }: OfferFacts): Offer[] {
  if (current === "" || CATALOGUE.some(({ name }) => name === current)) return [];
  const detail = sentence([speed(current, undefined, measured), current]);
  const label = current.split(/[\\/]/).at(-1) ?? current;
  const here = { name: current, group: "On this machine", icon: "check" } as const;
  return [{ ...here, label, description: "completes now", detail }];
}

function offerOf(model: CatalogueModel, facts: OfferFacts): Offer {
  const { current, shelved, measured, room } = facts;
  const here = shelved.get(model.name) ?? { kind: "absent" };
  const short = memoryBytes(model, SHORT_TOKENS);
  const fits = room === undefined || short <= SHARE_OF_MEMORY * room.freeBytes;
  const isCurrent = current === model.name;
  const group =
    here.kind === "whole"
      ? "On this machine"
      : fits
        ? "From the hub"
        : "From the hub, too large for this machine";
  return {
    ...{ name: model.name, group, label: model.title },
    icon: iconOf(isCurrent && here.kind === "whole", ICONS[here.kind]),
    description: describe(model, here, isCurrent),
    detail: sentence([
      speed(model.name, room && estimatedMsPerLine(weightBytes(model), room), measured),
      `${bytes(short)}, ${bytes(memoryBytes(model, LONG_TOKENS))} at ${LONG_TOKENS / 1000} k tokens`,
      model.trainedFor,
    ]),
  };
}

const ICONS = { absent: "cloud-download", part: "debug-pause", whole: "database" } as const;

function iconOf(isCurrent: boolean, otherwise: string): string {
  return isCurrent ? "check" : otherwise;
}

function describe(model: CatalogueModel, here: Shelved, isCurrent: boolean): string {
  if (here.kind === "whole") return isCurrent ? "completes now" : bytes(here.bytes);
  if (here.kind === "part")
    return `paused at ${Math.floor((100 * here.bytes) / here.of)} % of ${bytes(here.of)}`;
  return `about ${bytes(bytesToFetch(model))} · ${model.licence}`;
}

function speed(name: string, estimate: number | undefined, measured: OfferFacts["measured"]): string {
  const known = measured.get(name);
  if (known) return `${milliseconds(known.msPerLine)} a line here`;
  return estimate === undefined ? "" : `about ${milliseconds(estimate)} a line here (estimate)`;
}

function sentence(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(" · ");
}
