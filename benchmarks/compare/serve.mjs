import { startChild } from './child.mjs'
import { CORES } from './cores.mjs'

/** @typedef {import('./child.mjs').Child & { port: number, close(): Promise<void> }} Served */

/**
 * Serves a variant from a fresh process.
 *
 * @param {import('./variants.mjs').Variant} variant
 * @param {Partial<import('./libraries/settings.mjs').Settings>} settings
 * @returns {Promise<Served>}
 */
export async function serve({ name }, settings) {
  const execArgv = process.env.BENCH_NODE_OPTIONS?.split(' ') ?? []
  const child = await startChild('./server.mjs', { execArgv, env: { NODE_ENV: 'production' }, core: CORES.server })
  try {
    const port = await child.ask('open', { variant: name, settings }, 30_000)
    return {
      ...child,
      port,
      /** As an operator would end it, so that its store is closed. */
      async close() {
        await child.ask('close', {}, 10_000)
        await child.end()
      },
    }
  } catch (error) {
    await child.stop()
    throw new Error(`${name} did not start.`, { cause: error })
  }
}

/**
 * Serves a variant from a fresh process while something is done, and disconnects the load from it then.
 *
 * @template T
 * @param {import('./child.mjs').Child} load
 * @param {import('./variants.mjs').Variant} variant
 * @param {Partial<import('./libraries/settings.mjs').Settings>} settings
 * @param {(served: Served) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withServed(load, variant, settings, work) {
  const served = await serve(variant, settings)
  try {
    return await work(served)
  } finally {
    try {
      await load.ask('leave', { port: served.port })
    } finally {
      await served.close()
    }
  }
}
