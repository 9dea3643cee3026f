import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

export default {
  preprocess: vitePreprocess(),
  // The widget is one file: its styles come with its code.
  compilerOptions: { css: "injected", runes: true },
};
