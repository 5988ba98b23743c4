/*
 * What the apps serve, the same for every library and platform. A page is a function of the session that a request has.
 */

/** How large the large session is, in characters: so many keys with so many each. */
export const LARGE = { keys: 16, each: 1024 }

/** @typedef {Record<string, any>} AnySession */

/** @param {AnySession} session */
export function read(session) {
  return { user: session.userId ?? null, role: session.role ?? null, items: session.cart?.length ?? 0 }
}

/** @param {AnySession} session */
export function change(session) {
  session.visits = (session.visits ?? 0) + 1
  return { visits: session.visits }
}

/** @param {AnySession} session */
export function fill(session) {
  for (let at = 0; at < LARGE.keys; at++) session[`part${at}`] = partText(at)
  return { filled: LARGE.keys }
}

/** @param {AnySession} session */
export function signIn(session, user) {
  session.userId = user
  session.email = `user${user}@example.com`
  session.role = 'member'
  session.cart = ['tea', 'milk', 'bread']
  return { user }
}

function partText(at) {
  return `${at} of many words that a wizard with many steps has kept so far; `.repeat(32).slice(0, LARGE.each)
}

/** The body of `read` for a user, or for nobody. */
export function readBody(user) {
  return JSON.stringify(user === undefined ? { user: null, role: null, items: 0 } : { user, role: 'member', items: 3 })
}
