// Runs many jobs, a few at a time.

/**
 * Runs `work` on every item in order, at most `count` at a time. An item is drawn from the iterable
 * only when its turn comes. After the first failure no more jobs start, and the promise rejects
 * with it at once, without waiting for running jobs.
 */
export async function lanes<Item>(
  count: number,
  items: Iterable<Item>,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const source = items[Symbol.iterator]();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (let next = source.next(); !next.done; next = source.next()) {
      await work(next.value);
      if (failed) return;
    }
  };
  await Promise.all(
    Array.from({ length: count }, () =>
      lane().catch((error: unknown) => {
        failed = true;
        throw error;
      }),
    ),
  );
}
