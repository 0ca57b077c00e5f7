/** Line ends: completions are made with line feeds alone and written with those that most of the document has. */

export function lineFeedsOnly(text: string): string {
  return text.includes("\r") ? text.replaceAll("\r\n", "\n") : text;
}

export function lineEndOf(text: string): "\r\n" | "\n" {
  if (!text.includes("\r\n")) return "\n";
  let balance = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) {
    balance += text[at - 1] === "\r" ? 1 : -1;
  }
  return balance > 0 ? "\r\n" : "\n";
}
