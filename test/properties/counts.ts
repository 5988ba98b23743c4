/**
 * How much the property tests do. By default as much as fits into `npm test`; `npm run test:soak` does more, and so can
 * anybody by the environment:
 *
 * - `PROPERTY_RUNS`: how many runs of each property on each store.
 * - `PROPERTY_SEED` and `PROPERTY_PATH`: those that fast-check prints for a failure, to see it again. Choose the test with
 *   `-t`, because the path is that of one property on one store.
 */
export function runs(usual: number): { numRuns: number; seed?: number; path?: string; endOnFailure?: boolean } {
  const { PROPERTY_RUNS, PROPERTY_SEED, PROPERTY_PATH } = process.env
  return {
    numRuns: PROPERTY_RUNS === undefined ? usual : Number(PROPERTY_RUNS),
    ...(PROPERTY_SEED === undefined ? {} : { seed: Number(PROPERTY_SEED) }),
    ...(PROPERTY_PATH === undefined ? {} : { path: PROPERTY_PATH }),
  }
}

/** How long a test with so many runs may take, in milliseconds: more than enough, as it is no measurement. */
export function timeFor({ numRuns }: { readonly numRuns: number }): number {
  return 60_000 + numRuns * 1000
}
