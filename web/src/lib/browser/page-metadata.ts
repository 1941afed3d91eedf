/** What an exported page tells of itself, in a meta element of its index.html. */

export interface Marks {
  /** The files' versions: what is kept in the browser belongs to one. */
  made: string;
  /** The side of the squares that the backbone takes, in pixels. */
  size: number;
  /** Whether the page only answers, and does not learn. */
  frozen: boolean;
}

export function marksOf(page: Document): Marks | null {
  const text = page.querySelector<HTMLMetaElement>('meta[name="classify-anything-export"]')?.content;
  return text ? (JSON.parse(text) as Marks) : null;
}
