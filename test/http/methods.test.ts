import { once } from 'node:events'
import { createServer, ServerResponse, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { holdHead, type HeadKeeper } from '../../src/http/hold.js'

/** A keeper whose work is done when the test says so. */
class Gate implements HeadKeeper {
  readonly reached: Promise<void>
  readonly opened: Promise<void>
  open!: () => void
  #reach!: () => void
  isOpen = false

  constructor() {
    this.reached = new Promise((resolve) => (this.#reach = resolve))
    this.opened = new Promise((resolve) => (this.open = resolve))
  }

  async settle(): Promise<void> {
    this.#reach()
    await this.opened
    this.isOpen = true
  }

  headChanges() {
    return { cookieName: 's', setCookie: 's=1', token: undefined, vary: undefined, isStopgap: false }
  }

  refuse() {
    return { statusCode: 503, retryAfter: 1, body: '{}' }
  }

  headGone(): void {}
  failedLate(): void {}
}

/** Asks a handler once and answers what came, and whether it came before the gate was opened. */
async function ask(gate: Gate, handler: RequestListener): Promise<{ cookie: string | null; text: string }> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    let isAnswered = false
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const answer = fetch(url, { headers: { connection: 'close' } }).then((response) => {
      isAnswered = true
      return response
    })
    await Promise.race([gate.reached, answer])
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    expect(isAnswered).toBe(false)
    gate.open()
    const response = await answer
    return { cookie: response.headers.get('set-cookie'), text: await response.text() }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const HELD = { cookie: 's=1', text: 'whole' }

describe('a response is held', () => {
  test('also once it has come to an app that gives it another prototype, as one of another Express does', async () => {
    const [first, second] = [
      Object.create(ServerResponse.prototype),
      Object.create(ServerResponse.prototype),
    ] as object[]
    const gate = new Gate()
    const answer = await ask(gate, (_request, response) => {
      Object.setPrototypeOf(response, first!)
      holdHead(response, gate)
      Object.setPrototypeOf(response, second!)
      response.end('whole')
    })
    expect(answer).toEqual(HELD)
    expect(Object.getOwnPropertyNames(first)).toEqual([])
  })

  test.each(['writeHead', 'write', 'end', 'flushHeaders'] as const)(
    'over a %s that somebody has put on it before, which is called once the work is done, and once',
    async (name) => {
      const gate = new Gate()
      const calls: boolean[] = []
      const answer = await ask(gate, (_request, response) => {
        const before = response[name].bind(response) as (...args: unknown[]) => unknown
        Object.assign(response, {
          [name]: (...args: unknown[]) => {
            calls.push(gate.isOpen)
            return before(...args)
          },
        })
        holdHead(response, gate)
        if (name === 'flushHeaders') response.flushHeaders()
        response.writeHead(200)
        response.write('who')
        response.end('le')
      }).catch((error: unknown) => error)
      // After flushHeaders a writeHead is one too many, and the answer is cut off.
      if (name !== 'flushHeaders') expect(answer).toEqual(HELD)
      expect(calls).toEqual([true])
    },
  )

  test('and so is one of a class that somebody has changed since the last', async () => {
    const { end } = ServerResponse.prototype
    const calls: boolean[] = []
    const gate = new Gate()
    try {
      ServerResponse.prototype.end = function (this: ServerResponse, ...args: never[]) {
        calls.push(gate.isOpen)
        return Reflect.apply(end, this, args) as ServerResponse
      } as typeof end
      const handler: RequestListener = (_request, response) => {
        holdHead(response, gate)
        response.end('whole')
      }
      expect(await ask(gate, handler)).toEqual(HELD)
      expect(calls).toEqual([true])
    } finally {
      ServerResponse.prototype.end = end
    }
  })
})

test('a response that nobody holds does what it did, whatever others are held', async () => {
  const gate = new Gate()
  await ask(gate, (_request, response) => (holdHead(response, gate), response.end('whole')))
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'x-one': 'two' })
    response.flushHeaders()
    response.write('who')
    response.end('le')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  expect([response.headers.get('x-one'), await response.text()]).toEqual(['two', 'whole'])
  server.closeAllConnections()
  server.close()
})

test('copies of the library that are loaded beside each other put the methods on a class once', async () => {
  const hold = async (holdIt: typeof holdHead): Promise<ServerResponse['end']> => {
    const gate = new Gate()
    const answer = await ask(gate, (_request, response) => (holdIt(response, gate), response.end('whole')))
    expect(answer).toEqual(HELD)
    return Object.getOwnPropertyDescriptor(ServerResponse.prototype, 'end')?.value as ServerResponse['end']
  }
  const first = await hold(holdHead)
  vi.resetModules()
  const copy = await import('../../src/http/hold.js')
  expect(copy.holdHead).not.toBe(holdHead)
  expect(await hold(copy.holdHead)).toBe(first)
})
