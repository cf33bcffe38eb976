// The built binary as a black box, one process on a directory of its own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

import { until } from "./wait.js";

const START_DEADLINE_MS = 20_000;
const STOP_DEADLINE_MS = 20_000;

export class Server {
  region = "us-east-1";
  account = "000000000000";
  output = "";

  /** A server for this file; it is stopped after the file's tests, and must end as it should. */
  static async forThisFile(options) {
    const server = await Server.start(options);
    after(() => server.stop());
    return server;
  }

  static async start({ limits = "off", transitionMs = 50 } = {}) {
    const server = new Server();
    const program = process.env.HEADWATER_BIN;
    assert.ok(program, "HEADWATER_BIN must name the built headwater binary");
    server.directory = await mkdtemp(join(tmpdir(), "headwater-js-"));
    const kept = Object.entries(process.env).filter(([name]) => !/^(HEADWATER|AWS)_/.test(name));
    server.process = spawn(
      program,
      [
        "serve", "--listen", "127.0.0.1:0", "--data-dir", join(server.directory, "data"),
        "--limits", limits, "--transition-ms", String(transitionMs),
        "--region", server.region, "--account", server.account,
      ],
      { env: Object.fromEntries(kept), stdio: ["ignore", "pipe", "pipe"] },
    );
    server.ended = once(server.process, "exit");
    for (const pipe of [server.process.stdout, server.process.stderr]) {
      pipe.setEncoding("utf8").on("data", (text) => (server.output += text));
    }
    const banner = await until(() => {
      assert.equal(server.process.exitCode, null, server.output);
      return server.output.match(/http:\/\/127\.0\.0\.1:\d+/);
    }, START_DEADLINE_MS);
    server.url = banner[0];
    return server;
  }

  arn(stream) {
    return `arn:aws:kinesis:${this.region}:${this.account}:stream/${stream}`;
  }

  /** The value of a metric without labels. */
  async metric(name) {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return Number(text.match(new RegExp(`^${name} (\\S+)$`, "m"))[1]);
  }

  /** SIGTERM: a graceful end is exit code 0 and nothing said about a panic. */
  async stop() {
    if (!this.process) return;
    const { process, ended } = this;
    this.process = undefined;
    const late = setTimeout(() => process.kill("SIGKILL"), STOP_DEADLINE_MS);
    process.kill("SIGTERM");
    const [code] = await ended;
    clearTimeout(late);
    await rm(this.directory, { recursive: true, force: true });
    assert.equal(code, 0, this.output);
    assert.doesNotMatch(this.output, /panicked/);
  }
}
