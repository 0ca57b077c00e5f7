import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { beforeEach, mock, test } from "node:test";
import { Heartbeat, SILENCE_SECONDS } from "../../extension/heartbeat.ts";

const BEAT_MS = 5000;

beforeEach(() => mock.timers.reset());

async function heard(settle: () => void): Promise<void> {
  settle();
  await new Promise(setImmediate);
}

/** A server that answers when told to. */
function start() {
  mock.timers.enable({ apis: ["setInterval"] });
  const server = {
    pings: 0,
    hung: 0,
    answer: async (): Promise<void> => undefined,
    fail: async (): Promise<void> => undefined,
  };
  const heartbeat = new Heartbeat({
    ping: () => {
      server.pings++;
      return new Promise((resolve, reject) => {
        server.answer = () => heard(() => resolve(undefined));
        server.fail = () => heard(() => reject(new Error("closed")));
      });
    },
    onHung: () => server.hung++,
  });
  const beat = async (beats = 1) => {
    for (let i = 0; i < beats; i++) {
      mock.timers.tick(BEAT_MS);
      await new Promise(setImmediate);
    }
  };
  return { server, heartbeat, beat };
}

const silentBeats = (SILENCE_SECONDS * 1000) / BEAT_MS;

test("silence for some beats is a hung server, said once", async () => {
  const { server, beat } = start();
  await beat(silentBeats - 1);
  assert.equal(server.hung, 0);
  await beat();
  assert.equal(server.hung, 1);
  await beat(100);
  assert.deepEqual([server.hung, server.pings], [1, 1]);
});

for (const how of ["answer", "fail"] as const) {
  test(`a server that is late and then does ${how} does not hang`, async () => {
    const { server, heartbeat, beat } = start();
    for (let i = 0; i < 20; i++) {
      await beat(silentBeats - 1);
      await server[how]();
      await beat();
    }
    assert.deepEqual([server.hung, server.pings], [0, 21]);
    heartbeat.dispose();
  });
}

test("hours in which this clock does not beat are no silence: a laptop that sleeps wakes to the same server", async () => {
  const { server, heartbeat, beat } = start();
  const asleep = mock.method(Date, "now", () => 0);
  await beat(silentBeats - 2);
  asleep.mock.mockImplementation(() => 8 * 3_600_000);
  await beat();
  await server.answer();
  await beat(2);
  assert.equal(server.hung, 0);
  asleep.mock.restore();
  heartbeat.dispose();
});

test("no beat after it is disposed of", async () => {
  const { server, heartbeat, beat } = start();
  heartbeat.dispose();
  await beat(2 * silentBeats);
  assert.equal(server.hung, 0);
});

/** Answers each message, until it is told to turn in circles. */
const ECHO = "process.on('message', (m) => { if (m === 'block') for (;;); process.send(m); })";

for (const { how, hang } of [
  { how: "is stopped", hang: "SIGSTOP" },
  { how: "turns in circles", hang: "block" },
] as const) {
  test(`a process that ${how} is noticed, one that answers is not`, { timeout: 60_000 }, async () => {
    const child = spawn(process.execPath, ["-e", ECHO], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
    try {
      let answers = 0;
      const hung = new Promise<void>((resolve) => {
        new Heartbeat({
          beatMs: 100,
          ping: async () => {
            child.send("ping");
            await once(child, "message");
            if (++answers !== 5) return;
            if (hang === "block") child.send(hang);
            else child.kill(hang);
          },
          onHung: resolve,
        });
      });
      await hung;
      assert.ok(answers >= 5, `it was said to hang after ${answers} answers`);
    } finally {
      child.kill("SIGKILL");
    }
  });
}
