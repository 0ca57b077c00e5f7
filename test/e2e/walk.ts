/// <reference lib="dom" />
// Records a walk through the extension, docs/images/walk.webp, as built: node test/e2e/walk.ts
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchmarkRun } from "../../protocol/benchmark.ts";
import { pageOf, saveRun } from "./dashboard.ts";
import type { Editor } from "./editor.ts";
import { type Film, GLANCE, READ } from "./film.ts";
import { completion, record } from "./recording.ts";
import { cache, root } from "./workbench.ts";

const LONGEST_MEASUREMENT_MS = 900_000;

/** The first run that was recorded, on the same machine with the weights of that time. */
const FIRST_RUN = "57ff354:docs/benchmarks/attention.json";

const profile = join(cache, "profile-walk");
await record({
  profile,
  image: "walk.webp",
  walk: async (editor, film) => {
    await reading(editor, film);
    await completion(editor, film);
    await dashboard(editor, film);
    await comparison(editor, film);
  },
});

async function reading(editor: Editor, film: Film): Promise<void> {
  // A small repository is read before anybody sees it.
  await editor.statusSays(/Reading the repository|Ready/);
  await film.frame(READ);
  await editor.statusSays(/Ready/);
  await editor.page.keyboard.press("Control+b");
}

/** Memory now; then all heads are given a state, and what that changes is shown. */
async function dashboard(editor: Editor, film: Film): Promise<void> {
  saveRun(profile, runIn(readFileSync(join(root, "docs/benchmarks/attention.json"), "utf8")));
  saveRun(profile, runIn(execFileSync("git", ["show", FIRST_RUN], { cwd: root, encoding: "utf8" })));
  await editor.runCommand("Stateline: Dashboard");
  const page = pageOf(editor);
  await page.locator("#benchmark-memory svg").waitFor();
  await film.frame(READ);
  await page.locator("#hybrid-ratio").evaluate((section) => section.scrollIntoView());
  await film.frame(GLANCE);
  const slider = page.getByRole("slider", { name: "Share of heads that keep a state" });
  await slider.focus();
  await slider.press("ArrowRight");
  await film.frame(GLANCE);
  await slider.press("End");
  await film.frame(GLANCE);
  await page.locator("#ratio-change table").waitFor({ timeout: LONGEST_MEASUREMENT_MS });
  await film.frame(READ);
}

/** The benchmark's charts, a value under the pointer, and an earlier run laid over them. */
async function comparison(editor: Editor, film: Film): Promise<void> {
  const page = pageOf(editor);
  await page.locator("#benchmark").evaluate((section) => section.scrollIntoView());
  await film.frame(READ);
  await page.locator("#benchmark-wall").hover({ position: { x: 170, y: 90 } });
  await page.locator("#benchmark-wall [aria-label=tip] text").first().waitFor();
  await film.frame(READ);
  await page.getByLabel("Compare with").selectOption({ index: 2 });
  await page.locator("#comparison li").first().waitFor();
  await film.frame(READ);
}

/** Of what `./dev bench` recorded. */
function runIn(text: string): BenchmarkRun {
  return JSON.parse(text).results;
}
