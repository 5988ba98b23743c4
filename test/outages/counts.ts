/**
 * How long and how large the outages are. By default as small as they can be and still show something; `npm run test:soak`
 * has them as the promises are worded, and so can anybody by the environment:
 *
 * - `OUTAGE_STOP`: for how long Redis is stopped in its tracks, in milliseconds.
 * - `LOAD_SECONDS`, `LOAD_CONNECTIONS`: how long the load lasts, and over how many connections it comes.
 * - `STEADY_SECONDS`: how long the steady run lasts.
 */
export function sized(
  variable: 'OUTAGE_STOP' | 'LOAD_SECONDS' | 'LOAD_CONNECTIONS' | 'STEADY_SECONDS',
  usual: number,
): number {
  return Number(process.env[variable] ?? usual)
}
