/**
 * The readings of a snapshot, of which there is one at a time. A second one, or one after `end`, is a fault of the caller:
 * it throws an `Error` and disturbs nothing.
 */
export class OneReading {
  #state: 'free' | 'reading' | 'ended' = 'free';

  async run<Result>(read: () => Promise<Result>): Promise<Result> {
    this.#begin();
    try {
      return await read();
    } finally {
      this.#finish();
    }
  }

  async *pages<Page>(read: () => AsyncIterable<Page>): AsyncGenerator<Page> {
    this.#begin();
    try {
      yield* read();
    } finally {
      this.#finish();
    }
  }

  /** No reading begins after this. */
  end(): void {
    this.#state = 'ended';
  }

  #begin(): void {
    if (this.#state === 'ended') throw new Error('the snapshot is closed');
    if (this.#state === 'reading') throw new Error('another reading of the snapshot has not ended');
    this.#state = 'reading';
  }

  #finish(): void {
    if (this.#state === 'reading') this.#state = 'free';
  }
}
