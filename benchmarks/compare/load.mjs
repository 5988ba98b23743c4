// Asks pages over connections that stay open, one request at a time on each, and checks every answer.
import { Client } from 'undici'
import { answers } from './child.mjs'

/** What a browser says of itself: what somebody signs in with may be kept. */
const BROWSER = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  accept: '*/*',
}

/** Whoever signs in while that is measured is somebody new. */
const FIRST_USER = 1_000_000
let users = 0

/** No request takes longer, in milliseconds. */
const DEADLINE = 20_000

/** A warm-up: how many requests there are between two looks at the clock; milliseconds. */
const WARM_UP = { inTurn: 256, atMost: 15_000 }

/**
 * The connections to each server, by its port.
 *
 * @type {Map<number, Client[]>}
 */
const servers = new Map()

answers({
  /** Connects to a server, anew if it was connected to. */
  async connect({ port, connections }) {
    await leave(port)
    const options = { pipelining: 1, keepAliveTimeout: 120_000, headersTimeout: DEADLINE, bodyTimeout: DEADLINE }
    const clients = Array.from({ length: connections }, () => new Client(`http://127.0.0.1:${port}`, options))
    servers.set(port, clients)
    for (const client of clients) await (await client.request({ method: 'GET', path: '/read' })).body.dump()
  },
  /**
   * Asks so often. Where it is not to sleep, this process is busy all the time: on loopback, who sends to a process that sleeps
   * has to wake it, which takes as long as a session does, and over a network is none of its work. `times` are in milliseconds.
   */
  async run({ port, requests, page, sleeps = true }) {
    const clients = clientsOf(port)
    const rest = sleeps ? undefined : stayAwake()
    try {
      const started = performance.now()
      const times = await askFor(page, clients, requests)
      const seconds = (performance.now() - started) / 1000
      return { made: times.length * (page.together ?? 1), seconds, times: [...times] }
    } finally {
      rest?.()
    }
  },
  /** Asks so often, but for a while at most. */
  async warm({ port, requests, page }) {
    const until = performance.now() + WARM_UP.atMost
    for (let asked = 0; asked < requests && performance.now() < until; asked += WARM_UP.inTurn) {
      await askFor(page, clientsOf(port), Math.min(WARM_UP.inTurn, requests - asked))
    }
  },
  /** Posts to one path for each user, and answers the cookie of each. */
  async cookies({ port, users, path, cookies }) {
    const [client] = clientsOf(port)
    const all = []
    for (const [at, user] of users.entries()) {
      const headers = headersWith(cookies?.[at])
      const {
        statusCode,
        headers: answered,
        body,
      } = await client.request({
        method: 'POST',
        path: path.replace('*', user),
        headers,
      })
      const text = await body.text()
      if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}: ${text}`)
      all.push(cookieOf(answered['set-cookie']) ?? cookies?.[at])
    }
    return all
  },
  /** Closes the connections to a server. */
  leave: ({ port }) => leave(port),
})

async function leave(port) {
  const clients = servers.get(port) ?? []
  servers.delete(port)
  await Promise.all(clients.map((client) => client.destroy()))
}

/** @returns {Client[]} */
function clientsOf(port) {
  const clients = servers.get(port)
  if (!clients) throw new Error(`Not connected to port ${port}.`)
  return clients
}

/** Answers how to sleep again. */
function stayAwake() {
  let isAwake = true
  const turn = () => void (isAwake && setImmediate(turn))
  turn()
  return () => (isAwake = false)
}

/** Answers how long each took, in milliseconds. */
function askFor(page, clients, requests) {
  return page.together === undefined ? steadily(clients, requests, page) : together(clients, requests, page)
}

/** Each connection asks again as soon as it has its answer. Each has sessions of its own. */
async function steadily(clients, requests, page) {
  const times = new Float64Array(requests)
  let next = 0
  await Promise.all(
    clients.map(async (client, connection) => {
      for (let turn = 0; next < requests; turn++) {
        const count = next++
        times[count] = await ask(client, page, turn * clients.length + connection)
      }
    }),
  )
  return times
}

/** A browser that opens a page with many parts: all are asked for at once, and the next page when all are there. */
async function together(clients, requests, page) {
  const turns = Math.ceil(requests / page.together)
  const times = new Float64Array(turns)
  for (let turn = 0; turn < turns; turn++) {
    const started = performance.now()
    await Promise.all(clients.slice(0, page.together).map((client) => ask(client, page, turn)))
    times[turn] = performance.now() - started
  }
  return times
}

async function ask(client, { method, path, cookies, bodies, begin, setsCookie }, turn) {
  const which = cookies && turn % cookies.length
  const headers = headersWith(cookies?.[which])
  const started = performance.now()
  const answer = await client.request({ method, path: path.replace('*', String(FIRST_USER + users++)), headers })
  const text = await answer.body.text()
  const taken = performance.now() - started
  const isRight = bodies ? text === bodies[which ?? 0] : text.startsWith(begin)
  if (answer.statusCode !== 200 || !isRight) throw new Error(`${path} answered ${answer.statusCode}: ${text}`)
  if (setsCookie && cookieOf(answer.headers['set-cookie']) === undefined) throw new Error(`${path} set no cookie.`)
  return taken
}

function headersWith(cookie) {
  return cookie === undefined ? BROWSER : { ...BROWSER, cookie }
}

function cookieOf(header) {
  const line = [header].flat().find((each) => each?.startsWith('sessionId='))
  return line?.split(';', 1)[0]
}
