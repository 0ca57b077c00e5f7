import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FetchError } from "../../../extension/models/fetchError.ts";
import { fetchModel } from "../../../extension/models/fetchModel.ts";
import { hubFetch } from "../../../extension/models/hubFetch.ts";
import { bytesOf, type Listing, listingOf } from "../../../extension/models/listing.ts";
import { Shelf } from "../../../extension/models/shelf.ts";
import { CATALOGUE } from "../../../protocol/catalogue.ts";
import { COMMIT, type Fault, HubStandIn, sendRange } from "./hubStandIn.ts";

const [MODEL] = CATALOGUE;
assert.ok(MODEL);
const WEIGHTS = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * i + (i >> 8)) & 255));
const FILES = {
  "README.md": Buffer.from("Not wanted."),
  "config.json": Buffer.from('{"model_type": "granitemoehybrid"}'),
  "model.safetensors": WEIGHTS,
  "tokenizer.json": Buffer.alloc(20_000, "tokens "),
};

async function arranged(t: TestContext, token?: string) {
  const hub = await HubStandIn.start(FILES);
  const folder = mkdtempSync(join(tmpdir(), "stateline-models-"));
  t.after(async () => {
    await hub[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  const shelf = new Shelf(folder);
  const stop = new AbortController();
  const waits: number[] = [];
  const waitMs = (ms: number) => {
    waits.push(ms);
    return 0;
  };
  const page = `${hub.url}/${MODEL?.repository}`;
  const ask = { url: hub.url, token, fetch: hubFetch({ page, signal: stop.signal, waitMs }) };
  const progress: number[] = [];
  const notice = { progress: (_done: number): void => undefined };
  const list = () => listingOf(MODEL as NonNullable<typeof MODEL>, ask);
  const fetchAll = (listing: Listing) =>
    fetchModel({
      ...{ name: "m", listing, shelf, hub: ask, signal: stop.signal, waitMs },
      onProgress: (done) => {
        progress.push(done);
        notice.progress(done);
      },
    });
  const read = (file: string) => readFileSync(join(folder, "m", file));
  return { hub, shelf, stop, waits, progress, notice, list, fetchAll, read, folder };
}

const isWeights: (path: string) => boolean = (path) => path.endsWith("/model.safetensors");

/** Once: the first of the weights' bytes, and then the connection is gone. */
function breaksOffAfter(bytes: number, times = 1): Fault {
  let left = times;
  return ({ host, path, range }, response) => {
    if (host !== "store" || !isWeights(path) || range === "bytes=0-0" || left-- <= 0) return false;
    sendRange(WEIGHTS, range, response, bytes);
    return true;
  };
}

async function problemOf(work: Promise<unknown>): Promise<FetchError> {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof FetchError, String(error));
  assert.match(error.message, /^[^\n]+\.$/);
  return error;
}

test("what the hub has of a model: the engine's files at a commit, their checksums, the licence", async (t) => {
  const { list } = await arranged(t);
  const listing = await list();
  assert.equal(listing.revision, COMMIT);
  assert.equal(listing.licence, "apache-2.0");
  assert.deepEqual(
    listing.files.map(({ path, hash }) => [path, hash.kind]),
    [
      ["config.json", "git"],
      ["model.safetensors", "sha256"],
      ["tokenizer.json", "sha256"],
    ],
  );
});

test("a model is fetched whole, and its progress is of all files", async (t) => {
  const { list, fetchAll, read, shelf, progress } = await arranged(t);
  const listing = await list();
  await fetchAll(listing);
  for (const { path } of listing.files) assert.deepEqual(read(path), FILES[path as keyof typeof FILES]);
  assert.deepEqual(await shelf.look("m"), { kind: "whole", bytes: bytesOf(listing) });
  assert.equal(progress.at(-1), bytesOf(listing));
  assert.deepEqual(
    progress,
    progress.toSorted((a, b) => a - b),
  );
});

test("a connection that breaks off goes on where it ended", async (t) => {
  const { hub, list, fetchAll, read } = await arranged(t);
  hub.fault = breaksOffAfter(100_000);
  await fetchAll(await list());
  assert.deepEqual(read("model.safetensors"), WEIGHTS);
  const ranges = hub.requests
    .filter(({ host, path }) => host === "store" && isWeights(path))
    .map(({ range }) => range);
  const resumed =
    ranges.map((range) => Number(/^bytes=([1-9]\d*)-/.exec(range ?? "")?.[1] ?? 0)).find(Boolean) ?? 0;
  assert.ok(resumed > 0 && resumed <= 100_000, String(ranges));
});

test("one that breaks off again and again is given up; what came is kept, and the next time goes on", async (t) => {
  const { hub, list, fetchAll, shelf, read } = await arranged(t);
  hub.fault = breaksOffAfter(0, 100);
  const listing = await list();
  const { problem, message } = await problemOf(fetchAll(listing));
  assert.equal(problem, "offline");
  assert.match(message, /what was fetched is kept/);
  assert.equal((await shelf.look("m")).kind, "part");
  hub.fault = () => false;
  await fetchAll(listing);
  assert.deepEqual(read("model.safetensors"), WEIGHTS);
});

test("paused and taken up again by another editor: the listing is on the disk, and only the rest is fetched", async (t) => {
  const { hub, list, fetchAll, shelf, stop, folder, notice } = await arranged(t);
  notice.progress = (done) => {
    if (done > 50_000) stop.abort();
  };
  assert.equal((await problemOf(fetchAll(await list()))).problem, "stopped");
  const paused = await new Shelf(folder).look("m");
  assert.ok(paused.kind === "part" && paused.bytes > 0 && paused.bytes < paused.of);
  const before = hub.requests.length;
  const ask = { url: hub.url, token: undefined, fetch };
  const signal = new AbortController().signal;
  await fetchModel({
    name: "m",
    listing: paused.listing,
    shelf,
    hub: ask,
    signal,
    onProgress: () => undefined,
  });
  assert.deepEqual(readFileSync(join(folder, "m", "model.safetensors")), WEIGHTS);
  const again = hub.requests.slice(before);
  assert.ok(again.every(({ path }) => !path.startsWith("/api/") && !path.endsWith("config.json")));
  assert.ok(again.some(({ range }) => /^bytes=[1-9]\d*-/.test(range ?? "")));
});

test("a part that is longer than the file begins anew", async (t) => {
  const { list, fetchAll, shelf, read } = await arranged(t);
  const listing = await list();
  await shelf.begin("m", listing);
  writeFileSync(shelf.partOf("m", "model.safetensors"), Buffer.alloc(WEIGHTS.length + 1));
  await fetchAll(listing);
  assert.deepEqual(read("model.safetensors"), WEIGHTS);
});

for (const name of ["model.safetensors", "config.json"] as const) {
  test(`another checksum than the hub names: ${name} is deleted, and nothing counts as whole`, async (t) => {
    const { hub, list, fetchAll, shelf, folder } = await arranged(t);
    hub.sent.set(name, Buffer.from(FILES[name]).fill("!", 2, 5));
    const { problem, message } = await problemOf(fetchAll(await list()));
    assert.equal(problem, "damaged");
    assert.match(message, new RegExp(`${name} of .* checksum`));
    assert.notEqual((await shelf.look("m")).kind, "whole");
    assert.ok(!existsSync(join(folder, "m", name)) && !existsSync(shelf.partOf("m", name)));
  });
}

test("a file of another size than was listed is refused before a byte is kept", async (t) => {
  const { hub, list, fetchAll } = await arranged(t);
  hub.sent.set("model.safetensors", WEIGHTS.subarray(1));
  assert.match((await problemOf(fetchAll(await list()))).message, /another size/);
});

test("a gated model is asked for with the token, which no other host is told", async (t) => {
  const { hub, list, fetchAll } = await arranged(t, "hf_right");
  hub.token = "hf_right";
  await fetchAll(await list());
  assert.ok(hub.requests.every(({ host, token }) => (host === "hub") === (token === "hf_right")));
});

for (const [token, expected] of [
  [undefined, /Set Hugging Face Token/],
  ["hf_wrong", /accept the licence/],
] as const) {
  test(`without a right to it, with the token ${token}: one sentence says what to do`, async (t) => {
    const { hub, list } = await arranged(t, token);
    hub.token = "hf_right";
    const { problem, message } = await problemOf(list());
    assert.equal(problem, "gated");
    assert.match(message, expected);
  });
}

test("too many requests: it waits as long as it is told, then goes on", async (t) => {
  const { hub, list, fetchAll, waits } = await arranged(t);
  let refusals = 2;
  hub.fault = ({ path }, response) => {
    if (!isWeights(path) || refusals-- <= 0) return false;
    response.writeHead(429, { "retry-after": "7" }).end();
    return true;
  };
  await fetchAll(await list());
  assert.deepEqual(waits, [7000, 7000]);
});

test("a wait of more than a minute is not waited for", async (t) => {
  const { hub, list, waits } = await arranged(t);
  hub.fault = (_, response) => {
    response.writeHead(429, { "retry-after": "600" }).end();
    return true;
  };
  assert.match((await problemOf(list())).message, /in 10 minutes/);
  assert.deepEqual(waits, []);
});

test("a hub that fails is asked five times, each after a longer pause", async (t) => {
  const { hub, list, waits } = await arranged(t);
  hub.fault = (_, response) => {
    response.writeHead(503).end();
    return true;
  };
  assert.equal((await problemOf(list())).problem, "refused");
  assert.deepEqual(waits, [1000, 2000, 4000, 8000]);
});

test("without a network one sentence says so", async (t) => {
  const { hub, list } = await arranged(t);
  await hub[Symbol.asyncDispose]();
  const { problem, message } = await problemOf(list());
  assert.equal(problem, "offline");
  assert.match(message, /cannot be reached \(ECONNREFUSED\)/);
});

test("a full disk is seen before anything is fetched", async (t) => {
  const { hub, list, fetchAll, shelf } = await arranged(t);
  const listing = await list();
  t.mock.method(shelf, "room", async () => 1000);
  const asked = hub.requests.length;
  const { problem, message } = await problemOf(fetchAll(listing));
  assert.equal(problem, "space");
  assert.match(message, /1000 B left/);
  assert.equal(hub.requests.length, asked);
});

test("a repository without what the engine needs is refused", async (t) => {
  const { hub, list } = await arranged(t);
  const refused = async (pattern: RegExp) => assert.match((await problemOf(list())).message, pattern);
  hub.files.delete("model.safetensors");
  hub.files.set("model-00001-of-00001.safetensors", WEIGHTS);
  await refused(/neither model\.safetensors nor parts of it with model\.safetensors\.index\.json/);
  hub.files.delete("tokenizer.json");
  await refused(/has no tokenizer\.json/);
});

for (const part of ["model-00001-of-00001.safetensors", "model.safetensors-00001-of-00001.safetensors"]) {
  test(`weights in parts are fetched with their index: ${part}`, async (t) => {
    const { hub, list, fetchAll, read } = await arranged(t);
    hub.files.delete("model.safetensors");
    hub.files.set(part, WEIGHTS);
    hub.files.set("model.safetensors.index.json", Buffer.from(JSON.stringify({ weight_map: { a: part } })));
    await fetchAll(await list());
    assert.deepEqual(read(part), WEIGHTS);
    assert.match(read("model.safetensors.index.json").toString(), /weight_map/);
  });
}

test("whatever is asked goes through the extension host's own fetch, where VS Code has its proxy", async (t) => {
  const { hub, list, fetchAll } = await arranged(t);
  const listing = await list();
  const asked = hub.requests.length;
  const proxied = t.mock.method(globalThis, "fetch", () => Promise.reject(new TypeError("no way out")));
  for (const work of [list(), fetchAll(listing)])
    assert.match((await problemOf(work)).message, /cannot be reached \(no way out\).* proxy/);
  assert.ok(proxied.mock.callCount() >= 2);
  assert.equal(hub.requests.length, asked);
});

test("names that lead out of the folder are no model's files", async (t) => {
  const { hub, list } = await arranged(t);
  hub.files.set("../../model.safetensors", WEIGHTS);
  hub.files.set("sub/model.safetensors", WEIGHTS);
  assert.deepEqual((await list()).files.length, 3);
});
