import { indentationOf, isBlank } from "../lines.ts";
import type { Rule } from "./rule.ts";

const CLOSER = /^\s*([)\]}]|end\b|<\/)/;

/** Ends where a line leaves the block or the statements that the completion is about; a block's own closer stays. */
export const indentation: Rule = (text, { shape }) => {
  const lines = text.split("\n");
  if (shape.kind === "line") return lines[0] ?? "";
  for (const [i, line] of lines.entries()) {
    if (i === 0 || isBlank(line)) continue;
    const columns = indentationOf(line);
    const inside = shape.kind === "block" ? columns > shape.indentation : columns >= shape.indentation;
    if (inside) continue;
    const closes = shape.kind === "block" && columns === shape.indentation && CLOSER.test(line);
    return lines.slice(0, closes ? i + 1 : i).join("\n");
  }
  return text;
};
