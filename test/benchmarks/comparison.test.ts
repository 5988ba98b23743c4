import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { load, loadFile } from './support/modules.js'

describe('the network to Redis', { timeout: 60_000 }, () => {
  test('takes as long as it is told, and counts commands and bytes', async () => {
    const { startChild } = await load('child')
    const { startServer } = await loadFile('redis-server')
    const [redis, proxy] = [await startServer(), await startChild('./redis-proxy.mjs')]
    try {
      const client = new Asker((await proxy.ask('open', { port: redis.port })) as number)
      const ping = '*1\r\n$4\r\nPING\r\n'
      await client.ask(ping)
      expect(await proxy.ask('count')).toEqual({ commands: 1, sent: ping.length, received: '+PONG\r\n'.length })
      await proxy.ask('delay', { roundTrip: 40 })
      const started = performance.now()
      await client.ask(ping)
      expect(performance.now() - started).toBeGreaterThan(39)
      client.close()
    } finally {
      await proxy.stop()
      await redis.stop()
    }
  })

  test('counts commands that come in pieces, whatever is in them', async () => {
    const { RespCounter } = await load('resp-counter')
    const text = Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\n*1\r\n$4\r\nPI\r\n*1\r\n$4\r\nPING\r\n')
    for (let cut = 0; cut <= text.length; cut++) {
      const counter = new RespCounter()
      counter.take(text.subarray(0, cut))
      counter.take(text.subarray(cut))
      expect(counter.commands, `cut at ${cut}`).toBe(2)
    }
  })
})

describe('what is said of the figures', () => {
  const variants = ['bare', 'empty', 'latchkey memory'].map((what) => ({
    name: `fastify ${what}`,
    platform: 'fastify',
    isBare: what === 'bare',
  }))
  const round = (processor: number, bare: number) => ({ processor, bare, throughput: 1, p50: 1, p99: 1 })
  const measured = {
    'fastify bare': { read: [round(90, 100), round(180, 200)] },
    'fastify empty': { read: [round(90, 100), round(180, 200)] },
    'fastify latchkey memory': { read: [round(150, 100), round(300, 200)] },
  }

  test('a cost is over a process of the bare framework that is as fresh, as if the machine had always been as fast', async () => {
    const { summarize } = await load('figures')
    const { read } = summarize(measured, variants)['fastify latchkey memory']!
    expect(read).toMatchObject({ cost: 90, low: 90, high: 90, processor: 225 })
  })

  test('the error is what the bare framework seems to cost over itself in a bad round, or else a middleware that does nothing', async () => {
    const { summarize, errorsOf } = await load('figures')
    const errors = (change: object) => errorsOf(summarize({ ...measured, ...change }, variants), variants)
    expect(errors({})).toEqual({ fastify: 0 })
    expect(errors({ 'fastify bare': { read: [round(80, 100), round(200, 200)] } })).toEqual({ fastify: 7.5 })
    expect(errors({ 'fastify empty': { read: [round(80, 100), round(160, 200)] } })).toEqual({ fastify: 15 })
  })

  test('a cost that either has lost in the noise meets no goal and misses none', async () => {
    const { goalsOf } = await load('goals')
    const goal = (cost: number, ours = 10) => {
      const summary = { 'express latchkey memory': { read: { cost: ours }, visit: { cost: 1 } } }
      const other = { 'express express-session memory': { read: { cost }, visit: { cost: 1 } } }
      const rest = { counts: {}, bytes: {}, added: {}, signOut: {}, scale: undefined }
      const [first] = goalsOf({ summary: { ...summary, ...other }, ...rest })
      return [first!.measured, first!.isMet]
    }
    expect(goal(100)).toEqual([0.1, true])
    expect(goal(20)).toEqual([0.5, false])
    expect(goal(-3)).toEqual([NaN, undefined])
    expect(goal(20, -3)).toEqual([NaN, undefined])
  })

  test('what many sessions cost is told as if the machine had always been as fast, and not where it is lost in the noise', async () => {
    const { scaleRatio } = await load('figures')
    const ratio = (many: number) => {
      const of = (processor: number, bare: number) => [{ processor, bare, inRedis: 0 }]
      return scaleRatio({ figures: { few: of(140, 100), many: of(many, 200) } })
    }
    expect(ratio(280)).toBe(1)
    expect(ratio(320)).toBe(1.5)
    expect(ratio(190)).toBe(NaN)
  })

  test('a cost counts as a loss only where the rounds are apart', async () => {
    const { lossesOf } = await load('losses')
    const losses = (low: number) => {
      const other = { read: { cost: 40, low: 30, high: 50 } }
      const summary = { 'fastify latchkey redis': { read: { cost: 60, low, high: 70 } }, 'fastify iron-session': other }
      return lossesOf({ summary, counts: {}, bytes: {}, added: {} })
    }
    expect(losses(55)).toHaveLength(1)
    expect(losses(45)).toHaveLength(0)
  })
})

/** A client that waits for each answer. */
class Asker {
  readonly #socket: Socket

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
  }

  async ask(text: string): Promise<void> {
    const answered = once(this.#socket, 'data')
    this.#socket.write(text)
    await answered
  }

  close(): void {
    this.#socket.destroy()
  }
}
