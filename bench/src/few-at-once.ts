/** Many requests to the API, a few at a time. */
const AT_ONCE = 16;

/** Calls `work` with 1 to `count`; rejects with the first failure. */
export async function fewAtOnce(count: number, work: (n: number) => Promise<void>): Promise<void> {
  let begun = 0;
  const some = async (): Promise<void> => {
    while (begun < count) await work((begun += 1));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, some));
}
