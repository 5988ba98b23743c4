import { SessionError } from '../core/errors.js'
import type { SessionEvent } from '../core/events.js'

/**
 * What a line of the log is about, as fields for a logger that keeps some: plain values that JSON can hold. A session is
 * named by its handle; ids, tokens, keys and cookies are in none.
 */
export interface LogFields {
  /**
   * - `error`: something is lost or refused until somebody mends it;
   * - `warn`: look at it;
   * - `info`: it is over.
   */
  readonly level: LogLevel
  /**
   * The type of the event. Four lines have none: `option-failed`, an option such as `subject`, or the store by what it
   * answered, kept a session from being opened or saved; `answer-lost`, an answer could not be sent; `second-door`, a
   * second `sessions()` had nothing to do; `option-doubtful`, an option of `latchkey/express-session` is hardly what is meant.
   */
  readonly type: SessionEvent['type'] | 'option-failed' | 'option-doubtful' | 'answer-lost' | 'second-door'
  /** The code of its error. */
  readonly code?: string
  /** The verb of the store that failed. */
  readonly verb?: string
  /** The public name of the session. */
  readonly handle?: string
  /** For how long the store was down, in milliseconds. */
  readonly downFor?: number
  /** How many events of this type had no line of their own since the last one. */
  readonly more?: number
}

/** How much a line of the log matters. */
export type LogLevel = 'info' | 'warn' | 'error'

/** Takes one line for what an operator must see, and the same as fields. What it throws is ignored. */
export type SessionLog = (line: string, fields: LogFields) => void

/** Events that may come with every request are told of at most this often for each type, in milliseconds. */
const INTERVAL = 10_000

/** How often an event may have a line. The others come one by one and always have one. */
const AT_MOST: Readonly<Partial<Record<LogFields['type'], number>>> = {
  'store-failed': INTERVAL,
  'record-unreadable': INTERVAL,
  'reuse-detected': INTERVAL,
  'adoption-failed': INTERVAL,
  'cross-site-refused': INTERVAL,
  'option-failed': INTERVAL,
  'cookie-undeliverable': Infinity,
}

/** Why a commit may fail by what a client does, as often as it likes. */
const BY_CLIENTS: ReadonlySet<string | undefined> = new Set([
  'SESSION_TOO_LARGE',
  'SESSION_LIMIT_REACHED',
  'SESSION_GONE',
])

function intervalOf({ type, code }: LogFields): number {
  if (type === 'commit-failed') return BY_CLIENTS.has(code) ? INTERVAL : 0
  return AT_MOST[type] ?? 0
}

/** Writes what an operator must see, once where it comes again and again. */
export class LogLines {
  readonly #log: SessionLog
  /** By type and code: one fault must not hide another. */
  readonly #last = new Map<string, { readonly at: number; more: number }>()

  constructor(log: SessionLog) {
    this.#log = log
  }

  /** Writes the line of an event, if it has one and it is time for it. */
  report(event: SessionEvent): void {
    const message = messageOf(event)
    if (message === undefined) return
    const [level, line] = message
    this.seldom(line, { level, type: event.type, ...fieldsOf(event) })
  }

  /** Writes a line if it is time for one of its type and code. */
  seldom(line: string, fields: LogFields): void {
    const now = performance.now()
    const topic = `${fields.type} ${fields.code ?? ''}`
    const last = this.#last.get(topic)
    if (last && now - last.at < intervalOf(fields)) {
      last.more++
      return
    }
    this.#last.set(topic, { at: now, more: 0 })
    const more = last?.more ?? 0
    if (more === 0) this.write(line, fields)
    else this.write(`${line} (${more} more since the last line.)`, { ...fields, more })
  }

  /** A log that fails can't keep an answer from leaving, nor end the process by a promise that nobody waits for. */
  write(line: string, fields: LogFields): void {
    try {
      const done: unknown = this.#log(line, fields)
      if (done instanceof Promise) done.catch(() => {})
    } catch {}
  }
}

function messageOf(event: SessionEvent): readonly [LogLevel, string] | undefined {
  switch (event.type) {
    case 'cookie-undeliverable':
      return ['error', event.error.message]
    case 'store-failed':
      return ['warn', text(event.error)]
    case 'store-down':
      return [
        'error',
        `The session store is down. It is not asked any more, and tried again and again in the background. ${text(event.error)}`,
      ]
    case 'store-up':
      return ['info', `The session store is back. It was down for ${(event.downFor / 1000).toFixed(1)} s.`]
    case 'commit-failed':
      // These two have a line of their own.
      if (event.error.code === 'STORE_UNAVAILABLE' || event.error.code === 'COOKIE_UNDELIVERABLE') return undefined
      return ['error', `A session was not saved, and the client was told so. ${text(event.error)}`]
    case 'late-write-dropped':
      return ['error', `A session changed after its headers had left, and that change is lost. ${text(event.error)}`]
    case 'cross-site-refused':
      return [
        'warn',
        `${refusedBecause(event)} If that page is yours, name its origin in the option trustedOrigins, such as ['https://app.example.com'].`,
      ]
    case 'record-unreadable':
      return ['error', `A stored session can't be read and counts as absent. ${text(event.error)}`]
    case 'adoption-failed':
      return ['warn', `A session of another library was not taken over, and is left where it is. ${text(event.error)}`]
    case 'reuse-detected':
      return [
        'warn',
        `An id came back that the session ${event.handle} has left behind: somebody else may have a copy of it. ` +
          "With onReuse 'revoke' the session is ended; without, end it if its user does not know of it.",
      ]
    default:
      return undefined
  }
}

function refusedBecause({ method, site }: Extract<SessionEvent, { readonly type: 'cross-site-refused' }>): string {
  const refused = `A ${method} with a session cookie was refused, because it came from a page of another site`
  return site === 'unsaid'
    ? `${refused}: its Origin is not the host that it was sent to. If a proxy in front of this app changes the Host, let it keep it, or trust the X-Forwarded-Host that it sends. If its pages say \`Referrer-Policy: no-referrer\`, as helmet does by default, browsers name no origin: make it \`same-origin\`.`
    : `${refused} (Sec-Fetch-Site: ${site === 'other' ? 'an unknown value' : site}).`
}

function fieldsOf(event: SessionEvent): Pick<LogFields, 'code' | 'verb' | 'handle' | 'downFor'> {
  return {
    ...('error' in event ? { code: event.error.code } : {}),
    ...('verb' in event ? { verb: event.verb } : {}),
    ...('handle' in event ? { handle: event.handle } : {}),
    ...('downFor' in event ? { downFor: Math.round(event.downFor) } : {}),
  }
}

/** What is known of an error, and of the one under it. */
export function text(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error instanceof SessionError && error.cause instanceof Error ? ` Cause: ${error.cause.message}` : ''
  return `${error.message}${cause}`
}
