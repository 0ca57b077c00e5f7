// The suite that runs inside the extension host, of the workbench and of Electron alike.
import { appendFileSync, writeFileSync } from "node:fs";
import Mocha from "mocha";
import { defineTests } from "./stateline.ts";

/** Each test as one line of JSON, the last line an object with `done`. */
export type ResultLine =
  | { readonly title: string; readonly milliseconds: number; readonly error?: string }
  | { readonly done: true };

/** Called by VS Code (`extensionTestsPath`) and by the test-only extension; results go to STATELINE_E2E_RESULTS. */
export async function run(): Promise<void> {
  const results = process.env.STATELINE_E2E_RESULTS;
  if (results === undefined) throw new Error("STATELINE_E2E_RESULTS names no file for the results.");
  const write = (line: ResultLine): void => appendFileSync(results, `${JSON.stringify(line)}\n`);
  writeFileSync(results, "");

  const mocha = new Mocha({ ui: "tdd", timeout: 60_000, reporter: SilentReporter });
  mocha.suite.emit("pre-require", globalThis, null, mocha);
  defineTests();
  const failures = await new Promise<number>((resolve) => {
    mocha
      .run(resolve)
      .on("pass", (test) => write({ title: test.title, milliseconds: test.duration ?? 0 }))
      .on("fail", (test, error: Error) =>
        write({
          title: test.title,
          milliseconds: test.duration ?? 0,
          error: error.stack ?? error.message,
        }),
      );
  });
  write({ done: true });
  if (failures > 0) throw new Error(`${failures} tests failed in the extension host.`);
}

/** The listeners above report; mocha's own reporters would write to a console that nobody reads. */
class SilentReporter extends Mocha.reporters.Base {
  override epilogue(): void {}
}
