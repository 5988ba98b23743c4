import type { SessionEvent } from '../core/events.js'

/**
 * The line for an event that an operator must see, and `undefined` for the others.
 */
export function lineOf(event: SessionEvent): string | undefined {
  switch (event.type) {
    case 'cookie-undeliverable':
      return event.error.message
    case 'store-failed':
      return text(event.error)
    case 'store-down':
      return `The session store is down. It is not asked any more, and tried again and again in the background. ${text(event.error)}`
    case 'store-up':
      return `The session store is back. It was down for ${(event.downFor / 1000).toFixed(1)} s.`
    case 'commit-failed':
      // These two have a line of their own.
      if (event.error.code === 'STORE_UNAVAILABLE' || event.error.code === 'COOKIE_UNDELIVERABLE') return undefined
      return `A session was not saved, and the client was told so. ${text(event.error)}`
    case 'late-write-dropped':
      return `A session changed after its headers had left, and that change is lost. ${text(event.error)}`
    case 'record-unreadable':
      return `A stored session can't be read and counts as absent. ${text(event.error)}`
    default:
      return undefined
  }
}

function text(error: Error): string {
  const cause = error.cause instanceof Error ? ` Cause: ${error.cause.message}` : ''
  return `${error.message}${cause}`
}
