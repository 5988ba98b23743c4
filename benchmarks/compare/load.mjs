// Asks pages over connections that stay open, one request at a time on each, and checks every answer.
import { Client } from 'undici'
import { answers } from './child.mjs'

/** What a browser says of itself: what somebody signs in with may be kept. */
const BROWSER = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  accept: '*/*',
}

/** No request takes longer, in milliseconds. */
const DEADLINE = 20_000

/** A warm-up: how many requests there are between two looks at the clock; milliseconds. */
const WARM_UP = { inTurn: 256, atMost: 10_000, rest: 300 }

/** @type {{ port: number, clients: Client[] }} */
let open = { port: 0, clients: [] }

answers({
  /** Connects to a server, and leaves the one before. */
  async connect({ port, connections }) {
    await Promise.all(open.clients.map((client) => client.destroy()))
    const options = { pipelining: 1, keepAliveTimeout: 120_000, headersTimeout: DEADLINE, bodyTimeout: DEADLINE }
    const clients = Array.from({ length: connections }, () => new Client(`http://127.0.0.1:${port}`, options))
    open = { port, clients }
    for (const client of clients) await (await client.request({ method: 'GET', path: '/read' })).body.dump()
  },
  /**
   * Asks so often. Where it is not to sleep, this process is busy all the time: on loopback, who sends to a process that sleeps
   * has to wake it, which takes as long as a session does, and over a network is none of its work.
   */
  async run({ requests, page, sleeps = true }) {
    const rest = sleeps ? undefined : stayAwake()
    const started = performance.now()
    const times = page.together === undefined ? await steadily(requests, page) : await together(requests, page)
    rest?.()
    const seconds = (performance.now() - started) / 1000
    times.sort()
    return { requests, seconds, p50: at(times, 0.5), p99: at(times, 0.99) }
  },
  /** Asks so often, but for a while at most; then leaves the server time for what it has begun to compile. */
  async warm({ requests, page }) {
    const until = performance.now() + WARM_UP.atMost
    for (let asked = 0; asked < requests && performance.now() < until; asked += WARM_UP.inTurn) {
      await steadily(Math.min(WARM_UP.inTurn, requests - asked), page, 2_000_000 + asked)
    }
    if (requests > 0) await new Promise((resolve) => setTimeout(resolve, WARM_UP.rest))
  },
  /** Posts to one path for each user, and answers the cookie of each. */
  async cookies({ users, path, cookies }) {
    const [client] = open.clients
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
})

/** Answers how to sleep again. */
function stayAwake() {
  let isAwake = true
  const turn = () => void (isAwake && setImmediate(turn))
  turn()
  return () => (isAwake = false)
}

/** Each connection asks again as soon as it has its answer. Each has sessions of its own. */
async function steadily(requests, page, from = 1_000_000) {
  const times = new Float64Array(requests)
  let next = 0
  await Promise.all(
    open.clients.map(async (client, connection) => {
      for (let turn = 0; next < requests; turn++) {
        const count = next++
        times[count] = await ask(client, page, turn * open.clients.length + connection, count + from)
      }
    }),
  )
  return times
}

/** A browser that opens a page with many parts: all are asked for at once, and the next page when all are there. */
async function together(requests, page) {
  const turns = Math.ceil(requests / page.together)
  const times = new Float64Array(turns)
  for (let turn = 0; turn < turns; turn++) {
    const started = performance.now()
    await Promise.all(open.clients.slice(0, page.together).map((client) => ask(client, page, turn, turn)))
    times[turn] = performance.now() - started
  }
  return times
}

async function ask(client, { method, path, cookies, bodies, begin, setsCookie }, turn, count) {
  const which = cookies && turn % cookies.length
  const headers = headersWith(cookies?.[which])
  const started = performance.now()
  const answer = await client.request({ method, path: path.replace('*', String(count)), headers })
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

function at(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}
