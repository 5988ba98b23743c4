import { type Numbers, packed, unpacked } from './numbers.js'

/** What the one field of a record says that every write rewrites. */
export interface Head {
  readonly handle: string
  /** Where the session comes from (see origin.ts); empty where nothing is said of it, or only beside the head. */
  readonly code: string
  readonly numbers: Numbers
}

/**
 * The longest value with which Redis keeps a hash compact, unless it is told otherwise. One that is longer makes the
 * record take twice the room or more, for good.
 */
export const COMPACT = 64

/**
 * A head as one text: the handle, a `+` and the code where there is one, a space, and the numbers. A code for which there
 * is no room is left out. Throws a `RangeError` for a time that is no number, and for a handle with a space or a `+`.
 */
export function headText({ handle, code, numbers }: Head, isSubjects: boolean): string {
  if (!/^[^ +]+$/.test(handle)) {
    throw new RangeError('The handle of a record is empty, or has a space or a +. Use those that Latchkey makes.')
  }
  const whole = packed(numbers, isSubjects)
  const isInside = code !== '' && handle.length + code.length + whole.length + 2 <= COMPACT
  return `${handle}${isInside ? `+${code}` : ''} ${whole}`
}

/** The head that {@link headText} was given; `undefined` for any other text. */
export function headIn(content: string, isSubjects: boolean): Head | undefined {
  const [end, plus] = [content.indexOf(' '), content.indexOf('+')]
  const numbers = unpacked(content.slice(end + 1), isSubjects)
  if (end < 1 || plus === 0 || numbers === undefined) return undefined
  if (plus < 0) return { handle: content.slice(0, end), code: '', numbers }
  return { handle: content.slice(0, plus), code: content.slice(plus + 1, end), numbers }
}
