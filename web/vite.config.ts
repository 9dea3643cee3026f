import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// `vite build` makes the rack picture's widget for notebooks: one module that
// loads nothing else, the same bytes from the same sources.
export default defineConfig({
  plugins: [svelte()],
  resolve: process.env["VITEST"] ? { conditions: ["browser"] } : {},
  build: {
    outDir: "../python/src/composa/notebook/static",
    emptyOutDir: true,
    target: "es2022",
    license: { fileName: "rack.licenses.md" },
    lib: { entry: "src/widget.ts", formats: ["es"], fileName: () => "rack.js" },
    rollupOptions: { output: { codeSplitting: false, minify: true, comments: false } },
  },
  test: { environment: "happy-dom", include: ["test/**/*.test.ts"], testTimeout: 60_000 },
});
