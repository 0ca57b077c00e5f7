import assert from "node:assert/strict";
import { test } from "node:test";
import { ProgressClock } from "../../../extension/models/progressClock.ts";
import { TimeLeft } from "../../../extension/models/timeLeft.ts";

test("the time left is of the last seconds' speed", () => {
  let nowMs = 0;
  const left = new TimeLeft(() => nowMs);
  assert.equal(left.say(0, 1024), "0 B of 1 KiB");
  nowMs = 2000;
  assert.equal(left.say(256, 1024), "256 B of 1 KiB, 6 s left");
  nowMs = 20_000;
  assert.equal(left.say(256, 1024), "256 B of 1 KiB");
});

test("progress is said four times a second, however many pieces come, and also while none comes", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const said: (readonly [message: string, more: number])[] = [];
  const clock = new ProgressClock((message, more) => said.push([message, more]));
  t.mock.timers.tick(1000);
  assert.deepEqual(said, [], "nothing is known yet");
  for (let done = 1; done <= 512; done++) clock.note(done, 1024);
  t.mock.timers.tick(500);
  assert.deepEqual(said, [
    ["512 B of 1 KiB", 50],
    ["512 B of 1 KiB", 0],
  ]);
  clock[Symbol.dispose]();
  t.mock.timers.tick(1000);
  assert.equal(said.length, 2);
});
