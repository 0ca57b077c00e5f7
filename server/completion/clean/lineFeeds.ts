import type { Rule } from "./rule.ts";

/** One kind of line end inside; the editor's own kind is put in at the end. */
export const lineFeeds: Rule = (text) => text.replaceAll("\r\n", "\n").replaceAll("\r", "");
