import { withServed } from './serve.mjs'
import { ready, warm } from './time.mjs'
import { variants } from './variants.mjs'

/**
 * Serves the bare framework of each platform, warmed up, while something is done: what stands on it is measured in turn with it.
 *
 * @template T
 * @param {import('./child.mjs').Child} load
 * @param {readonly string[]} platforms
 * @param {{ names?: string[], warmUp: number, sessions?: { small: number, large: number } }} how - `names`: of the scenarios to warm
 *   up for, all unless they are given
 * @param {(bare: Record<string, import('./time.mjs').Asked>) => Promise<T>} work - is given one for each platform
 * @param {Record<string, import('./time.mjs').Asked>} [bare] - those that are there already
 * @returns {Promise<T>}
 */
export async function withBare(load, [platform, ...others], how, work, bare = {}) {
  if (platform === undefined) return work(bare)
  const variant = variants.find((each) => each.isBare && each.platform === platform)
  return withServed(load, variant, {}, async (served) => {
    const asked = await ready(load, served, variant, how.sessions)
    await warm(load, asked, how)
    return withBare(load, others, how, work, { ...bare, [platform]: asked })
  })
}
