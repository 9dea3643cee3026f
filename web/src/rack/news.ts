/** How fresh the picture is. */
export interface News {
  /** live: it follows; silent: it tries to; still: it was read once; closed: it does not follow any more */
  state: "live" | "silent" | "still" | "closed";
  /** Moment of the newest answer; "" before the first. */
  since: string;
  /** Why it is silent or closed. */
  reason: string;
}

/** The news in a sentence, which changes only when they do: it is read out. */
export function tell(news: News): string {
  const time = news.since ? new Date(news.since).toLocaleTimeString([], { timeStyle: "medium" }) : "";
  const why = news.reason ? `: ${news.reason}` : "";
  switch (news.state) {
    case "live":
      return "live";
    case "silent":
      return (news.since ? "no news" : "no news yet") + why;
    case "still":
      return `as of ${time}, not followed`;
    case "closed":
      return `as of ${time}, not followed any more${why}`;
  }
}

/** For how long there is no news, at a moment in milliseconds; "" while there is, and before the first. */
export function silence(news: News, now: number): string {
  return news.state === "silent" && news.since ? `for ${age(now - Date.parse(news.since))}` : "";
}

/** "12 s", "3 min", "2 h": as long as a person cares for. */
export function age(milliseconds: number): string {
  const s = Math.max(0, Math.round(milliseconds / 1000));
  if (s < 90) return `${s} s`;
  return s < 90 * 60 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`;
}
