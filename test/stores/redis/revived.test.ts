import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Line } from '../../../src/stores/redis/line.js'
import { Revived } from '../../../src/stores/redis/revived.js'

beforeEach(() => void vi.useFakeTimers())

afterEach(() => void vi.useRealTimers())

test('a line that is silent and can not be opened anew stays in use, and ends no process', async () => {
  const answers: ((answer: string) => void)[] = []
  const line: Line = {
    isCluster: false,
    patience: 5,
    send: () => new Promise((resolve) => answers.push(resolve)),
    close: () => Promise.resolve(),
    drop: () => {},
  }
  const another = vi.fn((): Line => {
    throw new Error('Client can not be duplicated')
  })
  const connection = new Revived(line, another)
  const first = connection.send(['get', 'a'])
  const refused = expect(first).rejects.toThrow('given up')
  await vi.advanceTimersByTimeAsync(1200)
  await refused
  expect(another).toHaveBeenCalledOnce()
  const second = connection.send(['get', 'b'])
  answers[1]?.('b')
  expect(await second).toBe('b')
  await connection.close()
})
