/** What is taught in this browser: kept, and the same on every page that is open at this address. */

import { ApiError } from "../server/errors";
import { messageOf } from "../page/words";
import type { BrowserModel } from "./browser-model";
import { changed, LocalProject, type Snapshot } from "./local-project";
import { merged, shipped } from "./merging";
import { ProjectStorage, type KeptPicture, type News } from "./storage";

export interface Reader {
  /** It is different now, by a change here or on another page. */
  changed(before: Snapshot, after: Snapshot): Promise<void>;
  /** One line for a person. */
  tell(message: string): void;
}

export class Journal {
  readonly project: LocalProject;
  /** By the ids of examples that were taught here; undo needs those of deleted ones. */
  readonly pictures = new Map<number, KeptPicture>();
  readonly #browserModel: BrowserModel;
  readonly #made: string;
  readonly #reader: Reader;
  readonly #name: string;
  /** What the export brought. */
  readonly #shipped: Snapshot;
  #storage: ProjectStorage | null = null;
  /** The number of the newest change on the shelf that is known here. */
  #change = -1;
  /** Whether another export wrote what is on the shelf, or none did. */
  #foreign = true;
  #channel: BroadcastChannel | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(browserModel: BrowserModel, made: string, reader: Reader) {
    this.#browserModel = browserModel;
    this.#made = made;
    this.#reader = reader;
    // Whether the address says index.html or not, and whichever project lies there today.
    this.#name = `classify-anything ${new URL("./", document.baseURI).pathname} ${browserModel.uid}`;
    this.#shipped = shipped(browserModel);
    this.project = new LocalProject(this.#shipped);
  }

  /** ``made`` tells which export it is; one that does not learn keeps nothing. */
  static async open(browserModel: BrowserModel, made: string, learns: boolean, reader: Reader): Promise<Journal> {
    const journal = new Journal(browserModel, made, reader);
    if (learns) await journal.#load();
    return journal;
  }

  /** Tell the reader of all that the export did not bring. */
  begin(): void {
    const began = this.#after(() => this.#reader.changed(this.#shipped, this.project.now));
    began.catch((error: unknown) => this.#reader.tell(messageOf(error)));
  }

  /** Do one change after the other, on this page and on all others: kept and told, or nothing has changed. */
  change<T>(act: () => T): Promise<T> {
    return this.#after(async () => {
      const [result, before] = await this.#alone(async () => {
        await this.#catchUp();
        const before = this.project.now;
        const restore = this.project.checkpoint();
        try {
          const result = act();
          await this.#save(before);
          return [result, before] as const;
        } catch (error) {
          restore();
          throw error;
        }
      });
      this.#channel?.postMessage(null);
      await this.#reader.changed(before, this.project.now);
      return result;
    });
  }

  /** Keep the embedding that another backbone has made of a picture. */
  async seenAnew(id: number, picture: KeptPicture): Promise<void> {
    this.pictures.set(id, picture);
    await this.#storage?.update(id, picture);
  }

  async #load(): Promise<void> {
    try {
      const storage = await ProjectStorage.open(this.#name);
      this.#storage = storage;
      await this.#adopt(await storage.since(-1));
      this.#channel = new BroadcastChannel(this.#name);
      this.#channel.onmessage = () => {
        // What cannot be taken over now is told with the next change.
        void this.#after(() => this.#alone(() => this.#catchUp())).catch(() => undefined);
      };
    } catch (error) {
      this.#storage = null;
      this.#reader.tell(`${messageOf(error)} What you teach is gone when the page is closed.`);
    }
  }

  /** Take over what another page has changed meanwhile. */
  async #catchUp(): Promise<void> {
    const news = await this.#storage?.since(this.#change);
    if (!news?.kept || newest(news) <= this.#change) return;
    if (news.kept.made !== this.#made && news.kept.exportedAt > this.#browserModel.created_at) {
      throw new ApiError("conflict", "A newer form of this page was opened meanwhile. Load this page again.");
    }
    const before = this.project.now;
    await this.#adopt(news);
    await this.#reader.changed(before, this.project.now);
  }

  async #adopt(news: News): Promise<void> {
    const { kept } = news;
    if (!kept) return;
    this.#foreign = kept.made !== this.#made;
    // The merge needs everything that another export wrote.
    const rows = (this.#foreign && (await this.#storage?.since(-1))?.rows) || news.rows;
    const known = this.#foreign ? [] : this.project.now.examples;
    const examples = new Map(known.map((one) => [one.id, one]));
    for (const { id, example, kept: picture } of rows) {
      if (example) examples.set(id, example);
      else examples.delete(id);
      if (picture) this.pictures.set(id, picture);
    }
    const all = {
      classes: kept.classes,
      examples: [...examples.values()].sort((a, b) => a.id - b.id),
      nextId: rows.reduce((next, { id }) => Math.max(next, id + 1), kept.nextId),
    };
    this.project.adopt(this.#foreign ? merged(this.#shipped, all) : all);
    this.#change = newest(news);
  }

  async #save(before: Snapshot): Promise<void> {
    const { now } = this.project;
    const change = this.#change + 1;
    const rows = Array.from(changed(this.#foreign ? this.#shipped : before, now), ([id, example]) => {
      return { id, change, example, kept: example ? this.pictures.get(id) : undefined };
    });
    const { classes, nextId } = now;
    const kept = { change, classes, nextId, made: this.#made, exportedAt: this.#browserModel.created_at };
    await this.#storage?.save(rows, this.#foreign || classes !== before.classes ? kept : null, this.#foreign);
    [this.#change, this.#foreign] = [change, false];
  }

  #after<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** While no other page changes anything. */
  async #alone<T>(act: () => Promise<T>): Promise<T> {
    if (!this.#storage) return act();
    return navigator.locks.request(this.#name, act);
  }
}

function newest({ kept, rows }: News): number {
  return Math.max(kept?.change ?? -1, rows.at(-1)?.change ?? -1);
}
