/** Figures as the model card writes them; what was not measured is an empty cell. */
import type { Estimate } from "../random.ts";

export function picture(name: string, alt: string): string {
  return `![${alt}](images/${name}.png)`;
}

export function plain(estimate: Estimate | undefined, digits: number): string {
  return estimate ? estimate.value.toFixed(digits) : "";
}

export function interval(estimate: Estimate | undefined, digits: number): string {
  if (!estimate) return "";
  const { value, low, high } = estimate;
  return `${value.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
}

export function percent(estimate: Estimate | undefined): string {
  if (!estimate) return "";
  const [value, low, high] = [estimate.value, estimate.low, estimate.high].map((x) => (100 * x).toFixed(1));
  return `${value} % [${low}, ${high}]`;
}

export function share(estimate: Estimate | undefined): string {
  return estimate
    ? `${(100 * estimate.value).toFixed(estimate.value > 0 && estimate.value < 0.1 ? 1 : 0)} %`
    : "";
}

export function lessThan(alone: Estimate | undefined, estimate: Estimate | undefined): string {
  if (!alone || !estimate) return "";
  const less = 100 * (1 - estimate.value / alone.value);
  return `${estimate.value.toFixed(3)} (${Math.abs(less).toFixed(1)} % ${less < 0 ? "more" : "less"})`;
}

export function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000).toLocaleString("en")} kB`;
}

export function thousands(tokens: number): string {
  return tokens >= 1024 ? `${tokens / 1024} k` : String(tokens);
}

/** In a cell of a table, where a pipe would end it; a longer fence than any in the text. */
export function code(text: string): string {
  if (text === "") return "nothing";
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const space = longest > 0 ? " " : "";
  return `${fence}${space}${text.replaceAll("|", "\\|")}${space}${fence}`;
}
