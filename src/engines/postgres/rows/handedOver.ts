/** Hands an item over; resolves when the next one is wanted. */
export type Give<Item> = (item: Item) => Promise<void>;

interface Offer<Item> {
  readonly item: Item;
  readonly taken: () => void;
  readonly refused: (reason: Error) => void;
}

/**
 * The items that `work` gives, one at a time, as somebody asks for them. Where nobody asks any more, `work` is told by an
 * error at its next item, and awaited.
 */
export async function* handedOver<Item>(work: (give: Give<Item>) => Promise<void>): AsyncGenerator<Item> {
  let offer: Offer<Item> | undefined;
  let ended: { readonly error?: unknown } | undefined;
  let givenUp = false;
  let wake = (): void => undefined;
  const giveUp = (): Error => new Error('Nobody wants what else there is');
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
