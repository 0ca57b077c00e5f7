/** The peer at the places where slow models are asked. */
import { join } from "node:path";
import { type Answer, answerTo, COMPARED_PLACES } from "../answers.ts";
import type { CorpusRepository } from "../corpus.ts";
import { placesIn } from "../places.ts";
import { EVALUATION_CACHE } from "../python.ts";
import { Kept } from "../replay/kept.ts";
import { Peer } from "./model.ts";

/** Whatever was answered by a run that did not end is not asked again. */
export async function askPeer(
  repositories: readonly CorpusRepository[],
  threads: number,
  say: (text: string) => void,
): Promise<Answer[]> {
  const kept = new Kept(join(EVALUATION_CACHE, "peer"));
  await using peer = await Peer.load(threads);
  const answers: Answer[] = [];
  for (const repository of repositories) {
    for (const place of placesIn(repository, COMPARED_PLACES)) {
      const { before, after, kind, path } = place;
      const answer = await kept.found({ kind, path, before, after }, async () => {
        const askedMs = performance.now();
        const text = await peer.restOfLine(place);
        return { answer: text, ms: performance.now() - askedMs };
      });
      answers.push(answerTo(place, repository.name, answer));
    }
    const exact = answers.filter(({ rest, answer }) => rest === answer).length;
    say(`${repository.name}: ${answers.length} places so far, ${exact} exact`);
  }
  kept.forget();
  return answers;
}
