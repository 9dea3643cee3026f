// The rack picture in a notebook: what anywidget loads. The model has the
// documents as they were once ("documents"), what changed since ("changes"),
// and how fresh that is ("news"); python/src/composa/notebook/rack.py fills it.
import { mount, unmount } from "svelte";
import { changed, kept, nothing, type Changes, type Documents } from "./rack/documents";
import type { News } from "./rack/news";
import Shown from "./Shown.svelte";
import { State } from "./state.svelte";

/** What of anywidget's model is used. */
export interface Model {
  get(name: string): unknown;
  on(event: string, call: () => void): void;
  off(event: string, call: () => void): void;
}

/** Documents as they were when numbered so. */
interface Base extends Documents {
  number: number;
}

/** All that changed since the documents of a number. */
interface Since extends Changes {
  of: number;
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const state = new State(documentsOf(model), newsOf(model));
  const documents = () => (state.docs = kept(state.docs, documentsOf(model)));
  const news = () => (state.news = newsOf(model));
  const ended = () => (state.news = { ...newsOf(model), state: "closed", reason: "the kernel ended" });
  const heard: [string, () => void][] = [
    ["change:documents", documents],
    ["change:changes", documents],
    ["change:news", news],
    ["comm_live_update", ended],
  ];
  for (const [event, call] of heard) model.on(event, call);
  const shown = mount(Shown, { target: el, props: { state } });
  return () => {
    for (const [event, call] of heard) model.off(event, call);
    void unmount(shown);
  };
}

function documentsOf(model: Model): Documents {
  const base = (model.get("documents") ?? { number: 0, ...nothing }) as Base;
  const since = (model.get("changes") ?? { of: -1 }) as Since;
  return since.of === base.number ? changed(base, since) : base;
}

function newsOf(model: Model): News {
  return model.get("news") as News;
}

export default { render };
