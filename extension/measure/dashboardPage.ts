// The dashboard's page as its panel loads it: its own script and style, and nothing else.
import { randomBytes } from "node:crypto";

/** `uriOf` is where a file of dist/dashboard is for the panel. */
export function dashboardPage(uriOf: (name: string) => string): string {
  const nonce = randomBytes(18).toString("base64");
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    // A picture of a chart is drawn from its SVG, which is an image for a moment.
    "img-src data:",
    // What default-src does not cover.
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>Stateline</title>
<link rel="stylesheet" nonce="${nonce}" href="${uriOf("page.css")}">
</head>
<body>
<main id="page"></main>
<script nonce="${nonce}" src="${uriOf("page.js")}"></script>
</body>
</html>`;
}
