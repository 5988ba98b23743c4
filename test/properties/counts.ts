/**
 * How much the property tests do. By default as much as fits into `npm test`, and the same each time, so that what one change
 * breaks is not found at another; `npm run test:soak` looks further, and so can anybody by the environment:
 *
 * - `PROPERTY_RUNS`: how many runs of each property on each store.
 * - `PROPERTY_SEED` and `PROPERTY_PATH`: those that fast-check prints for a failure, to see it again. Choose the test with
 *   `-t`, because the path is that of one property on one store.
 */
export function runs(usual: number): { numRuns: number; seed?: number; path?: string; endOnFailure?: boolean } {
  const { PROPERTY_RUNS, PROPERTY_SEED, PROPERTY_PATH } = process.env
  return {
    numRuns: PROPERTY_RUNS === undefined ? usual : Number(PROPERTY_RUNS),
    ...seedOf(PROPERTY_SEED ?? (PROPERTY_RUNS === undefined ? USUAL_SEED : undefined)),
    ...(PROPERTY_PATH === undefined ? {} : { path: PROPERTY_PATH }),
  }
}

/** What `npm test` looks at. */
const USUAL_SEED = 20261125

/** How long a test with so many runs may take, in milliseconds: more than enough, as it is no measurement. */
export function timeFor({ numRuns }: { readonly numRuns: number }): number {
  return 60_000 + numRuns * 1000
}

function seedOf(seed: string | number | undefined): { seed?: number } {
  return seed === undefined ? {} : { seed: Number(seed) }
}
