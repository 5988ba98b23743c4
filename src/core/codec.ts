import { SessionError } from './errors.js'

/** Deepest nesting that a value may have. */
const MAX_DEPTH = 100

/**
 * One value as the string that a store keeps: JSON, and where JSON would change it (Date, Map, Set, BigInt, bytes, -0)
 * a `~` before JSON in which such a value is an object with a single key that begins with `~`.
 *
 * A property whose value is `undefined` counts as absent. The same object met twice comes back as two.
 *
 * @param name - the top-level key, where the path in an error begins
 * @throws SessionError `VALUE_NOT_STORABLE` with the path of what can't come back as what it was: functions, symbols,
 *   instances of classes, NaN and infinities, holes in arrays, cycles, invalid dates, nesting deeper than 100.
 */
export function encode(value: unknown, name: string): string {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return JSON.stringify(value)
  const survey = new Survey(name)
  return survey.needsTags(value) ? '~' + JSON.stringify(tagged(value)) : JSON.stringify(value)
}

/**
 * The value that {@link encode} was given.
 *
 * @throws SessionError `RECORD_UNREADABLE` where the text is not what `encode` writes.
 */
export function decode(text: string): unknown {
  try {
    return text.startsWith('~') ? untagged(JSON.parse(text.slice(1))) : (JSON.parse(text) as unknown)
  } catch {
    // The cause quotes the value: it stays out.
    throw new SessionError('RECORD_UNREADABLE', 'A stored value is not the JSON that Latchkey writes.')
  }
}

/** Walks a value once: finds out whether JSON alone would keep it, and refuses what can't be kept. */
class Survey {
  readonly #path: (string | number)[]
  readonly #ancestors: object[] = []

  constructor(name: string) {
    this.#path = [name]
  }

  needsTags(value: unknown): boolean {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return false
      case 'number':
        if (!Number.isFinite(value)) this.#refuse(`the number ${value}`)
        return Object.is(value, -0)
      case 'bigint':
        return true
      case 'object':
        return value !== null && this.#objectNeedsTags(value)
      default:
        return this.#refuse(value === undefined ? 'undefined' : `a ${typeof value}`)
    }
  }

  #objectNeedsTags(value: object): boolean {
    if (this.#ancestors.includes(value)) this.#refuse('a reference back to an object that contains it')
    if (this.#ancestors.length === MAX_DEPTH) this.#refuse(`nested deeper than ${MAX_DEPTH} levels`)
    this.#ancestors.push(value)
    const result = this.#membersNeedTags(value)
    this.#ancestors.pop()
    return result
  }

  #membersNeedTags(value: object): boolean {
    switch (kindOf(value)) {
      case 'Object':
        return this.#propertiesNeedTags(value as Record<string, unknown>)
      case 'Array':
        return this.#itemsNeedTags(value as unknown[])
      case 'Date':
        if (Number.isNaN(Number(value))) this.#refuse('an invalid date')
        this.#refuseMore(value, 0)
        return true
      case 'Map':
        this.#refuseMore(value, 0)
        for (const [key, item] of value as Map<unknown, unknown>) {
          this.#visit('<key>', key)
          this.#visit(typeof key === 'string' ? key : '<value>', item)
        }
        return true
      case 'Set':
        this.#refuseMore(value, 0)
        for (const item of value as Set<unknown>) this.#visit('<item>', item)
        return true
      case 'Bytes':
        return true
      default:
        return this.#refuse(`an instance of ${nameOf(value)}`)
    }
  }

  #propertiesNeedTags(value: Record<string, unknown>): boolean {
    if (Object.getOwnPropertySymbols(value).length > 0) this.#refuse('an object with symbols as keys')
    let result = false
    for (const key of Object.keys(value)) {
      const item = value[key]
      if (item !== undefined && this.#visit(key, item)) result = true
    }
    this.#refuseToJson(value)
    return result
  }

  #itemsNeedTags(value: readonly unknown[]): boolean {
    let result = false
    for (let index = 0; index < value.length; index++) {
      if (this.#visit(index, value[index])) result = true
    }
    this.#refuseMore(value, value.length)
    this.#refuseToJson(value)
    return result
  }

  /** Properties beside what the value is made of, such as the groups of a match, would be lost. */
  #refuseMore(value: object, own: number): void {
    if (Object.keys(value).length > own) this.#refuse(`an instance of ${nameOf(value)} with properties of its own`)
  }

  /** One that is hidden or inherited: JSON would ask it for something else. */
  #refuseToJson(value: object): void {
    if (typeof (value as { toJSON?: unknown }).toJSON === 'function') this.#refuse('an object with a toJSON of its own')
  }

  #visit(step: string | number, value: unknown): boolean {
    this.#path.push(step)
    const result = this.needsTags(value)
    this.#path.pop()
    return result
  }

  #refuse(what: string): never {
    throw notStorable(pathText(this.#path), what)
  }
}

/** The error for a value that can't be kept; `path` says where it is, `what` says what it is, never its content. */
export function notStorable(path: string, what: string): SessionError {
  return new SessionError(
    'VALUE_NOT_STORABLE',
    `The session can't keep ${path}: it is ${what}. ` +
      'Keep plain objects, arrays, strings, finite numbers, booleans, null, Date, Map, Set, BigInt or bytes.',
  )
}

