/*
 * What every library is set to: a signed cookie of this name and these attributes, a session that ends so long after its
 * last use, and nothing stored for a visitor without data.
 */

export const COOKIE = 'sessionId'

export const SECRET = 'one secret for all that are compared here'

/** How long a session lives without use, in milliseconds, unless the server is told otherwise. */
export const IDLE_TIMEOUT = 30 * 60_000

/** @typedef {{ store: string, idleTimeout: number, redisUrl?: string, sqlitePath?: string }} Settings */

/** @param {Settings} settings */
export function cookieOptions({ idleTimeout }) {
  return /** @type {const} */ ({
    httpOnly: true,
    sameSite: 'lax',
    path: '/',
    secure: false,
    maxAge: idleTimeout,
  })
}

/** The verbs of libraries whose session is `request.session`, with callbacks. */
export const verbs = {
  sessionOf: (request) => request.session,
  renew: (request, done) => request.session.regenerate(done),
  end: (request, done) => request.session.destroy(done),
  keep: undefined,
}
