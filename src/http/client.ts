import type { IncomingMessage } from 'node:http'
import type { Client } from '../core/context.js'
import { deviceLabel } from './device.js'

/** No address is longer, not even one with a zone or a port. */
const MAX_ADDRESS = 64

/**
 * The client of a request, as the owner of a session may recognize it.
 *
 * @param connection - who knows its address: the request of the platform, which knows of proxies
 */
export function clientOf(
  { headers }: IncomingMessage,
  { ip, socket }: { readonly ip?: unknown; readonly socket?: unknown },
): Client {
  const address = typeof ip === 'string' ? ip : (socket as { remoteAddress?: string } | undefined)?.remoteAddress
  return { device: deviceLabel(headers['user-agent']), ip: address === undefined ? undefined : plain(address) }
}

/**
 * An IPv4 address that a socket for both kinds shows as one of IPv6 (RFC 4291, section 2.5.5.2) as people know it.
 * `undefined` for what is no address: behind a proxy that passes on what a client says of itself it may be any text.
 */
function plain(address: string): string | undefined {
  if (address.length > MAX_ADDRESS) return undefined
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
