// Renders media/icon.svg to the PNG that the marketplace wants: node media/renderIcon.ts
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
const page = await browser.newPage({ viewport: { width: 128, height: 128 } });
await page.setContent(
  `<style>body{margin:0}svg{display:block}</style>${readFileSync(here("icon.svg"), "utf8")}`,
);
await page.screenshot({ path: here("icon.png"), omitBackground: true });
await browser.close();
