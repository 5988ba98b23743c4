import { describe, expect, test } from 'vitest'
import { dataOf, everywhere, HandlerGate, type Routes } from './everywhere.js'

/** A route whose handlers go on when `count` of them have met, so that each has loaded before any writes. */
function meeting(count: number, then: Routes[string]): Routes {
  const met = new HandlerGate()
  let waiting = 0
  return {
    'GET /meet': async (context) => {
      if (++waiting === count) met.open()
      await met.pass()
      return then(context)
    },
  }
}

describe('two parallel requests set different keys: one is lost', () => {
  everywhere(({ start }) => {
    test('both changes are kept, in keys that were there and in new ones', async () => {
      const set = meeting(2, ({ session, query }) => void Object.assign(session, query))
      const { browser } = await start(set)
      await browser.get('/set?a=before&b=before&c=before')
      await Promise.all([browser.get('/meet?a=after&x=1'), browser.get('/meet?b=after&y=2')])
      expect(await dataOf(browser)).toEqual({ a: 'after', b: 'after', c: 'before', x: '1', y: '2' })
    })

    test('what one removes stays removed while another writes, and nothing else goes with it', async () => {
      const change = meeting(2, ({ session, query }) => {
        if (query['remove'] === undefined) session['b'] = 'after'
        else delete session['a']
      })
      const { browser } = await start(change)
      await browser.get('/set?a=before&b=before')
      await Promise.all([browser.get('/meet?remove=a'), browser.get('/meet')])
      expect(await dataOf(browser)).toEqual({ b: 'after' })
    })

    test('twenty requests at once, each with a key of its own', async () => {
      const set = meeting(20, ({ session, query }) => void Object.assign(session, query))
      const { browser } = await start(set)
      await browser.get('/set?shared=1')
      const numbers = Array.from({ length: 20 }, (_, index) => index)
      await Promise.all(numbers.map((index) => browser.get(`/meet?key${index}=${index}`)))
      const expected = Object.fromEntries(numbers.map((index) => [`key${index}`, String(index)]))
      expect(await dataOf(browser)).toEqual({ shared: '1', ...expected })
    })

    test('a change made inside of a value is a change of its key alone', async () => {
      const push = meeting(2, ({ session, query }) => {
        const { list } = session[query['to']!] as { list: string[] }
        list.push('after')
      })
      const { browser } = await start({
        ...push,
        'GET /fill': ({ session }) => void Object.assign(session, { a: { list: ['a'] }, b: { list: ['b'] } }),
      })
      await browser.get('/fill')
      await Promise.all([browser.get('/meet?to=a'), browser.get('/meet?to=b')])
      expect(await dataOf(browser)).toEqual({ a: { list: ['a', 'after'] }, b: { list: ['b', 'after'] } })
    })
  })
})

describe('promise 2: on the same key the last one wins, or update() retries', () => {
  everywhere(({ start }) => {
    test.each([
      ['the one that began first', ['/slow?at=first', '/slow?at=second'], 'second'],
      ['the one that began last', ['/slow?at=second', '/slow?at=first'], 'first'],
    ])('the last write wins, also when it is not of %s', async (_name, order, winner) => {
      const gates = { first: new HandlerGate(), second: new HandlerGate() }
      const { browser } = await start({
        'GET /slow': async ({ session, query }) => {
          await gates[query['at'] as 'first'].pass()
          session['by'] = query['at']
        },
      })
      await browser.get('/set?by=nobody')
      const answers = new Map<string, Promise<Response>>()
      for (const at of ['first', 'second'] as const) {
        answers.set(`/slow?at=${at}`, browser.get(`/slow?at=${at}`))
        await gates[at].reached
      }
      for (const path of order) {
        gates[path.slice('/slow?at='.length) as 'first'].open()
        await answers.get(path)
      }
      expect(await dataOf(browser)).toEqual({ by: winner })
    })

    test('twenty parallel requests that count by update() count to twenty', async () => {
      const count = meeting(20, ({ session }) =>
        session.update((draft: { count?: number }) => void (draft.count = (draft.count ?? 0) + 1)),
      )
      const { browser, events } = await start({
        ...count,
        'GET /zero': ({ session }) => void (session['count'] = 0),
      })
      await browser.get('/zero')
      const answers = await Promise.all(Array.from({ length: 20 }, () => browser.get('/meet')))
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
      expect(await dataOf(browser)).toEqual({ count: 20 })
      expect(events).toContainEqual(expect.objectContaining({ type: 'write-conflict' }))
    })
  })
})
