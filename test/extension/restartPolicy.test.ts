import assert from "node:assert/strict";
import { test } from "node:test";
import { RestartPolicy } from "../../extension/restartPolicy.ts";

const MINUTE_MS = 60_000;

test("a server that dies at once is tried again ever later, and left dead at the fifth time", () => {
  const policy = new RestartPolicy();
  const verdicts = [0, 1, 2, 3, 4].map((second) => policy.crashed(second * 1000));
  const delays = verdicts.map((verdict) => (verdict.kind === "retry" ? verdict.delayMs : verdict.kind));
  assert.deepEqual(delays, [250, 1000, 4000, 16_000, "giveUp"]);
});

test("a crash now and then is always followed by a quick restart", () => {
  const policy = new RestartPolicy();
  for (let hour = 0; hour < 20; hour++) {
    assert.deepEqual(policy.crashed(hour * 60 * MINUTE_MS), { kind: "retry", delayMs: 250 });
  }
});

test("a restart by the person wipes the slate", () => {
  const policy = new RestartPolicy();
  for (let second = 0; second < 5; second++) policy.crashed(second * 1000);
  policy.forget();
  assert.deepEqual(policy.crashed(6000), { kind: "retry", delayMs: 250 });
});
