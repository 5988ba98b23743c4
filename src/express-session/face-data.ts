import { defineData } from '../core/codec.js'
import type { DataNames } from '../stores/express/options.js'
import type { Session } from './session.js'

/** Names that the engine's session has for itself, and data of express-session may have: they are kept with a `~` before. */
const TAKEN: ReadonlySet<string> = new Set([
  'id',
  'handle',
  'authenticatedAt',
  'isAvailable',
  'cookie',
  'save',
  'reload',
  'regenerate',
  'destroy',
  'touch',
  'rotate',
  'update',
  'token',
])

/** Where attributes are kept that a cookie has for itself. */
export const COOKIE_KEY = '~cookie'

/** The name under which the engine keeps a property. */
export function keptName(name: string): string {
  return TAKEN.has(name) || name.startsWith('~') ? `~${name}` : name
}

/** The property of a name that {@link keptName} gave. */
export function shownName(name: string): string {
  return name.startsWith('~') ? name.slice(1) : name
}

/** How a store of express-session names the data: as it does. Attributes of the cookie keep the name that nobody there looks for. */
export const THEIR_NAMES: DataNames = {
  there: (name) => (isCookieKey(name) ? name : shownName(name)),
  here: (name) => (name === 'cookie' || isCookieKey(name) ? name : keptName(name)),
}

function isCookieKey(name: string): boolean {
  return name.endsWith(COOKIE_KEY) && /^~+cookie$/.test(name)
}

/** Gives a session its data, as the engine holds them. Names that a session has for itself are passed over, as they always were. */
export function showData(session: Session, held: object): void {
  for (const [name, value] of Object.entries(held)) {
    if (name === COOKIE_KEY) continue
    const shown = shownName(name)
    if (!(shown in session)) defineData(session, shown, value)
  }
}

/** Makes what the engine holds what the session has, with `cookie` as the attributes of its cookie. */
export function takeData(held: object, session: Session, cookie: object | undefined): void {
  const data = held as Record<string, unknown>
  for (const name of Object.keys(held)) {
    if (name === COOKIE_KEY ? cookie === undefined : !Object.hasOwn(session, shownName(name))) delete data[name]
  }
  for (const [name, value] of Object.entries(session) as [string, unknown][]) {
    if (name !== 'cookie') defineData(held, keptName(name), isPlain(value, 0) ? value : plain(value, []))
  }
  if (cookie !== undefined) data[COOKIE_KEY] = cookie
}

/** Whether a value is what a store keeps as it is, without a closer look. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value === 'string' || typeof value === 'boolean' || value === null || value === undefined) return true
  if (typeof value !== 'object' || depth > 20) return false
  if (Array.isArray(value)) {
    // `every` would pass over a hole.
    for (const item of value as unknown[]) if (item === undefined || !isPlain(item, depth + 1)) return false
    return true
  }
  if (Object.getPrototypeOf(value) !== Object.prototype || 'toJSON' in value) return false
  for (const name of Object.keys(value)) {
    if (!isPlain((value as Record<string, unknown>)[name], depth + 1)) return false
  }
  return true
}

/**
 * A value as express-session would have stored it, which is its JSON: `toJSON` is asked, of a class only the properties are
 * left, functions are left out. What JSON would break and Latchkey keeps stays as it is: Date, Map, Set, BigInt, bytes.
 */
function plain(value: unknown, ancestors: readonly object[]): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value !== 'object' || value === null || isKept(value)) return value
  // It can't be stored, and the codec says where it is.
  if (ancestors.includes(value)) return value
  const path = [...ancestors, value]
  const { toJSON } = value as { readonly toJSON?: unknown }
  if (typeof toJSON === 'function') return plain(toJSON.call(value), path)
  if (Array.isArray(value)) return Array.from(value, (item) => plain(item, path) ?? null)
  const copy: Record<string, unknown> = {}
  for (const [name, item] of Object.entries(value)) defineData(copy, name, plain(item, path))
  return copy
}

function isKept(value: object): boolean {
  return value instanceof Date || value instanceof Map || value instanceof Set || value instanceof Uint8Array
}
