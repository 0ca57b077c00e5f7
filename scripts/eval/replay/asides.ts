/** What a person does between two keys of a text and the text does not have: wrong keys that are corrected, and undoing. */
import type { Writing } from "./typing.ts";

/** Of keys: of 136 million recorded ones 6.3 % corrected others (Dhakal et al. 2018), about one for each wrong key. */
const SLIP_SHARE = 0.06;
const UNDO_SHARE = 0.004;
/** As much as an editor undoes at once: about a word. */
const UNDONE_CHARACTERS = 8;
const ROWS = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];

/** States of the writing that come before its next key, the last of which is the writing as it was; mostly none. */
export function asidesOf(writing: Writing, random: () => number): Writing[] {
  const draw = random();
  if (draw < SLIP_SHARE) {
    const wrong = beside(writing.target[writing.typed.length] ?? "", random);
    return wrong === "" || writing.slack !== "" ? [] : [{ ...writing, slack: wrong }, writing];
  }
  const kept = writing.typed.length - UNDONE_CHARACTERS;
  if (draw > 1 - UNDO_SHARE && kept > 0 && writing.slack === "") {
    return [{ ...writing, typed: writing.typed.slice(0, kept) }, writing];
  }
  return [];
}

/** A key next to a letter's on its row; nothing for other keys. */
function beside(letter: string, random: () => number): string {
  const row = letter === "" ? undefined : ROWS.find((one) => one.includes(letter));
  if (!row) return "";
  const at = row.indexOf(letter);
  const neighbours = [row[at - 1], row[at + 1]].filter((one) => one !== undefined);
  return neighbours[Math.floor(random() * neighbours.length)] ?? "";
}
