/** What an error says to a person. */

export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
