import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** What a session adds to the head of an answer. */
export interface HeadChanges {
  /** The name of our cookie: no other one of this name is sent. */
  readonly cookieName: string
  readonly setCookie: string | undefined
  /** The Set-Cookie that deletes the cookie of another library. */
  readonly foreignCookie?: string | undefined
  /** The value of `Session-Token`. */
  readonly token: string | undefined
  /** The value of `Vary` that the answer must have. */
  readonly vary: string | undefined
  /** Whether the answer was made without the session that the client has: nobody may keep it for the next time. */
  readonly isStopgap: boolean
}

/** Puts the headers that a `writeHead` brings on the response, for an answer that is another one. */
export function takeHeaders(response: ServerResponse, args: readonly unknown[]): void {
  const last = args.at(-1)
  if (typeof last !== 'object' || last === null) return
  if (Array.isArray(last)) return moveToResponse(response, last)
  for (const [name, value] of Object.entries(last as OutgoingHttpHeaders)) {
    if (value !== undefined) response.setHeader(name, value)
  }
}

/** The arguments of `writeHead` after its status: a reason, headers, or both. */
export type WriteHeadArguments = readonly unknown[]

/**
 * Adds the session's headers to an answer that is about to leave.
 *
 * @param args - the arguments of the `writeHead` that is under way, if any
 * @returns the arguments to call it with
 */
export function changeHead(
  response: ServerResponse,
  changes: HeadChanges,
  args: WriteHeadArguments,
): WriteHeadArguments {
  const last = args.at(-1)
  if (isVaryAlone(changes)) {
    // The most frequent of all: a session was read, and nobody else has said what the answer varies by.
    if (last === undefined && !response.hasHeader('Vary')) {
      response.setHeader('Vary', changes.vary)
      return args
    }
    if (args.length === 1 && isPlain(last) && !response.hasHeader('Vary')) {
      const headers = withoutVary(last)
      if (headers !== undefined) {
        headers['Vary'] = changes.vary
        return [headers]
      }
    }
  }
  if (typeof last !== 'object' || last === null) {
    new ResponseHead(response).change(changes)
    return args
  }
  if (Array.isArray(last)) {
    moveToResponse(response, last)
    new ResponseHead(response).change(changes)
    return args.slice(0, -1)
  }
  // The object may be the app's own constant: it is not changed.
  const headers = { ...(last as OutgoingHttpHeaders) }
  new ArgumentHead(response, headers).change(changes)
  return [...args.slice(0, -1), headers]
}

function isVaryAlone(changes: HeadChanges): changes is HeadChanges & { readonly vary: string } {
  const { vary, setCookie, foreignCookie, token, isStopgap } = changes
  const hasNoCookie = setCookie === undefined && foreignCookie === undefined
  return vary !== undefined && hasNoCookie && token === undefined && !isStopgap
}

function isPlain(headers: unknown): headers is OutgoingHttpHeaders {
  return typeof headers === 'object' && headers !== null && !Array.isArray(headers)
}

/** A copy of headers that have no Vary; `undefined` of those that have, or that can't be copied so. */
function withoutVary(headers: OutgoingHttpHeaders): OutgoingHttpHeaders | undefined {
  // Node takes a quarter of the time to go through one that was filled so than through one that was spread.
  const copy: OutgoingHttpHeaders = {}
  for (const name of Object.keys(headers)) {
    if ((name.length === 4 && name.toLowerCase() === 'vary') || name === '__proto__') return undefined
    copy[name] = headers[name]
  }
  return copy
}

/** The rules, over wherever the headers are. */
abstract class Head {
  protected abstract get(name: string): OutgoingHttpHeader | undefined
  protected abstract set(name: string, value: string | string[]): void

  change({ cookieName, setCookie, foreignCookie, token, vary, isStopgap }: HeadChanges): void {
    if (setCookie !== undefined) this.set('Set-Cookie', [...this.#otherCookies(cookieName), setCookie])
    if (foreignCookie !== undefined) this.set('Set-Cookie', [...listOf(this.get('Set-Cookie')), foreignCookie])
    if (token !== undefined) this.set('Session-Token', token)
    if (setCookie !== undefined || token !== undefined || isStopgap) this.#forbidStoring()
    if (vary !== undefined) this.#vary(vary)
  }

  #otherCookies(ours: string): string[] {
    return listOf(this.get('Set-Cookie')).filter((cookie) => !cookie.startsWith(`${ours}=`))
  }

  /** A cached answer with a session's cookie would hand the session to others. */
  #forbidStoring(): void {
    const asked = listOf(this.get('Cache-Control')).join(', ')
    if (!/\bno-store\b/i.test(asked)) this.set('Cache-Control', 'no-store')
  }

  #vary(field: string): void {
    const present = listOf(this.get('Vary')).join(', ')
    if (present === '') return this.set('Vary', field)
    const fields = present
      .toLowerCase()
      .split(',')
      .map((item) => item.trim())
    if (!fields.includes('*') && !fields.includes(field.toLowerCase())) this.set('Vary', `${present}, ${field}`)
  }
}

/** Headers that were set on the response. */
class ResponseHead extends Head {
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    super()
    this.#response = response
  }

  protected get(name: string): OutgoingHttpHeader | undefined {
    return this.#response.getHeader(name)
  }

  protected set(name: string, value: string | string[]): void {
    this.#response.setHeader(name, value)
  }
}

/** Headers that are an argument of `writeHead`: they go over those on the response. */
class ArgumentHead extends Head {
  readonly #response: ServerResponse
  readonly #headers: OutgoingHttpHeaders

  constructor(response: ServerResponse, headers: OutgoingHttpHeaders) {
    super()
    this.#response = response
    this.#headers = headers
  }

  protected get(name: string): OutgoingHttpHeader | undefined {
    return this.#headers[this.#spelling(name)] ?? this.#response.getHeader(name)
  }

  protected set(name: string, value: string | string[]): void {
    this.#headers[this.#spelling(name)] = value
  }

  #spelling(name: string): string {
    const lower = name.toLowerCase()
    if (lower in this.#headers) return lower
    return Object.keys(this.#headers).find((key) => key.toLowerCase() === lower) ?? name
  }
}

/** `writeHead` takes headers as a flat list or as a list of pairs too: these replace those of the same name. */
function moveToResponse(response: ServerResponse, list: readonly unknown[]): void {
  const flat = (Array.isArray(list[0]) ? list.flat(1) : list) as readonly (string | number | readonly string[])[]
  const values = new Map<string, { name: string; value: string[] }>()
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const name = String(flat[index])
    const value = listOf(flat[index + 1] as OutgoingHttpHeader)
    const known = values.get(name.toLowerCase())
    if (known) known.value.push(...value)
    else values.set(name.toLowerCase(), { name, value: [...value] })
  }
  for (const { name, value } of values.values()) response.setHeader(name, value.length === 1 ? value[0]! : value)
}

function listOf(value: OutgoingHttpHeader | undefined): readonly string[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value : [String(value)]
}
