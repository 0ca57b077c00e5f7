/**
 * A process that reads a repository, changes a file of its own again and again and saves as often as it can, until it is
 * killed. Arguments: the repository, the storage, the name of its file.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { memoryOf } from "./memory.ts";

const [root = "", storage = "", name = ""] = process.argv.slice(2);
const { memory, settings } = await memoryOf([root], storage, { saveMs: 0 });
await memory.read(settings, { fromDisk: true });
process.stdout.write(`${memory.wasRestored ? "restored" : "read"}\n`);
for (let i = 0; ; i++) {
  writeFileSync(join(root, name), `export const version = "${name} ${process.pid} ${i}";\n`);
  memory.noteChange(join(root, name));
  await memory.settled();
  if (i === 0) process.stdout.write("saved\n");
}
