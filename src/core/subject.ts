import { SessionError } from './errors.js'

/**
 * The subject as it is stored: `undefined` for nobody (`undefined`, `null` or an empty string), else its text.
 *
 * @throws SessionError `SUBJECT_INVALID` for anything but a string, a finite number or a bigint.
 */
export function subjectText(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'string' && value.isWellFormed()) return value
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value))) return String(value)
  throw new SessionError(
    'SUBJECT_INVALID',
    `The subject of a session is ${typeof value === 'number' ? String(value) : `a ${typeof value} that can't name anybody`}. ` +
      'Give a string, a finite number or a bigint (by default it is session.userId; the option `subject` reads another).',
  )
}
