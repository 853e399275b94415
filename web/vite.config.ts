import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const WORTH_IT = 512; // bytes, below which compression gains nothing

/** Writes NAME.br and NAME.gz beside every text file, as the gateway looks for them. */
function precompressed(): Plugin {
  return {
    name: "precompressed",
    writeBundle({ dir }, bundle) {
      for (const name of Object.keys(bundle)) {
        const file = join(dir!, name);
        const plain = readFileSync(file);
        if (plain.length < WORTH_IT || /\.(png|webp|woff2)$/.test(name)) continue;
        const hint = { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length, [constants.BROTLI_PARAM_QUALITY]: 11 };
        writeFileSync(`${file}.br`, brotliCompressSync(plain, { params: hint }));
        writeFileSync(`${file}.gz`, gzipSync(plain, { level: 9 }));
      }
    },
  };
}

// `npm run dev -w web` serves the sources, and passes on to a gateway what is not of the page.
const gateway = process.env.INKFLEET ?? "http://127.0.0.1:8080";

export default defineConfig({
  resolve: { alias: { "inkfleet-client": join(import.meta.dirname, "../clients/js/src/index.ts") } },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  plugins: [precompressed()],
  server: { proxy: { "^/(v1/|gpt2)": { target: gateway, ws: true } } },
});
