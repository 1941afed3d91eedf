/** What an exported page tells of itself, in a meta element of its index.html. */

export interface PageMetadata {
  /** The files' versions: what is kept in the browser belongs to one. */
  made: string;
  /** The side of the squares that the backbone takes, in pixels. */
  size: number;
  /** Whether the page only answers, and does not learn. */
  read_only: boolean;
}

export function pageMetadata(page: Document): PageMetadata | null {
  const text = page.querySelector<HTMLMetaElement>('meta[name="classify-anything-export"]')?.content;
  return text ? (JSON.parse(text) as PageMetadata) : null;
}
