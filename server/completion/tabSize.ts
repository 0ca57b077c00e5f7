/** How wide a tab is, in columns, where the editor does not say. */

export const USUAL_TAB_SIZE = 4;
const WIDE_TAB_SIZE = 8;
const MOST_CHARACTERS = 64 * 1024;

/** Lines that begin with 4 to 7 spaces and no more, beside lines that begin with tabs: a tab stands for eight. */
export function guessTabSize(text: string): number {
  const head = text.slice(0, MOST_CHARACTERS);
  if (!/^\t/m.test(head)) return USUAL_TAB_SIZE;
  let longest = 0;
  for (const [spaces] of head.matchAll(/(?<=^\t*) +(?=\S)/gm)) longest = Math.max(longest, spaces.length);
  return longest >= USUAL_TAB_SIZE && longest < WIDE_TAB_SIZE ? WIDE_TAB_SIZE : USUAL_TAB_SIZE;
}
