import { validateHeaderName, validateHeaderValue } from 'node:http'

/**
 * Refuses the head that Node would refuse. Its caller is there to be told now, and would not be once the head has waited.
 *
 * @param args - the arguments of `writeHead`: a status, and a reason, headers, or both
 * @throws TypeError or RangeError, as Node does
 */
export function assertSendableHead(args: readonly unknown[]): void {
  const [status, reason] = args
  assertSendableStatus(status)
  if (typeof reason === 'string') validateHeaderValue('statusMessage', reason)
  const headers = args.at(-1)
  if (typeof headers !== 'object' || headers === null) return
  for (const [name, value] of Array.isArray(headers) ? pairsOf(headers) : Object.entries(headers)) {
    // An empty name is passed over.
    if (name === '') continue
    validateHeaderName(name)
    validateHeaderValue(name, value as string)
  }
}

/**
 * Refuses the status that Node would refuse.
 *
 * @throws RangeError
 */
export function assertSendableStatus(status: unknown): void {
  // As `writeHead` reads a status.
  const code = (status as number) | 0
  if (code < 100 || code > 999) {
    throw coded(new RangeError(`Invalid status code: ${String(status)}`), 'ERR_HTTP_INVALID_STATUS_CODE')
  }
}

/**
 * Refuses what is no chunk of a body, as Node does; for `end` there may be none.
 *
 * @throws TypeError
 */
export function assertSendableChunk(method: 'write' | 'end', chunk: unknown): void {
  if (typeof chunk === 'string' || chunk instanceof Uint8Array) return
  if (method === 'end' && (chunk === undefined || chunk === null || typeof chunk === 'function')) return
  const message = `The "chunk" argument must be of type string or an instance of Buffer or Uint8Array, not ${chunk === null ? 'null' : typeof chunk}.`
  throw coded(new TypeError(message), 'ERR_INVALID_ARG_TYPE')
}

function* pairsOf(list: readonly unknown[]): Generator<readonly [string, unknown]> {
  const flat: readonly unknown[] = Array.isArray(list[0]) ? list.flat(1) : list
  for (let index = 0; index + 1 < flat.length; index += 2) yield [String(flat[index]), flat[index + 1]]
}

function coded(error: Error, code: string): Error {
  return Object.assign(error, { code })
}
