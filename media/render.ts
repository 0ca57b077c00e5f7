// Renders pictures that are kept as SVG to the PNG that the marketplace and the README want: node media/render.ts
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const PICTURES = [
  { from: "icon.svg", to: "icon.png", width: 128, height: 128, style: "" },
  // As a dark theme of VS Code shows it.
  {
    from: "walkthrough/read.svg",
    to: "../docs/images/memory.png",
    width: 960,
    height: 640,
    style: "body{background:#1e1e1e}svg{width:960px}",
  },
];

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
for (const { from, to, width, height, style } of PICTURES) {
  const page = await browser.newPage({ viewport: { width, height } });
  await page.setContent(
    `<style>body{margin:0}svg{display:block}${style}</style>${readFileSync(here(from), "utf8")}`,
  );
  await page.screenshot({ path: here(to), omitBackground: true });
}
await browser.close();
