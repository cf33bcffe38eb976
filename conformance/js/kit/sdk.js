// The AWS SDK from wherever `npm ci` has put it, with nothing of the caller's AWS set-up.
import { createRequire } from "node:module";
import { join } from "node:path";

for (const name of Object.keys(process.env)) {
  if (name.startsWith("AWS_") || name.toLowerCase().endsWith("_proxy")) delete process.env[name];
}
process.env.AWS_CONFIG_FILE = process.env.AWS_SHARED_CREDENTIALS_FILE = "/dev/null";
process.env.AWS_EC2_METADATA_DISABLED = "true";

// `HEADWATER_NODE_HOME` holds `node_modules`; without it they are beside package.json.
const home = process.env.HEADWATER_NODE_HOME;
const require = createRequire(home ? join(home, "package.json") : import.meta.url);
export const sdk = require("@aws-sdk/client-kinesis");
const { NodeHttp2Handler } = require("@smithy/node-http-handler");

/** A client that sends each thing once: what is refused must reach the test. */
export function connect(server, options = {}) {
  return new sdk.Kinesis({
    endpoint: server.url,
    region: server.region,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
    ...options,
  });
}

/**
 * The SDK's own HTTP/2 handler, told that subscriptions are requests like any others. By itself it opens a
 * connection for each of them.
 */
export class OneConnection {
  metadata = { handlerProtocol: "h2" };
  inner = new NodeHttp2Handler({ disableConcurrentStreams: false });

  handle(request, options) {
    return this.inner.handle(request, { ...options, isEventStream: false });
  }

  destroy() {
    this.inner.destroy();
  }

  updateHttpClientConfig(key, value) {
    this.inner.updateHttpClientConfig(key, value);
  }

  httpHandlerConfigs() {
    return this.inner.httpHandlerConfigs();
  }
}
