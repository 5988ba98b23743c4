import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { INestApplication, LoggerService } from '@nestjs/common'
import { CookieAgent } from 'latchkey/testing'
import { readSettings, type Settings } from '../../src/config/settings.js'
import { createApp } from '../../src/create-app.js'

export const adapters = ['express', 'fastify'] as const

/** `npm run test:soak` asks on every adapter what `npm test` asks on one. */
export const isThorough = process.env['PORTAL_THOROUGH'] !== undefined

/** Ada, as she signs up. */
export const ada = { email: 'ada@example.com', password: 'correct horse', name: 'Ada Lovelace' }

/** A portal in this process. */
export interface Portal {
  readonly app: INestApplication
  readonly base: string
  /** A browser that was never here before. */
  browser(headers?: Readonly<Record<string, string>>): CookieAgent
  stop(): Promise<void>
}

/** Starts a portal with an empty data folder of its own; its throttle is out of the way. */
export async function startPortal(
  settings: Partial<Settings> = {},
  logger: LoggerService | false = false,
): Promise<Portal> {
  const dataFolder = await temporaryFolder()
  const app = await createApp(
    { ...readSettings({ DATA_DIR: dataFolder }), throttle: { limit: 10_000, ttl: 60_000 }, ...settings },
    logger,
  )
  await app.listen(0, '127.0.0.1')
  const base = await app.getUrl()
  return {
    app,
    base,
    browser: (headers) => new CookieAgent(base, { headers }),
    async stop() {
      await app.close()
      await rm(dataFolder, { recursive: true, force: true })
    },
  }
}

export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'latchkey-portal-'))
}

/** An answer's status and body, for one look at both; without a body that is `undefined`. */
export async function answer(response: Promise<Response>): Promise<{ status: number; body: unknown }> {
  const { status } = await response
  const text = await (await response).text()
  return { status, body: text === '' ? undefined : JSON.parse(text) }
}
