import { MemoryStore } from 'latchkey/stores/memory'
import { expect, test } from 'vitest'
import { body, site } from './support.js'

test.each([
  ['is kept as one of IPv4 where a socket shows it as one of IPv6', '::ffff:203.0.113.7', '203.0.113.7'],
  ['is kept where it is one of IPv6', '2001:db8::7', '2001:db8::7'],
  ['is not kept where it is a text that a proxy has passed on', 'x'.repeat(65), undefined],
])('the address of a client %s', async (_, ip, kept) => {
  const store = new MemoryStore()
  const { browser } = await site(
    { store },
    ({ session }, response) => {
      session['userId'] = 7
      response.end('in')
    },
    (request) => void Object.assign(request, { ip }),
  )
  expect(await body(browser.get('/'))).toBe('in')
  expect(store.list('7').map((record) => record.ip)).toEqual([kept])
})
