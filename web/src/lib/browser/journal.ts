/** What is taught in this browser: kept, and the same on every page that is open at this address. */

import { ApiError } from "../server/errors";
import { messageOf } from "../page/words";
import type { Knowledge } from "./knowledge";
import { FIRST_LOCAL_ID, LocalProject, type Snapshot } from "./local-project";
import { merged, shipped } from "./merging";
import { Shelf, type Kept, type KeptPicture, type Pictures } from "./storage";

export interface Reader {
  /** It is different now, by a change here or on another page. */
  changed(before: Snapshot, after: Snapshot): Promise<void>;
  /** One line for a person. */
  tell(message: string): void;
}

const NONE: Pictures = new Map();

export class Notebook {
  readonly project: LocalProject;
  readonly #knowledge: Knowledge;
  readonly #made: string;
  readonly #reader: Reader;
  readonly #name: string;
  #shelf: Shelf | null = null;
  /** Of what is on the shelf, as far as it is known here. */
  #stamp: string | undefined;
  #channel: BroadcastChannel | null = null;
  readonly #pictures = new Map<number, KeptPicture>();
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(knowledge: Knowledge, made: string, reader: Reader) {
    this.#knowledge = knowledge;
    this.#made = made;
    this.#reader = reader;
    // Whether the address says index.html or not, and whichever project lies there today.
    this.#name = `classify-anything ${new URL("./", document.baseURI).pathname} ${knowledge.uid}`;
    this.project = new LocalProject(shipped(knowledge));
  }

  /** ``made`` tells which export it is; one that does not learn keeps nothing. */
  static async open(knowledge: Knowledge, made: string, learns: boolean, reader: Reader): Promise<Notebook> {
    const notebook = new Notebook(knowledge, made, reader);
    if (learns) await notebook.#load();
    return notebook;
  }

  picture(id: number): KeptPicture | undefined {
    return this.#pictures.get(id);
  }

  /** Whether anything was taught here. */
  get begun(): boolean {
    return this.project.now.examples.some(({ id }) => id >= FIRST_LOCAL_ID);
  }

  /** Tell the reader of all that the export did not bring. */
  begin(): void {
    const began = this.#after(() => this.#reader.changed(shipped(this.#knowledge), this.project.now));
    began.catch((error: unknown) => this.#reader.tell(messageOf(error)));
  }

  /** Do one change after the other, on this page and on all others: kept and told, or nothing has changed. */
  change<T>(act: () => T, pictures: Pictures = NONE): Promise<T> {
    return this.#after(async () => {
      const [result, before] = await this.#alone(async () => {
        await this.#catchUp();
        const before = this.project.now;
        const restore = this.project.checkpoint();
        try {
          const result = act();
          this.#stamp = await this.#shelf?.save(this.#kept(), pictures);
          for (const [id, picture] of pictures) this.#pictures.set(id, picture);
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
    this.#pictures.set(id, picture);
    await this.#shelf?.put(new Map([[id, picture]]));
  }

  async #load(): Promise<void> {
    try {
      const shelf = await Shelf.open(this.#name);
      const kept = await shelf.state();
      this.#stamp = await shelf.stamp();
      this.#shelf = shelf;
      if (kept) await this.#adopt(kept);
      void this.#tidy(shelf).catch(() => undefined);
      this.#channel = new BroadcastChannel(this.#name);
      this.#channel.onmessage = () => {
        // What cannot be taken over now is told with the next change.
        void this.#after(() => this.#alone(() => this.#catchUp())).catch(() => undefined);
      };
    } catch (error) {
      this.#shelf = null;
      this.#reader.tell(`${messageOf(error)} What you teach is gone when the page is closed.`);
    }
  }

  /** Take over what another page has changed meanwhile. */
  async #catchUp(): Promise<void> {
    const stamp = await this.#shelf?.stamp();
    if (stamp === this.#stamp) return;
    const kept = await this.#shelf?.state();
    if (!kept) return;
    if (kept.made !== this.#made && kept.exportedAt > this.#knowledge.created_at) {
      throw new ApiError("conflict", "A newer form of this page was opened meanwhile. Load this page again.");
    }
    const before = this.project.now;
    await this.#adopt(kept);
    this.#stamp = stamp;
    await this.#reader.changed(before, this.project.now);
  }

  async #adopt(kept: Kept): Promise<void> {
    const all = kept.made === this.#made ? kept : merged(this.#knowledge, kept);
    const taught = all.examples.filter(({ id }) => id >= FIRST_LOCAL_ID).map(({ id }) => id);
    const found = await this.#shelf?.pictures(taught.filter((id) => !this.#pictures.has(id)));
    for (const [id, picture] of found ?? NONE) this.#pictures.set(id, picture);
    const lost = new Set(taught.filter((id) => !this.#pictures.has(id)));
    if (lost.size > 0) this.#reader.tell(`This browser has lost ${lost.size} of the pictures that were taught here.`);
    this.project.adopt({ ...all, examples: all.examples.filter(({ id }) => !lost.has(id)) });
  }

  /** Pictures of what was undone can go when no page is open that could do it again. */
  async #tidy(shelf: Shelf): Promise<void> {
    const open = `${this.#name} open`;
    await navigator.locks.request(open, { ifAvailable: true }, (lock) => lock && this.#alone(() => shelf.tidy()));
    await navigator.locks.request(open, { mode: "shared" }, () => new Promise(() => undefined));
  }

  #kept(): Kept {
    return { ...this.project.now, made: this.#made, exportedAt: this.#knowledge.created_at };
  }

  #after<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** While no other page changes anything. */
  async #alone<T>(act: () => Promise<T>): Promise<T> {
    if (!this.#shelf) return act();
    return navigator.locks.request(this.#name, act);
  }
}
