import { type Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

/** What a visitor has seen. Times are of `performance.now()`. */
export interface Visits {
  /** When each request began, and how long it took, in milliseconds. */
  readonly times: [began: number, took: number][]
  /** How often each status came. */
  readonly statuses: Map<number, number>
  /** What should not be: requests without an answer, writes that are missing, sessions that came back. Empty if all is well. */
  readonly faults: string[]
}

/** A place for what visitors see. */
export function visits(): Visits {
  return { times: [], statuses: new Map(), faults: [] }
}

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** How many keys a visitor writes, over and over. */
const KEYS = 10

/** How long somebody waits who was told to come back, in milliseconds. A client that obeys waits a second. */
const AFTER_503 = 25

/**
 * Somebody who signs in, writes, reads, signs out and begins again, and knows what has to be there: of each key the value
 * that was last answered with success, or one that was sent after it.
 */
export class Visitor {
  readonly #name: string
  readonly #port: number
  readonly #agent: Agent
  readonly #seen: Visits
  #cookie: string | undefined
  #turn = 0
  /** For each key, the turn of the last write that was answered with success. */
  #written = new Map<string, number>()

  constructor(name: string, port: number, agent: Agent, seen: Visits) {
    this.#name = name
    this.#port = port
    this.#agent = agent
    this.#seen = seen
  }

  /** Goes on until it is over, and then looks whether all is there. */
  async visit(isOver: () => boolean): Promise<void> {
    while (!isOver()) await this.#next()
    await this.#read()
  }

  async #next(): Promise<void> {
    this.#turn++
    if (this.#cookie === undefined) return this.#login()
    if (this.#turn % 40 === 0) return this.#logout()
    return this.#turn % 4 === 0 ? this.#write() : this.#read()
  }

  async #login(): Promise<void> {
    await this.#until200(`/login?user=${this.#name}`)
    if (this.#cookie === undefined) this.#fault('a login that was answered with success brought no cookie')
    this.#written = new Map()
  }

  async #write(): Promise<void> {
    const key = `k${this.#turn % KEYS}`
    const { status } = await this.#ask(`/set?${key}=${this.#turn}`)
    if (status === 200) this.#written.set(key, this.#turn)
  }

  async #read(): Promise<void> {
    if (this.#cookie === undefined) return
    const { body } = await this.#until200('/data')
    if (body['userId'] !== this.#name) return this.#fault(`is ${JSON.stringify(body['userId'])} to the application`)
    for (const [key, turn] of this.#written) {
      if (!(Number(body[key]) >= turn)) this.#fault(`${key} is ${JSON.stringify(body[key])}, and ${turn} was written`)
    }
  }

  async #logout(): Promise<void> {
    const cookie = this.#cookie
    await this.#until200('/logout')
    if (this.#cookie !== undefined) this.#fault('a logout that was answered with success left the cookie')
    this.#cookie = cookie
    const { body } = await this.#until200('/data')
    if (body['userId'] !== undefined) this.#fault('was signed in after the logout')
    this.#cookie = undefined
  }

  async #until200(path: string): Promise<Answer> {
    for (;;) {
      const answer = await this.#ask(path)
      if (answer.status === 200) return answer
    }
  }

  async #ask(path: string): Promise<Answer> {
    const began = performance.now()
    const before = this.#cookie
    const answer = await this.#send(path)
    this.#seen.times.push([began, performance.now() - began])
    this.#seen.statuses.set(answer.status, (this.#seen.statuses.get(answer.status) ?? 0) + 1)
    if (answer.status === 200) return answer
    if (answer.status !== 503) this.#fault(`${path} was answered ${answer.status}`)
    if (this.#cookie !== before) this.#fault(`${path} was answered ${answer.status} and the cookie changed`)
    await pause(AFTER_503)
    return answer
  }

  #send(path: string): Promise<Answer> {
    return new Promise((resolve) => {
      const headers = this.#cookie === undefined ? {} : { cookie: this.#cookie }
      const sent = request({ host: '127.0.0.1', port: this.#port, path, agent: this.#agent, headers }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (piece: string) => (text += piece))
        response.on('end', () => {
          for (const line of response.headers['set-cookie'] ?? []) this.#take(line)
          resolve({ status: response.statusCode ?? 0, body: (JSON.parse(text) ?? {}) as Answer['body'] })
        })
      })
      // Only a request without an answer ends here.
      sent.setTimeout(20_000, () => sent.destroy(new Error('no answer in 20 s')))
      sent.on('error', (error) => {
        this.#fault(`${path} got no answer: ${error.message}`)
        resolve({ status: 503, body: {} })
      })
      sent.end()
    })
  }

  #take(line: string): void {
    const [pair = ''] = line.split(';')
    const isDeletion = /Max-Age=0|Expires=Thu, 01 Jan 1970/i.test(line)
    this.#cookie = isDeletion ? undefined : pair
  }

  #fault(what: string): void {
    // One visitor that goes wrong does so in every turn.
    if (this.#seen.faults.length < 50) this.#seen.faults.push(`${this.#name}: ${what}`)
  }
}
