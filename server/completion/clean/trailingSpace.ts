import type { Rule } from "./rule.ts";

/** No white space at the ends of lines, which formatters and reviewers would take out again. */
export const trailingSpace: Rule = (text) => text.replace(/[ \t]+(?=\n|$)/g, "").replace(/\n+$/, "");
