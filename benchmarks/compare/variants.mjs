const library = {
  empty: async () => (await import('./libraries/empty.mjs')).empty,
  bare: async () => (await import('./libraries/bare.mjs')).bare,
  get: async () => (await import('./libraries/get.mjs')).get,
  latchkey: async () => (await import('./libraries/latchkey.mjs')).latchkey,
  'express-session': async () => (await import('./libraries/express-session.mjs')).expressSession,
  '@fastify/session': async () => (await import('./libraries/fastify-session.mjs')).fastifySession,
  'nestjs-session': async () => (await import('./libraries/nestjs-session.mjs')).nestjsSession,
  'iron-session': async () => (await import('./libraries/iron-session.mjs')).ironSession,
}

const platform = {
  express: async () => (await import('./platforms/express.mjs')).openExpress,
  fastify: async () => (await import('./platforms/fastify.mjs')).openFastify,
  'nest-express': async () => (await import('./platforms/nest.mjs')).openNestExpress,
  'nest-fastify': async () => (await import('./platforms/nest.mjs')).openNestFastify,
}

/** What people use today on each platform: nestjs-session mounts a middleware of Express, so it is no choice over Fastify. */
export const peers = {
  express: 'express-session',
  fastify: '@fastify/session',
  'nest-express': 'nestjs-session',
  'nest-fastify': '@fastify/session',
}

export const platforms = Object.keys(platform)

/** What has no sessions, and is there to compare with. */
const SESSIONLESS = new Set(['bare', 'empty', 'get'])

const OURS = ['memory', 'sqlite', 'redis', 'redis-near']
const THEIRS = ['memory', 'redis']

/**
 * @typedef {{ name: string, platform: string, library: string, store: string, usesRedis: boolean, isBare: boolean,
 *   hasSessions: boolean, holdsLarge: boolean }} Variant
 */

/** @type {Variant[]} */
export const variants = platforms.flatMap((on) => [
  variant(on, 'bare', 'none'),
  // What a middleware or a hook costs that does nothing.
  variant(on, 'empty', 'none'),
  // What one command to Redis costs there.
  ...(on.startsWith('nest-') ? [] : [variant(on, 'get', 'redis')]),
  ...OURS.map((store) => variant(on, 'latchkey', store)),
  ...THEIRS.map((store) => variant(on, peers[on], store)),
  variant(on, 'iron-session', 'none'),
])

export function nameOf(on, libraryName, store) {
  return store === 'none' ? `${on} ${libraryName}` : `${on} ${libraryName} ${store}`
}

function variant(on, libraryName, store) {
  return {
    name: nameOf(on, libraryName, store),
    platform: on,
    library: libraryName,
    store,
    usesRedis: store.startsWith('redis'),
    isBare: libraryName === 'bare',
    hasSessions: !SESSIONLESS.has(libraryName),
    // A cookie holds 4 KiB.
    holdsLarge: libraryName !== 'iron-session',
  }
}

/**
 * The variants that are asked for by parts of their names, from the beginning of a word on, each with the bare framework that it is measured over; all
 * without such parts.
 */
export function chosen(only, isThere = (/** @type {Variant} */ _variant) => true) {
  const there = variants.filter(isThere)
  if (only.length === 0) return there
  const named = there.filter(({ name }) => only.some((part) => ` ${name}`.includes(` ${part}`)))
  if (named.length === 0) throw new Error(`No variant has ${only.join(' or ')} in its name.`)
  const on = new Set(named.map((each) => each.platform))
  return there.filter((each) => named.includes(each) || (each.isBare && on.has(each.platform)))
}

/** Opens the app of a variant in this process. */
export async function openApp(name, settings) {
  const found = variants.find((each) => each.name === name)
  if (!found) throw new Error(`There is no variant "${name}".`)
  const [open, used] = [await platform[found.platform](), await library[found.library]()]
  return open(used, { ...settings, store: found.store })
}
