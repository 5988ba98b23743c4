import { SessionEngine, SessionError, type EngineOptions } from 'latchkey/core'
import { sessions } from 'latchkey/express'
import { MemoryStore } from 'latchkey/stores/memory'
import { expect, test } from 'vitest'

test.each([
  ['the engine', (options: EngineOptions) => new SessionEngine(options)],
  ['a door', (options: EngineOptions) => sessions(options).engine],
])('an asynchronous observer of %s that fails does not end the process', async (_of, engineOf) => {
  const unhandled: unknown[] = []
  const listener = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', listener)
  const onEvent = (): unknown => Promise.reject(new Error('observer'))
  engineOf({ store: new MemoryStore(), secret: 's'.repeat(32), onEvent }).emit({
    type: 'token-rejected',
    reason: 'malformed',
  })
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  process.off('unhandledRejection', listener)
  expect(unhandled).toEqual([])
})

test('a log that fails does not keep the observer from being told', () => {
  const told: string[] = []
  const { engine } = sessions({
    store: new MemoryStore(),
    secret: 's'.repeat(32),
    log: () => {
      throw new Error('log')
    },
    onEvent: ({ type }) => void told.push(type),
  })
  const error = new SessionError('RECORD_UNREADABLE', 'unreadable')
  engine.emit({ type: 'record-unreadable', error })
  expect(told).toEqual(['record-unreadable'])
})