/** `cart.items[2].price` */
function pathText(path: readonly (string | number)[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    const name = shortened(step)
    if (/^[\p{ID_Start}$_<][\p{ID_Continue}$>]*$/u.test(name)) return text ? `${text}.${name}` : name
    return `${text}[${JSON.stringify(name)}]`
  }, '')
}

/** A name as a message may show it: a client may have chosen it, of any length. */
export function shortened(name: string): string {
  return name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name
}

/** Longest part of a name that a message shows. */
const MAX_SHOWN = 100

type Kind = 'Object' | 'Array' | 'Date' | 'Map' | 'Set' | 'Bytes' | 'Other'

function nameOf(value: object): string {
  const name: unknown = (value.constructor as { name?: unknown } | undefined)?.name
  return typeof name === 'string' && name !== '' ? name : 'a class'
}

/** What a value is, judged by its shape and not by `instanceof`, which fails for values of another realm. */
function kindOf(value: object): Kind {
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === null || prototype === Object.prototype) return Array.isArray(value) ? 'Other' : 'Object'
  const parent: unknown = Object.getPrototypeOf(prototype)
  // The prototype of all objects of another realm, and not that of a class that extends null.
  if (parent === null) return !Array.isArray(value) && Object.hasOwn(prototype, 'isPrototypeOf') ? 'Object' : 'Other'
  if (ArrayBuffer.isView(value)) {
    const tag = Object.prototype.toString.call(value)
    return tag === '[object Uint8Array]' && isExactly(value, Buffer.isBuffer(value) ? 'Buffer' : 'Uint8Array')
      ? 'Bytes'
      : 'Other'
  }
  if (Object.getPrototypeOf(parent) !== null) return 'Other'
  if (Array.isArray(value)) return 'Array'
  switch (Object.prototype.toString.call(value)) {
    case '[object Date]':
      return answers(() => Date.prototype.getTime.call(value)) ? 'Date' : 'Other'
    case '[object Map]':
      return answers(() => Map.prototype.has.call(value, 0)) ? 'Map' : 'Other'
    case '[object Set]':
      return answers(() => Set.prototype.has.call(value, 0)) ? 'Set' : 'Other'
    default:
      return 'Other'
  }
}

/** Whether the value has what a built-in method works on. Its tag alone is no proof: any class can have it, and a proxy. */
function answers(call: () => unknown): boolean {
  try {
    call()
    return true
  } catch {
    return false
  }
}

/** Whether the value was made by the built-in class itself and not by one that extends it. */
function isExactly(value: object, name: string): boolean {
  return (value.constructor as { name?: unknown } | undefined)?.name === name
}

function tagged(value: unknown): unknown {
  if (typeof value === 'bigint') return { '~n': value.toString() }
  if (Object.is(value, -0)) return { '~z': 0 }
  if (typeof value !== 'object' || value === null) return value
  switch (kindOf(value)) {
    case 'Date':
      return { '~d': Number(value) }
    case 'Map':
      return { '~m': Array.from(value as Map<unknown, unknown>, ([key, item]) => [tagged(key), tagged(item)]) }
    case 'Set':
      return { '~s': Array.from(value as Set<unknown>, tagged) }
    case 'Bytes': {
      const bytes = value as Uint8Array
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
      return Buffer.isBuffer(value) ? { '~b': text } : { '~u': text }
    }
    case 'Array':
      return (value as unknown[]).map(tagged)
    default:
      return taggedProperties(value as Record<string, unknown>)
  }
}

function taggedProperties(value: Record<string, unknown>): object {
  const copy = Object.create(null) as Record<string, unknown>
  for (const key of Object.keys(value)) {
    // JSON leaves it out, and what is left must not look like a tag.
    if (value[key] !== undefined) copy[key] = tagged(value[key])
  }
  const keys = Object.keys(copy)
  return keys.length === 1 && keys[0]!.startsWith('~') ? { '~o': copy } : copy
}

function untagged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(untagged)
  const keys = Object.keys(value)
  const content: unknown = keys.length === 1 ? (value as Record<string, unknown>)[keys[0]!] : undefined
  switch (keys.length === 1 ? keys[0] : '') {
    case '~n':
      return BigInt(content as string)
    case '~z':
      return -0
    case '~d':
      return new Date(content as number)
    case '~m':
      return new Map((content as [unknown, unknown][]).map(([key, item]) => [untagged(key), untagged(item)]))
    case '~s':
      return new Set((content as unknown[]).map(untagged))
    case '~b':
      return Buffer.from(content as string, 'base64')
    case '~u':
      return new Uint8Array(Buffer.from(content as string, 'base64'))
    case '~o':
      return untaggedProperties(content as object)
    default:
      return untaggedProperties(value)
  }
}

/** Replaces the values where they are: the object is fresh from `JSON.parse`. */
function untaggedProperties(value: object): object {
  for (const [key, item] of Object.entries(value)) {
    if (typeof item === 'object' && item !== null) defineData(value, key, untagged(item))
  }
  return value
}

/** Sets an own property whatever its name: a plain assignment to `__proto__` would not. */
export function defineData(target: object, key: string, value: unknown): void {
  if (key in target && !Object.hasOwn(target, key)) {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
  } else {
    ;(target as Record<string, unknown>)[key] = value
  }
}
