import type { StoreCalls } from './calls.js'
import { SessionError, type SessionErrorCode } from './errors.js'
import type { ResolvedEngineOptions } from './options.js'

/** How long a start waits between two tries, in milliseconds. */
const PAUSE = 100

/** The shortest time that a try is given, in milliseconds. */
const MIN_TRY = 50

/** What no waiting mends. */
const FOR_GOOD: ReadonlySet<SessionErrorCode | undefined> = new Set(['STORE_UNFIT', 'STORE_CLOSED', 'OPTIONS_INVALID'])

/**
 * Waits until the store has proved itself, for `startTimeout` at most. A store that is still away then is taken down where
 * the application starts without it.
 *
 * @throws SessionError `STORE_UNAVAILABLE` for a store that is away, `STORE_UNFIT` for one that doesn't keep what it is given.
 */
export async function start(calls: StoreCalls, options: ResolvedEngineOptions): Promise<void> {
  const end = performance.now() + options.startTimeout
  for (;;) {
    const left = Math.max(MIN_TRY, end - performance.now())
    const failure = await calls.probe(left).then(() => undefined, whyNot)
    if (failure === undefined) return
    if (FOR_GOOD.has(failure.cause)) throw failure.error
    if (performance.now() + PAUSE >= end) return notStarted(calls, options, failure.error)
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
  }
}

/** An error, and the code of what is underneath it. */
interface Failure {
  readonly error: SessionError
  readonly cause: SessionErrorCode | undefined
}

function whyNot(error: SessionError): Failure {
  return { error, cause: error.cause instanceof SessionError ? error.cause.code : error.code }
}

function notStarted(
  calls: StoreCalls,
  { startTimeout, startWithoutStore }: ResolvedEngineOptions,
  last: SessionError,
): void {
  if (startWithoutStore) return calls.takeDown(last)
  throw new SessionError(
    'STORE_UNAVAILABLE',
    `The session store could not be used within ${startTimeout} ms of the start. ${reasonOf(last)} Start the store or mend ` +
      'its address, give it more time by `startTimeout`, or start the application without it by `startWithoutStore: true`.',
    { cause: last },
  )
}

function reasonOf({ message, cause }: SessionError): string {
  return cause instanceof Error
    ? `The last try said: ${cause.message}${/[.!?]$/.test(cause.message) ? '' : '.'}`
    : message
}
