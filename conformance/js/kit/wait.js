import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

/** Polls until `condition()` gives something true, and returns it. */
export async function until(condition, deadlineMs = 20_000) {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < deadline, `not within ${deadlineMs} ms: ${condition}`);
    await sleep(5);
  }
}
