// The list of models: which are here, which fit this machine, how fast each is; choosing one fetches it first if need be.
import * as vscode from "vscode";
import { CATALOGUE, catalogueModel } from "../../protocol/catalogue.ts";
import { MACHINE_ROOM_REQUEST, type MachineRoom, MODEL_SPEED_REQUEST } from "../../protocol/models.ts";
import { milliseconds } from "../../protocol/words.ts";
import type { Context } from "../context.ts";
import { writeSetting } from "../settings.ts";
import { fetchInFront } from "./fetching.ts";
import { usualModelsFolder } from "./folder.ts";
import { hubUrl, openPage } from "./hubAccess.ts";
import { HEADINGS, type Measured, type Offer, type OfferGroup, offersOf } from "./offers.ts";
import { Shelf } from "./shelf.ts";
import { telling } from "./telling.ts";

/** Of what was measured, by the setting's value; kept over restarts. */
const MEASURED_KEY = "stateline.modelSpeeds";

/** Never rejects: what goes wrong is told. */
type Click = () => Promise<void>;
type Button = vscode.QuickInputButton & { readonly run: Click };

interface Item extends vscode.QuickPickItem {
  readonly choose?: Click;
}

type Named = Pick<Offer, "name" | "label">;

function shelfOf({ extension, settings }: Context): Shelf {
  return new Shelf(settings.now["models.folder"] || usualModelsFolder(extension));
}

export async function chooseModel(context: Context): Promise<void> {
  const pick = vscode.window.createQuickPick<Item>();
  pick.title = "Which model completes?";
  pick.matchOnDescription = pick.matchOnDetail = true;
  pick.busy = true;
  pick.show();
  pick.onDidTriggerItemButton(({ button }) => {
    pick.hide();
    void (button as Button).run();
  });
  pick.onDidAccept(() => {
    const [item] = pick.selectedItems;
    pick.hide();
    void item?.choose?.();
  });
  pick.onDidHide(() => pick.dispose());
  await telling(context, { what: "Listing the models" }, async () => {
    try {
      const { host } = new URL(hubUrl());
      pick.placeholder = `Larger ones complete more and take longer; nothing is fetched from ${host} before you agree`;
      pick.items = itemsOf(context, await offersFor(context));
    } finally {
      pick.busy = false;
    }
  });
}

async function offersFor(context: Context): Promise<readonly Offer[]> {
  const shelf = shelfOf(context);
  const looks = CATALOGUE.map(async ({ name }) => [name, await shelf.look(name)] as const);
  return offersOf({
    current: currentOf(context),
    shelved: new Map(await Promise.all(looks)),
    measured: new Map(Object.entries(measuredIn(context))),
    room: await roomOf(context),
  });
}

function currentOf({ settings: { now } }: Context): string {
  return now.model || now.modelPath;
}

async function roomOf({ client, log }: Context): Promise<MachineRoom | undefined> {
  try {
    return await client.request(MACHINE_ROOM_REQUEST, null);
  } catch (error) {
    log.debug(`No server says what fits: ${String(error)}`);
    return undefined;
  }
}

function itemsOf(context: Context, offers: readonly Offer[]): Item[] {
  const items: Item[] = [];
  let group: OfferGroup | undefined;
  for (const offer of offers) {
    if (offer.group !== group) items.push(heading(HEADINGS[offer.group]));
    group = offer.group;
    const { icon, label, description, detail } = offer;
    items.push({
      ...{ label: `$(${icon}) ${label}`, description, detail },
      buttons: buttonsOf(context, offer),
      choose: told(context, "Choosing", offer, take),
    });
  }
  return [
    ...items,
    heading("elsewhere"),
    fromDisk(context, "file", "$(file-binary) A .gguf file…", "of a family that the engine runs"),
    fromDisk(context, "folder", "$(folder-opened) A folder…", "config.json, safetensors and tokenizer.json"),
  ];
}

