/// <reference lib="dom" />
// The dashboard in front of a person: part of the tests in workbench.test.ts, on their workbench.
import assert from "node:assert/strict";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { FrameLocator } from "playwright-core";
import type { BenchmarkPoint, BenchmarkRun, BenchmarkSeries, Mode } from "../../protocol/benchmark.ts";
import { sumOfCounts } from "../../protocol/counts.ts";
import { daysIn } from "../../server/counting/countsFile.ts";
import type { Editor } from "./editor.ts";
import { longRangeTests } from "./longRange.ts";

export const THEMES = [
  ["light", "Light Modern"],
  ["dark", "Dark Modern"],
  ["contrast", "Dark High Contrast"],
] as const;

/** In the profile. */
const COUNTS = "data/User/globalStorage/stateline.stateline/counts/completions.json";

/** What a slow and busy machine may take to measure. */
const MEASURE_MS = 180_000;

export interface DashboardSubject {
  readonly editor: () => Editor;
  readonly profile: string;
  readonly repository: () => string;
}

export function pageOf(editor: Editor): FrameLocator {
  return editor.page.frameLocator("iframe.webview.ready").frameLocator("#active-frame");
}

export function dashboardTests({ editor, profile, repository }: DashboardSubject): void {
  const page = (): FrameLocator => pageOf(editor());
  const text = (selector: string) => page().locator(selector).innerText();
  const says = (selector: string, pattern: RegExp) =>
    page().locator(selector, { hasText: pattern }).waitFor({ timeout: MEASURE_MS });

  test("the dashboard opens from the menu with what is held in memory", async () => {
    await editor().page.setViewportSize({ width: 1200, height: 900 });
    saveRun(profile, EXAMPLE);
    await editor().clickStatus();
    await editor().choose("Dashboard");
    await says(".status", /^Ready · stateline/);
    const memory = await text("#memory");
    for (const name of ["Weights", "Repository's state", "Attention cache", "Exact recall", "Together"]) {
      assert.match(memory, new RegExp(`${name}\\s+[\\d.,]+ (?:B|KiB|MiB)`), memory);
    }
    assert.match(memory, /[\d,]+ tokens of context take .* they would take .*: \d[\d,]* times as much\./);
    await says("#reading", /[\d,]+ tokens in the index/);
  });

  test("what the person took before is counted: whole texts, a word, by language", async () => {
    await says(
      "#completions",
      /\d of \d+ texts were accepted\. 3 keys took a whole text, 1 a word, 0 a line/,
    );
    const said = await text("#completions");
    assert.match(said, /accepted\s+\d+ %\s+keys saved\s+\d+\s+time saved\s+\d+ s\s+waited, median\s+\d+ ms/);
    assert.match(said, /javascript\s+\d+\s+\d+ %\s+\d+\s+\d+\.\d/);
    for (const id of ["outcomes", "keys"]) await page().locator(`#${id}-chart svg[role=img]`).waitFor();
    // The only bar is today's, at the right end.
    const chart = page().locator("#outcomes-chart svg");
    const width = Number(await chart.getAttribute("width"));
    await chart.hover({ position: { x: width - 24, y: 100 } });
    await page().locator("#outcomes-chart [aria-label=tip] text", { hasText: "shown" }).waitFor();
  });

  test("the file of the counts opens, and says what the dashboard says", async () => {
    await page().getByRole("button", { name: "Open the File" }).click();
    await editor().page.locator(".tab.active", { hasText: "completions.json" }).waitFor();
    const days = daysIn(readFileSync(join(profile, COUNTS), "utf8"));
    const { accepted, whole, words, lines, characters } = sumOfCounts(days);
    assert.deepEqual({ accepted, whole, words, lines }, { accepted: 4, whole: 3, words: 1, lines: 0 });
    await editor().runCommand("View: Close Editor");
    await editor().runCommand("Stateline: Dashboard");
    await says("#completions .tiles", new RegExp(`keys saved${characters - 4}time saved`));
  });

  test("a saved benchmark is charted, with its figures in words and under the pointer", async () => {
    for (const id of ["memory", "wall", "prefill", "decode"]) {
      await page().locator(`#benchmark-${id} svg[role=img]`).waitFor();
    }
    assert.match(
      await text("#stops"),
      /all attention, no window: stopped after 40,000 tokens, where the time limit/,
    );
    await page().locator("#benchmark-memory").hover();
    await page().locator("#benchmark-memory [aria-label=tip] text", { hasText: "tokens" }).waitFor();
    await page().locator("#benchmark summary").click();
    assert.match(await text("#benchmark details"), /1 M\s+19\.\d s/);
  });

  test("its figures are exported as CSV and its charts as SVG and PNG, with colours of their own", async () => {
    for (const kind of ["CSV", "SVG", "PNG"] as const) {
      const name = new RegExp(`stateline-benchmark-[\\d-]+\\.${kind.toLowerCase()}`);
      await page()
        .getByRole("button", { name: `Save the charts as ${kind}` })
        .click();
      // The dialog writes the name that it proposes a moment after it opened.
      await editor().page.waitForFunction(
        (pattern) =>
          new RegExp(pattern).test(
            document.querySelector<HTMLInputElement>(".quick-input-widget input.input")?.value ?? "",
          ),
        name.source,
      );
      await editor().page.keyboard.press("Enter");
      await editor().page.locator(".notification-toast", { hasText: name }).waitFor();
      await editor().runCommand("Notifications: Clear All Notifications");
      const [path] = globSync(join(repository(), `stateline-benchmark-*.${kind.toLowerCase()}`));
      assert.ok(path, `no ${kind} was written`);
      const content = readFileSync(path);
      if (kind === "CSV")
        assert.match(content.toString(), /^run,.*\nA,2026-01-02T[^,]*,Example CPU,2,.*,all state,1,0,1024,/);
      if (kind === "SVG")
        assert.ok(/^<svg .*stroke="rgb/.test(content.toString()) && !content.includes("var("));
      if (kind === "PNG") assert.equal(content.subarray(1, 4).toString(), "PNG");
    }
  });

  test("another run, added from a file, is laid over it: which is which is said everywhere", async () => {
    writeFileSync(join(repository(), "other-machine.json"), JSON.stringify(OTHER));
    await page()
      .getByRole("button", { name: /^Add a run from a file/ })
      .click();
    await editor().choose("other-machine.json");
    await says("#comparison", /256 k tokens, all state: B reads 0\.50× and writes 0\.50× as fast as A/);
    const said = await text("#comparison");
    assert.match(said, /Only A has ratio 0\.75, window 1,024\.\nOnly B has ratio 0\.5, window 1,024\./);
    assert.match(said, /Not the same: processor Example CPU in A, Other CPU in B; threads 2 in A, 1 in B\./);
    const legend = await text("#benchmark .legend:nth-child(2)");
    assert.match(legend, /^B · .*2026.* · stateline 6\.8 M int8 · Other CPU/);
    const broken = page().locator("#benchmark-wall g[stroke-dasharray]");
    assert.equal(await broken.count(), 3);
    assert.match(
      (await page().locator("#benchmark-wall svg").getAttribute("aria-label")) ?? "",
      /A, all state; .*B, all state/,
    );
    assert.match(await text("#benchmark details"), /B in multiples of A: all state/);
    await page().locator("#benchmark").scrollIntoViewIfNeeded();
    await editor().picture("dashboard-compared");
  });

  test("the comparison is taken off and put back by keyboard", async () => {
    const compared = page().getByLabel("Compare with");
    await compared.focus();
    await compared.press("Home");
    await page().locator("#comparison").waitFor({ state: "hidden" });
    assert.equal(await page().locator("#benchmark-wall g[stroke-dasharray]").count(), 0);
    await compared.press("End");
    await says("#comparison", /Other CPU in B/);
  });

  test("a benchmark fills the charts while it runs, and is cancelled from the page", async () => {
    await page().getByRole("button", { name: "Measure Against Attention" }).click();
    await says("#benchmark .legend", /A · under way\s*all state/);
    await says("#benchmark .figures", /tokens, /);
    await page().locator("#benchmark").getByRole("button", { name: "Cancel" }).click();
    await page().locator("#run-benchmark:enabled").waitFor();
    await says("#stops", /stopped after 40,000 tokens/);
  });

  test("the best ratio is found on this repository, explained, and offered", async () => {
    await editor().runCommand("Stateline: Find the Best Hybrid Ratio");
    await says("#advice", /^Ratio [\d.]+ has [\d.]+ bits a byte on a sample of this repository/);
    await page().locator("#ratio-chart svg[role=img]").waitFor();
    const toast = editor().page.locator(".notification-toast", { hasText: "bits a byte" });
    await toast.waitFor();
    await editor().runCommand("Notifications: Clear All Notifications");
  });

  test("the slider works by keyboard; the repository is read for the new ratio, and what changed is shown", async () => {
    const slider = page().getByRole("slider", { name: "Share of heads that keep a state" });
    assert.match(
      (await slider.getAttribute("aria-valuetext")) ?? "",
      /^0[\d.]*: \d+ of \d+ heads keep a state$/,
    );
    await slider.focus();
    await slider.press("End");
    await says("#ratio-change", /ratio 0[\d.]*\s*ratio 1/);
    const change = await text("#ratio-change");
    assert.match(change, /Attention cache\s+[\d.]+ (?:KiB|MiB)\s+0 B/);
    assert.match(change, /Bits a byte\s+\d\.\d{3}\s+\d\.\d{3}/);
    await says("#hybrid-ratio .value", /^1$/);
    assert.match(await text("#memory"), /Attention cache\s+0 B/);
  });

  // Not before: a server that was off has its repository from disk, and then no speed of reading to show.
  test("it has the session's latencies, throughput and speed of reading", async () => {
    await says("#latency", /median\s*[\d.]+ (?:ms|s)/i);
    await says("#reading", /[\d,]+ tokens in the index, [\d,]+ read into the state, [\d,]+ tokens\/s\./);
    await page().locator("#throughput-chart svg[role=img]").waitFor();
  });

  longRangeTests({ editor, page, profile, repository });

  for (const [name, theme] of THEMES) {
    test(`it is readable in ${theme}, wide and 300 pixels narrow`, async () => {
      await chooseTheme(editor(), theme);
      const size = (width: number) => editor().page.setViewportSize({ width, height: 2900 });
      await size(1280);
      await page().locator("#benchmark-memory svg").waitFor();
      await editor().picture(`dashboard-${name}`);
      const widths = () =>
        page()
          .locator("body")
          .evaluate((body) => [body.scrollWidth, body.clientWidth] as const);
      const [, wide] = await widths();
      await size(1280 - wide + 300);
      await editor().page.waitForFunction(
        (most) => (document.querySelector("iframe.webview.ready")?.clientWidth ?? most) < most,
        400,
      );
      const [scroll, client] = await widths();
      assert.ok(scroll <= client, `${scroll} pixels wide in ${client}`);
      await editor().picture(`dashboard-${name}-narrow`);
      await size(1280);
    });
  }

  test("what was counted is deleted from the page", async () => {
    const path = join(profile, COUNTS);
    assert.ok(existsSync(path));
    await page().getByRole("button", { name: "Delete…" }).click();
    await editor().page.locator(".monaco-dialog-box").getByRole("button", { name: "Delete" }).click();
    await says("#completions > .note", /^Nothing is counted yet\./);
    assert.ok(!existsSync(path));
  });

  test("it says so when completions are off, and comes back", async () => {
    await editor().runCommand("Stateline: Enable or Disable Completions");
    await says(".status", /^Completions are off\.$/);
    await editor().runCommand("Stateline: Enable or Disable Completions");
    await says(".status", /^Ready ·/);
  });
}

export function chooseTheme(editor: Editor, theme: string): Promise<void> {
  const list = editor.page.locator(".quick-input-widget");
  // Into the field itself: the rows may be there before it has the focus.
  const field = list.locator(".quick-input-box input");
  return editor.useList(async (soon) => {
    // By its keys: the command's name is also the beginning of another one's.
    await editor.page.keyboard.press("Control+k");
    await editor.page.keyboard.press("Control+t");
    await list.locator(".monaco-list-row").first().waitFor(soon);
    await field.fill(theme, soon);
    await list.locator(".monaco-list-row.focused", { hasText: theme }).waitFor(soon);
    await field.press("Enter", soon);
    await list.waitFor({ state: "hidden", ...soon });
  });
}

/** As a benchmark would have left it in the storage of the only workspace of this profile. */
export function saveRun(profile: string, run: BenchmarkRun): void {
  const [workspace] = globSync(join(profile, "data/User/workspaceStorage/*"));
  assert.ok(workspace, "no workspace was opened");
  // The extension's own folder is there only when it saved something.
  const storage = join(workspace, "stateline.stateline");
  mkdirSync(join(storage, "benchmarks"), { recursive: true });
  const name = `benchmark-${run.date.slice(0, 19).replaceAll(":", "-")}Z.json`;
  writeFileSync(join(storage, "benchmarks", name), JSON.stringify(run));
}

export const EXAMPLE: BenchmarkRun = {
  ...{ version: 1, date: "2026-01-02T03:04:05.678Z", seconds: 153 },
  machine: {
    ...{ cpu: "Example CPU", logicalCores: 4, physicalCores: 2, memoryGiB: 16 },
    ...{ system: "Linux", node: "v24", loadBefore: 0.1 },
  },
  model: {
    ...{ name: "stateline", hash: "ab", parameters: 6.8e6, quantization: "int8" },
    ...{ weightBytes: 7e6, cpuLevel: "avx2", threads: 2 },
  },
  ...{ decodeTokens: 128, timeLimitSeconds: 60, memoryLimitBytes: 2 ** 33 },
  series: [
    series("state", 1, 0, 1024),
    { ...series("attention", 0, 0, 32), stopped: { reason: "time", limitSeconds: 60, atTokens: 40_000 } },
    series("chosen", 0.75, 1024, 1024),
  ],
};

/** Half as fast, and up to shorter contexts. */
export const OTHER: BenchmarkRun = {
  ...EXAMPLE,
  date: "2026-01-01T03:04:05.678Z",
  machine: { ...EXAMPLE.machine, cpu: "Other CPU", loadBefore: 0.2 },
  model: { ...EXAMPLE.model, threads: 1 },
  series: [
    series("state", 1, 0, 256, 0.5),
    {
      ...series("attention", 0, 0, 16, 0.5),
      stopped: { reason: "time", limitSeconds: 60, atTokens: 20_000 },
    },
    series("chosen", 0.5, 1024, 256, 0.5),
  ],
};

function series(
  mode: Mode,
  hybridRatio: number,
  attentionWindow: number,
  mostK: number,
  speedup = 1,
): BenchmarkSeries {
  const contexts = [1, 4, 16, 32, 64, 128, 256, 512, 1024].filter((k) => k <= mostK).map((k) => k * 1024);
  return {
    mode,
    hybridRatio,
    attentionWindow,
    points: contexts.map((tokens) => point(mode, tokens, speedup)),
  };
}

function point(mode: Mode, contextTokens: number, speedup: number): BenchmarkPoint {
  const seen =
    mode === "attention" ? contextTokens : mode === "chosen" ? Math.min(contextTokens, 1024) / 4 : 0;
  const prefillTokensPerSecond = (54_000 * speedup) / (1 + seen / 1500);
  const decodeTokensPerSecond = (13_900 * speedup) / (1 + seen / 600);
  const prefillMs = (1000 * contextTokens) / prefillTokensPerSecond;
  return {
    ...{ contextTokens, prefillMs, prefillTokensPerSecond, decodeTokensPerSecond },
    wallMs: prefillMs + 128_000 / decodeTokensPerSecond,
    stateBytes: mode === "attention" ? 92_160 : mode === "state" ? 485_376 : 387_072,
    kvBytes: Math.round(seen * 18_575),
  };
}
