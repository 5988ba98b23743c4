import { hours, minutes } from 'latchkey/core'
import { describe, expect, test } from 'vitest'
import { dataOf, everywhere } from '../acceptance/everywhere.js'

describe('the clock of the system', () => {
  everywhere(({ start }) => {
    test('is set back two hours and forward again: nobody is logged out, and nobody stays for longer', async () => {
      const { browser, another, clock } = await start({}, { idleTimeout: minutes(30), lifetime: hours(12) })
      await browser.get('/login?user=ann')
      const before = clock.now()
      clock.set(before - hours(2))
      expect(await dataOf(browser)).toEqual({ userId: 'ann' })
      await browser.get('/set?note=1')
      const joe = another()
      await joe.get('/login?user=joe')
      expect(await dataOf(joe)).toEqual({ userId: 'joe' })
      clock.set(before + minutes(20))
      // Whoever came in the wrong two hours has not been seen since.
      expect(await dataOf(joe)).toEqual({})
      expect(await dataOf(browser)).toEqual({ userId: 'ann', note: '1' })
      clock.advance(minutes(31))
      expect(await dataOf(browser)).toEqual({})
    })

    test('is set forward two hours and back again: who came meanwhile stays signed in', async () => {
      const { browser, another, clock } = await start({}, { idleTimeout: minutes(30), lifetime: hours(12) })
      await browser.get('/login?user=ann')
      const before = clock.now()
      clock.advance(hours(2))
      const joe = another()
      await joe.get('/login?user=joe')
      expect(await dataOf(browser)).toEqual({})
      clock.set(before)
      expect(await dataOf(joe)).toEqual({ userId: 'joe' })
      await joe.get('/set?note=1')
      expect(await dataOf(joe)).toEqual({ userId: 'joe', note: '1' })
    })
  })
})