function heading(label: string): Item {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}

function buttonsOf(context: Context, offer: Offer): Button[] {
  const { repository } = catalogueModel(offer.name) ?? {};
  const button = (icon: string, tooltip: string, run: Click): Button => ({
    ...{ iconPath: new vscode.ThemeIcon(icon), tooltip, run },
  });
  const buttons: Button[] = [];
  if (offer.group === "here" || offer.group === "fits")
    buttons.push(button("dashboard", "Measure here", told(context, "Measuring", offer, measure)));
  if (repository === undefined) return buttons;
  const open = () => openPage(repository);
  buttons.push(button("link-external", "Open its page", told(context, "Opening the page of", offer, open)));
  if (offer.icon !== "cloud-download")
    buttons.push(button("trash", "Delete", told(context, "Deleting", offer, remove)));
  return buttons;
}

function told(
  context: Context,
  verb: string,
  offer: Named,
  work: (context: Context, offer: Named) => Promise<void>,
): Click {
  const { repository } = catalogueModel(offer.name) ?? {};
  return () => telling(context, { what: `${verb} ${offer.label}`, repository }, () => work(context, offer));
}

async function take(context: Context, { name, label }: Named): Promise<void> {
  const model = catalogueModel(name);
  const shelf = shelfOf(context);
  if (model && (await shelf.look(name)).kind !== "whole" && !(await fetchInFront(context, model, shelf)))
    return;
  await use(context, name);
  context.log.info(`${label} was chosen.`);
}

/** A setting of the person, never of the workspace. */
async function use({ settings }: Context, name: string): Promise<void> {
  if (name === "" && settings.now.modelPath !== "") await writeSetting("modelPath", "");
  await writeSetting("model", name);
}

function fromDisk(context: Context, kind: "file" | "folder", label: string, description: string): Item {
  const options: vscode.OpenDialogOptions = {
    ...{ canSelectFiles: kind === "file", canSelectFolders: kind === "folder", openLabel: "Use This Model" },
    ...(kind === "file" ? { filters: { "GGUF models": ["gguf"] } } : {}),
  };
  const choose = async (): Promise<void> => {
    const [uri] = (await vscode.window.showOpenDialog(options)) ?? [];
    if (uri) await use(context, uri.fsPath);
  };
  const what = `Choosing a ${kind}`;
  return { label, description, choose: () => telling(context, { what }, choose) };
}

async function remove(context: Context, { name, label }: Named): Promise<void> {
  const shelf = shelfOf(context);
  using _lock = await shelf.lock(name);
  const choice = await vscode.window.showWarningMessage(
    `Delete ${label}?`,
    { modal: true, detail: `${shelf.pathOf(name)}\nIt can be fetched again.` },
    "Delete",
  );
  if (choice === undefined) return;
  if (currentOf(context) === name) await use(context, "");
  await shelf.remove(name);
}

async function measure(context: Context, { name, label }: Named): Promise<void> {
  const speed = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: `Measuring ${label}`, cancellable: true },
    async (_, token) => {
      try {
        return await context.client.request(MODEL_SPEED_REQUEST, { model: name }, token);
      } catch (error) {
        if (token.isCancellationRequested) return undefined;
        throw error;
      }
    },
  );
  if (!speed) return;
  const { msPerLine, device, ofShape } = speed;
  await context.extension.globalState.update(MEASURED_KEY, {
    ...measuredIn(context),
    [name]: { msPerLine, device, ofShape } satisfies Measured,
  });
  await vscode.window.showInformationMessage(
    `${ofShape ? `A model of the shape of ${label}` : label}: ${milliseconds(msPerLine)} a line, ${Math.round(speed.readTokensPerSecond)} tokens read a second, on ${device}.`,
  );
}

function measuredIn({ extension }: Context): Readonly<Record<string, Measured>> {
  return extension.globalState.get(MEASURED_KEY, {});
}
