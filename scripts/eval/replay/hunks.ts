/** What changed between two texts, in the order of the file, as Git's own diff finds it. */
import { spawnSync } from "node:child_process";

export interface Hunk {
  /** Lines of the old text before it. */
  readonly line: number;
  /** Lines of the old text that go. */
  readonly removed: number;
  readonly added: readonly string[];
}

/** Of two files; "/dev/null" stands for one that is not there. */
export function hunksBetween(from: string, to: string): Hunk[] {
  const options = ["--no-index", "--unified=0", "--no-color", "--no-ext-diff", "--text"];
  const { status, stdout, stderr } = spawnSync("git", ["diff", ...options, from, to], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  // 1: they differ.
  if (status !== 0 && status !== 1) throw new Error(`git diff ${from} ${to}: ${stderr}`);
  return parseHunks(stdout);
}

export function parseHunks(diff: string): Hunk[] {
  const [, ...sections] = diff.split(/^(?=@@ )/m);
  return sections.map((section) => {
    const [head = "", ...lines] = section.split("\n");
    const [, start = "", count = "1"] = /^@@ -(\d+)(?:,(\d+))? /.exec(head) ?? [];
    const removed = Number(count);
    const added = lines.filter((line) => line.startsWith("+")).map((line) => line.slice(1));
    // Where nothing goes, the line is the one before.
    return { line: removed === 0 ? Number(start) : Number(start) - 1, removed, added };
  });
}
