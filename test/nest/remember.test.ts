import { days, hours, minutes } from 'latchkey'
import { afterAll, describe, expect, test } from 'vitest'
import { closeAccounts, look, sharedAccount, signIn, startAccount } from '../support/account.js'
import { adapters } from '../support/nest.js'

const ANN = { id: 7, email: 'ann@example.com', role: 'editor' }
const ANNS_DATA = { userId: 7, email: 'ann@example.com', role: 'editor' }

afterAll(closeAccounts)

describe.each(adapters)('on $name', (adapter) => {
  describe('login with remember', () => {
    const maxAge = (response: Response): string | undefined =>
      /Max-Age=(\d+)/.exec(response.headers.getSetCookie()[0] ?? '')?.[1]

    test.each([
      ['true', true, undefined, days(30), days(30)],
      ['true, by the option `rememberFor`', true, days(90), days(90), days(90)],
      ['a duration', days(7), days(90), days(7), days(7)],
      ['a duration shorter than others live, used in between', hours(2), undefined, hours(2), minutes(20)],
    ])('%s: the session and its cookie live so long', async (_, remember, rememberFor, lives, pause) => {
      const { agent, clock } = await (rememberFor === undefined
        ? sharedAccount(adapter)
        : startAccount(adapter, { rememberFor }))
      const ann = agent()
      await ann.get('/set?cart=1')
      expect(maxAge(await ann.post('/login', { user: ANN, remember }))).toBe(String(lives / 1000))
      ann.restart()
      for (let used = pause; used < lives; used += pause) {
        clock.advance(pause)
        expect((await look(ann)).data).toMatchObject(ANNS_DATA)
      }
      const headers = { cookie: `sessionId=${ann.cookie('sessionId')}` }
      clock.advance(pause - 1)
      expect((await look(ann)).data).toMatchObject(ANNS_DATA)
      clock.advance(1)
      expect((await look(agent(headers))).data).toEqual({})
    })

    test.each([undefined, false])('%s: they live as any other', async (remember) => {
      const { agent, clock } = await sharedAccount(adapter)
      const ann = agent()
      expect(maxAge(await ann.post('/login', { user: ANN, remember }))).toBe(String(days(1) / 1000))
      clock.advance(minutes(30))
      expect((await look(ann)).data).toEqual({})
    })

    test.each([0, -1, '7d', null])('%j is refused', async (remember) => {
      const { agent } = await sharedAccount(adapter)
      const ann = agent()
      expect((await ann.post('/login', { user: ANN, remember })).status).toBe(500)
      expect((await look(ann)).data).toEqual({})
    })

    test('a user who signs in again without it stays remembered', async () => {
      const { agent, clock } = await sharedAccount(adapter)
      const ann = agent()
      await signIn(ann, ANN, { remember: true })
      clock.advance(days(10))
      expect(maxAge(await ann.post('/login', { user: ANN }))).toBe(String(days(20) / 1000))
      clock.advance(days(19))
      expect((await look(ann)).data).toEqual(ANNS_DATA)
    })

    test('somebody else who signs in on the session is not', async () => {
      const { agent, clock } = await sharedAccount(adapter)
      const browser = agent()
      await signIn(browser, ANN, { remember: true })
      expect(maxAge(await browser.post('/login', { user: { id: 8 } }))).toBe(String(days(1) / 1000))
      clock.advance(minutes(30))
      expect((await look(browser)).data).toEqual({})
    })
  })
})
