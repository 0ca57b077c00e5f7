import type { Rule } from "./rule.ts";

/** Nothing is better than white space. */
export const blank: Rule = (text) => (text.trim() === "" ? "" : text);
