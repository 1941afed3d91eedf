/** Dropped or picked files, with their folders. */

export interface LocalFile {
  /** Relative, as ``mugs/1.jpg``; a file alone has only its name. */
  path: string;
  file: File;
}

/** The files by kind. */
export interface Sorted {
  /** Single pictures: the user must choose a class. */
  pictures: LocalFile[];
  /** Single videos: the user must choose a part. */
  videos: LocalFile[];
  /** In folders and zips, whose names are the classes. */
  collections: LocalFile[];
  /** Unsupported files. */
  others: LocalFile[];
}

const HIDDEN = /^(\.|__MACOSX$|Thumbs\.db$|desktop\.ini$)/;
const PICTURE = /\.(jpe?g|jpe|jfif|mpo|a?png|webp|gif|bmp|tiff?|avif|hei[cf])$/i;
const VIDEO = /\.(mp4|m4v|mov|webm|mkv|avi|mjpe?g|mpe?g|ogv|wmv|3gp)$/i;
const ZIP = /\.zip$/i;

export function sorted(files: readonly LocalFile[]): Sorted {
  const found: Sorted = { pictures: [], videos: [], collections: [], others: [] };
  for (const local of files) found[kindOf(local)].push(local);
  return found;
}

export function isPicture({ name, type }: File): boolean {
  return type.startsWith("image/") || PICTURE.test(name);
}

/** Files of the operating system. */
export function isHidden(path: string): boolean {
  return path.split("/").some((name) => HIDDEN.test(name));
}

/** Single files may come from several folders; number those with equal names, as ``mug (2).jpg``. */
export function distinct(files: readonly LocalFile[]): LocalFile[] {
  const taken = new Set<string>();
  return files.map(({ path, file }) => {
    const [, stem = path, ending = ""] = /^(.*?)(\.[^./]*)?$/.exec(path) ?? [];
    let name = path;
    for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${stem} (${number})${ending}`;
    taken.add(name.toLowerCase());
    return { path: name, file };
  });
}

export function isVideo({ path, file }: LocalFile): boolean {
  return file.type.startsWith("video/") || VIDEO.test(path);
}

function kindOf(local: LocalFile): keyof Sorted {
  const { path, file } = local;
  if (path.includes("/") || ZIP.test(path)) return "collections";
  if (isPicture(file)) return "pictures";
  return isVideo(local) ? "videos" : "others";
}

/** Return all files of a drop. Entries are invalid after the event, so read them before awaiting. */
export async function droppedFiles({ items, files }: DataTransfer): Promise<LocalFile[]> {
  const entries = Array.from(items).flatMap((item) => item.webkitGetAsEntry() ?? []);
  if (entries.length === 0) return Array.from(files, (file) => ({ path: file.name, file }));
  const found: LocalFile[] = [];
  for (const entry of entries) for await (const local of walk(entry)) found.push(local);
  return found;
}

/** Return all files of a file input, which may select a folder. */
export function pickedFiles(files: Iterable<File>): LocalFile[] {
  return Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file })).filter(
    ({ path }) => !path.split("/").some((part) => HIDDEN.test(part)),
  );
}

/** Return the files of an entry and of its folders, by name; skip hidden ones. */
export async function* walk(entry: FileSystemEntry, folder = ""): AsyncGenerator<LocalFile> {
  if (HIDDEN.test(entry.name)) return;
  const path = folder + entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    yield { path, file };
  } else {
    const entries = await entriesOf(entry as FileSystemDirectoryEntry);
    entries.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    for (const inner of entries) yield* walk(inner, `${path}/`);
  }
}

/** A browser returns the entries of a folder in batches of a hundred, and an empty one at the end. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const found: FileSystemEntry[] = [];
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return found;
    found.push(...batch);
  }
}

/** Let the user pick files or a folder; none if cancelled. */
export function pickFiles({ folder = false, accept = "" } = {}): Promise<LocalFile[]> {
  const field = document.createElement("input");
  field.type = "file";
  field.multiple = true;
  field.accept = accept;
  field.webkitdirectory = folder;
  return new Promise((resolve) => {
    field.onchange = () => resolve(pickedFiles(field.files ?? []));
    field.oncancel = () => resolve([]);
    field.click();
  });
}
