import { readBody } from './pages.mjs'

/**
 * What is asked of every variant. `uses` says whose sessions the requests bring: `small` ones, `large` ones, or none.
 * The last one adds sessions.
 */
export const scenarios = {
  read: { title: 'read a session', method: 'GET', path: '/read', uses: 'small' },
  together: { title: '20 requests of one page at once', method: 'GET', path: '/read', uses: 'small', together: 20 },
  visit: { title: 'visit without a cookie', method: 'GET', path: '/read', uses: 'none' },
  change: { title: 'change one key', method: 'POST', path: '/change', uses: 'small' },
  changeLarge: { title: 'change one key of 16 KiB', method: 'POST', path: '/change', uses: 'large' },
  signIn: { title: 'sign in', method: 'POST', path: '/sign-in/*', uses: 'none', setsCookie: true },
}

/** How many sessions of a kind there are. Each connection has some of its own. */
export const SESSIONS = { small: 128, large: 64 }

/** How many requests are on their way at once. */
export const CONNECTIONS = 32

/** The scenarios that a variant can do. */
export function scenariosOf(variant) {
  return Object.keys(scenarios).filter((name) => variant.holdsLarge || scenarios[name].uses !== 'large')
}

/**
 * Signs users in, and answers the page of each scenario for the load: what it asks, with which cookies, and what is right.
 *
 * @param {import('./child.mjs').Child} load - connected to the variant's server
 */
export async function pagesOf(load, { port }, variant, { small, large } = SESSIONS) {
  const users = { small: numbers(1, small), large: numbers(small + 1, large) }
  const cookies = { small: await signedIn(load, port, variant, users.small), large: undefined }
  if (variant.holdsLarge) {
    const fresh = await signedIn(load, port, variant, users.large)
    cookies.large = !variant.hasSessions
      ? fresh
      : await load.ask('cookies', { port, users: users.large, path: '/fill', cookies: fresh })
  }
  const pages = {}
  for (const name of scenariosOf(variant)) {
    const { method, path, uses, together, setsCookie } = scenarios[name]
    const bodies = path === '/read' ? bodiesOf(variant, users[uses]) : undefined
    const begin = path === '/change' ? '{"visits":' : '{"user":'
    pages[name] = {
      method,
      path,
      cookies: cookies[uses],
      bodies,
      begin,
      together,
      setsCookie: setsCookie && variant.hasSessions,
    }
  }
  return pages
}

async function signedIn(load, port, { hasSessions }, users) {
  const cookies = await load.ask('cookies', { port, users, path: '/sign-in/*' })
  // The bare framework reads none; its requests are as long as the others.
  return hasSessions ? cookies : users.map((user) => `sessionId=s%3A${String(user).padStart(76, 'x')}`)
}

function bodiesOf({ hasSessions }, users) {
  if (!users) return [readBody(undefined)]
  return users.map((user) => readBody(hasSessions ? user : 1))
}

function numbers(from, count) {
  return Array.from({ length: count }, (_, at) => from + at)
}
