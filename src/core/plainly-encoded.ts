/** Whether `encode` would answer this text, where that is seen without doing it; `false` says nothing. */
export function isPlainlyEncodedAs(value: unknown, text: string): boolean {
  return endOfPlain(value, text, 0, 0) === text.length
}

/**
 * Where the JSON of a value ends that stands in a text, which is JSON itself; {@link UNLIKE} where it does not stand there,
 * or where that is not seen at once.
 */
function endOfPlain(value: unknown, text: string, from: number, depth: number): number {
  switch (typeof value) {
    case 'string':
      return endOfString(value, text, from)
    case 'number':
      // Of a longer number the rest follows, which is no end of a value.
      return Number.isFinite(value) && !Object.is(value, -0) ? endOfWord(String(value), text, from) : UNLIKE
    case 'boolean':
      return endOfWord(value ? 'true' : 'false', text, from)
    case 'object':
      if (value === null) return endOfWord('null', text, from)
      if (depth === PLAIN_DEPTH) return UNLIKE
      return Array.isArray(value)
        ? endOfArray(value, text, from, depth)
        : endOfObject(value as Record<string, unknown>, text, from, depth)
    default:
      return UNLIKE
  }
}

function endOfWord(word: string, text: string, from: number): number {
  return text.startsWith(word, from) ? from + word.length : UNLIKE
}

/** A string without a backslash or a quote is in JSON what it is, if that is where its quotes are. */
function endOfString(value: string, text: string, from: number): number {
  const end = from + value.length + 1
  const isThere = text.charCodeAt(from) === QUOTE && text.charCodeAt(end) === QUOTE && text.startsWith(value, from + 1)
  return isThere && !value.includes('\\') && !value.includes('"') ? end + 1 : UNLIKE
}

function endOfArray(value: readonly unknown[], text: string, from: number, depth: number): number {
  // Nothing but its items, as `encode` demands it.
  if (Object.getPrototypeOf(value) !== Array.prototype || Object.keys(value).length !== value.length) return UNLIKE
  if (text.charCodeAt(from) !== OPEN_ARRAY || 'toJSON' in value) return UNLIKE
  let at = from + 1
  for (let index = 0; index < value.length; index++) {
    if (index > 0 && text.charCodeAt(at++) !== COMMA) return UNLIKE
    at = endOfPlain(value[index], text, at, depth + 1)
    if (at === UNLIKE) return UNLIKE
  }
  return text.charCodeAt(at) === CLOSE_ARRAY ? at + 1 : UNLIKE
}

function endOfObject(value: Record<string, unknown>, text: string, from: number, depth: number): number {
  if (Object.getPrototypeOf(value) !== Object.prototype || text.charCodeAt(from) !== OPEN_OBJECT) return UNLIKE
  if (Object.getOwnPropertySymbols(value).length > 0 || 'toJSON' in value) return UNLIKE
  let at = from + 1
  let isFirst = true
  for (const key of Object.keys(value)) {
    if (value[key] === undefined) continue
    if (!isFirst && text.charCodeAt(at++) !== COMMA) return UNLIKE
    isFirst = false
    at = endOfString(key, text, at)
    if (at === UNLIKE || text.charCodeAt(at++) !== COLON) return UNLIKE
    at = endOfPlain(value[key], text, at, depth + 1)
    if (at === UNLIKE) return UNLIKE
  }
  return text.charCodeAt(at) === CLOSE_OBJECT ? at + 1 : UNLIKE
}

const UNLIKE = -1

/** Deepest nesting that is looked through: what refers back to itself never ends. */
const PLAIN_DEPTH = 8

const [QUOTE, COMMA, COLON] = [0x22, 0x2c, 0x3a] as const
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d] as const
