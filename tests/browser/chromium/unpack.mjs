// Unpacks the Chromium that is in an npm package; its own code for that needs a newer Node than the rest of the tests.
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

const PACKED = "node_modules/@sparticuz/chromium/bin";

async function unpack(name) {
  await pipeline(createReadStream(`${PACKED}/${name}.br`), createBrotliDecompress(), createWriteStream(name));
}

await Promise.all(["chromium", "al2023.tar", "fonts.tar"].map(unpack));
await chmod("chromium", 0o755);
await rm("node_modules", { recursive: true });
