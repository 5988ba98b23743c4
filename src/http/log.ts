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
    case 'cross-site-refused':
      return `${refusedBecause(event)} If that page is yours, name its origin in the option trustedOrigins, such as ['https://app.example.com'].`
    case 'record-unreadable':
      return `A stored session can't be read and counts as absent. ${text(event.error)}`
    default:
      return undefined
  }
}

function refusedBecause({ method, site }: Extract<SessionEvent, { readonly type: 'cross-site-refused' }>): string {
  const refused = `A ${method} with a session cookie was refused, because it came from a page of another site`
  return site === 'unsaid'
    ? `${refused}: its Origin is not the host that it was sent to. If a proxy in front of this app changes the Host, let it keep it, or trust the X-Forwarded-Host that it sends.`
    : `${refused} (Sec-Fetch-Site: ${site === 'other' ? 'an unknown value' : site}).`
}

function text(error: Error): string {
  const cause = error.cause instanceof Error ? ` Cause: ${error.cause.message}` : ''
  return `${error.message}${cause}`
}
