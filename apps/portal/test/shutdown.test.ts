import { rm } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { rawRequest } from '../../../test/support/raw.js'
import { startPortalProcess } from './support/portal-process.js'
import { ada, adapters, temporaryFolder } from './support/portal.js'

test.concurrent.for(adapters)(
  'on %s, SIGTERM waits for what is under way, not for who never ends a request, and ends in good order',
  async (adapter, { onTestFinished }) => {
    const dataFolder = await temporaryFolder()
    onTestFinished(() => rm(dataFolder, { recursive: true, force: true }))
    const portal = await startPortalProcess({ DATA_DIR: dataFolder, ADAPTER: adapter })
    onTestFinished(async () => void (await portal.end('SIGKILL')))

    const body = JSON.stringify(ada)
    const head = ['POST /auth/register HTTP/1.1', 'Host: portal', 'Content-Type: application/json']
    const slow = rawRequest(portal.port, [...head, `Content-Length: ${body.length}`])
    const endless = rawRequest(portal.port, [...head, 'Content-Length: 100'])
    slow.socket.write(body.slice(0, -1))
    // Answered after both have come in.
    expect((await fetch(`${portal.base}/health`)).status).toBe(200)

    const ended = portal.end('SIGTERM')
    await expect.poll(() => fetch(portal.base).catch(() => 'refused'), { timeout: 4000 }).toBe('refused')
    slow.socket.write(body.slice(-1))
    expect(await slow.until(/\r\n\r\n.*}/)).toMatch(/^HTTP\/1\.1 201 /)
    expect(await ended).toEqual({ code: 0, signal: null })
    await endless.closed
  },
)
