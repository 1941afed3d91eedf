/** Store what is added in this browser, and keep all tabs of this address in step. */

import { ApiError } from "../server/errors";
import { messageOf } from "../page/words";
import type { BrowserModel } from "./browser-model";
import { changed, LocalProject, type Snapshot } from "./local-project";
import { mergeSnapshots, exportedSnapshot } from "./merging";
import { ProjectStorage, type StoredExample, type StoredChanges } from "./storage";

export interface JournalListener {
  /** The project was changed here or in another tab. */
  changed(before: Snapshot, after: Snapshot): Promise<void>;
  notify(message: string): void;
}

export class Journal {
  readonly project: LocalProject;
  /** By example id; undo needs the pictures of deleted examples. */
  readonly pictures = new Map<number, StoredExample>();
  readonly #browserModel: BrowserModel;
  readonly #made: string;
  readonly #listener: JournalListener;
  readonly #name: string;
  readonly #exported: Snapshot;
  #storage: ProjectStorage | null = null;
  /** The latest stored change that this tab has read. */
  #change = -1;
  /** Whether another export, or none, wrote what is stored. */
  #fromOtherExport = true;
  #channel: BroadcastChannel | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(browserModel: BrowserModel, made: string, listener: JournalListener) {
    this.#browserModel = browserModel;
    this.#made = made;
    this.#listener = listener;
    // The same with and without index.html; one name per project, whichever is at the address now.
    this.#name = `classify-anything ${new URL("./", document.baseURI).pathname} ${browserModel.uid}`;
    this.#exported = exportedSnapshot(browserModel);
    this.project = new LocalProject(this.#exported);
  }

  /** ``made`` identifies the export; a read-only page stores nothing. */
  static async open(browserModel: BrowserModel, made: string, learns: boolean, listener: JournalListener): Promise<Journal> {
    const journal = new Journal(browserModel, made, listener);
    if (learns) await journal.#load();
    return journal;
  }

  /** Report what was added since the export. */
  begin(): void {
    const began = this.#queue(() => this.#listener.changed(this.#exported, this.project.now));
    began.catch((error: unknown) => this.#listener.notify(messageOf(error)));
  }

  /** Make one change at a time, across all tabs. If it cannot be saved, nothing changes. */
  change<T>(act: () => T): Promise<T> {
    return this.#queue(async () => {
      const [result, before] = await this.#locked(async () => {
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
      await this.#listener.changed(before, this.project.now);
      return result;
    });
  }

  async updateEmbedding(id: number, picture: StoredExample): Promise<void> {
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
        // The next change reports what fails here.
        void this.#queue(() => this.#locked(() => this.#catchUp())).catch(() => undefined);
      };
    } catch (error) {
      this.#storage = null;
      this.#listener.notify(`${messageOf(error)} Your new examples will be lost when you close the page.`);
    }
  }

  /** Read what another tab has changed. */
  async #catchUp(): Promise<void> {
    const changes = await this.#storage?.since(this.#change);
    if (!changes?.kept || latestChange(changes) <= this.#change) return;
    if (changes.kept.made !== this.#made && changes.kept.exportedAt > this.#browserModel.created_at) {
      throw new ApiError("conflict", "A newer version of this page is open in another tab. Load this page again.");
    }
    const before = this.project.now;
    await this.#adopt(changes);
    await this.#listener.changed(before, this.project.now);
  }

  async #adopt(changes: StoredChanges): Promise<void> {
    const { kept } = changes;
    if (!kept) return;
    this.#fromOtherExport = kept.made !== this.#made;
    // Merging requires everything that the other export wrote.
    const rows = (this.#fromOtherExport && (await this.#storage?.since(-1))?.rows) || changes.rows;
    const known = this.#fromOtherExport ? [] : this.project.now.examples;
    const examples = new Map(known.map((one) => [one.id, one]));
    for (const { id, example, kept: stored } of rows) {
      if (example) examples.set(id, example);
      else examples.delete(id);
      if (stored) this.pictures.set(id, stored);
    }
    const all = {
      classes: kept.classes,
      examples: [...examples.values()].sort((a, b) => a.id - b.id),
      nextId: rows.reduce((next, { id }) => Math.max(next, id + 1), kept.nextId),
    };
    this.project.adopt(this.#fromOtherExport ? mergeSnapshots(this.#exported, all) : all);
    this.#change = latestChange(changes);
  }

  async #save(before: Snapshot): Promise<void> {
    const { now } = this.project;
    const change = this.#change + 1;
    const rows = Array.from(changed(this.#fromOtherExport ? this.#exported : before, now), ([id, example]) => {
      return { id, change, example, kept: example ? this.pictures.get(id) : undefined };
    });
    const { classes, nextId } = now;
    const kept = { change, classes, nextId, made: this.#made, exportedAt: this.#browserModel.created_at };
    await this.#storage?.save(rows, this.#fromOtherExport || classes !== before.classes ? kept : null, this.#fromOtherExport);
    [this.#change, this.#fromOtherExport] = [change, false];
  }

  #queue<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Run while no other tab makes a change. */
  async #locked<T>(act: () => Promise<T>): Promise<T> {
    if (!this.#storage) return act();
    return navigator.locks.request(this.#name, act);
  }
}

function latestChange({ kept, rows }: StoredChanges): number {
  return Math.max(kept?.change ?? -1, rows.at(-1)?.change ?? -1);
}
