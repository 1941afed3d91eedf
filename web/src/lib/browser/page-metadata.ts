/** The description of an exported page, in a meta element of its index.html. */

export interface PageMetadata {
  /** The version of the export; cached files and stored examples belong to one. */
  made: string;
  /** The side of the backbone's square input, in pixels. */
  size: number;
  read_only: boolean;
}

export function pageMetadata(page: Document): PageMetadata | null {
  const text = page.querySelector<HTMLMetaElement>('meta[name="classify-anything-export"]')?.content;
  return text ? (JSON.parse(text) as PageMetadata) : null;
}
