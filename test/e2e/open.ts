// `./dev start --vscode`: the workbench with the extension on a folder, for a person instead of a test.
import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { packageExtension } from "./packages.ts";
import { cache, installWorkbench, Workbench } from "./workbench.ts";

const folder = resolve(process.argv[2] ?? ".");
installWorkbench((line) => console.log(`· ${line}`));
const workbench = await Workbench.start({
  profile: join(cache, "profile-open"),
  extensions: [packageExtension()],
  settings: {},
  trust: "everything",
});
const url = workbench.url(folder);
console.log(`The workbench is at ${url} until Ctrl+C.`);

// Without a desktop there is no browser to open, and the line above is all.
const opener = process.platform === "darwin" ? "open" : "xdg-open";
spawn(opener, [url], { stdio: "ignore", detached: true })
  .on("error", () => {})
  .unref();

process.once("SIGINT", () => void workbench.stop());
process.once("SIGTERM", () => void workbench.stop());
