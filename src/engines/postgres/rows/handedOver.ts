/** Hands an item over; resolves when the next one is wanted. */
export type Give<Item> = (item: Item) => Promise<void>;

interface Offer<Item> {
  readonly item: Item;
  readonly taken: () => void;
  readonly refused: (reason: Error) => void;
}

/**
 * Yields the items that `work` gives, one at a time, as the consumer asks for them. If the consumer stops early, `work` gets
 * an error at its next item, and is awaited.
 */
export async function* handedOver<Item>(work: (give: Give<Item>) => Promise<void>): AsyncGenerator<Item> {
  let offer: Offer<Item> | undefined;
  let ended: { readonly error?: unknown } | undefined;
  let givenUp = false;
  let wake = (): void => undefined;
  const giveUp = (): Error => new Error('The rest is no longer needed');
  const give: Give<Item> = (item) =>
    new Promise((taken, refused) => {
      if (givenUp) return refused(giveUp());
      offer = { item, taken, refused };
      wake();
    });
  const end = (outcome: { readonly error?: unknown }): void => {
    ended = outcome;
    wake();
  };
  const working = work(give).then(
    () => end({}),
    (error: unknown) => end({ error }),
  );
  try {
    for (;;) {
      while (!offer && !ended) await new Promise<void>((resolve) => (wake = resolve));
      if (!offer) break;
      const { item, taken } = offer;
      yield item;
      offer = undefined;
      taken();
    }
  } finally {
    givenUp = true;
    offer?.refused(giveUp());
    await working;
  }
  if (ended && 'error' in ended) throw ended.error;
}
