/** Examples on their way: kept until the server has answered, so a lost connection loses none. */

/** About 40 seconds of holding; 224×224 JPEGs of 10 kB make it 6 MB. */
export const OUTBOX_LIMIT = 600;

export interface Parcel {
  seq: number;
  message: Uint8Array<ArrayBuffer>;
}

export class Outbox<P extends Parcel> {
  readonly #waiting: P[] = [];
  readonly #sent = new Map<number, P>();

  /** Parcels not yet answered, sent or not. */
  get size(): number {
    return this.#waiting.length + this.#sent.size;
  }

  get full(): boolean {
    return this.size >= OUTBOX_LIMIT;
  }

  put(parcel: P): void {
    this.#waiting.push(parcel);
  }

  /** The next parcel to send, oldest first; at most ``window`` are on their way at a time. */
  next(window: number): P | undefined {
    if (this.#sent.size >= window) return undefined;
    const parcel = this.#waiting.shift();
    if (parcel) this.#sent.set(parcel.seq, parcel);
    return parcel;
  }

  /** Remove the answered parcel. */
  answered(seq: number): P | undefined {
    const parcel = this.#sent.get(seq);
    this.#sent.delete(seq);
    return parcel;
  }

  /** After a lost connection: send unanswered parcels again, first. */
  rewind(): void {
    this.#waiting.unshift(...this.#sent.values());
    this.#sent.clear();
  }
}
