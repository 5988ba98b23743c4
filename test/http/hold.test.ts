import { createServer, get, ServerResponse, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { holdHead, isHeadHeld, type HeadKeeper } from '../../src/http/hold.js'

const running: Server[] = []

afterEach(async () => {
  for (const server of running.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

/** A promise that a test settles. */
function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } {
  let resolve!: () => void
  let reject!: (error: unknown) => void
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** A keeper that answers what the test gives it, one answer per call, and notes what it is asked. */
class Keeper implements HeadKeeper {
  readonly late: unknown[] = []
  readonly answers: (Promise<void> | Error | undefined)[]
  settled = 0
  #later: (() => Promise<void> | Error) | undefined

  constructor(...answers: (Promise<void> | Error | undefined)[]) {
    this.answers = answers
  }

  /** Answers so where it has no answer left. */
  answerLater(answer: () => Promise<void> | Error): void {
    this.#later = answer
  }

  settle(): Promise<void> | undefined {
    const answer = this.settled < this.answers.length ? this.answers[this.settled] : this.#later?.()
    this.settled++
    if (answer instanceof Error) throw answer
    return answer
  }

  headChanges() {
    return { cookieName: 's', setCookie: 's=1', token: undefined, vary: undefined, isStopgap: false }
  }

  headGone(): void {}

  refuse(error: unknown) {
    return { statusCode: 503, retryAfter: 1, body: `{"refused":"${(error as Error).message}"}` }
  }

  failedLate(error: unknown): void {
    this.late.push(error)
  }
}

interface Answer {
  readonly status: number | undefined
  readonly reason: string | undefined
  readonly cookies: readonly string[] | undefined
  readonly body: string
  /** Whether the whole of it came. */
  readonly complete: boolean
}

/** Sends one request to a handler whose head is held. */
async function ask(
  keeper: Keeper,
  handler: (response: ServerResponse, request: IncomingMessage) => unknown,
  onRequest?: (destroy: () => void) => void,
): Promise<Answer | undefined> {
  const handled = deferred()
  const server = createServer((request, response) => {
    holdHead(response, keeper)
    Promise.resolve()
      .then(() => handler(response, request))
      .then(handled.resolve, handled.reject)
  })
  running.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const answered = new Promise<Answer | undefined>((resolve) => {
    const request = get({ port, host: '127.0.0.1' }, (message) => {
      let body = ''
      message.on('data', (chunk: Buffer) => (body += chunk.toString()))
      message.on('error', () => {})
      message.on('close', () =>
        resolve({
          status: message.statusCode,
          reason: message.statusMessage,
          cookies: message.headers['set-cookie'],
          body,
          complete: message.complete,
        }),
      )
    })
    request.on('error', () => resolve(undefined))
    onRequest?.(() => request.destroy())
  })
  await handled.promise
  return answered
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

const WHOLE = { status: 200, cookies: ['s=1'], complete: true }

describe('a head whose work is done at once', () => {
  test.each<[string, (response: ServerResponse) => unknown, object]>([
    ['end', (response) => response.end('body'), { ...WHOLE, body: 'body' }],
    ['write', (response) => response.write('one') && response.end('two'), { ...WHOLE, body: 'onetwo' }],
    [
      'writeHead',
      (response) => response.writeHead(201, 'Made', { 'X-A': '1' }).end('body'),
      { ...WHOLE, status: 201, reason: 'Made', body: 'body' },
    ],
    [
      'flushHeaders',
      (response) => {
        response.flushHeaders()
        response.end('body')
      },
      { ...WHOLE, body: 'body' },
    ],
  ])('leaves at %s, with what it must say', async (_method, handler, answer) => {
    expect(await ask(new Keeper(), handler)).toMatchObject(answer)
  })

  test('that fails is replaced by the refusal, and what is written after it goes nowhere', async () => {
    const called: string[] = []
    const keeper = new Keeper(new Error('down'))
    const answer = await ask(keeper, async (response) => {
      expect(response.writeHead(200)).toBe(response)
      expect(response.write('x', () => called.push('write'))).toBe(true)
      expect(response.end(() => called.push('end'))).toBe(response)
      await turns()
      expect(called).toEqual(['write', 'end'])
      expect(isHeadHeld(keeper)).toBe(false)
    })
    expect(answer).toEqual({ ...answer, status: 503, cookies: undefined, body: '{"refused":"down"}', complete: true })
  })

  test('that Node would refuse is refused to its handler, and can still be answered', async () => {
    const answer = await ask(new Keeper(), (response) => {
      expect(() => response.writeHead(200, { 'X-A': 'bad\n' })).toThrow(/X-A/)
      expect(() => response.write(5)).toThrow(/chunk/)
      response.statusCode = 99
      expect(() => response.end()).toThrow(/status code: 99/)
      response.statusCode = 400
      response.end('wrong')
    })
    expect(answer).toMatchObject({ ...WHOLE, status: 400, body: 'wrong' })
  })
})

describe('while the work is under way', () => {
  test('the response looks sent, and leaves in order with the status that it had', async () => {
    const work = deferred()
    const keeper = new Keeper(work.promise)
    const answer = await ask(keeper, async (response) => {
      expect(isHeadHeld(keeper)).toBe(true)
      response.statusMessage = 'Fine'
      expect(response.headersSent).toBe(false)
      expect(response.write('one')).toBe(false)
      expect(response.headersSent).toBe(true)
      expect(response.writableEnded).toBe(false)
      expect(isHeadHeld(keeper)).toBe(true)
      response.statusCode = 500
      response.statusMessage = 'Late'
      expect(response.end('two')).toBe(response)
      expect(response.writableEnded).toBe(true)
      expect(response.end('again')).toBe(response)
      expect(response.write('again')).toBe(true)
      work.resolve()
      await turns()
      expect(isHeadHeld(keeper)).toBe(false)
      expect(Object.keys(response)).not.toContain('headersSent')
    })
    expect(answer).toMatchObject({ ...WHOLE, reason: 'Fine', body: 'onetwo' })
  })

  test('headers that come too late are refused as Node refuses them, and do not spoil the answer', async () => {
    const work = deferred()
    const answer = await ask(new Keeper(work.promise), (response) => {
      const mine = response.setHeader
      response.setHeader = mine
      response.end('whole')
      const late = { code: 'ERR_HTTP_HEADERS_SENT' }
      expect(() => response.setHeader('Content-Length', 3)).toThrow(expect.objectContaining(late))
      expect(() => response.appendHeader('Vary', 'a')).toThrow(expect.objectContaining(late))
      expect(() => response.setHeaders(new Map([['Content-Length', '3']]))).toThrow(expect.objectContaining(late))
      expect(() => response.removeHeader('Date')).toThrow(expect.objectContaining(late))
      work.resolve()
      return turns().then(() => expect(response.setHeader).toBe(mine))
    })
    expect(answer).toMatchObject({ ...WHOLE, body: 'whole' })
  })

  test('a head that says nothing of a reason gets that of its status', async () => {
    const work = deferred()
    const answer = await ask(new Keeper(work.promise), (response) => {
      response.statusCode = 404
      response.end()
      response.statusMessage = 'Late'
      work.resolve()
    })
    expect(answer).toMatchObject({ status: 404 })
  })

  test('what is written waits, and whoever waits for "drain" is woken once it has left', async () => {
    const work = deferred()
    let drains = 0
    const answer = await ask(new Keeper(work.promise), async (response) => {
      response.on('drain', () => drains++)
      response.write('one')
      work.resolve()
      await turns()
      expect(drains).toBe(1)
      response.end()
    })
    expect(answer).toMatchObject({ ...WHOLE, body: 'one' })
  })

  test.each([
    ['the head alone', (response: ServerResponse) => response.flushHeaders(), 0],
    ['an answer that has ended', (response: ServerResponse) => response.write('one') || response.end(), 0],
  ])('nobody is woken by %s', async (_what, send, expected) => {
    const work = deferred()
    let drains = 0
    await ask(new Keeper(work.promise), async (response) => {
      response.on('drain', () => drains++)
      send(response)
      work.resolve()
      await turns()
      expect(drains).toBe(expected)
      response.end()
    })
  })

  test('a failure is the answer, whoever waits is woken, and the rest goes nowhere', async () => {
    const work = deferred()
    const called: string[] = []
    let drains = 0
    const answer = await ask(new Keeper(work.promise), async (response) => {
      response.on('drain', () => drains++)
      response.write('one', () => called.push('one'))
      work.reject(new Error('down'))
      await turns()
      expect(called).toEqual(['one'])
      expect(drains).toBe(1)
      expect(response.write('two', () => called.push('two'))).toBe(true)
      response.end(() => called.push('end'))
      await turns()
      expect(called).toEqual(['one', 'two', 'end'])
    })
    expect(answer).toMatchObject({ status: 503, cookies: undefined, body: '{"refused":"down"}', complete: true })
  })

  test('a failure wakes nobody where nobody can wait', async () => {
    for (const send of [
      (response: ServerResponse) => void response.end('all'),
      (response: ServerResponse) => response.flushHeaders(),
      (response: ServerResponse) => void (response.write('one'), response.end()),
    ]) {
      const work = deferred()
      let drains = 0
      await ask(new Keeper(work.promise), async (response) => {
        response.on('drain', () => drains++)
        send(response)
        work.reject(new Error('down'))
        await turns()
      })
      expect(drains).toBe(0)
    }
  })

  test('what the handler changed until the end is saved before both leave', async () => {
    const [first, second] = [deferred(), deferred()]
    const keeper = new Keeper(first.promise, second.promise)
    let isAnswered = false
    const answer = ask(keeper, async (response) => {
      response.write('one')
      response.end()
      first.resolve()
      await turns()
      expect(keeper.settled).toBe(2)
      expect(isAnswered).toBe(false)
      second.resolve()
    }).finally(() => (isAnswered = true))
    expect(await answer).toMatchObject({ ...WHOLE, body: 'one' })
    expect(keeper.settled).toBe(2)
  })

  test('nothing more is saved where the end was the first call', async () => {
    const work = deferred()
    const keeper = new Keeper(work.promise)
    await ask(keeper, (response) => {
      response.end('all')
      work.resolve()
    })
    expect(keeper.settled).toBe(1)
  })

  test.each<[string, () => Promise<void> | Error]>([
    ['at once', () => new Error('down')],
    ['later', () => Promise.reject(new Error('down'))],
  ])('that second save can still refuse the answer (%s)', async (_when, failure) => {
    const work = deferred()
    const keeper = new Keeper(work.promise)
    const answer = await ask(keeper, (response) => {
      response.write('one')
      response.end()
      keeper.answers.push(failure())
      work.resolve()
    })
    expect(answer).toMatchObject({ status: 503, body: '{"refused":"down"}' })
  })

  test('what Node refuses once it is sent cuts the answer off, and is told of', async () => {
    const work = deferred()
    const keeper = new Keeper(work.promise)
    const answer = await ask(keeper, async (response) => {
      response.setHeader('Trailer', 'X-A')
      response.setHeader('Content-Length', 0)
      response.end()
      work.resolve()
      await turns()
      expect(response.destroyed).toBe(true)
    })
    expect(keeper.late).toHaveLength(1)
    expect(answer).toBeUndefined()
  })
})

describe('what a handler changes after the head has left', () => {
  test.each<[string, () => Promise<void> | undefined]>([
    ['at once', () => undefined],
    ['later', () => turns()],
  ])('is saved before the end (%s)', async (_when, second) => {
    const keeper = new Keeper(undefined)
    const answer = await ask(keeper, async (response) => {
      response.write('one')
      await turns()
      keeper.answers.push(second())
      expect(response.end('two')).toBe(response)
      response.end()
    })
    expect(answer).toMatchObject({ ...WHOLE, body: 'onetwo' })
    expect(keeper.settled).toBe(2)
    expect(keeper.late).toEqual([])
  })

  test.each<[string, () => Promise<void> | Error]>([
    ['at once', () => new Error('down')],
    ['later', () => turns().then(() => Promise.reject(new Error('down')))],
  ])('and can not be saved cuts the answer off (%s), so that its end is no false success', async (_when, second) => {
    const keeper = new Keeper(undefined)
    const answer = await ask(keeper, async (response) => {
      response.write('one')
      await turns()
      keeper.answers.push(second())
      response.end('two')
    })
    expect(answer === undefined || !answer.complete).toBe(true)
    expect(keeper.late).toEqual([new Error('down')])
  })
})

describe('a client that goes away', () => {
  /** The client goes, and the handler learns of it. */
  async function gone(keeper: Keeper, before: (response: ServerResponse) => void): Promise<ServerResponse> {
    let destroy = (): void => {}
    let held!: ServerResponse
    await ask(
      keeper,
      async (response) => {
        held = response
        before(response)
        const closed = new Promise((resolve) => response.once('close', resolve))
        destroy()
        await closed
        await turns()
      },
      (end) => (destroy = end),
    )
    return held
  }

  test('leaves what its handler changed, which is saved', async () => {
    const keeper = new Keeper()
    await gone(keeper, () => {})
    expect(keeper.settled).toBe(1)
    expect(isHeadHeld(keeper)).toBe(false)
  })

  test('is told of where that fails', async () => {
    for (const failure of [() => new Error('down'), () => Promise.reject<void>(new Error('down'))]) {
      const keeper = new Keeper()
      keeper.answerLater(failure)
      await gone(keeper, () => {})
      expect(keeper.late).toEqual([new Error('down')])
    }
  })

  test('leaves nothing to save after the end, or after a refusal', async () => {
    const [ended, refused] = [new Keeper(new Promise(() => {})), new Keeper(new Error('down'))]
    await gone(ended, (response) => void response.end('all'))
    expect(ended.settled).toBe(1)
    await gone(refused, (response) => void response.write('one'))
    expect(refused.settled).toBe(1)
  })

  test('gets no refusal any more', async () => {
    const work = deferred()
    const response = await gone(new Keeper(work.promise), (held) => {
      held.write('one')
      held.once('close', () => work.reject(new Error('down')))
    })
    expect(response.getHeaderNames()).toEqual([])
  })
})

/** Serves one request with a handler, and answers what came. */
async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<Response> {
  const server = createServer(handler)
  running.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}

test('a keeper that holds no head has none that could be reached', () => {
  expect(isHeadHeld(new Keeper())).toBe(false)
})

test('nobody listens for a client that goes away once the answer is complete, and somebody does until then', async () => {
  for (const [isAnswered, count] of [
    [true, 0],
    [false, 1],
  ] as const) {
    let added = NaN
    const answer = await serve((_request, response) => {
      const before = response.listenerCount('close')
      holdHead(response, new Keeper(), () => void (isAnswered && response.end('whole')))
      added = response.listenerCount('close') - before
      if (!isAnswered) response.end('whole')
    })
    expect([await answer.text(), answer.headers.get('set-cookie'), added]).toEqual(['whole', 's=1', count])
  }
})

test('a handler that listens for a client that goes away finds that no token could reach it', async () => {
  const keeper = new Keeper()
  const held = new Promise<boolean>((resolve) => {
    const server = createServer((request, response) => {
      holdHead(response, keeper, () => response.once('close', () => resolve(isHeadHeld(keeper))))
      request.socket.destroy()
    })
    running.push(server)
    server.listen(0, '127.0.0.1', () => {
      get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }).on('error', () => {})
    })
  })
  expect(await held).toBe(false)
})

test('a handler that fails at once is thrown on, and its answer is still held', async () => {
  const keeper = new Keeper()
  const answer = await serve((_request, response) => {
    const fails = (): void => {
      throw new Error('broken')
    }
    expect(() => holdHead(response, keeper, fails)).toThrow('broken')
    response.end('sorry')
  })
  expect([await answer.text(), answer.headers.get('set-cookie'), keeper.settled]).toEqual(['sorry', 's=1', 1])
})

test('all who hold the same head have their work done, whatever stands between them', async () => {
  const keepers = [new Keeper(), new Keeper(Promise.resolve()), new Keeper(), new Keeper()]
  const answer = await serve((_request, response) => {
    holdHead(response, keepers[0]!)
    holdHead(response, keepers[1]!)
    const { end } = response
    response.end = ((...args: never[]) => Reflect.apply(end, response, args) as ServerResponse) as typeof end
    holdHead(response, keepers[2]!)
    holdHead(response, keepers[3]!, () => response.end('whole'))
  })
  expect(await answer.text()).toBe('whole')
  for (const keeper of keepers) expect(keeper.settled).toBeGreaterThan(0)
})

test('who holds a head over one whose work fails is told that it is gone', async () => {
  const [first, second] = [new Keeper(), new Keeper()]
  first.answerLater(() => Promise.reject(new Error('down')))
  let gone!: () => void
  const told = new Promise<void>((resolve) => (gone = resolve))
  second.headGone = () => gone()
  const answer = await serve((_request, response) => {
    holdHead(response, first)
    holdHead(response, second, () => response.end('whole'))
  })
  expect(await answer.text()).toBe('{"refused":"down"}')
  await told
})

test.each<[string, (response: ServerResponse) => ServerResponse]>([
  ['a proxy', (response) => new Proxy(response, {})],
  ['an object that inherits from it', (response) => Object.create(response) as ServerResponse],
])('a response that is held is held in %s, too', async (_what, wrap) => {
  const keeper = new Keeper(Promise.resolve())
  const answer = await serve((_request, response) => {
    holdHead(response, keeper)
    wrap(response).end('whole')
  })
  expect([await answer.text(), answer.headers.get('set-cookie'), keeper.settled]).toEqual(['whole', 's=1', 1])
})

test('another response for the same request is not taken for the one that is held', async () => {
  const keeper = new Keeper()
  const answer = await serve((request, response) => {
    holdHead(response, keeper)
    const other = new ServerResponse(request)
    other.end('elsewhere')
    expect([other.writableEnded, response.writableEnded, keeper.settled]).toEqual([true, false, 0])
    response.end('here')
  })
  expect([await answer.text(), keeper.settled]).toEqual(['here', 1])
})
