import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A way to a server of a test's own, on which everything can go wrong. */
export interface TcpProxy {
  readonly port: number
  readonly url: string
  /** How many connections are open over it. */
  readonly open: number
  /** How many were ever opened over it. */
  readonly opened: number
  /** How often a text has gone towards the server, in lower case. */
  seen(word: string): number
  /** Ends the next `times` connections over which this text goes towards the server: before the server sees it. */
  cut(word: string, times: number, how: 'closed' | 'reset'): void
  /** Ends the next `times` connections on which the server has answered this text, after half of what it sent at once. */
  cutAnswer(word: string, times?: number): void
  /** From now on all that goes either way takes so much longer, in milliseconds. */
  delay(milliseconds: number): void
  /**
   * The host behind the connections is gone without a word: what they send is swallowed and nothing comes back, not even
   * an end. `open`: those that are open now, and new ones work. `all`: new ones too, until `mend`.
   */
  swallow(which: 'open' | 'all'): void
  /** Ends all connections, and listens to no new one until `mend`. */
  refuse(): Promise<void>
  /** Lets new connections through as they are. Those that were swallowed stay so. */
  mend(): Promise<void>
  stop(): Promise<void>
}

/** Opens a way to what listens on `port` of this machine. */
export async function proxyTo(port: number): Promise<TcpProxy> {
  const proxy = new Proxy(port)
  await proxy.listen(0)
  return proxy
}

class Proxy implements TcpProxy {
  readonly #target: number
  readonly #pairs = new Set<Pair>()
  #server: Server | undefined
  #text = ''
  #cut = { word: '', times: 0, how: 'closed' }
  #cutAnswer = { word: '', times: 0 }
  #delay = 0
  #isSwallowing = false
  port = 0
  opened = 0

  constructor(target: number) {
    this.#target = target
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  get open(): number {
    return this.#pairs.size
  }

  async listen(port: number): Promise<void> {
    this.#server = createServer((client) => this.#accept(client))
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
  }

  seen(word: string): number {
    return this.#text.split(word).length - 1
  }

  cut(word: string, times: number, how: 'closed' | 'reset'): void {
    this.#cut = { word, times, how }
  }

  cutAnswer(word: string, times = 1): void {
    this.#cutAnswer = { word, times }
  }

  delay(milliseconds: number): void {
    this.#delay = milliseconds
  }

  swallow(which: 'open' | 'all'): void {
    this.#isSwallowing = which === 'all'
    for (const pair of this.#pairs) pair.isSwallowed = true
  }

  async refuse(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const pair of this.#pairs) pair.destroy()
    if (server) await new Promise((resolve) => server.close(resolve))
  }

  async mend(): Promise<void> {
    this.#isSwallowing = false
    this.#delay = 0
    if (!this.#server) await this.listen(this.port)
  }

  stop(): Promise<void> {
    return this.refuse()
  }

  #accept(client: Socket): void {
    this.opened++
    const pair = new Pair(client, connect(this.#target, '127.0.0.1'), () => this.#pairs.delete(pair))
    pair.isSwallowed = this.#isSwallowing
    this.#pairs.add(pair)
    pair.client.on('data', (data) => this.#up(pair, data))
    pair.server.on('data', (data) => this.#down(pair, data))
  }

  #up(pair: Pair, data: Buffer): void {
    const text = data.toString('latin1')
    this.#text += text
    if (this.#cut.times > 0 && text.includes(this.#cut.word)) {
      this.#cut.times--
      if (this.#cut.how === 'reset') pair.client.resetAndDestroy()
      else pair.client.end()
      return
    }
    if (this.#cutAnswer.times > 0 && text.includes(this.#cutAnswer.word)) {
      this.#cutAnswer.times--
      pair.isCutAtAnswer = true
    }
    this.#pass(pair, pair.server, data)
  }

  #down(pair: Pair, data: Buffer): void {
    if (!pair.isCutAtAnswer) return this.#pass(pair, pair.client, data)
    pair.client.write(data.subarray(0, data.length >> 1), () => pair.client.resetAndDestroy())
  }

  #pass(pair: Pair, to: Socket, data: Buffer): void {
    if (pair.isSwallowed) return
    // Each piece keeps its turn: timers of one length do.
    if (this.#delay === 0 && pair.held === 0) return void to.write(data)
    pair.held++
    setTimeout(() => {
      pair.held--
      if (!pair.isSwallowed && to.writable) to.write(data)
    }, this.#delay)
  }
}

/** The two halves of a connection. */
class Pair {
  readonly client: Socket
  readonly server: Socket
  isSwallowed = false
  isCutAtAnswer = false
  /** How many pieces are being held back. */
  held = 0

  constructor(client: Socket, server: Socket, closed: () => void) {
    this.client = client
    this.server = server
    for (const socket of [client, server]) {
      socket.on('error', () => {})
      socket.on('close', () => {
        if (socket === server && this.isSwallowed) return
        closed()
        this.destroy()
      })
    }
  }

  destroy(): void {
    this.client.destroy()
    this.server.destroy()
  }
}
