/**
 * How many times a race is run. By default often enough to see what is wide open; `npm run test:soak` runs it more often than
 * the library promises to stand it, which is 200 rounds and 10,000 races, and so can anybody by the environment:
 *
 * - `RACE_ROUNDS`: rounds of 50 parallel logins, on each store.
 * - `RACES`: races of two requests on Redis.
 */
export function counted(variable: 'RACE_ROUNDS' | 'RACES', usual: number): number {
  return Number(process.env[variable] ?? usual)
}

/** How long so many may take, in milliseconds: more than enough, as it is no measurement. */
export function timeFor(count: number): number {
  return 60_000 + count * 500
}
