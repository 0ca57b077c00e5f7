/** Decides whether a completion is worth asking for at all; the reason why not goes to the log. */
import { isLanguageEnabled } from "../../protocol/languages.ts";
import type { Settings } from "../../protocol/settings.ts";
import { hasOnlyClosers } from "./closers.ts";

/** A person who writes inside a line with more than this to the right is editing, not continuing. */
const MOST_RIGHT_HAND_CHARACTERS = 8;

export interface Question {
  readonly languageId: string;
  /** Why the policy of files forbids it, when it does. */
  readonly forbidden: string | undefined;
  readonly lineBefore: string;
  readonly lineAfter: string;
  readonly manual: boolean;
}

export function reasonNotToAsk(question: Question, settings: Settings): string | undefined {
  if (!settings.enabled) return "Stateline is switched off";
  if (!isLanguageEnabled(settings.languages, question.languageId)) {
    return `the language ${question.languageId} is switched off`;
  }
  if (question.forbidden) return question.forbidden;
  if (question.manual) return undefined;
  const right = question.lineAfter.trimEnd();
  if (hasOnlyClosers(right)) return undefined;
  if (/^[\p{L}\p{N}_$]/u.test(right)) return "the cursor is inside a word";
  if (right.length > MOST_RIGHT_HAND_CHARACTERS) return "the cursor is inside a line";
  return undefined;
}
