/** For a person: which files of the workspace were read, which were left out, and why. Looked up when it is asked for. */
import type { Log } from "../log.ts";
import { crawl, type SourceFile } from "./crawl.ts";
import type { FilePolicy } from "./filePolicy.ts";
import { readText } from "./readText.ts";
import { secretLines } from "./secretLines.ts";

/** In one list; the rest is a number. */
const MOST_PATHS = 2000;

const NOT_YET = "is not read yet, or did not fit in what is read of a workspace";

interface FolderReport {
  readonly folder: string;
  /** Each with a note, which may be empty. */
  readonly read: readonly string[];
  /** By reason. */
  readonly leftOut: ReadonlyMap<string, readonly string[]>;
}

/** Markdown. `isRead` says of a path whether its file is in the state. */
export async function whatWasRead(
  policy: FilePolicy,
  isRead: (path: string) => boolean,
  log: Log,
): Promise<string> {
  const reports: FolderReport[] = [];
  for (const folder of policy.folders.keys()) reports.push(await reportOf(policy, folder, isRead, log));
  return page(reports);
}

async function reportOf(
  policy: FilePolicy,
  folder: number,
  isRead: (path: string) => boolean,
  log: Log,
): Promise<FolderReport> {
  const read: string[] = [];
  const leftOut = new Map<string, string[]>();
  const onLeftOut = (path: string, reason: string) => {
    // Without the number that differs from file to file.
    const group = reason.replace(/ \(.*\)$/, "");
    const paths = leftOut.get(group) ?? [];
    leftOut.set(group, paths);
    paths.push(path);
  };
  for (const file of await crawl(policy, folder, { log, onLeftOut })) {
    const { note, reason } = await judged(file, isRead(file.path));
    if (reason === undefined) read.push(`${file.relativePath}${note}`);
    else onLeftOut(file.relativePath, reason);
  }
  return { folder: policy.paths[folder] ?? "", read: read.sort(), leftOut };
}

async function judged(file: SourceFile, isRead: boolean): Promise<{ note: string; reason?: string }> {
  const text = await readText(file.path);
  if (text.kind === "skipped") return { note: "", reason: text.reason };
  if (!isRead) return { note: "", reason: NOT_YET };
  const lines = [...(await secretLines(text.text))].map((line) => line + 1).sort((a, b) => a - b);
  const notes = [
    ...(text.truncated ? ["its beginning"] : []),
    ...(lines.length > 0 ? [`without what may be secret in line ${lines.join(", ")}`] : []),
  ];
  return { note: notes.length > 0 ? `  (${notes.join(", ")})` : "" };
}

function page(reports: readonly FolderReport[]): string {
  const title = "# What Stateline read\n";
  if (reports.length === 0) return `${title}\nNo folder is open: only the open documents are known.\n`;
  return `${title}${reports.map((report) => `\n${section(report)}`).join("")}`;
}

function section({ folder, read, leftOut }: FolderReport): string {
  const groups = [...leftOut].sort((a, b) => b[1].length - a[1].length);
  const counts = groups.map(([reason, paths]) => `${paths.length} left out: ${reason}`);
  return [
    `## ${shown(folder)}`,
    "",
    ...[`${read.length} read`, ...counts].map((line) => `- ${line}`),
    "",
    ...list("Read", read),
    ...groups.flatMap(([reason, paths]) => list(`Left out: ${reason}`, [...paths].sort())),
  ].join("\n");
}

/** A path that ends in "/" is a folder with all that is in it. */
function list(title: string, paths: readonly string[]): string[] {
  const more = paths.length - MOST_PATHS;
  const lines = paths.slice(0, MOST_PATHS).map((path) => `    ${shown(path)}`);
  return [`### ${title} (${paths.length})`, "", ...lines, ...(more > 0 ? [`    and ${more} more`] : []), ""];
}

/** A name may hold what is no part of a line. */
function shown(path: string): string {
  return path.replaceAll(/\p{Cc}/gu, "?");
}
