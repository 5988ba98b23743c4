import { keyOf, newId, type SessionEvent } from 'latchkey/core'
import { expect, test } from 'vitest'
import { TokenSigner } from '../../src/core/token.js'
import { takeLeaks, told, watched } from '../support/told.js'

const id = newId('42')
const token = new TokenSigner(['a secret of more than 32 characters']).sign(id)

test.each<[string, unknown]>([
  ['an id', id],
  ['a token in a sentence', `It was ${token}, and it was refused.`],
  ['a key', `no such key sess:{x}:s:${keyOf(id).slice(8)}`],
  ['the cause of an error', new Error('failed', { cause: new Error(`HSET ${keyOf(id)}`) })],
  ['an event', { type: 'store-failed', error: Object.assign(new Error('failed'), { args: ['GET', id] }) }],
  ['bytes', Buffer.from(`Set-Cookie: ${token}`)],
])('the watch over all tests sees %s', (_what, value) => {
  told(value)
  expect(takeLeaks()).toHaveLength(1)
})

test('the watch over all tests passes what is no secret', () => {
  for (const text of ['', 'x'.repeat(1000), 'handle AAAAAAAAAAAAAAAA', token.slice(52)]) told(text)
  expect(takeLeaks()).toEqual([])
})

test('the watch over all tests listens to the console, the streams, the log and the observer', () => {
  const heard: unknown[] = []
  const options = watched({ log: (line: string) => void heard.push(line), onEvent: (event) => void heard.push(event) })
  const ways: readonly (() => unknown)[] = [
    () => console.debug('on the console: %s', id),
    () => void process.stderr.write(`on a stream: ${id}\n`),
    () => options.log(id),
    () => options.onEvent?.({ type: 'revoked', handle: id, reason: 'service' } satisfies SessionEvent),
  ]
  for (const tell of ways) {
    tell()
    expect(takeLeaks().length).toBeGreaterThan(0)
  }
  expect(heard).toHaveLength(2)
})
