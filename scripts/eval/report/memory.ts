/** What is remembered of what was read: names, numbers; and what PyTorch says to the engine's bits. */
import { table } from "../../../server/measure/markdown.ts";
import { picture, share, thousands } from "./format.ts";
import type { BitsResults, NeedleResults, PytorchResults } from "./results.ts";

export function namesText({ model, results }: BitsResults): string {
  const ratio = model.defaultHybridRatio;
  const byDefault = results.find(({ hybridRatio }) => hybridRatio === ratio);
  const rows = (byDefault?.names ?? []).map(({ from, to, names, whole, rest }, i) => [
    `${thousands(from)} to ${thousands(to)}`,
    String(names),
    `${share(whole.alone)} / ${share(rest.alone)}`,
    ...results.map((one) => `${share(one.names[i]?.whole.read)} / ${share(one.names[i]?.rest.read)}`),
    `${share(whole.recalled)} / ${share(rest.recalled)}`,
  ]);
  return [
    "The probability of a name of six letters or more where it stands for the second time, by the tokens since the first: of the whole name, though nothing tells the model that a name comes there / of its rest after its first token.",
    table(
      [
        "tokens ago",
        "names",
        `file alone (${ratio})`,
        ...results.map(({ hybridRatio }) => `ratio ${hybridRatio}`),
        `recalled (${ratio})`,
      ],
      rows,
    ),
  ].join("\n\n");
}

export function needlesText({ results, attentionWindow }: NeedleResults): string {
  const first = results[0]?.figures ?? [];
  const rows = first
    .filter(({ recalled }) => !recalled)
    .map(({ kind, distance }) => {
      const cells = results.map(({ figures }) => {
        const [without, withIt] = [false, true].map((recalled) =>
          figures.find((one) => one.kind === kind && one.distance === distance && one.recalled === recalled),
        );
        return `${share(without?.exact)} / ${share(withIt?.exact)}`;
      });
      return [kind === "needle" ? "one number" : "32 numbers", thousands(distance), ...cells];
    });
  return [
    `Numbers of four digits that stand once in the repository are asked for by their name, so many tokens later; the attention window is ${attentionWindow.toLocaleString("en")} tokens. Each cell: written exactly by the state alone / with exact recall. The text that is in the window when they are asked for differs by distance, and weighs too ([Limits](#limits)).`,
    table(["asked", "tokens ago", ...results.map(({ hybridRatio }) => `ratio ${hybridRatio}`)], rows),
    picture("needles", "Numbers remembered, by distance"),
  ].join("\n\n");
}

export function pytorchText({ results, contextTokens }: PytorchResults): string {
  const rows = results.map(({ hybridRatio, condition, engine, pytorch }) => [
    String(hybridRatio),
    condition === "alone" ? "file alone" : "repository read",
    engine.toFixed(4),
    pytorch.toFixed(4),
    `${(100 * (engine / pytorch - 1)).toFixed(2)} %`,
  ]);
  return [
    `The same int8 file through the engine and through PyTorch, up to ${contextTokens.toLocaleString("en")} tokens of the repository read before; the exact recall is the engine's alone.`,
    table(["hybrid ratio", "", "engine, bits a byte", "PyTorch", "difference"], rows),
  ].join("\n\n");
}
