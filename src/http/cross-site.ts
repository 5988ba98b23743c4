import type { IncomingMessage } from 'node:http'
import { invalid, shown } from '../core/options.js'
import type { ConnectionFacts } from './exchange.js'

/** What is used of a request. */
type Request = Pick<IncomingMessage, 'method' | 'headers'>

/** What `Sec-Fetch-Site` says of a request, in words that hold nothing which its sender wrote. */
export type SiteSaid = 'cross-site' | 'same-site' | 'other' | 'unsaid'

/** Whether a method may change something: all but those that RFC 9110, section 9.2.1, calls safe. */
export function isStateChanging(method: string | undefined): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS' && method !== 'TRACE'
}

/**
 * Tells requests that a page of another site has sent from those of the app's own pages, as `CrossOriginProtection` of
 * Go's net/http does and the OWASP cheat sheet on CSRF describes: by Fetch Metadata (W3C), which every browser since
 * 2023 sends over HTTPS and to localhost, and which no page can forge; without it, by the `Origin`.
 */
export class CrossSiteCheck {
  readonly #trusted: ReadonlySet<string>

  constructor(trustedOrigins: ReadonlySet<string>) {
    this.#trusted = trustedOrigins
  }

  /**
   * Whether such a page has sent it. A request with neither header comes from no browser, and passes.
   *
   * @param connection - as {@link ownOrigins} wants it
   */
  isForeign(request: Request, connection: ConnectionFacts): boolean {
    // Two headers of a name reach us as one, with a comma in between: that is no value that passes.
    const site = request.headers['sec-fetch-site']
    if (site === 'same-origin' || site === 'none') return false
    const { origin } = request.headers
    if (site === undefined && origin === undefined) return false
    const sender = origin === undefined ? undefined : originOf(origin)
    if (sender === undefined) return true
    if (this.#trusted.has(sender)) return false
    return site !== undefined || !ownOrigins(request, connection).includes(sender)
  }

  /** The `Origin` of a request as its page has sent it, if that is trusted. */
  trustedOrigin({ headers: { origin } }: Pick<Request, 'headers'>): string | undefined {
    const sender = origin === undefined ? undefined : originOf(origin)
    return sender !== undefined && this.#trusted.has(sender) ? origin : undefined
  }
}

/** What the browser said, for events and log lines. */
export function siteSaid({ headers }: Pick<IncomingMessage, 'headers'>): SiteSaid {
  const site = headers['sec-fetch-site']
  if (site === undefined) return 'unsaid'
  return site === 'cross-site' || site === 'same-site' ? site : 'other'
}

/**
 * Checks the list of trusted origins.
 *
 * @throws SessionError `OPTIONS_INVALID` for what no browser would send as `Origin`, with the mend.
 */
export function resolveTrustedOrigins(given: readonly string[] | undefined): ReadonlySet<string> {
  const list: unknown = given === undefined ? [] : given
  if (!Array.isArray(list)) {
    throw invalid(`trustedOrigins is ${shown(list)}. Give a list of origins, such as ['https://app.example.com'].`)
  }
  return new Set(
    list.map((item: unknown) => {
      const origin = typeof item === 'string' ? originOf(item) : undefined
      if (origin !== undefined) return origin
      throw invalid(`trustedOrigins holds ${shown(item)}. ${mendOf(item)}`)
    }),
  )
}

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*,]+$/i

/** An origin in its one spelling (RFC 6454, section 6.1); `undefined` for `null` and all that is no single origin. */
function originOf(text: string): string | undefined {
  if (!ORIGIN.test(text)) return undefined
  const url = parsed(text)
  if (!url) return undefined
  // Of a scheme that is not the web's, such as that of an app's own web view, URL does not know the origin.
  return url.origin === 'null' ? text.toLowerCase() : url.origin
}

/**
 * The origins that a page of this very host has. Where the connection is known to be HTTPS that is one; otherwise two,
 * because a proxy may speak HTTPS to the browser and not be trusted, or not say so.
 *
 * @param connection - Express's and Fastify's requests know what a trusted proxy says of the host
 */
function ownOrigins({ headers }: Request, connection: ConnectionFacts): readonly string[] {
  const host = hostOf(headers, connection)
  if (host === undefined || !HOST.test(host)) return []
  const schemes = isHttps(connection) ? HTTPS : EITHER
  return schemes.map((scheme) => parsed(scheme + host)?.origin ?? '')
}

const HOST = /^[^\s/?#@,]+$/
const HTTPS = ['https://']
const EITHER = ['https://', 'http://']

function hostOf(headers: IncomingMessage['headers'], { host, hostname }: ConnectionFacts): string | undefined {
  if (typeof host === 'string' && host !== '') return host
  const asked = headers.host ?? (headers[':authority'] as string | undefined)
  // @fastify/middie, in which Nest runs, tells the host that a trusted proxy names, but not its port.
  if (typeof hostname !== 'string' || hostname === '') return asked
  return asked === hostname || asked?.startsWith(`${hostname}:`) ? asked : hostname
}

/** Whether the client came over HTTPS, as far as the platform knows. */
export function isHttps({ protocol, socket }: ConnectionFacts): boolean {
  if (typeof protocol === 'string') return protocol === 'https'
  return (socket as { encrypted?: unknown } | undefined)?.encrypted === true
}

function parsed(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

function mendOf(item: unknown): string {
  const example = "Give a scheme and a host, with a port if it is not the scheme's own: 'https://app.example.com'."
  if (typeof item !== 'string') return example
  if (item.includes('*'))
    return `A wildcard would trust hosts that nobody has looked at, so name each origin. ${example}`
  if (item === 'null') {
    return 'Every sandboxed frame and every file has this origin, so it can not be trusted. Leave it out.'
  }
  const origin = parsed(item)?.origin ?? 'null'
  return origin === 'null' ? example : `An origin has no path, no user and no slash at its end: '${origin}'.`
}
