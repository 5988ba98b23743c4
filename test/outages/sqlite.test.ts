import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SqliteStore, type SqliteDatabase } from 'latchkey/stores/sqlite'
import { beforeEach, describe, expect, test } from 'vitest'
import { drivers } from '../support/sqlite-drivers.js'
import { afterwards, answers, comesBack, dataOf, onBoth, refused, refusesLogins } from './outage.js'

/** How long a write waits for another process, in milliseconds, where nothing is said. */
const BUSY = 400

let path = ''

beforeEach(() => {
  const folder = afterwards(mkdtempSync(join(tmpdir(), 'latchkey-outage-')), (each) =>
    rmSync(each, { recursive: true, force: true }),
  )
  path = join(folder, 'data', 'sessions.db')
})

/** Another process takes the right to write. Answers how to give it back. */
async function lock(): Promise<() => Promise<void>> {
  const locker = fileURLToPath(new URL('../support/sqlite-locker.mjs', import.meta.url))
  const child: ChildProcess = spawn(process.execPath, [locker, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  afterwards(child, (each) => each.kill('SIGKILL'))
  await once(child.stdout!, 'data')
  return async () => {
    child.stdin?.end()
    await once(child, 'exit')
  }
}

describe.each(drivers)('a SQLite file, by $name,', ({ driver }) => {
  /** A driver that gives the test the database that the store opens. */
  function watched() {
    const opened: SqliteDatabase[] = []
    class Watched {
      constructor(file: string) {
        const database = new driver(file)
        opened.push(database)
        return database
      }
    }
    return { opened, store: new SqliteStore({ path, driver: Watched as unknown as typeof driver }) }
  }

  const ways = [
    ['path', () => new SqliteStore({ path, driver }), () => undefined],
    [
      'database',
      () => {
        new SqliteStore({ path, driver }).close()
        const database = afterwards(new driver(path), (each) => each.close())
        database.exec(`PRAGMA busy_timeout = ${BUSY}`)
        handedIn = database
        return new SqliteStore({ database })
      },
      () => Object.values(handedIn?.prepare('PRAGMA busy_timeout').get() as object)[0],
    ],
  ] as const
  let handedIn: SqliteDatabase | undefined

  onBoth((start) => {
    test.each(ways)(
      'locked by another process, given by %s: one write waits, the process goes on',
      async (_, open, timeout) => {
        const site = await start(open())
        const ann = await site.signedIn('ann')
        const before = timeout()
        const unlock = await lock()
        const began = performance.now()
        await Promise.all(Array.from({ length: 8 }, () => refused(site.browser(), '/login?user=joe', 8 * BUSY)))
        // One wait, and not eight.
        expect(performance.now() - began).toBeLessThan(6 * BUSY)
        await refused(ann, '/set?note=1', BUSY)
        await refused(ann, '/logout', BUSY)
        // Reading waits for nobody, and nobody was logged out.
        await comesBack(ann, { userId: 'ann' })
        expect(await answers(site.browser(), '/health')).toBe('alive')
        await unlock()
        await answers(ann, '/set?note=1')
        expect(await dataOf(ann)).toEqual({ userId: 'ann', note: '1' })
        await answers(site.browser(), '/login?user=joe')
        expect(timeout()).toBe(before)
      },
    )

    test('whose disk is full takes no write, still reads and logs out, and goes on when there is room', async () => {
      const { opened, store } = watched()
      const site = await start(store)
      const [ann, joe] = [await site.signedIn('ann'), await site.signedIn('joe')]
      opened[0]?.exec('PRAGMA max_page_count = 1')
      const big = 'x'.repeat(3_000)
      const other = site.browser()
      for (let room = 20; (await other.get(`/set?note=${big}`)).status === 200; room--) {
        other.forget()
        expect(room).toBeGreaterThan(0)
      }
      for (let turn = 0; turn < 6; turn++) await refused(site.browser(), `/set?note=${big}`)
      expect(site.lines.join('\n')).toContain('disk is full')
      expect(await dataOf(ann)).toEqual({ userId: 'ann' })
      await answers(joe, '/logout')
      expect(joe.cookie('sessionId')).toBeUndefined()
      opened[0]?.exec('PRAGMA max_page_count = 100000')
      await answers(site.browser(), `/set?note=${big}`)
      expect(await dataOf(ann)).toEqual({ userId: 'ann' })
    })

    test('that can only be read takes no write, still reads, and goes on when it can be written', async () => {
      const { opened, store } = watched()
      const site = await start(store)
      const ann = await site.signedIn('ann')
      opened[0]?.exec('PRAGMA query_only = 1')
      await refused(ann, '/set?note=1')
      await refused(ann, '/logout')
      await refusesLogins(site)
      expect(await dataOf(ann)).toEqual({ userId: 'ann' })
      opened[0]?.exec('PRAGMA query_only = 0')
      await answers(ann, '/set?note=1')
      expect(await dataOf(ann)).toEqual({ userId: 'ann', note: '1' })
      expect(opened).toHaveLength(1)
    })

    const spoilt: readonly (readonly [string, () => void])[] = [
      ['cut short', () => truncateSync(path, 4096)],
      ['overwritten', () => writeFileSync(path, Buffer.alloc(statSync(path).size, 'no database '))],
    ]
    test.each(spoilt)('that is %s answers 503, and is used again when it is mended', async (_, spoil) => {
      const before = await start(new SqliteStore({ path, driver }))
      const first = await before.signedIn('ann')
      // With so much beside it, what a start reads is not where this session is: that is in nobody's memory afterwards.
      for (let count = 0; count < 60; count++) await answers(before.browser(), `/set?note=${'x'.repeat(4_000)}`)
      await before.app.close()
      copyFileSync(path, `${path}.good`)
      const site = await start(new SqliteStore({ path, driver }))
      const ann = site.browser()
      ann.take(`sessionId=${first.cookie('sessionId')}; Path=/`)
      spoil()
      await refused(ann, '/data')
      await refused(ann, '/logout')
      await refused(site.browser(), '/login?user=joe')
      expect(await answers(site.browser(), '/health')).toBe('alive')
      renameSync(`${path}.good`, path)
      rmSync(`${path}-wal`, { force: true })
      await comesBack(ann, { userId: 'ann' })
      await answers(site.browser(), '/login?user=joe')
    })

    test.each([
      ['file', () => path],
      ['folder', () => dirname(path)],
    ])(
      'whose %s is gone: within about a second a 503 that says so, and it is used again when it is back',
      async (_, what) => {
        const site = await start(new SqliteStore({ path, driver }))
        const ann = await site.signedIn('ann')
        renameSync(what(), `${what()}.away`)
        await expect
          .poll(async () => (await site.browser().get('/login?user=joe')).status, { timeout: 4_000 })
          .toBe(503)
        await refused(ann, '/data')
        await refused(ann, '/logout')
        expect(site.lines.join('\n')).toContain('is gone since it was opened. Put it back')
        renameSync(`${what()}.away`, what())
        await comesBack(ann, { userId: 'ann' })
        await answers(site.browser(), '/login?user=joe')
      },
    )

    test('that was replaced by another one is seen to be another one', async () => {
      const site = await start(new SqliteStore({ path, driver }))
      const ann = await site.signedIn('ann')
      const other = `${path}.other`
      new SqliteStore({ path: other, driver }).close()
      renameSync(other, path)
      // What lies beside a file is of that file.
      for (const end of ['-wal', '-shm']) rmSync(path + end, { force: true })
      await expect.poll(() => dataOf(ann), { timeout: 4_000 }).toEqual({})
      const joe = await site.signedIn('joe')
      // What is answered is in the file that has this name.
      await site.app.close()
      const again = await start(new SqliteStore({ path, driver }))
      const browser = again.browser()
      browser.take(`sessionId=${joe.cookie('sessionId')}; Path=/`)
      expect(await dataOf(browser)).toEqual({ userId: 'joe' })
    })
  })
})
