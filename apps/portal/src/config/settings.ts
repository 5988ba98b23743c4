import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ConfigService } from '@nestjs/config'

/** What the portal is told by its environment, checked. `.env.example` says what each variable is for. */
export interface Settings {
  readonly adapter: 'express' | 'fastify'
  readonly host: string
  readonly port: number
  /** Always there in production. In development one is made and kept, if there is none. */
  readonly sessionSecret: string | undefined
  /** What JWTs are signed with. Without it that comes of the secret of the sessions. */
  readonly jwtSecret: string | undefined
  /** Where sessions are kept; in SQLite without it. */
  readonly redisUrl: string | undefined
  /** Where users are kept; in SQLite without it. */
  readonly databaseUrl: string | undefined
  /** The proxies whose `X-Forwarded-*` headers count, separated by commas. */
  readonly trustProxy: string | undefined
  readonly dataFolder: string
  /** How often one client may try to sign in, or to sign up: `limit` times in `ttl` milliseconds. */
  readonly throttle: { readonly limit: number; readonly ttl: number }
}

/** The settings as modules get them. */
export type PortalConfig = ConfigService<Settings, true>

/** A variable that can't work. The message names it and the mend, and shows no secret. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}

/** `data` in the portal's own folder, wherever the portal is started from. */
const DATA_FOLDER = fileURLToPath(new URL('../../data', import.meta.url))

/**
 * Reads the settings. A variable that is empty counts as not set.
 *
 * @throws SettingsError for the first variable that can't work
 */
export function readSettings(environment: NodeJS.ProcessEnv = process.env): Settings {
  const given = (name: string): string | undefined => environment[name]?.trim() || undefined
  const mode = oneOf('NODE_ENV', given('NODE_ENV'), ['development', 'production', 'test'] as const)
  const sessionSecret = secretOf(given('SESSION_SECRET'), mode)
  return {
    adapter: oneOf('ADAPTER', given('ADAPTER')?.toLowerCase(), ['express', 'fastify'] as const),
    host: given('HOST') ?? '0.0.0.0',
    port: portOf(given('PORT')),
    sessionSecret,
    jwtSecret: jwtSecretOf(given('JWT_SECRET'), sessionSecret, mode),
    redisUrl: urlOf('REDIS_URL', given('REDIS_URL'), ['redis:', 'rediss:']),
    databaseUrl: urlOf('DATABASE_URL', given('DATABASE_URL'), ['postgres:', 'postgresql:']),
    trustProxy: proxiesOf(given('TRUST_PROXY')),
    dataFolder: resolve(given('DATA_DIR') ?? DATA_FOLDER),
    throttle: { limit: 10, ttl: 60_000 },
  }
}

/** The first of `known` is the default. */
function oneOf<T extends string>(name: string, value: string | undefined, known: readonly [T, ...T[]]): T {
  if (value === undefined) return known[0]
  const found = known.find((one) => one === value)
  if (found === undefined) throw new SettingsError(`${name} is "${value}". Give one of: ${known.join(', ')}.`)
  return found
}

function portOf(value: string | undefined): number {
  if (value === undefined) return 3000
  const port = /^\d{1,5}$/.test(value) ? Number(value) : NaN
  if (!(port <= 65_535))
    throw new SettingsError(`PORT is "${value}". Give a number from 0 to 65535; 0 takes a free port.`)
  return port
}

/** Its length is Latchkey's to judge. */
function secretOf(value: string | undefined, mode: string): string | undefined {
  if (value !== undefined || mode !== 'production') return value
  throw new SettingsError(
    'SESSION_SECRET is not set. In production it must be: `openssl rand -base64 32` makes one, and it stays the same from start to start.',
  )
}

/** One that leaks must not be the other. Neither is shown. */
function jwtSecretOf(value: string | undefined, sessionSecret: string | undefined, mode: string): string | undefined {
  if (value === undefined) return undefined
  const mend = 'Give it one of its own: `openssl rand -base64 32` makes one.'
  if (sessionSecret?.split(',').some((secret) => secret.trim() === value)) {
    throw new SettingsError(`JWT_SECRET is a secret of SESSION_SECRET. ${mend}`)
  }
  if (mode !== 'production' || value.length >= 32) return value
  throw new SettingsError(`JWT_SECRET has ${value.length} characters. In production it must have at least 32. ${mend}`)
}

/** Of a URL nothing is shown: it may hold a password. */
function urlOf(name: string, value: string | undefined, protocols: readonly [string, ...string[]]): string | undefined {
  if (value === undefined) return undefined
  const mend = `Write ${protocols[0]}//USER:PASSWORD@HOST:PORT/DATABASE, with special characters in the password percent-encoded.`
  if (!URL.canParse(value)) throw new SettingsError(`${name} is no URL. ${mend}`)
  const { protocol, hostname } = new URL(value)
  if (!protocols.includes(protocol)) throw new SettingsError(`${name} begins with ${protocol}. ${mend}`)
  if (hostname === '') throw new SettingsError(`${name} names no host. ${mend}`)
  return value
}

/** Only addresses: who trusts a number of hops, or everybody, believes whatever a client writes about itself. */
function proxiesOf(value: string | undefined): string | undefined {
  const parts = value?.split(',').map((part) => part.trim())
  for (const part of parts ?? []) {
    if (['loopback', 'linklocal', 'uniquelocal'].includes(part)) continue
    const [, address = part, prefix = '0'] = /^(.*)\/(\d{1,3})$/.exec(part) ?? []
    const version = isIP(address)
    if (version !== 0 && Number(prefix) <= (version === 4 ? 32 : 128)) continue
    throw new SettingsError(
      `TRUST_PROXY holds "${part}". Give addresses or networks of your proxies, such as 10.0.0.0/8, or loopback, linklocal, uniquelocal, separated by commas.`,
    )
  }
  return parts?.join(',')
}
