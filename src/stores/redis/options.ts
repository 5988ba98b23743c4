import type { SessionError } from '../../core/errors.js'
import type { Clock } from '../../core/expiry.js'
import { invalid as invalidOption, refuseUnknown, shown } from '../../core/options.js'
import { type AdoptedLibrary, type AdoptOptions, checkAdopt, type ResolvedAdoptOptions } from './adopt-options.js'
import { type Connection, connectionOver, type RedisClient } from './client.js'
import { checkNearCache, type CheckedNearCache, type NearCacheOptions } from './near-cache/options.js'
import { openConnection } from './open.js'

/** How a `RedisStore` is made. Give `url` or `client`, not both; with neither, the environment variable `REDIS_URL` is used. */
export interface RedisStoreOptions {
  /** Where Redis is: `redis://` or `rediss://` (TLS), with user, password, host, port and database number as needed. */
  readonly url?: string | undefined
  /** A client of the application, of the package redis or ioredis. It stays the application's to close. */
  readonly client?: RedisClient | undefined
  /** What every key begins with. Default `lk`. */
  readonly prefix?: string | undefined
  /**
   * Takes over the sessions of another library that are in the same Redis, each at its first request: the library, or how its
   * sessions are told. Default: nobody's.
   */
  readonly adopt?: AdoptedLibrary | AdoptOptions | undefined
  /**
   * Keeps records that were read lately in this process, for as long as Redis tells of their changes. Default: none are kept.
   */
  readonly nearCache?: NearCacheOptions | undefined
  /** Tells the time, in epoch milliseconds. Default `Date.now`. */
  readonly clock?: Clock | undefined
}

/** What the options say, checked and with the defaults filled in. */
export interface CheckedOptions {
  readonly connection: Connection
  readonly prefix: string
  readonly clock: Clock
  readonly adopt: ResolvedAdoptOptions | undefined
  readonly nearCache: CheckedNearCache | undefined
}

const KNOWN = ['url', 'client', 'prefix', 'adopt', 'nearCache', 'clock']

/** Checks the options of a `RedisStore`. Throws `OPTIONS_INVALID` with the value and the mend; never with a password. */
export function checkOptions(options: RedisStoreOptions): CheckedOptions {
  refuseUnknown(options, KNOWN, 'option of RedisStore')
  const { url, client, prefix = 'lk', adopt, nearCache, clock = Date.now } = options
  if (typeof prefix !== 'string' || prefix === '' || /[{}]/.test(prefix)) {
    throw invalid(`prefix is ${shown(prefix)}. Give it a text that isn't empty and has no braces`)
  }
  if (typeof clock !== 'function') throw invalid(`clock is ${shown(clock)}. Give it a function such as Date.now`)
  if (client !== undefined) {
    if (url !== undefined) throw invalid('both url and client are given. Leave one out')
    const connection = connectionOver(client)
    const adopted = checkAdopt(adopt, connection.isCluster)
    return { connection, prefix, clock, adopt: adopted, nearCache: checkNearCache(nearCache, client) }
  }
  const adopted = checkAdopt(adopt, false)
  const checked = checkUrl(url ?? process.env['REDIS_URL'])
  const near = checkNearCache(nearCache, checked)
  return { connection: openConnection(checked), prefix, clock, adopt: adopted, nearCache: near }
}

/** Of a URL only its scheme is shown: everywhere else a password may be, if it isn't percent-encoded. */
function checkUrl(text: string | undefined): string {
  if (text === undefined || text === '') {
    throw invalid('neither url nor client is given, and REDIS_URL is not set. Set REDIS_URL to redis://HOST:PORT')
  }
  const mend = 'Write redis://USER:PASSWORD@HOST:PORT/DATABASE, with special characters in the password percent-encoded'
  if (typeof text !== 'string' || !URL.canParse(text)) throw invalid(`the URL can't be read. ${mend}`)
  const { protocol, hostname, pathname, hash, username, password } = new URL(text)
  if (protocol !== 'redis:' && protocol !== 'rediss:') {
    throw invalid(`the URL ${text.includes('://') ? `begins with ${protocol}//` : 'has no redis://'}. ${mend}`)
  }
  if (hostname === '') throw invalid(`the URL has no host. ${mend}`)
  if (!/^\/?\d*$/.test(pathname) || hash !== '')
    throw invalid(`the URL has no number of a database after the host. ${mend}`)
  try {
    decodeURIComponent(username + password)
  } catch {
    throw invalid(`the user or password in the URL is not percent-encoded. ${mend}`)
  }
  return text
}

function invalid(what: string): SessionError {
  return invalidOption(`RedisStore: ${what}.`)
}
