import type { Documents } from "./rack/documents";
import type { News } from "./rack/news";

/** What a view shows now. */
export class State {
  docs: Documents = $state.raw()!;
  news: News = $state.raw()!;

  constructor(docs: Documents, news: News) {
    this.docs = docs;
    this.news = news;
  }
}
