import { say } from './message.js'

/** What a visitor is told whose session was ended elsewhere, or has run out. */
export const ENDED = 'Your session here has ended. Sign in again.'

/** Whether something is under way that the visitor asked for. */
export let isBusy = false

/** Does what the visitor asked for. `undefined` if something else is under way: nothing is done twice. */
export async function whileBusy(element, work) {
  if (isBusy) return undefined
  isBusy = true
  element.setAttribute('aria-busy', 'true')
  say('')
  try {
    return await work()
  } finally {
    isBusy = false
    element.setAttribute('aria-busy', 'false')
  }
}

/**
 * The answer's `data`, or an `error` to show, with its `status` and `code` and, where it is about one, the name of a `field`.
 * Where nobody is signed in any more the document gets the event `sessionend`.
 */
export async function call(method, path, body) {
  let response
  let data
  try {
    response = await fetch(path, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    if (response.status !== 204) data = await response.json()
  } catch {
    return { error: 'The server gave no answer. Check your connection and try again.' }
  }
  if (response.ok) return { data }
  const { status } = response
  if (status === 401 && path !== '/auth/login') {
    document.dispatchEvent(new Event('sessionend'))
    return { status, error: ENDED }
  }
  const reasons = [data.message ?? `The server answered ${status}`].flat()
  const field = status === 409 ? 'email' : reasons[0].split(' ')[0]
  return { status, code: data.code, error: reasons.map(sentence).join(' '), field }
}

/** `newPassword must be a string` becomes `New password must be a string.` */
function sentence(text) {
  const words = text.replace(/^\w+/, (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).trim())
  return `${words[0].toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? '' : '.'}`
}
